//! `timestore serve`: opens the catalog, serves the API, and finishes what it accepted before it stops.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::DatabaseArgs;
use super::capacity::CapacityArgs;
use super::connections::ConnectionArgs;
use super::database::describe;
use super::http::HttpArgs;
use super::identity::IdentityArgs;
use super::limits::LimitArgs;
use super::memory::MemoryArgs;
use super::metrics::MetricsArgs;
use super::rate::RateArgs;
use super::replicas::ReplicaArgs;
use super::retention::RetentionArgs;
use super::schedule::ScheduleArgs;
use super::streams::StreamArgs;
use crate::graphql::Execution;
use crate::halt::Halt;
use crate::store::backend::Database;
use crate::{graphql, http};

/// How long requests under way may take once the gateway is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// What to serve, and where.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    replicas: ReplicaArgs,
    /// The address to listen on.
    #[arg(
        long,
        env = "TIMESTORE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:4100"
    )]
    listen: SocketAddr,
    /// Apply pending migration steps first. On SQLite they are applied in any case.
    #[arg(long, env = "TIMESTORE_MIGRATE")]
    migrate: bool,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    capacity: CapacityArgs,
    #[command(flatten)]
    rate: RateArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    connections: ConnectionArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    schedule: ScheduleArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    #[command(flatten)]
    streams: StreamArgs,
}

/// Serves until it is told to stop.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let identity = args.identity.identity(args.listen.ip().is_loopback()).await?;
    let only_tokens = identity.strangers == http::Strangers::Refused
        && identity.jwt.is_none()
        && identity.proxies.is_none();
    let halt = Halt::default();
    let streams = args.streams.settings(halt.clone());
    let settings = http::Settings {
        identity,
        streams: streams.clone(),
        execution: Execution {
            documents: args.http.documents()?,
            limits: args.limits.limits(),
            capacity: args.capacity.capacity(),
            rate: args.rate.rate(),
        },
        origins: args.http.origins(),
        metrics: args.metrics.exposure(),
    };
    let database = args.database.database()?;
    let store = args
        .database
        .open_with(args.migrate, Some(&args.replicas))
        .await?;
    let store = store
        .with_retention_defaults(args.retention.defaults())
        .with_read_grace(args.schedule.keep.read_grace);
    let schema = graphql::schema_with(store.clone(), args.memory.version_cache_bytes);
    let router = http::router(schema, store.clone(), settings);
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("{} cannot be listened on", args.listen))?;
    let server = args.connections.server().await?;
    args.metrics.serve(&store, &halt).await?;
    greet(args.connections.scheme(), listener.local_addr()?, &database);
    if only_tokens {
        tracing::info!(
            "callers need an API token: `timestore token create NAME --scope timestore:read` makes one"
        );
    }
    let schedule = tokio::spawn(args.schedule.run(store.clone(), halt.clone()));
    tokio::spawn({
        let (server, halt) = (server.clone(), halt.clone());
        async move {
            stopped().await;
            tracing::info!("stopping: no new requests are taken, those under way are finished");
            server.stop(GRACE);
            halt.tell();
        }
    });
    let serving = async {
        let served = server.serve(listener, router).await;
        halt.tell();
        streams.closed().await;
        served
    };
    // A client may read slowly, and a file may take long to delete: what is left after the grace is cut off.
    let grace = async {
        halt.told().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        (served, kept) = async { tokio::join!(serving, schedule) } => { served?; kept? },
        () = grace => tracing::warn!("stopping with streams still open, or a lifecycle step under way"),
    }
    tracing::info!("stopped");
    store.close().await?;
    Ok(())
}

fn greet(scheme: &str, address: SocketAddr, database: &Database) {
    tracing::info!(database.location = %describe(database), "the data is in {}", describe(database));
    if let Database::Sqlite(_) = database {
        tracing::info!(
            "to use PostgreSQL, set TIMESTORE_DATABASE_URL=postgres://user@host/database and run `timestore migrate up`"
        );
    }
    tracing::info!(http.address = %address, "ready: open {scheme}://{address}/graphiql, or send queries to {scheme}://{address}/graphql");
}

/// Waits for the signal to stop: an interrupt, or a request to terminate.
pub(super) async fn stopped() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! { () = interrupt => {}, () = terminate => {} }
}

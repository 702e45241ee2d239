//! The filled catalogs: made once for each size, each schema and each edition of the fill, and kept between runs.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::cluster::Cluster;
use crate::fill::{EDITION, fill};
use crate::options::Options;
use crate::server::Server;

/// What workloads run on.
pub struct Prepared {
    /// The PostgreSQL server.
    pub cluster: Cluster,
    /// The filled database in it.
    pub database: String,
}

impl Prepared {
    /// Finds the filled database, or fills one.
    pub fn new(options: &Options) -> Result<Self> {
        let cluster = Cluster {
            bin: options.postgres_bin.clone(),
            base: options.postgres.clone(),
            postmaster: options.postmaster,
        };
        let database = format!("catalog_{}_{:08x}", options.scale(), key(options)?);
        let prepared = Self { cluster, database };
        if !prepared.cluster.has(&prepared.database)? {
            prepared.fill(options)?;
        }
        Ok(prepared)
    }

    /// Fills a database under another name, so that one that bears the name is whole.
    fn fill(&self, options: &Options) -> Result<()> {
        let (filling, began) = ("filling", Instant::now());
        eprintln!("==> filling PostgreSQL");
        self.cluster.drop(filling)?;
        self.cluster.create(filling)?;
        let gateway = gateway(
            options,
            &self.cluster.url(filling),
            "fill",
            &["--migrate", "--request-timeout", "PT10M"],
        )?;
        fill(&gateway, options.scale())?;
        drop(gateway);
        self.cluster.settle(filling)?;
        self.cluster.run(
            "postgres",
            &format!("alter database {filling} rename to {}", self.database),
        )?;
        eprintln!("==> filled in {:.0} s", began.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Starts the gateway on a database.
pub fn gateway(options: &Options, database: &str, name: &str, more: &[&str]) -> Result<Server> {
    let log = options.work.join(format!("{name}.log"));
    Server::start(&log, |port| {
        let mut gateway = options.gateway();
        gateway.args([
            "serve",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--database-url",
            database,
        ]);
        gateway.args(more).env("RUST_LOG", "warn");
        gateway
    })
}

/// Starts the gateway in JavaScript on a database, where it is to be measured.
pub fn peer(options: &Options, database: &str) -> Result<Option<Server>> {
    let Some(directory) = &options.peer else {
        return Ok(None);
    };
    let log = options.work.join("peer.log");
    let start = |port: u16| {
        let mut node = Command::new("node");
        node.arg(directory.join("server.js"))
            .env("NODE_ENV", "production")
            .env("PORT", port.to_string())
            .env("DATABASE_URL", database);
        node
    };
    Server::start(&log, start).map(Some)
}

/// Tells catalogs that must be made anew: by the steps that make the tables, and by what is filled in.
fn key(options: &Options) -> Result<u32> {
    let output = options
        .gateway()
        .args(["migrate", "sql"])
        .arg("--database-url")
        .arg("postgres://nowhere/none")
        .output();
    let output = output.context("the gateway cannot be started")?;
    ensure!(
        output.status.success(),
        "migrate sql: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut hasher = DefaultHasher::new();
    (EDITION, output.stdout).hash(&mut hasher);
    Ok(u32::try_from(hasher.finish() >> 32)?)
}

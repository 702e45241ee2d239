//! The filled catalogs: made once for each size, each schema and each edition of the fill, and kept between runs.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
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
    /// The URL of the filled SQLite file, where it is wanted.
    pub sqlite: Option<String>,
}

impl Prepared {
    /// Finds the filled catalogs, or fills them.
    pub fn new(options: &Options) -> Result<Self> {
        let cluster = Cluster {
            bin: options.postgres_bin.clone(),
            base: options.postgres.clone(),
            postmaster: options.postmaster,
        };
        let name = format!("catalog_{}_{:08x}", options.scale(), key(options)?);
        if !cluster.has(&name)? {
            fill_postgres(options, &cluster, &name)?;
        }
        let file = options.work.join(format!("{name}.db"));
        if options.needs_sqlite() && !file.exists() {
            fill_sqlite(options, &file)?;
        }
        Ok(Self {
            cluster,
            database: name,
            sqlite: options.needs_sqlite().then(|| sqlite_url(&file)),
        })
    }
}

/// The URL of a SQLite file.
pub fn sqlite_url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// Fills a database under another name, so that one that bears its own is whole.
fn fill_postgres(options: &Options, cluster: &Cluster, name: &str) -> Result<()> {
    let filling = "filling";
    cluster.drop(filling)?;
    cluster.create(filling)?;
    fill_with(options, &cluster.url(filling), "PostgreSQL")?;
    cluster.settle(filling)?;
    cluster.run("postgres", &format!("alter database {filling} rename to {name}"))?;
    Ok(())
}

fn fill_sqlite(options: &Options, file: &Path) -> Result<()> {
    let filling = options.work.join("filling.db");
    for name in ["filling.db", "filling.db-wal", "filling.db-shm"] {
        drop(fs::remove_file(options.work.join(name)));
    }
    fill_with(options, &sqlite_url(&filling), "SQLite")?;
    fs::rename(filling, file)?;
    Ok(())
}

fn fill_with(options: &Options, url: &str, what: &str) -> Result<()> {
    let began = Instant::now();
    eprintln!("==> filling {what}");
    let gateway = gateway(options, url, "fill", &["--migrate", "--request-timeout", "PT10M"])?;
    fill(&gateway, options.scale())?;
    gateway.stop()?;
    eprintln!("==> filled in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
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
        gateway.args(more).env("TIMESTORE_LOG", "warn");
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

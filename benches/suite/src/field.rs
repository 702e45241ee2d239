//! Who takes part beside the statements: the gateway with its cache of versions and without, on both databases, and the gateway in
//! JavaScript.

use anyhow::Result;

use crate::options::Options;
use crate::prepared::{Prepared, gateway, peer};
use crate::server::Server;

/// The flag that switches the cache of versions off, where the gateway has one.
pub const COLD: [&str; 2] = ["--version-cache-bytes", "0"];

/// Room for all that the reads ask for.
pub const WARM: [&str; 2] = ["--version-cache-bytes", "536870912"];

/// One that takes part.
pub struct Contestant {
    /// What tables call it.
    pub name: &'static str,
    /// The process.
    pub server: Server,
    /// Whether its data was filled in by the fill that the statements read, so that all times are the same.
    pub same_fill: bool,
}

/// Starts all on a filled database, and on the SQLite file where there is one.
pub fn start(options: &Options, prepared: &Prepared, database: &str) -> Result<Vec<Contestant>> {
    let url = prepared.cluster.url(database);
    let mut field = Vec::new();
    let mut add = |name, server, same_fill| {
        field.push(Contestant {
            name,
            server,
            same_fill,
        });
    };
    let has_cache = has_cache(options)?;
    let cold: &[&str] = if has_cache { &COLD } else { &[] };
    add("gateway, cold", gateway(options, &url, "cold", cold)?, true);
    if has_cache {
        add("gateway, warm", gateway(options, &url, "warm", &WARM)?, true);
    }
    if let Some(peer) = peer(options, &url)? {
        add("JavaScript", peer, true);
    }
    if let Some(url) = &prepared.sqlite {
        add("SQLite, cold", gateway(options, url, "sqlite-cold", cold)?, false);
        if has_cache {
            add(
                "SQLite, warm",
                gateway(options, url, "sqlite-warm", &WARM)?,
                false,
            );
        }
    }
    Ok(field)
}

/// Whether the gateway has a cache of versions.
pub fn has_cache(options: &Options) -> Result<bool> {
    let help = options.gateway().args(["serve", "--help"]).output()?;
    Ok(String::from_utf8_lossy(&help.stdout).contains(COLD[0]))
}

//! The PostgreSQL server that is measured: databases made and copied, statements run with psql, processor time of all its
//! processes.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cpu;

/// The server.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Where its programs are.
    pub bin: PathBuf,
    /// Its URL, up to the name of the database.
    pub base: String,
    /// The process that all others are children of.
    pub postmaster: u32,
}

impl Cluster {
    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.base)
    }

    /// A program of PostgreSQL, told nothing yet.
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.bin.join(name))
    }

    /// Runs a script, and returns what its selects say, one row a line.
    pub fn run(&self, database: &str, script: &str) -> Result<String> {
        let mut psql = self.program("psql");
        psql.args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.url(database),
            "-c",
            script,
        ]);
        let output = psql.output().context("psql cannot be started")?;
        if !output.status.success() {
            bail!(
                "psql in {database}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// Whether there is such a database.
    pub fn has(&self, database: &str) -> Result<bool> {
        let found = self.run(
            "postgres",
            &format!("select 1 from pg_database where datname = '{database}'"),
        )?;
        Ok(found == "1")
    }

    /// Makes an empty database.
    pub fn create(&self, database: &str) -> Result<()> {
        self.run("postgres", &format!("create database {database}"))
            .map(drop)
    }

    /// Makes a copy of a database that nobody is connected to, file by file.
    pub fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.drop(to)?;
        self.run(
            "postgres",
            &format!("create database {to} template {from} strategy file_copy"),
        )?;
        Ok(())
    }

    /// Removes a database, if it is there.
    pub fn drop(&self, database: &str) -> Result<()> {
        self.run(
            "postgres",
            &format!("drop database if exists {database} with (force)"),
        )
        .map(drop)
    }

    /// Leaves a database as it would be found after a quiet hour: vacuumed, with statistics, its pages written.
    pub fn settle(&self, database: &str) -> Result<()> {
        self.run(database, "vacuum (analyze)")?;
        self.run(database, "checkpoint").map(drop)
    }

    /// The seconds that all processes of the server have used.
    pub fn cpu(&self) -> f64 {
        cpu::of_family(self.postmaster)
    }
}

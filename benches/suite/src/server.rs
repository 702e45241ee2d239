//! Gateways as processes: started, waited for, asked, stopped.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cpu;
use crate::http::Connection;

/// How long a gateway may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// A gateway that runs; it is stopped when it is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// How long it took until it was ready.
    pub start: Duration,
    child: Child,
}

impl Server {
    /// Starts a program, which finds in `prepare` what to do with a port that is free, and waits until it is ready. What it says
    /// goes to `log`.
    pub fn start(log: &Path, prepare: impl FnOnce(u16) -> Command) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = prepare(port);
        let output = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let began = Instant::now();
        let child = command.spawn().context("a gateway cannot be started")?;
        let mut server = Self {
            address,
            start: Duration::ZERO,
            child,
        };
        while !server.is_ready() {
            if let Some(status) = server.child.try_wait()? {
                bail!("the gateway ended, {status}: see {}", log.display());
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "the gateway is not ready: see {}",
                log.display()
            );
            sleep(Duration::from_millis(1));
        }
        server.start = began.elapsed();
        Ok(server)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The seconds that it has used.
    pub fn cpu(&self) -> f64 {
        cpu::of_process(self.pid())
    }

    /// Sends a document, which must be answered with data and nothing else, and returns the data.
    pub fn ask(&self, document: &str, variables: Value) -> Result<Value> {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let mut answer = Vec::new();
        let status = Connection::open(self.address)?.post("/graphql", body.as_bytes(), &mut answer)?;
        data(status, &answer)
    }

    /// How many statements the gateway has sent to its database for operations; `None` where it does not count them.
    pub fn statements(&self) -> Option<f64> {
        let mut answer = Vec::new();
        let status = Connection::open(self.address)
            .ok()?
            .get("/metrics", &mut answer)
            .ok()?;
        let text = String::from_utf8(answer).ok().filter(|_| status == 200)?;
        let sums = text
            .lines()
            .filter(|line| line.starts_with("timestore_operation_statements_sum"));
        Some(
            sums.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum(),
        )
    }

    /// Tells it to stop, and waits until it has, so that its files are whole.
    pub fn stop(mut self) -> Result<()> {
        let pid = self.pid().to_string();
        Command::new("kill").arg(&pid).status()?;
        ensure!(self.child.wait()?.success(), "the gateway did not stop in order");
        Ok(())
    }

    fn is_ready(&self) -> bool {
        let mut answer = Vec::new();
        Connection::open(self.address)
            .and_then(|mut connection| connection.get("/readyz", &mut answer))
            .is_ok_and(|status| status == 200)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The data of an answer, which must have no errors, neither at the top nor those of a mutation.
pub fn data(status: u16, answer: &[u8]) -> Result<Value> {
    let text = String::from_utf8_lossy(answer);
    let head: String = text.chars().take(2_000).collect();
    let mut parsed: Value =
        serde_json::from_slice(answer).with_context(|| format!("status {status}: {head}"))?;
    let whole = status == 200 && parsed.get("errors").is_none() && !text.contains("\"userErrors\":[{");
    ensure!(whole, "status {status}: {head}");
    Ok(parsed["data"].take())
}

//! The gateway as a process of its own, which can be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::database::TestDatabase;

/// A running `timestore serve`.
pub struct Process {
    child: Child,
    address: String,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts a gateway on `database`, and waits until it is ready.
    pub fn start(database: &TestDatabase) -> Self {
        Self::start_with(database, &[])
    }

    /// The same, with more arguments.
    pub fn start_with(database: &TestDatabase, arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", database, arguments)
    }

    /// The same, where another one has listened.
    pub fn start_at(address: &str, database: &TestDatabase, arguments: &[&str]) -> Self {
        Self::launch(address, database, arguments, &[])
    }

    /// A gateway anywhere, with more variables in its environment.
    pub fn start_in(database: &TestDatabase, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::launch("127.0.0.1:0", database, arguments, environment)
    }

    fn launch(
        address: &str,
        database: &TestDatabase,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_timestore"))
            .args(["serve", "--listen", address, "--database-url", database.url()])
            .args(arguments)
            .env_remove("TIMESTORE_LOG")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let ready = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("it stopped: {:#?}", said.lock().unwrap()))
                .unwrap();
            said.lock().unwrap().push(line.clone());
            if line.contains("ready: open") {
                break line;
            }
        };
        // What it says from now on must not fill the pipe.
        let all = said.clone();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| all.lock().unwrap().push(line));
        });
        let (_, address) = ready.split_once("open http").unwrap();
        let address = address.split("://").nth(1).unwrap();
        let address = address.split('/').next().unwrap().to_owned();
        Self { child, address, said }
    }

    /// What it has logged so far.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The most memory that it ever had, in kB, where the system says.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as SIGKILL does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, as SIGTERM does, and waits until it has.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A running `timestore lifecycle run`.
pub struct Worker(Child);

impl Worker {
    /// Starts a pass over `database`, which touches the files of expired versions at once.
    pub fn start(database: &TestDatabase) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_timestore"))
            .args([
                "lifecycle",
                "run",
                "--read-grace",
                "PT0S",
                "--database-url",
                database.url(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// Kills it, as SIGKILL does, if it is still at work.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits until it is done, or kills it.
    pub fn end(mut self, is_killed: bool) {
        if is_killed {
            self.kill();
        } else {
            self.0.wait().unwrap();
        }
    }
}

/// Sends a document to a gateway; the error is whatever went wrong on the way.
pub fn post(address: &str, document: &str, variables: &Value) -> Result<Value, ureq::Error> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .new_agent();
    let body = json!({ "query": document, "variables": variables });
    agent
        .post(&format!("http://{address}/graphql"))
        .send_json(body)?
        .body_mut()
        .read_json()
}

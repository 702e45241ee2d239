//! The change feed: a hundred subscribers over server-sent events, two hundred publishes a second, and how long after a publish was
//! sent each subscriber has it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::fill::PUBLISH;
use crate::http::Connection;
use crate::load::percentile;
use crate::options::Options;
use crate::prepared::{Prepared, gateway};
use crate::scale::{MINUTE, file, series};
use crate::server::{Server, data};

const DATABASE: &str = "feeding";
const SUBSCRIBERS: usize = 100;
const PUBLISHERS: u64 = 8;
/// Publishes a second of all publishers.
const RATE: u64 = 200;
/// The minute at which new files begin.
const LATER: u64 = 30_000_000;

const CHANGES: &str = "subscription ($first: Int!) { changes(first: $first) { payload } }";

/// A version of a dataset, by its slug.
type Version = (String, u64);

/// When something came to pass with a version.
type Times = Vec<(Version, Instant)>;

/// Measures the feed on a copy of the filled database, and prints a table.
pub fn run(options: &Options, prepared: &Prepared) -> Result<()> {
    if !options.runs("feed") {
        return Ok(());
    }
    prepared.cluster.copy(&prepared.database, DATABASE)?;
    let gateway = gateway(options, &prepared.cluster.url(DATABASE), "feed", &[])?;
    println!(
        "### feed: {SUBSCRIBERS} subscribers, {RATE} publishes/s\n\n\
         | publishes/s | publish p50 ms | p99 ms | sent to received p50 ms | p99 ms | CPU ms a publish: gateway | database | load |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for round in 0..options.rounds().min(3) {
        println!("{}", measure(options, prepared, &gateway, round)?);
    }
    println!();
    drop(gateway);
    prepared.cluster.drop(DATABASE)
}

fn measure(options: &Options, prepared: &Prepared, gateway: &Server, round: u64) -> Result<String> {
    let seconds = options.turn().as_secs() * 2;
    let of_each = RATE * seconds / PUBLISHERS;
    let total = of_each * PUBLISHERS;
    let subscribers = (0..SUBSCRIBERS)
        .map(|_| subscribe(gateway.address, total))
        .collect::<Result<Vec<_>>>()?;
    // A subscription begins after its headers have been sent: nothing is published before all have.
    thread::sleep(Duration::from_secs(1));
    let counters = || [gateway.cpu(), prepared.cluster.cpu(), crate::cpu::of_self()];
    let before = counters();
    let began = Instant::now();
    let (received, published) = thread::scope(|scope| {
        let readers: Vec<_> = subscribers
            .into_iter()
            .map(|one| scope.spawn(move || receive(one, total)))
            .collect();
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|n| scope.spawn(move || publish(gateway.address, round, n, of_each)))
            .collect();
        let published: Result<Vec<_>> = publishers
            .into_iter()
            .map(|one| one.join().expect("a publisher panicked"))
            .collect();
        let took = began.elapsed();
        let received: Result<Vec<Times>> = readers
            .into_iter()
            .map(|one| one.join().expect("a subscriber panicked"))
            .collect();
        anyhow::Ok((received?, (published?, took)))
    })?;
    let after = counters();
    let (published, took) = published;
    let mut publishing: Vec<u32> = published
        .iter()
        .flatten()
        .map(|(.., latency)| micros(*latency))
        .collect();
    let sent: HashMap<Version, Instant> = published
        .into_iter()
        .flatten()
        .map(|(version, at, _)| (version, at))
        .collect();
    let mut lags = Vec::with_capacity(SUBSCRIBERS * sent.len());
    for (version, at) in received.iter().flatten() {
        let sent = sent
            .get(version)
            .with_context(|| format!("nobody published {version:?}"))?;
        lags.push(micros(at.duration_since(*sent)));
    }
    ensure!(
        lags.len() == SUBSCRIBERS * sent.len(),
        "{} changes were received",
        lags.len()
    );
    publishing.sort_unstable();
    lags.sort_unstable();
    let cpu: [f64; 3] = std::array::from_fn(|n| (after[n] - before[n]) * 1_000.0 / total as f64);
    Ok(format!(
        "| {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} |",
        total as f64 / took.as_secs_f64(),
        percentile(&publishing, 0.5),
        percentile(&publishing, 0.99),
        percentile(&lags, 0.5),
        percentile(&lags, 0.99),
        cpu[0],
        cpu[1],
        cpu[2],
    ))
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

fn subscribe(address: SocketAddr, total: u64) -> Result<Connection> {
    let mut connection = Connection::open(address)?;
    let body = json!({ "query": CHANGES, "variables": { "first": total } }).to_string();
    let status = connection.subscribe("/graphql/stream", body.as_bytes())?;
    ensure!(status == 200, "status {status}");
    Ok(connection)
}

fn receive(mut connection: Connection, total: u64) -> Result<Times> {
    let mut times = Times::new();
    while (times.len() as u64) < total {
        let line = connection.next_line()?;
        let now = Instant::now();
        if let Some(event) = line
            .strip_prefix("data:")
            .filter(|event| event.contains("payload"))
        {
            let event: Value = serde_json::from_str(event)?;
            let payload = &event["data"]["changes"]["payload"];
            let slug = payload["slug"].as_str().context("a slug")?;
            times.push((
                (slug.to_owned(), payload["version"].as_u64().context("a version")?),
                now,
            ));
        }
    }
    Ok(times)
}

/// Publishes at an even pace to a dataset of its own. Returns each version with when it was sent, and how long it took.
fn publish(
    address: SocketAddr,
    round: u64,
    publisher: u64,
    publishes: u64,
) -> Result<Vec<(Version, Instant, Duration)>> {
    let slug = series(publisher);
    let mut connection = Connection::open(address)?;
    let pause = Duration::from_secs(PUBLISHERS).div_f64(RATE as f64);
    let began = Instant::now();
    let mut published = Vec::new();
    let mut answer = Vec::new();
    for n in 0..publishes {
        let minute = LATER + round * 1_000_000 + n;
        let path = format!("feed/{round}/{n}.parquet");
        let add = file(path, minute * MINUTE, MINUTE, json!({ "region": "eu" }));
        let input = json!({ "dataset": { "slug": slug }, "add": [add] });
        let body = json!({ "query": PUBLISH, "variables": { "input": input } }).to_string();
        let due = pause * u32::try_from(n)?;
        thread::sleep(due.saturating_sub(began.elapsed()));
        let sent = Instant::now();
        let status = connection.post("/graphql", body.as_bytes(), &mut answer)?;
        let took = sent.elapsed();
        let version = data(status, &answer)?["publishManifest"]["manifest"]["version"].as_u64();
        published.push(((slug.clone(), version.context("a version")?), sent, took));
    }
    Ok(published)
}

//! Load over HTTP: so many connections, each of which sends a request as soon as the one before is answered.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::http::Connection;

/// What a load came to.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How long each request took, in microseconds, in ascending order.
    pub latencies: Vec<u32>,
    /// Bytes of all bodies that came back.
    pub bytes: u64,
}

impl Load {
    /// How many requests were answered.
    pub fn requests(&self) -> usize {
        self.latencies.len()
    }

    /// The latency that a part of the requests stays within, in milliseconds.
    pub fn percentile(&self, part: f64) -> f64 {
        percentile(&self.latencies, part)
    }
}

/// Of ascending microseconds, those that a part of them stays within, in milliseconds.
pub fn percentile(ascending: &[u32], part: f64) -> f64 {
    let last = ascending.len().saturating_sub(1);
    let at = (last as f64 * part).round() as usize;
    ascending
        .get(at)
        .map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
}

/// Puts a gateway under load for a while. `next` gives the body of each request of a connection, by its number.
pub fn closed_loop<'a>(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    next: impl Fn(usize, u64) -> &'a [u8] + Sync,
) -> Result<Load> {
    let end = Instant::now() + time;
    let bodies = |connection, request| (Instant::now() < end).then(|| next(connection, request));
    on_connections(address, connections, bodies)
}

/// Sends each connection's bodies, one after the other.
pub fn queues(address: SocketAddr, bodies: &[Vec<Vec<u8>>]) -> Result<Load> {
    on_connections(address, bodies.len(), |connection, request| {
        let body = bodies[connection].get(usize::try_from(request).ok()?)?;
        Some(body.as_slice())
    })
}

/// Sends what `next` gives to each connection by number, until it gives none.
fn on_connections<'a>(
    address: SocketAddr,
    connections: usize,
    next: impl Fn(usize, u64) -> Option<&'a [u8]> + Sync,
) -> Result<Load> {
    let began = Instant::now();
    let next = &next;
    let parts = thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|worker| scope.spawn(move || one(address, |request| next(worker, request))))
            .collect();
        let parts = workers
            .into_iter()
            .map(|worker| worker.join().expect("a connection panicked"));
        parts.collect::<Result<Vec<Load>>>()
    })?;
    let mut whole = Load {
        seconds: began.elapsed().as_secs_f64(),
        ..Load::default()
    };
    for part in parts {
        whole.latencies.extend(part.latencies);
        whole.bytes += part.bytes;
    }
    whole.latencies.sort_unstable();
    Ok(whole)
}

fn one<'a>(address: SocketAddr, next: impl Fn(u64) -> Option<&'a [u8]>) -> Result<Load> {
    let mut connection = Connection::open(address)?;
    let mut load = Load::default();
    let mut answer = Vec::new();
    while let Some(body) = next(load.latencies.len() as u64) {
        let sent = Instant::now();
        let status = connection.post("/graphql", body, &mut answer)?;
        let micros = u32::try_from(sent.elapsed().as_micros()).context("more than an hour")?;
        if status != 200 || !answer.starts_with(b"{\"data\":{") || is_refused(&answer) {
            answer.truncate(2_000);
            bail!("status {status}: {}", String::from_utf8_lossy(&answer));
        }
        load.latencies.push(micros);
        load.bytes += answer.len() as u64;
    }
    Ok(load)
}

/// Whether a mutation was refused. Answers to reads are longer, and not looked through.
fn is_refused(answer: &[u8]) -> bool {
    const ERRORS: &[u8] = b"\"userErrors\":[{";
    answer.len() < 1_000 && answer.windows(ERRORS.len()).any(|part| part == ERRORS)
}

/// A number below `limit`, the same for the same connection and request in every run, and spread evenly (splitmix64).
pub fn spread(connection: usize, request: u64, limit: u64) -> u64 {
    let mut z = ((connection as u64) << 40)
        .wrapping_add(request)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % limit.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let load = Load {
            latencies: (1..=101).map(|n| n * 1_000).collect(),
            ..Load::default()
        };
        assert_eq!(
            (load.percentile(0.5), load.percentile(0.99), load.percentile(1.0)),
            (51.0, 100.0, 101.0)
        );
        assert!(Load::default().percentile(0.5).is_nan());
    }

    #[test]
    fn numbers_are_spread_over_all_that_there_are() {
        let mut seen = [0; 20];
        for request in 0..2_000 {
            seen[usize::try_from(spread(3, request, 20)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| (50..150).contains(n)), "{seen:?}");
    }
}

//! Who is measured: gateways over HTTP, and hand-written statements through pgbench; and what one turn of each came to.

use std::time::Duration;

use anyhow::Result;

use crate::cluster::Cluster;
use crate::cpu;
use crate::load::{self, Load};
use crate::server::Server;

/// Connections of a load.
pub const CONNECTIONS: usize = 8;

/// What one turn came to.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// Requests a second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50: f64,
    /// The latency that 99 of 100 requests stay within, in milliseconds.
    pub p99: f64,
    /// Milliseconds of processor time a request: of the gateway, of the database, of whoever made the load.
    pub cpu: [f64; 3],
    /// Bytes of an answer.
    pub bytes: f64,
    /// Statements a request, where they are counted.
    pub statements: Option<f64>,
}

impl Turn {
    /// Milliseconds of processor time a request of gateway and database together: what ratios are made of.
    pub fn cost(&self) -> f64 {
        self.cpu[0] + self.cpu[1]
    }
}

/// Counters before and after a turn.
struct Counters {
    cpu: [f64; 3],
    statements: Option<f64>,
}

impl Counters {
    fn now(server: &Server, cluster: Option<&Cluster>) -> Self {
        Self {
            statements: server.statements(),
            cpu: [server.cpu(), cluster.map_or(0.0, Cluster::cpu), cpu::of_self()],
        }
    }
}

/// One turn of a gateway with these bodies, in a mixed order that is the same in every run but different in every turn.
pub fn gateway_turn(
    server: &Server,
    cluster: Option<&Cluster>,
    time: Duration,
    turn: u64,
    bodies: &[Vec<u8>],
) -> Result<Turn> {
    measured(server, cluster, || {
        load::closed_loop(server.address, CONNECTIONS, time, |connection, request| {
            let n = load::spread(connection, turn << 32 | request, bodies.len() as u64);
            &bodies[usize::try_from(n).unwrap_or_default()]
        })
    })
}

/// What a load of a gateway comes to.
pub fn measured(
    server: &Server,
    cluster: Option<&Cluster>,
    load: impl FnOnce() -> Result<Load>,
) -> Result<Turn> {
    let before = Counters::now(server, cluster);
    let load = load()?;
    let after = Counters::now(server, cluster);
    let statements = after
        .statements
        .zip(before.statements)
        .map(|(after, before)| after - before);
    Ok(of(
        &load,
        std::array::from_fn(|n| after.cpu[n] - before.cpu[n]),
        statements,
    ))
}

/// What a load came to, with the seconds and statements that it took.
pub fn of(load: &Load, seconds: [f64; 3], statements: Option<f64>) -> Turn {
    let requests = load.requests().max(1) as f64;
    Turn {
        rate: load.requests() as f64 / load.seconds,
        p50: load.percentile(0.5),
        p99: load.percentile(0.99),
        cpu: seconds.map(|seconds| seconds * 1_000.0 / requests),
        bytes: load.bytes as f64 / requests,
        statements: statements.map(|statements| statements / requests),
    }
}

/// The median.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < 1e-9);
        assert!(median([].into_iter()).is_nan());
    }

    #[test]
    fn a_turn_is_told_by_the_request() {
        let load = Load {
            seconds: 2.0,
            latencies: vec![1_000; 100],
            bytes: 5_000,
        };
        let turn = of(&load, [0.1, 0.2, 0.05], Some(600.0));
        assert!((turn.rate - 50.0).abs() < 1e-9 && (turn.cost() - 3.0).abs() < 1e-9);
        assert_eq!((turn.bytes, turn.statements), (50.0, Some(6.0)));
    }
}

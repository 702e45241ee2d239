//! Replicas: streaming copies of the primary, which answer queries when they are up and have what is asked for.
//!
//! A task for each asks all the time how far it is, so that a request need not.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::source::Source;

/// How long a request waits for a replica that is behind.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often a replica is asked how far it is.
const POLL: Duration = Duration::from_millis(50);

/// How long one that does not answer is left alone.
const PAUSE: Duration = Duration::from_secs(2);

/// How long it may take to answer.
const PROBE: Duration = Duration::from_secs(1);

/// How far it may be behind: files that a version had are there for longer than that after it has expired.
const MAX_LAG: Duration = Duration::from_secs(30);

/// How often it is given a new goal to be reached in that time.
const GOAL: Duration = Duration::from_secs(1);

/// A position in the write-ahead log of the primary. Whoever has replayed it has everything that was committed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64);

impl Position {
    /// Where the primary is now.
    pub(in crate::store) async fn of_primary(primary: &DatabaseConnection) -> Result<Self, DbErr> {
        let position = position(primary, "pg_current_wal_insert_lsn()").await?;
        position.ok_or_else(|| DbErr::Custom("the primary does not say where it is".to_owned()))
    }
}

impl FromStr for Position {
    type Err = String;

    /// From PostgreSQL's spelling, `16/B374D848`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let half = |text: &str| {
            let is_hex = (1..=8).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit());
            is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()
        };
        let halves = text
            .split_once('/')
            .and_then(|(high, low)| Some((half(high)?, half(low)?)));
        let (high, low) =
            halves.ok_or("expected a position that a mutation answered with, such as 16/B374D848")?;
        Ok(Self(high << 32 | low))
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// All replicas. Nobody asks how far they are any more once this is dropped.
pub(in crate::store) struct Replicas {
    all: Vec<Arc<Replica>>,
    next: AtomicUsize,
    _watchers: JoinSet<()>,
}

impl Replicas {
    /// Begins to watch these. Must be called within a runtime when there are any.
    pub(in crate::store) fn watch(sources: Vec<Source>, primary: &DatabaseConnection) -> Self {
        let mut watchers = JoinSet::new();
        let all = sources.into_iter().map(|source| {
            let replica = Arc::new(Replica {
                source,
                replayed: watch::Sender::new(None),
            });
            watchers.spawn(replica.clone().watch(primary.clone()));
            replica
        });
        Self {
            all: all.collect(),
            next: AtomicUsize::new(0),
            _watchers: watchers,
        }
    }

    /// Whether there are none.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What they are read from.
    pub(in crate::store) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.all.iter().map(|replica| &replica.source)
    }

    /// One that is up and has replayed `after`, each in its turn; waits a little for one that is behind.
    pub(in crate::store) async fn choose(&self, after: Option<Position>) -> Option<Arc<Replica>> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let turns = (0..self.all.len()).map(|n| &self.all[(first + n) % self.all.len()]);
        let up: Vec<_> = turns
            .filter(|replica| replica.replayed.borrow().is_some())
            .collect();
        let Some(after) = after else {
            return up.first().map(|&replica| replica.clone());
        };
        let ready = up
            .iter()
            .find(|replica| *replica.replayed.borrow() >= Some(after));
        if let Some(&replica) = ready {
            return Some(replica.clone());
        }
        let first = *up.first()?;
        first.has(after).await.then(|| first.clone())
    }
}

/// A replica.
pub(in crate::store) struct Replica {
    source: Source,
    /// How far it is; none while it does not answer.
    replayed: watch::Sender<Option<Position>>,
}

impl Replica {
    /// What it is read from.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Whether it has replayed `position`, or does so before patience ends.
    pub(super) async fn has(&self, position: Position) -> bool {
        let mut replayed = self.replayed.subscribe();
        // A replica that goes down meanwhile is not waited for.
        let settled = replayed.wait_for(|replayed| replayed.is_none_or(|replayed| replayed >= position));
        matches!(timeout(PATIENCE, settled).await, Ok(Ok(replayed)) if replayed.is_some())
    }

    async fn watch(self: Arc<Self>, primary: DatabaseConnection) {
        // Where the primary was, and when.
        let mut goal: Option<(Position, Instant)> = None;
        loop {
            let mut replayed = self.probe().await;
            if let Ok(position) = replayed {
                match goal {
                    Some((goal, since)) if position < goal => {
                        if since.elapsed() > MAX_LAG {
                            replayed = Err("it is too far behind".to_owned());
                        }
                    }
                    Some((_, since)) if since.elapsed() < GOAL => {}
                    // A primary that is down sets no goals: what the replica has is all there is.
                    _ => {
                        goal = Position::of_primary(&primary)
                            .await
                            .ok()
                            .map(|goal| (goal, Instant::now()))
                    }
                }
            }
            let was_up = self.replayed.borrow().is_some();
            match &replayed {
                Ok(_) if !was_up => tracing::info!("a replica answers; it is read from"),
                Err(reason) if was_up => tracing::warn!(reason, "a replica is left alone"),
                _ => {}
            }
            let pause = if replayed.is_ok() { POLL } else { PAUSE };
            self.replayed.send_replace(replayed.ok());
            sleep(pause).await;
        }
    }

    /// How far it is, or why it is of no use.
    async fn probe(&self) -> Result<Position, String> {
        match timeout(PROBE, position(self.source.pool(), "pg_last_wal_replay_lsn()")).await {
            Ok(Ok(Some(replayed))) => Ok(replayed),
            Ok(Ok(None)) => Err("it is no replica".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it is slow to answer".to_owned()),
        }
    }
}

/// What a function of PostgreSQL says of a position; none where it says nothing.
async fn position(pool: &DatabaseConnection, function: &str) -> Result<Option<Position>, DbErr> {
    let statement = Statement::from_string(pool.get_database_backend(), format!("select {function}::text"));
    let row = pool.query_one_raw(statement).await?;
    let text: Option<String> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_ordered_as_the_log_is() {
        let position = |text: &str| text.parse::<Position>().unwrap();
        assert!(position("0/FFFFFFFF") < position("1/0"));
        assert!(position("A/10") > position("9/FFFFFFFF"));
        assert_eq!(position("16/b374d848").to_string(), "16/B374D848");
        for wrong in ["", "1", "1/", "/1", "1/123456789", "-1/0", "1/+1", "x/0", "1/0/0"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }
}

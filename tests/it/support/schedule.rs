//! Gateways that keep the lifecycle schedule, within the process of the test.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use timestore_entity::lifecycle_run::Model as LifecycleRun;
use timestore_gateway::halt::Halt;
use timestore_gateway::lifecycle::{Memory, Pace, Schedule};
use timestore_gateway::storage::Environment;
use timestore_gateway::store::lifecycle_run::LifecycleRunFilter;
use timestore_gateway::store::{Page, Store};
use tokio::task::JoinHandle;

use super::clock::StillClock;
use super::database::TestDatabase;

/// Gateways that share a database and a clock.
pub struct Gateways {
    /// The catalog, as they see it.
    pub store: Store,
    /// What all of them go by.
    pub clock: Arc<StillClock>,
}

impl Gateways {
    /// None yet; the clock stands at `now`.
    pub async fn at(database: &TestDatabase, now: DateTime<Utc>) -> Self {
        let clock = Arc::new(StillClock::at(now));
        Self {
            store: database.store_at(clock.clone()).await,
            clock,
        }
    }

    /// One that keeps the schedule.
    pub async fn start(&self, database: &TestDatabase, name: &str) -> (JoinHandle<()>, Halt) {
        let schedule = Schedule {
            store: database.store_at(self.clock.clone()).await,
            clock: self.clock.clone(),
            environment: Environment::process(),
            memory: Memory::default(),
            name: name.to_owned(),
            pace: Pace {
                interval: chrono::Duration::minutes(15),
                lease: Duration::from_millis(300),
                poll: Duration::from_millis(5),
            },
        };
        let halt = Halt::default();
        let told = halt.clone();
        (tokio::spawn(async move { schedule.keep(&told).await }), halt)
    }

    /// The runs, oldest first, once there are `count` and all of them have ended.
    pub async fn ended(&self, count: usize) -> Vec<LifecycleRun> {
        self.until(|runs| runs.len() >= count && runs.iter().all(|run| run.finished_at.is_some()))
            .await
    }

    async fn until(&self, holds: impl Fn(&[LifecycleRun]) -> bool) -> Vec<LifecycleRun> {
        let (filter, page) = (LifecycleRunFilter::default(), Page::first(1_000, None));
        let looking = async {
            loop {
                let mut runs = self.store.lifecycle_run_page(&filter, &page).await.unwrap().rows;
                runs.reverse();
                if holds(&runs) {
                    return runs;
                }
                // Looking without a pause would leave the gateways no processor, where several such tests run.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(20), looking).await {
            Ok(runs) => runs,
            Err(_) => {
                let runs = self.store.lifecycle_run_page(&filter, &page).await;
                panic!("the runs never come to that: {runs:#?}")
            }
        }
    }

    /// Which gateway did the last run.
    pub fn leader(runs: &[LifecycleRun]) -> &str {
        runs.last().unwrap().worker.as_deref().unwrap()
    }
}

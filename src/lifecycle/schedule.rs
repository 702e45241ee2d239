//! The schedule: of the gateways that keep it, one at a time leads, under a lease in the database. It asks for runs when they
//! are due, and does whatever runs are waiting, those that people asked for included. When it dies, its lease runs out, and
//! another gateway goes on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use timestore_entity::ids::LeaseId;

use super::{Lifecycle, Memory};
use crate::auth::Requester;
use crate::halt::Halt;
use crate::storage::Environment;
use crate::store::lease::LeaseHold;
use crate::store::{Clock, Result, Store};

/// The work that one gateway at a time does.
const LEASE: &str = "lifecycle";

/// How much longer than the interval a wait can be, as a divisor: up to a tenth.
const JITTER: i32 = 10;

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Runs of all kinds are due so long after the last ones, and up to a tenth later, so that several catalogs on one server
    /// do not all begin at once.
    pub interval: chrono::Duration,
    /// How long a leader leads that says nothing.
    pub lease: Duration,
    /// How often it is looked whether there is something to do.
    pub poll: Duration,
}

/// A gateway that keeps the schedule.
pub struct Schedule {
    /// The catalog.
    pub store: Store,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where credentials are looked up.
    pub environment: Environment,
    /// How long records are kept.
    pub memory: Memory,
    /// Which process it is, for people.
    pub name: String,
    /// How often.
    pub pace: Pace,
}

impl Schedule {
    /// Keeps the schedule until it is told to stop, whatever goes wrong.
    pub async fn keep(&self, halt: &Halt) {
        let hold = LeaseHold {
            name: LEASE,
            id: LeaseId(self.clock.id()),
            holder: self.name.clone(),
            lasts: chrono::Duration::from_std(self.pace.lease).unwrap_or(chrono::Duration::MAX),
        };
        while !halt.is_told() {
            match self.store.lease_hold(&hold).await {
                Ok(true) => self.lead(&hold, halt).await,
                Ok(false) => {}
                Err(error) => tracing::warn!(error = %error, "whether another gateway leads cannot be seen"),
            }
            self.pause(halt).await;
        }
    }

    /// Leads until it is told to stop, or the lease is lost. The step under way is finished first.
    async fn lead(&self, hold: &LeaseHold, halt: &Halt) {
        tracing::info!(worker.name = %self.name, "this gateway keeps the lifecycle schedule");
        let leaving = Halt::default();
        tokio::select! {
            () = self.work_off(&leaving) => {}
            never = self.stay(hold, halt, &leaving) => match never {},
        }
        match self.store.lease_release(hold.name, hold.id).await {
            Ok(_) => {
                tracing::info!(worker.name = %self.name, "this gateway no longer keeps the lifecycle schedule")
            }
            Err(error) => tracing::warn!(error = %error, "the lease was not given back: it runs out"),
        }
    }

    /// Renews the lease, for ever; tells the worker to leave when it is lost, or the gateway stops.
    async fn stay(&self, hold: &LeaseHold, halt: &Halt, leaving: &Halt) -> Infallible {
        let mut until = self.clock.now() + hold.lasts;
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.pace.lease / 3) => {}
                () = halt.told(), if !leaving.is_told() => leaving.tell(),
            }
            let now = self.clock.now();
            match self.store.lease_hold(hold).await {
                Ok(true) => until = now + hold.lasts,
                Ok(false) => leaving.tell(),
                Err(error) => {
                    tracing::warn!(error = %error, "the lease was not renewed");
                    if now >= until {
                        leaving.tell();
                    }
                }
            }
        }
    }

    /// Asks for runs when they are due, and does what waits.
    async fn work_off(&self, leaving: &Halt) {
        let lifecycle = Lifecycle {
            store: &self.store,
            clock: &*self.clock,
            environment: &self.environment,
            memory: self.memory,
            by: Requester::unrestricted(Some("timestore lifecycle".to_owned())),
            name: self.name.clone(),
        };
        let mut wait = self.wait();
        while !leaving.is_told() {
            match self.turn(&lifecycle, &mut wait, leaving).await {
                Ok(true) => {}
                Ok(false) => self.pause(leaving).await,
                Err(error) => {
                    tracing::warn!(error = %error, "the lifecycle schedule was not kept; it goes on");
                    self.pause(leaving).await;
                }
            }
        }
    }

    /// Does the run that has waited longest; whether all went well and another one can follow at once.
    async fn turn(
        &self,
        lifecycle: &Lifecycle<'_>,
        wait: &mut chrono::Duration,
        leaving: &Halt,
    ) -> Result<bool> {
        lifecycle.recover_runs().await?;
        if self
            .store
            .lifecycle_runs_schedule(self.clock.now() - *wait)
            .await?
        {
            *wait = self.wait();
        }
        match self.store.lifecycle_run_begin(&self.name).await? {
            None => Ok(false),
            Some(run) => Ok(lifecycle.run(&run, leaving).await?.failures() == 0),
        }
    }

    /// How long after the last runs the next ones are due. What is random in an id serves for the jitter.
    fn wait(&self) -> chrono::Duration {
        let random = (self.clock.id().as_u128() & 0xffff) as i32;
        self.pace.interval + self.pace.interval / JITTER / 0x1_0000 * random
    }

    async fn pause(&self, halt: &Halt) {
        tokio::select! {
            () = tokio::time::sleep(self.pace.poll) => {}
            () = halt.told() => {}
        }
    }
}

//! A clock that stands still until it is told to move.

use std::sync::Mutex;

use chrono::{DateTime, Duration, Utc};
use timestore_gateway::store::Clock;
use uuid::Uuid;

/// A clock that stands still until it is told to move.
pub struct StillClock(Mutex<DateTime<Utc>>);

impl StillClock {
    /// A clock that shows `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves it forwards.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

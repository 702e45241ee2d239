//! The word that the process stops, passed on to whoever works or waits.

use tokio::sync::watch;

/// Tells workers to stop after the step that they are at, and streams to end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Halt(watch::Sender<bool>);

impl Default for Halt {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Halt {
    /// Tells them.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }

    /// Whether they are told.
    pub fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until they are told.
    pub async fn told(&self) {
        // The channel cannot close: this is one of its senders.
        drop(self.0.subscribe().wait_for(|told| *told).await);
    }
}

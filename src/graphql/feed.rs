//! Follows the change feed for all subscribers of this process with one reader.
//!
//! The reader only says that the feed has grown; each subscriber pages the feed from its own position, so that it neither misses
//! a change nor sees one twice, however slow it is. There is no reader while nobody is subscribed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream;
use timestore_entity::change::Model as Change;
use tokio::sync::watch;

use crate::store::change::{ChangeFilter, ChangePosition};
use crate::store::{Result, Store};

/// How often the reader looks for changes.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long it waits after a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// How many changes a subscriber reads at once.
const BATCH: u32 = 100;

/// What follows the change feed for all subscribers.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    store: Store,
    /// How far the feed reaches.
    end: watch::Sender<ChangePosition>,
    /// Whether there is a reader.
    is_read: Mutex<bool>,
}

impl Feed {
    /// Follows the feed of `store`.
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Inner {
            store,
            end: watch::Sender::default(),
            is_read: Mutex::new(false),
        }))
    }

    /// The changes after `after` that `store` shows and `filter` lets through, as they come; after the newest one there is now when
    /// that is none. Ends with the first error.
    pub async fn follow(
        &self,
        store: Store,
        filter: ChangeFilter,
        after: Option<ChangePosition>,
    ) -> Result<impl Stream<Item = Result<Change>> + use<>> {
        // Subscribed before the feed is read, so that nothing comes in between unnoticed.
        let end = self.subscribe();
        let position = match after {
            Some(position) => position,
            None => self.0.store.change_end().await?,
        };
        let follower = Follower {
            store,
            end,
            filter,
            position,
            changes: VecDeque::new(),
            has_failed: false,
        };
        Ok(stream::unfold(follower, Follower::next))
    }

    fn subscribe(&self) -> watch::Receiver<ChangePosition> {
        let mut is_read = self.0.is_read.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.0.end.subscribe();
        if !*is_read {
            *is_read = true;
            tokio::spawn(read(self.0.clone()));
        }
        receiver
    }
}

/// Says when the feed has grown, until nobody listens.
async fn read(feed: Arc<Inner>) {
    let mut is_failing = false;
    loop {
        tokio::time::sleep(if is_failing { PAUSE } else { INTERVAL }).await;
        {
            let mut is_read = feed.is_read.lock().unwrap_or_else(PoisonError::into_inner);
            if feed.end.is_closed() {
                *is_read = false;
                return;
            }
        }
        match feed.store.change_end().await {
            Ok(end) => {
                is_failing = false;
                feed.end.send_if_modified(|known| {
                    let is_new = *known != end;
                    *known = end;
                    is_new
                });
            }
            Err(error) => {
                if !is_failing {
                    tracing::warn!(error = %error, "the change feed cannot be read");
                }
                is_failing = true;
            }
        }
    }
}

/// A subscriber.
struct Follower {
    store: Store,
    end: watch::Receiver<ChangePosition>,
    filter: ChangeFilter,
    /// How far it has read, which is further than the last change that the filter let through.
    position: ChangePosition,
    /// Read, and not yet handed over.
    changes: VecDeque<Change>,
    has_failed: bool,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Change>, Self)> {
        if self.has_failed {
            return None;
        }
        loop {
            if let Some(change) = self.changes.pop_front() {
                return Some((Ok(change), self));
            }
            self.end.mark_unchanged();
            let page = self.store.change_page(&self.filter, Some(self.position), BATCH);
            match page.await {
                Ok(page) => {
                    self.position = page.end;
                    self.changes = page.rows.rows.into();
                    if self.changes.is_empty() {
                        // The sender lives as long as the schema; without it nothing more will come.
                        self.end.changed().await.ok()?;
                    }
                }
                Err(error) => {
                    self.has_failed = true;
                    return Some((Err(error), self));
                }
            }
        }
    }
}

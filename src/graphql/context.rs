//! What a resolver can reach.

use async_graphql::Context;

use super::feed::Feed;
use super::loader::Loaders;
use crate::auth::Requester;
use crate::store::Store;

/// What a resolver can reach through its context.
pub trait ContextExt {
    /// The catalog, as the caller sees it.
    fn store(&self) -> &Store;

    /// Who is calling.
    fn requester(&self) -> &Requester;

    /// The batches of this request.
    fn loaders(&self) -> &Loaders;

    /// What follows the change feed for all subscribers.
    fn feed(&self) -> &Feed;
}

impl ContextExt for Context<'_> {
    fn store(&self) -> &Store {
        self.loaders().store()
    }

    fn requester(&self) -> &Requester {
        self.store().viewer()
    }

    fn loaders(&self) -> &Loaders {
        self.data_unchecked()
    }

    fn feed(&self) -> &Feed {
        self.data_unchecked()
    }
}

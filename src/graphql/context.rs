//! What a resolver can reach.

use async_graphql::Context;

use super::feed::Feed;
use super::loader::Loaders;
use crate::auth::Requester;
use crate::store::Store;

/// The caller of a request that says nothing about it.
static ANONYMOUS: Requester = Requester {
    subject: None,
    scopes: Vec::new(),
};

/// What a resolver can reach through its context.
pub trait ContextExt {
    /// The catalog.
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
        self.data_unchecked()
    }

    fn requester(&self) -> &Requester {
        self.data_opt().unwrap_or(&ANONYMOUS)
    }

    fn loaders(&self) -> &Loaders {
        self.data_unchecked()
    }

    fn feed(&self) -> &Feed {
        self.data_unchecked()
    }
}

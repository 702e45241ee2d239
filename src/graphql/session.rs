//! How long a subscription lasts: no longer than what identified its caller.

use std::time::Duration;

use async_graphql::Response;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::error::{Code, Error};
use crate::store::Store;

/// How often it is looked whether the caller is still identified.
const INTERVAL: Duration = Duration::from_secs(5);

/// The responses for as long as the viewer of `store` is identified; then an error, and no more.
pub(super) fn while_identified(
    store: Store,
    responses: BoxStream<'static, Response>,
) -> BoxStream<'static, Response> {
    let viewer = store.viewer();
    if viewer.expires_at.is_none() && viewer.token.is_none() {
        return responses;
    }
    let running = Some((responses, Box::pin(run_out(store))));
    stream::unfold(running, async |running| {
        let (mut responses, mut over) = running?;
        tokio::select! {
            () = &mut over => {
                let error = Error::new(Code::Unauthenticated, "what identified the caller has expired or was revoked");
                Some((Response::from_errors(vec![error.into()]), None))
            }
            response = responses.next() => Some((response?, Some((responses, over)))),
        }
    })
    .boxed()
}

/// Waits until the viewer is no longer identified. A database that cannot say so ends nothing.
async fn run_out(store: Store) {
    loop {
        sleep(INTERVAL).await;
        if matches!(store.still_identified(store.viewer()).await, Ok(false)) {
            return;
        }
    }
}

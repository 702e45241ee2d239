//! Who speaks on a connection. Browsers set no headers on a WebSocket, so that the payload of `connection_init` may say it, as
//! `{"authorization": "Bearer …"}`; otherwise it is who asked for the upgrade.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::closing::Closing;
use crate::auth::Requester;
use crate::graphql::error::Error;
use crate::http::identity::Identifier;

/// Who may be speaking.
pub(super) struct Caller {
    /// Who asked for the upgrade; none where nothing was shown, though something must be.
    pub(super) upgrade: Option<Requester>,
    /// Finds out who shows a token.
    pub(super) identifier: Option<Arc<Identifier>>,
}

impl Caller {
    /// Who speaks, given the payload of `connection_init`.
    pub(super) async fn named(&self, payload: &Map<String, Value>) -> Result<Requester, Closing> {
        let mut shown = payload
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        match (shown.next(), &self.identifier, &self.upgrade) {
            (Some((_, Value::String(text))), Some(identifier), _) => {
                let named = identifier.bearer(text).await;
                named.map_err(|refusal| {
                    identifier.store.metrics().failed(refusal.error.code().as_str());
                    Closing::Forbidden(refusal.error.message().to_owned())
                })
            }
            (None, _, Some(requester)) => Ok(requester.clone()),
            _ => Err(Closing::Forbidden(
                "expected `authorization` in the payload: Bearer, with an API token or a JWT".to_owned(),
            )),
        }
    }

    /// Whether `requester` is still who they showed to be. A token can be revoked while a connection is open, and a JWT run out.
    pub(super) async fn is_still(&self, requester: &Requester) -> Result<bool, Box<Error>> {
        let Some(identifier) = &self.identifier else {
            return Ok(true);
        };
        let still = identifier.store.still_identified(requester).await;
        still.map_err(|error| Box::new(error.into()))
    }
}

//! Who is calling: every request carries its [`Requester`] from here on, or is refused.
//!
//! A caller shows an API token or a JWT (`Authorization: Bearer …`), or comes through a proxy that says who they are. What is shown
//! and does not count is refused, also where nothing need be shown.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, FORWARDED, HOST, VIA, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::{Media, Refusal};
use super::origin::is_websocket;
use crate::auth::jwt::{Jwt, JwtFault};
use crate::auth::proxy::TrustedProxies;
use crate::auth::{Requester, token};
use crate::graphql::error::{Code, Error};
use crate::store::Store;

/// What strangers are told.
const EXPECTED: &str = "expected the header Authorization: Bearer, with an API token or a JWT";

/// Who is believed to be whom. Unless told otherwise, only holders of API tokens are.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// What callers who show nothing may do.
    pub strangers: Strangers,
    /// Whose JWTs are believed.
    pub jwt: Option<Arc<Jwt>>,
    /// Which proxies are believed.
    pub proxies: Option<Arc<TrustedProxies>>,
}

/// What callers who show nothing may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strangers {
    /// Nothing.
    #[default]
    Refused,
    /// Everything, where they call this machine by a name of its own. The page of a site that has the site's name point to this
    /// machine does not.
    Local,
    /// Everything.
    Welcome,
}

/// Finds out who is calling.
#[derive(Clone)]
pub(super) struct Identifier {
    pub(super) identity: Identity,
    pub(super) store: Store,
}

/// Refuses a request whose caller is not known.
pub(super) async fn identify(
    State(identifier): State<Arc<Identifier>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request
        .extensions()
        .get()
        .map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip());
    let authority = request.uri().authority().map(Authority::as_str);
    match identifier.requester(request.headers(), authority, peer).await {
        Ok(requester) => {
            request.extensions_mut().insert(requester);
            next.run(request).await
        }
        Err(_) if is_websocket(request.headers()) && !request.headers().contains_key(AUTHORIZATION) => {
            next.run(request).await
        }
        Err(refusal) => {
            let mut response = Media::accepted(request.headers()).refusal(&refusal);
            if refusal.status == StatusCode::UNAUTHORIZED {
                let challenge = match request.headers().contains_key(AUTHORIZATION) {
                    true => "Bearer realm=\"timestore\", error=\"invalid_token\"",
                    false => "Bearer realm=\"timestore\"",
                };
                response
                    .headers_mut()
                    .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            response
        }
    }
}

/// Who sent a request.
pub(super) fn requester(request: &Request) -> Requester {
    known(request).unwrap_or_default()
}

/// Who sent a request; none for a WebSocket whose caller is still to say so.
pub(super) fn known(request: &Request) -> Option<Requester> {
    request.extensions().get().cloned()
}

impl Identifier {
    async fn requester(
        &self,
        headers: &HeaderMap,
        authority: Option<&str>,
        peer: Option<IpAddr>,
    ) -> Result<Requester, Refusal> {
        if let Some(named) = self.named_by_proxy(headers, peer)? {
            return Ok(named);
        }
        match single(headers, &AUTHORIZATION)? {
            Some(authorization) => self.bearer(authorization).await,
            None => self.stranger(headers, authority),
        }
    }

    /// What a caller who shows nothing may do. HTTP/2 names the host in the URI.
    fn stranger(&self, headers: &HeaderMap, authority: Option<&str>) -> Result<Requester, Refusal> {
        match self.identity.strangers {
            Strangers::Welcome => Ok(Requester::unrestricted(None)),
            Strangers::Local => {
                let mut hosts = [single(headers, &HOST)?, authority]
                    .into_iter()
                    .flatten()
                    .peekable();
                let is_named = hosts.peek().is_some();
                if is_named && hosts.all(is_local) && !is_forwarded(headers) {
                    return Ok(Requester::unrestricted(None));
                }
                Err(Refusal {
                    status: StatusCode::FORBIDDEN,
                    error: Box::new(Error::new(
                        Code::Forbidden,
                        "expected a host of this machine, such as localhost, and no proxy; others need an API token",
                    )),
                })
            }
            Strangers::Refused => Err(unauthenticated(EXPECTED)),
        }
    }

    /// Who a proxy says is calling. What others say in the same headers is passed over.
    fn named_by_proxy(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Requester>, Refusal> {
        let Some(proxies) = &self.identity.proxies else {
            return Ok(None);
        };
        if !peer.is_some_and(|peer| proxies.trust(peer)) {
            return Ok(None);
        }
        let Some(subject) = single(headers, &proxies.subject_header)? else {
            return Ok(None);
        };
        if subject.trim().is_empty() {
            let header = &proxies.subject_header;
            return Err(Refusal::bad_request(format!(
                "expected the name of the caller in the header {header}"
            )));
        }
        let scopes = single(headers, &proxies.scopes_header)?.unwrap_or_default();
        Ok(Some(TrustedProxies::requester(subject, scopes)))
    }

    /// Who shows `authorization`.
    pub(super) async fn bearer(&self, authorization: &str) -> Result<Requester, Refusal> {
        let (scheme, shown) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let shown = shown.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || shown.is_empty() {
            return Err(unauthenticated(EXPECTED));
        }
        if token::is_api_token(shown) {
            if !token::is_well_formed(shown) {
                return Err(unauthenticated(
                    "the token is not valid, has expired or was revoked",
                ));
            }
            let holder = self.store.api_token_holder(shown).await;
            let holder = holder.map_err(|error| Refusal {
                status: StatusCode::SERVICE_UNAVAILABLE,
                error: Box::new(error.into()),
            })?;
            return holder
                .ok_or_else(|| unauthenticated("the token is not valid, has expired or was revoked"));
        }
        let Some(jwt) = &self.identity.jwt else {
            return Err(unauthenticated("the token is not valid"));
        };
        jwt.verify(shown).await.map_err(|fault| match fault {
            JwtFault::Unavailable => Refusal {
                status: StatusCode::SERVICE_UNAVAILABLE,
                error: Box::new(Error::new(Code::Unavailable, fault.to_string())),
            },
            fault => unauthenticated(&fault.to_string()),
        })
    }
}

fn unauthenticated(message: &str) -> Refusal {
    Refusal {
        status: StatusCode::UNAUTHORIZED,
        error: Box::new(Error::new(Code::Unauthenticated, message)),
    }
}

/// The one value of a header. Of two, nobody knows which one somebody else believed.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value)),
        _ => Err(Refusal::bad_request(format!(
            "expected one header {name}, of visible ASCII characters"
        ))),
    }
}

/// Whether a proxy has passed the request on, for somebody who may be anywhere.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED)
        || headers.contains_key(VIA)
        || headers
            .keys()
            .any(|name| name.as_str().starts_with("x-forwarded-") || name == "x-real-ip")
}

/// Whether a `Host` header names this machine: `localhost`, or an address of the loopback network.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    let address: Result<IpAddr, _> = name.parse();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for (host, local) in [
            ("localhost", true),
            ("LocalHost:4100", true),
            ("127.0.0.1:4100", true),
            ("127.8.0.1", true),
            ("[::1]:4100", true),
            ("", false),
            ("evil.example:4100", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
            ("[fe80::1]:4100", false),
        ] {
            assert_eq!(is_local(host), local, "{host}");
        }
    }
}

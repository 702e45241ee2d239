//! Who is calling: every request carries its [`Requester`] from here on.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::auth::Requester;

/// Finds out who is calling.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Requester::default());
    next.run(request).await
}

/// Who sent a request.
pub(super) fn requester(request: &Request) -> Requester {
    request.extensions().get().cloned().unwrap_or_default()
}

//! `/graphiql`: GraphiQL, built from `playground/` and embedded in the binary. Nothing comes from another server.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// The files that `npm run build` makes; none where it has not run.
#[derive(RustEmbed)]
#[folder = "playground/dist"]
#[allow_missing = true]
struct Files;

/// What the page may load, and where it may go.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// What is shown where the playground was not built.
const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Timestore</title>\
    <h1>The playground is not part of this build</h1>\
    <p>Build it with <code>cd playground &amp;&amp; npm ci &amp;&amp; npm run build</code>, then build the gateway again.</p>\
    <p>The API itself is at <code>/graphql</code>.</p></html>";

/// The page.
pub(super) async fn index() -> Response {
    match Files::get("index.html") {
        Some(page) => html(StatusCode::OK, page.data.into_owned()),
        None => html(StatusCode::NOT_FOUND, MISSING),
    }
}

fn html(status: StatusCode, page: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, page).into_response()
}

/// A file of the page. Names of assets change with their content.
pub(super) async fn file(Path(path): Path<String>) -> Response {
    let Some(file) = Files::get(&path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let lifetime = match path.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let headers: [(HeaderName, &str); 4] = [
        (CONTENT_TYPE, content_type(&path)),
        (CACHE_CONTROL, lifetime),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, file.data).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("ttf") => "font/ttf",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

//! Listens: HTTP/1.1 and HTTP/2, with TLS or without. Waits for slow clients, though not for ever, and stops when it has
//! answered what it accepted.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::DefaultAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::net::TcpListener;

use super::connections::Bounded;

/// How many bytes of headers a request may have.
const MAX_HEADERS: usize = 64 * 1024;

/// A server that can be told to stop. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    handle: Handle<SocketAddr>,
    header_timeout: Duration,
    tls: Option<RustlsConfig>,
    max_connections: usize,
}

impl Server {
    /// A server that gives a client `header_timeout` for the TLS handshake, for the headers of each request, and between
    /// requests, speaks TLS where there is a certificate, and has so many connections open at once.
    pub fn new(header_timeout: Duration, tls: Option<RustlsConfig>, max_connections: usize) -> Self {
        Self {
            handle: Handle::new(),
            header_timeout,
            tls,
            max_connections,
        }
    }

    /// Serves `router` until told to stop and done with what was accepted.
    pub async fn serve(&self, listener: TcpListener, router: Router) -> io::Result<()> {
        let mut server = axum_server::Server::from_listener(listener)
            .handle(self.handle.clone())
            .first_request_timeout(self.header_timeout);
        server
            .http_builder()
            .http1()
            .header_read_timeout(self.header_timeout)
            .max_buf_size(MAX_HEADERS)
            // The Python client `gql` looks for `Sec-WebSocket-Protocol` in this case only.
            .title_case_headers(true);
        server
            .http_builder()
            .http2()
            .keep_alive_interval(self.header_timeout);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        match &self.tls {
            None => {
                let acceptor = Bounded::new(DefaultAcceptor, self.max_connections);
                server.acceptor(acceptor).serve(service).await
            }
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls.clone()).handshake_timeout(self.header_timeout);
                let acceptor = Bounded::new(acceptor, self.max_connections);
                server.acceptor(acceptor).serve(service).await
            }
        }
    }

    /// Takes no new connections or requests, and gives those under way `grace`.
    pub fn stop(&self, grace: Duration) {
        self.handle.graceful_shutdown(Some(grace));
    }
}

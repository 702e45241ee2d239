//! Where requests come from: the other end of the connection.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};

use crate::graphql::rate::Address;

/// Where a request comes from; none where there is no connection, as in tests.
pub(super) fn address(request: &Request) -> Option<Address> {
    let ConnectInfo(address) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(Address(address.ip().to_canonical()))
}

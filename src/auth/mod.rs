//! Who is calling, and what they may do.
//!
//! There are three global scopes: `timestore:read`, `timestore:write`, which includes reading, and `timestore:admin`, which includes
//! everything. A dataset can name scopes of its own, which take the place of the global ones for it; any one suffices. Who may
//! write a dataset by its own scopes may read it too.

pub mod jwks;
pub mod jwt;
#[cfg(test)]
mod jwt_tests;
pub mod proxy;
mod requester;
mod scope;
pub mod token;

pub use requester::{OwnScopes, Requester};
pub use scope::Scope;

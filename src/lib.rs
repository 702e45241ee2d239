//! The metadata authority of Timestore: which datasets exist, what their rows look like, which files make up each version,
//! where the files lie, and when they may go.
//!
//! A request takes two hops: a GraphQL resolver, then the [`store`]. See ARCHITECTURE.md for the map.

pub mod auth;
pub mod cli;
pub mod doctor;
pub mod graphql;
pub mod halt;
pub mod http;
pub mod lifecycle;
pub mod metrics;
pub mod model;
pub mod register;
pub mod storage;
pub mod store;
pub mod telemetry;

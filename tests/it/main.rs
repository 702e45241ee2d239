//! The gateway from outside: one binary, one behaviour a file, on both databases.
#![expect(clippy::disallowed_methods, reason = "tests need names that nobody else has")]

mod support;

mod concurrency;
mod erd;
mod history;
mod killed;
mod layering;
mod migrations;
mod resilience;
mod schema;

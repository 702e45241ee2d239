//! The tables of schema `timestore`, as steps that are applied in order and never edited once applied, and the migrator
//! that applies them beside other users of the same database.
//!
//! Steps are SQL, written once in the PostgreSQL spelling and translated for SQLite by [`dialect`]. See this crate's README
//! for how to add one.

pub mod dialect;
mod ledger;
mod migrator;
mod script;
mod steps;

pub use ledger::{StepStatus, check};
pub use migrator::{MigrateError, Migrator};
pub use script::{Direction, script};

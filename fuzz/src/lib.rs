//! What must hold whatever a stranger sends: in a cursor or an id, in a scalar, as a document, as a publish.
//!
//! Each file has a `check` that panics where it does not hold. cargo-fuzz tries them on bytes of its own making, and
//! `tests/it/fuzz.rs` on the seeds, so that they cannot rot.

mod catalog;

pub mod cursor;

pub mod scalar;

pub mod document;

pub mod publish_input;

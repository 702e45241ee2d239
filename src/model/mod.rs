//! x

pub mod checksum;
pub mod compatibility;
pub mod duration;
pub mod naming;
pub mod predicate;
pub mod span;

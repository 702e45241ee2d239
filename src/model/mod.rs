//! The rules of the domain: pure functions over plain values.
//!
//! Nothing here waits, reads, writes or asks the clock, nor knows of queries or of GraphQL. What a rule
//! refuses, it refuses with a message for the API's caller, in lower case and without full stop.

// In reading order; the blank lines keep rustfmt from sorting them.

pub mod naming;

pub mod checksum;

pub mod compatibility;

pub mod span;

pub mod duration;

pub mod predicate;

pub mod key_names;

pub mod bloom;

pub mod coverage;

pub mod retention;

pub mod check;

//! Predicates on partition keys and columns, and the files that they rule out.
//!
//! A file is ruled out only where it is certain that it holds no matching row. What is compared is like with
//! like: numbers with numbers, RFC 3339 dates and times with each other as times, other text by code point,
//! booleans with booleans.

mod column;
mod key;
mod scalar;
mod test;

pub use self::column::{ColumnPredicate, check_statistics, columns_may_match};
pub use self::key::{KeyPredicate, check_partition_key, key_may_match};
pub use self::scalar::Scalar;
pub(super) use self::scalar::is_time;
pub use self::test::{Conditions, Test};

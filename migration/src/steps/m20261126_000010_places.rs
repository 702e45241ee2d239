//! The place that the base of a storage target stands for, so that targets which share files are found, however they are written.
//!
//! It can be derived from the base, but not by a database. Null in rows of releases before this one, until they are changed.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261126_000010_places",
    up: &["alter table storage_targets add column place text collate \"C\";\n"],
    down: &["alter table storage_targets drop column place;\n"],
};

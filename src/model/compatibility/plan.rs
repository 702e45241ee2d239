//! What an operator should do about a change of fields.

use timestore_entity::schema_version::Field;

use super::{CompatibilityKind, Reason, ReasonKind};

/// The kind of work that a change of fields asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlanKind {
    /// Nothing.
    NoAction,
    /// Earlier files lack columns, which readers fill with nulls.
    AddColumns,
    /// Readers convert the values of earlier files to a wider type.
    WidenColumns,
    /// Earlier files lack values that are now required: they need values, or the columns must be nullable.
    Backfill,
    /// Earlier files do not fit: they are rewritten, or the rows go to a new dataset.
    Rewrite,
}

/// What an operator should do about a change of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The kind of work.
    pub kind: PlanKind,
    /// Why it is needed.
    pub reason: String,
    /// The columns that it is about.
    pub columns: Vec<String>,
    /// What to do, step by step; where the steps are alternatives, they say so.
    pub steps: Vec<String>,
}

/// The plan for a change of `kind`, for these reasons, that removed and added these fields.
pub(super) fn plan(
    kind: CompatibilityKind,
    reasons: &[Reason],
    removed: &[&Field],
    added: &[&Field],
) -> Plan {
    let blocking = |reason: &&Reason| kind != CompatibilityKind::Breaking || reason.kind.is_breaking();
    let reasons: Vec<&Reason> = reasons.iter().filter(blocking).collect();
    let mut columns: Vec<String> = reasons.iter().map(|reason| reason.column.clone()).collect();
    columns.dedup();
    let lacks_values = |reason: &&Reason| {
        matches!(
            reason.kind,
            ReasonKind::RequiredColumnAdded | ReasonKind::NullabilityTightened
        )
    };
    let (kind, reason) = match kind {
        CompatibilityKind::Identical => (PlanKind::NoAction, "the fields are the same"),
        CompatibilityKind::Additive => (
            PlanKind::AddColumns,
            "files of earlier versions lack the new columns",
        ),
        CompatibilityKind::Widening => (
            PlanKind::WidenColumns,
            "values of earlier files fit the new types",
        ),
        CompatibilityKind::Breaking if reasons.iter().all(lacks_values) => (
            PlanKind::Backfill,
            "files of earlier versions lack values that the new fields require",
        ),
        CompatibilityKind::Breaking => (
            PlanKind::Rewrite,
            "files of earlier versions do not fit the new fields",
        ),
    };
    let mut steps: Vec<String> = renames(removed, added).collect();
    steps.extend(general_steps(kind, &columns.join(", ")));
    Plan {
        kind,
        reason: reason.to_owned(),
        columns,
        steps,
    }
}

fn general_steps(kind: PlanKind, columns: &str) -> Vec<String> {
    match kind {
        PlanKind::NoAction => vec![],
        PlanKind::AddColumns => vec![
            "read earlier files with the union of the fields; what they lack reads as null".to_owned(),
            format!("where nulls are not wanted, backfill {columns} by replacing the earlier files"),
        ],
        PlanKind::WidenColumns => vec![
            "read earlier files with the new fields; their values are converted as they are read".to_owned(),
            "let every reader know of the new fields before files with wider values are published".to_owned(),
        ],
        PlanKind::Backfill => vec![
            format!("declare {columns} nullable, and publish again"),
            format!("or replace the earlier files by files with a value or a default in {columns}"),
            "or create a new dataset for the new fields".to_owned(),
        ],
        PlanKind::Rewrite => vec![
            format!("keep {columns} as they were, and add the changed columns under new names that are nullable"),
            "or rewrite the earlier files with the new fields, and publish them in place of the old ones to a dataset \
             whose compatibility mode is NONE"
                .to_owned(),
            "or create a new dataset for the new fields".to_owned(),
        ],
    }
}

/// A hint for each removed column that an added one, of the same type and unit, may stand for. A column is
/// named once.
fn renames(removed: &[&Field], added: &[&Field]) -> impl Iterator<Item = String> {
    let mut left = added.to_vec();
    removed.iter().filter_map(move |old| {
        let alike = |new: &&Field| {
            (new.r#type, &new.native_type, &new.unit) == (old.r#type, &old.native_type, &old.unit)
        };
        let new = left.remove(left.iter().position(alike)?);
        Some(format!(
            "if this is a rename of {} to {}, keep the name {} in the files and rename the column where it is read",
            old.name, new.name, old.name
        ))
    })
}

//! How fields compare with those before them, as the graph shows it.

use async_graphql::{Enum, SimpleObject};

use crate::model::compatibility;

/// How fields compare with those before them, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "compatibility::CompatibilityKind")]
pub enum CompatibilityKind {
    /// They say the same. The order of the fields and their descriptions do not count.
    Identical,
    /// Nullable columns were added, which read as null in earlier files.
    Additive,
    /// The new types hold every value of the old ones, such as a double for an integer. Columns may have been added too.
    Widening,
    /// Earlier files cannot be read together with files of the new fields.
    Breaking,
}

/// What differs about a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "compatibility::ReasonKind")]
pub enum CompatibilityReasonKind {
    /// A nullable column is new.
    ColumnAdded,
    /// The new type holds every value of the old one.
    TypeWidened,
    /// The native type is spelled differently, or is stated on one side only.
    NativeTypeRestated,
    /// The column may now be null.
    NullabilityRelaxed,
    /// A column is new that must not be null: breaking, since earlier files lack it.
    RequiredColumnAdded,
    /// A column is gone: breaking.
    ColumnRemoved,
    /// The new type does not hold every value of the old one, or gives them another meaning: breaking.
    TypeChanged,
    /// The native type changed in a way that is not known to be safe: breaking.
    NativeTypeUnknown,
    /// The column may no longer be null: breaking, since earlier files may hold nulls.
    NullabilityTightened,
    /// The values are in another unit: breaking.
    UnitChanged,
}

/// The kind of work that a change of fields asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "compatibility::PlanKind")]
pub enum CompatibilityPlanKind {
    /// Nothing needs to be done.
    NoAction,
    /// Earlier files lack columns; readers fill them with nulls.
    AddColumns,
    /// Readers convert the values of earlier files to the wider type.
    WidenColumns,
    /// Earlier files lack values that are now required: they need values, or the columns must be nullable.
    Backfill,
    /// Earlier files do not fit: they are rewritten, or the rows go to a new dataset.
    Rewrite,
}

/// How fields compare with those of the newest schema version before them.
#[derive(Clone, Debug, SimpleObject)]
pub struct SchemaCompatibility {
    /// The comparison in one word: that of the gravest reason.
    pub kind: CompatibilityKind,
    /// Every difference, column by column.
    pub reasons: Vec<CompatibilityReason>,
    /// What to do about the differences.
    pub plan: CompatibilityPlan,
}

/// What differs about one column.
#[derive(Clone, Debug, SimpleObject)]
pub struct CompatibilityReason {
    /// What kind of difference it is.
    pub kind: CompatibilityReasonKind,
    /// The name of the column.
    pub column: String,
    /// The difference in words.
    pub message: String,
}

/// What an operator should do about a change of fields.
#[derive(Clone, Debug, SimpleObject)]
pub struct CompatibilityPlan {
    /// The kind of work.
    pub kind: CompatibilityPlanKind,
    /// Why it is needed.
    pub reason: String,
    /// The columns that it is about.
    pub columns: Vec<String>,
    /// What to do, step by step. Where steps are alternatives, they say so.
    pub steps: Vec<String>,
}

impl From<compatibility::Compatibility> for SchemaCompatibility {
    fn from(compatibility::Compatibility { kind, reasons, plan }: compatibility::Compatibility) -> Self {
        Self {
            kind: kind.into(),
            reasons: reasons.into_iter().map(Into::into).collect(),
            plan: plan.into(),
        }
    }
}

impl From<compatibility::Reason> for CompatibilityReason {
    fn from(
        compatibility::Reason {
            kind,
            column,
            message,
        }: compatibility::Reason,
    ) -> Self {
        Self {
            kind: kind.into(),
            column,
            message,
        }
    }
}

impl From<compatibility::Plan> for CompatibilityPlan {
    fn from(
        compatibility::Plan {
            kind,
            reason,
            columns,
            steps,
        }: compatibility::Plan,
    ) -> Self {
        Self {
            kind: kind.into(),
            reason,
            columns,
            steps,
        }
    }
}

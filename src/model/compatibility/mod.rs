//! Whether fields can follow others: what changed, whether files of both can be read together, and what to do
//! if not.
//!
//! Whether a breaking change is allowed is for the dataset's mode, and so for the store, to say.

mod fields;
mod native_type;
mod plan;

use std::collections::HashMap;

use timestore_entity::enums::FieldType;
use timestore_entity::schema_version::Field;

pub use self::fields::{MAX_FIELDS, check_fields, union_fields};
use self::native_type::{Fit, fit};
pub use self::plan::{Plan, PlanKind};

/// How fields compare with those before them, the least change first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompatibilityKind {
    /// Nothing that the checksum covers has changed.
    Identical,
    /// Only nullable columns were added.
    Additive,
    /// Every value of the earlier files is a value of the new fields; columns may have been added too.
    Widening,
    /// Files of both cannot be read together.
    Breaking,
}

/// How fields compare with those before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// In one word.
    pub kind: CompatibilityKind,
    /// Every change, breaking or not; columns that were removed or changed in their old order, then those
    /// that were added.
    pub reasons: Vec<Reason>,
    /// What an operator should do about it.
    pub plan: Plan,
}

/// A change of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What changed.
    pub kind: ReasonKind,
    /// The column's name.
    pub column: String,
    /// The change in words.
    pub message: String,
}

/// What changed about a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonKind {
    /// A nullable column is new.
    ColumnAdded,
    /// The type, or the native type, holds every value that the old one held.
    TypeWidened,
    /// The native type is spelled differently, or is stated on one side only.
    NativeTypeRestated,
    /// The column may now be null.
    NullabilityRelaxed,
    /// A column is new that must not be null.
    RequiredColumnAdded,
    /// The column is gone.
    ColumnRemoved,
    /// The type does not hold every value that the old one held, or holds them with another meaning.
    TypeChanged,
    /// The native type changed in a way that is not known to be safe.
    NativeTypeUnknown,
    /// The column may no longer be null.
    NullabilityTightened,
    /// The values are in another unit.
    UnitChanged,
}

impl ReasonKind {
    /// The kind of change that this alone makes.
    pub fn compatibility(self) -> CompatibilityKind {
        match self {
            Self::ColumnAdded => CompatibilityKind::Additive,
            Self::TypeWidened | Self::NativeTypeRestated | Self::NullabilityRelaxed => {
                CompatibilityKind::Widening
            }
            Self::RequiredColumnAdded
            | Self::ColumnRemoved
            | Self::TypeChanged
            | Self::NativeTypeUnknown
            | Self::NullabilityTightened
            | Self::UnitChanged => CompatibilityKind::Breaking,
        }
    }

    /// Whether this alone keeps files of both from being read together.
    pub fn is_breaking(self) -> bool {
        self.compatibility() == CompatibilityKind::Breaking
    }
}

/// How the fields `new` compare with the fields `old` before them, whatever the order of either.
pub fn compare(old: &[Field], new: &[Field]) -> Compatibility {
    let old_names: HashMap<&str, &Field> = old.iter().map(|field| (field.name.as_str(), field)).collect();
    let new_names: HashMap<&str, &Field> = new.iter().map(|field| (field.name.as_str(), field)).collect();
    let removed: Vec<&Field> = old
        .iter()
        .filter(|field| !new_names.contains_key(field.name.as_str()))
        .collect();
    let added: Vec<&Field> = new
        .iter()
        .filter(|field| !old_names.contains_key(field.name.as_str()))
        .collect();

    let mut reasons = Vec::new();
    for field in old {
        match new_names.get(field.name.as_str()) {
            Some(new) => compare_field(field, new, &mut reasons),
            None => reasons.push(reason(
                ReasonKind::ColumnRemoved,
                field,
                "the column was removed".to_owned(),
            )),
        }
    }
    for field in &added {
        reasons.push(if field.nullable {
            reason(
                ReasonKind::ColumnAdded,
                field,
                "a nullable column was added".to_owned(),
            )
        } else {
            let message = "the new column must not be null, but earlier files lack it".to_owned();
            reason(ReasonKind::RequiredColumnAdded, field, message)
        });
    }
    let kinds = reasons.iter().map(|reason| reason.kind.compatibility());
    let kind = kinds.max().unwrap_or(CompatibilityKind::Identical);
    let plan = plan::plan(kind, &reasons, &removed, &added);
    Compatibility { kind, reasons, plan }
}

fn reason(kind: ReasonKind, field: &Field, message: String) -> Reason {
    Reason {
        kind,
        column: field.name.clone(),
        message,
    }
}

fn compare_field(old: &Field, new: &Field, reasons: &mut Vec<Reason>) {
    reasons.extend(compare_type(old, new));
    if old.nullable != new.nullable {
        let (kind, message) = if new.nullable {
            (ReasonKind::NullabilityRelaxed, "the column may now be null")
        } else {
            (
                ReasonKind::NullabilityTightened,
                "the column may no longer be null, but earlier files may hold nulls",
            )
        };
        reasons.push(reason(kind, old, message.to_owned()));
    }
    if old.unit != new.unit {
        let unit = |field: &Field| field.unit.clone().unwrap_or_else(|| "none".to_owned());
        let message = format!("the unit changed from {} to {}", unit(old), unit(new));
        reasons.push(reason(ReasonKind::UnitChanged, old, message));
    }
}

/// The change of the type, if any. The types decide, and where both sides state a native type, those decide
/// too.
fn compare_type(old: &Field, new: &Field) -> Option<Reason> {
    let spelled = |field: &Field| match &field.native_type {
        Some(native_type) => format!("{} ({native_type})", field.r#type.as_str()),
        None => field.r#type.as_str().to_owned(),
    };
    let changed = |kind, why: &str| {
        Some(reason(
            kind,
            old,
            format!("the type changed from {} to {}{why}", spelled(old), spelled(new)),
        ))
    };
    let same = old.r#type == new.r#type;
    if same && old.native_type == new.native_type {
        return None;
    }
    if !same && !widens(old.r#type, new.r#type) {
        return changed(ReasonKind::TypeChanged, "");
    }
    let fit = old
        .native_type
        .as_deref()
        .zip(new.native_type.as_deref())
        .map(|(old, new)| fit(old, new));
    match fit {
        Some(Fit::Narrower) => changed(
            ReasonKind::TypeChanged,
            ", which does not hold every value of the old one",
        ),
        Some(Fit::Unknown) => changed(
            ReasonKind::NativeTypeUnknown,
            ", which is not known to hold every value",
        ),
        Some(Fit::Same) | None if same => {
            changed(ReasonKind::NativeTypeRestated, ", which holds the same values")
        }
        Some(Fit::Same | Fit::Wider) | None => changed(
            ReasonKind::TypeWidened,
            ", which holds every value of the old one",
        ),
    }
}

fn widens(old: FieldType, new: FieldType) -> bool {
    use FieldType::{Date, Decimal, Double, Integer, Timestamp};
    matches!((old, new), (Integer, Double | Decimal) | (Date, Timestamp))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;
    use crate::model::checksum::schema_checksum;

    fn field(name: &str, r#type: FieldType) -> Field {
        Field {
            name: name.to_owned(),
            r#type,
            native_type: None,
            nullable: true,
            description: None,
            unit: None,
        }
    }

    fn native(r#type: FieldType, native_type: &str) -> Field {
        Field {
            native_type: Some(native_type.to_owned()),
            ..field("a", r#type)
        }
    }

    fn kinds(old: &Field, new: &Field) -> Vec<ReasonKind> {
        let compatibility = compare(std::slice::from_ref(old), std::slice::from_ref(new));
        let worst = compatibility
            .reasons
            .iter()
            .map(|reason| reason.kind.compatibility())
            .max();
        assert_eq!(compatibility.kind, worst.unwrap_or(CompatibilityKind::Identical));
        compatibility.reasons.iter().map(|reason| reason.kind).collect()
    }

    #[test]
    fn order_and_descriptions_change_nothing() {
        let (a, b) = (field("a", FieldType::Double), field("b", FieldType::String));
        let described = Field {
            description: Some("words".to_owned()),
            ..a.clone()
        };
        let compatibility = compare(&[a, b.clone()], &[b, described]);
        assert_eq!(compatibility.kind, CompatibilityKind::Identical);
        assert_eq!(
            (compatibility.plan.kind, compatibility.plan.steps.len()),
            (PlanKind::NoAction, 0)
        );
    }

    #[test]
    fn a_new_nullable_column_is_additive() {
        let (a, b) = (field("a", FieldType::Double), field("b", FieldType::String));
        let compatibility = compare(std::slice::from_ref(&a), &[b, a.clone()]);
        assert_eq!(compatibility.kind, CompatibilityKind::Additive);
        assert_eq!(compatibility.plan.kind, PlanKind::AddColumns);
        assert_eq!(compatibility.plan.columns, ["b"]);
    }

    #[test]
    fn wider_types_are_compatible() {
        use FieldType::{Date, Decimal, Double, Integer, String, Timestamp};
        let pairs = [
            (field("a", Integer), field("a", Double)),
            (field("a", Integer), field("a", Decimal)),
            (field("a", Date), field("a", Timestamp)),
            (native(Integer, "INT32"), native(Integer, "BIGINT")),
            (native(Double, "FLOAT"), native(Double, "DOUBLE")),
            (native(Decimal, "DECIMAL(9,2)"), native(Decimal, "DECIMAL(18,2)")),
            (native(Integer, "INT32"), native(Decimal, "DECIMAL(12,2)")),
            (native(Integer, "INT32"), field("a", Double)),
            (native(Date, "DATE"), native(Timestamp, "TIMESTAMP_MICROS")),
            (native(String, "VARCHAR(10)"), native(String, "TEXT")),
        ];
        for (old, new) in pairs {
            assert_eq!(kinds(&old, &new), [ReasonKind::TypeWidened], "{old:?} to {new:?}");
            assert!(compare(&[new], &[old]).kind >= CompatibilityKind::Widening);
        }
        let required = Field {
            nullable: false,
            ..field("a", Double)
        };
        assert_eq!(
            kinds(&required, &field("a", Double)),
            [ReasonKind::NullabilityRelaxed]
        );
    }

    #[test]
    fn a_native_type_may_be_spelled_differently_stated_or_left_out() {
        let (stated, open) = (
            native(FieldType::Integer, "BIGINT"),
            field("a", FieldType::Integer),
        );
        for (old, new) in [
            (&stated, &open),
            (&open, &stated),
            (&stated, &native(FieldType::Integer, "int64")),
        ] {
            assert_eq!(kinds(old, new), [ReasonKind::NativeTypeRestated]);
        }
    }

    #[test]
    fn what_earlier_files_do_not_fit_is_breaking() {
        use FieldType::{Decimal, Double, Integer, String, Timestamp};
        let metres = Field {
            unit: Some("m".to_owned()),
            ..field("a", Double)
        };
        let required = Field {
            nullable: false,
            ..field("a", Double)
        };
        let cases = [
            (field("a", Double), field("a", Integer), ReasonKind::TypeChanged),
            (field("a", String), field("a", Timestamp), ReasonKind::TypeChanged),
            (
                native(Integer, "BIGINT"),
                native(Integer, "INT32"),
                ReasonKind::TypeChanged,
            ),
            (
                native(Integer, "BIGINT"),
                native(Decimal, "DECIMAL(18,2)"),
                ReasonKind::TypeChanged,
            ),
            (
                native(String, "UUID"),
                native(String, "VARCHAR"),
                ReasonKind::NativeTypeUnknown,
            ),
            (
                metres.clone(),
                Field {
                    unit: Some("ft".to_owned()),
                    ..metres.clone()
                },
                ReasonKind::UnitChanged,
            ),
            (metres, field("a", Double), ReasonKind::UnitChanged),
            (field("a", Double), required, ReasonKind::NullabilityTightened),
        ];
        for (old, new, kind) in cases {
            assert_eq!(kinds(&old, &new), [kind], "{old:?} to {new:?}");
            assert!(kind.is_breaking());
        }
    }

    #[test]
    fn a_required_new_column_asks_for_a_backfill() {
        let (a, b) = (
            field("a", FieldType::Double),
            Field {
                nullable: false,
                ..field("b", FieldType::Double)
            },
        );
        let compatibility = compare(
            std::slice::from_ref(&a),
            &[a.clone(), b, field("c", FieldType::Double)],
        );
        assert_eq!(compatibility.kind, CompatibilityKind::Breaking);
        assert_eq!(compatibility.plan.kind, PlanKind::Backfill);
        assert_eq!(compatibility.plan.columns, ["b"]);
    }

    #[test]
    fn a_removed_and_an_added_column_of_one_type_may_be_a_rename() {
        let old = [field("temp", FieldType::Double), field("x", FieldType::String)];
        let new = [
            field("temperature", FieldType::Double),
            field("y", FieldType::Integer),
        ];
        let compatibility = compare(&old, &new);
        assert_eq!(compatibility.kind, CompatibilityKind::Breaking);
        assert_eq!(compatibility.plan.kind, PlanKind::Rewrite);
        assert_eq!(compatibility.plan.columns, ["temp", "x"]);
        let hints: Vec<_> = compatibility
            .plan
            .steps
            .iter()
            .filter(|step| step.contains("rename of"))
            .collect();
        assert_eq!(hints.len(), 1);
        assert!(
            hints[0].starts_with("if this is a rename of temp to temperature"),
            "{hints:?}"
        );
    }

    fn any_fields() -> impl Strategy<Value = Vec<Field>> {
        let any_field = (
            select(FieldType::ALL),
            select(&[None, Some("INT32"), Some("BIGINT"), Some("?")][..]),
            any::<bool>(),
        );
        (
            subsequence(vec!["a", "b", "c", "d"], 0..=4).prop_shuffle(),
            proptest::collection::vec(any_field, 4),
        )
            .prop_map(|(names, parts)| {
                let named = names.into_iter().zip(parts);
                named
                    .map(|(name, (r#type, native_type, nullable))| Field {
                        native_type: native_type.map(str::to_owned),
                        nullable,
                        ..field(name, r#type)
                    })
                    .collect()
            })
    }

    proptest! {
        #[test]
        fn identical_is_what_has_the_same_checksum(old in any_fields(), new in any_fields()) {
            let identical = compare(&old, &new).kind == CompatibilityKind::Identical;
            prop_assert_eq!(identical, schema_checksum(&old) == schema_checksum(&new));
            prop_assert_eq!(compare(&old, &old).kind, CompatibilityKind::Identical);
        }
    }
}

//! The conditions of a predicate, read and checked.

use serde_json::Value;

use super::scalar::{Scalar, View};

/// The most values that `in` takes.
const MAX_IN: usize = 10_000;

/// The conditions as a caller wrote them; none where they were left out, which differs from null.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Equal to.
    pub eq: Option<Value>,
    /// Equal to one of.
    pub in_: Option<Vec<Value>>,
    /// Greater than.
    pub gt: Option<Value>,
    /// Greater than or equal to.
    pub gte: Option<Value>,
    /// Less than.
    pub lt: Option<Value>,
    /// Less than or equal to.
    pub lte: Option<Value>,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Test {
    /// Equal to.
    pub eq: Option<Scalar>,
    /// Equal to one of.
    pub in_: Option<Vec<Scalar>>,
    /// Greater than.
    pub gt: Option<Scalar>,
    /// Greater than or equal to.
    pub gte: Option<Scalar>,
    /// Less than.
    pub lt: Option<Scalar>,
    /// Less than or equal to.
    pub lte: Option<Scalar>,
}

/// What a value is compared with by its order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Test {
    /// Reads conditions. Operands must be scalars; null has no order, and booleans have one only where
    /// `booleans_ordered`.
    pub(super) fn new(conditions: Conditions, booleans_ordered: bool) -> Result<Self, String> {
        let Conditions {
            eq,
            in_,
            gt,
            gte,
            lt,
            lte,
        } = conditions;
        let equal = |value: Option<Value>| {
            value
                .as_ref()
                .map(Scalar::from_json)
                .transpose()
                .map_err(|error| format!("eq: {error}"))
        };
        let ordered = |name: &str, value: Option<Value>| {
            let scalar = value
                .as_ref()
                .map(Scalar::from_json)
                .transpose()
                .map_err(|error| format!("{name}: {error}"))?;
            match scalar {
                Some(Scalar::Null) => Err(format!("{name}: expected a value that has an order, not null")),
                Some(Scalar::Boolean(_)) if !booleans_ordered => Err(format!(
                    "{name}: expected a value that has an order, not a boolean"
                )),
                scalar => Ok(scalar),
            }
        };
        let in_ = in_.as_deref().map(read_in).transpose()?;
        Ok(Self {
            eq: equal(eq)?,
            in_,
            gt: ordered("gt", gt)?,
            gte: ordered("gte", gte)?,
            lt: ordered("lt", lt)?,
            lte: ordered("lte", lte)?,
        })
    }

    /// Whether there is no condition.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether all conditions may hold: `equal` says whether a value may be equal to something, `bound`
    /// whether it may lie on that side of something.
    pub(super) fn may_hold(
        &self,
        mut equal: impl FnMut(View<'_>) -> bool,
        mut bound: impl FnMut(Bound, View<'_>) -> bool,
    ) -> bool {
        let bounds = [
            (Bound::Greater, &self.gt),
            (Bound::GreaterOrEqual, &self.gte),
            (Bound::Less, &self.lt),
            (Bound::LessOrEqual, &self.lte),
        ];
        self.eq.iter().all(|scalar| equal(scalar.view()))
            && self
                .in_
                .iter()
                .all(|scalars| scalars.iter().any(|scalar| equal(scalar.view())))
            && bounds
                .into_iter()
                .all(|(side, scalar)| scalar.iter().all(|scalar| bound(side, scalar.view())))
    }
}

fn read_in(values: &[Value]) -> Result<Vec<Scalar>, String> {
    if values.is_empty() || values.len() > MAX_IN {
        return Err(format!("in: expected 1 to {MAX_IN} values"));
    }
    values
        .iter()
        .map(Scalar::from_json)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("in: {error}"))
}

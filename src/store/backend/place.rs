//! Values of columns. SeaORM asks each value for its type, and makes a message about each null that nobody reads: half of what a list of
//! rows costs. Values of the types that rows are full of are read here from the bytes that PostgreSQL sends, in the forms that its
//! `typsend` functions have had for as long as there are UUIDs; whatever looks otherwise is left to SeaORM, and so are its messages.

use sea_orm::prelude::Uuid;
use sea_orm::sqlx::postgres::PgValueFormat;
use sea_orm::sqlx::{Row, ValueRef};
use sea_orm::{DbErr, QueryResult, RuntimeErr, TryGetable};
use serde_json::{Map, Value as Json};
use timestore_entity::Timestamp;
use timestore_entity::dataset_head::KeyNames;
use timestore_entity::enums::{
    CompatibilityMode, DatasetStatus, FileFormat, ManifestOperation, RetentionMode, StorageKind,
};
use timestore_entity::ids::{DatasetId, ManifestDraftId, PartitionId, SnapshotId, StorageTargetId};
use timestore_entity::schema_version::Fields;

/// Microseconds from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH: i64 = 946_684_800_000_000;

/// A value of a column.
pub(in crate::store) trait Place: TryGetable {
    /// From what PostgreSQL sends; none where that is something else.
    fn from_binary(_: &[u8]) -> Option<Self> {
        None
    }

    /// What null is; none where there is no such value.
    fn null() -> Option<Self> {
        None
    }

    /// What stands for a value that is not read.
    fn unread() -> Self;
}

/// The value of the column at a place.
pub(in crate::store) fn value_at<T: Place>(row: &QueryResult, at: usize) -> Result<T, DbErr> {
    match quickly(row, at) {
        Some(value) => Ok(value),
        None => row.try_get_by_index(at),
    }
}

/// Whether the column at a place is null.
pub(in crate::store) fn is_null_at(row: &QueryResult, at: usize) -> Result<bool, DbErr> {
    let is_null = match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
        (Some(row), _) => row.try_get_raw(at).map(|value| value.is_null()),
        (None, Some(row)) => row.try_get_raw(at).map(|value| value.is_null()),
        (None, None) => Ok(true),
    };
    is_null.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
}

fn quickly<T: Place>(row: &QueryResult, at: usize) -> Option<T> {
    if let Some(row) = row.try_as_pg_row() {
        let value = row.try_get_raw(at).ok()?;
        return match (value.is_null(), value.format()) {
            (true, _) => T::null(),
            (false, PgValueFormat::Binary) => T::from_binary(value.as_bytes().ok()?),
            (false, PgValueFormat::Text) => None,
        };
    }
    let value = row.try_as_sqlite_row()?.try_get_raw(at).ok()?;
    value.is_null().then(T::null)?
}

impl<T: Place> Place for Option<T> {
    fn from_binary(bytes: &[u8]) -> Option<Self> {
        T::from_binary(bytes).map(Some)
    }

    fn null() -> Option<Self> {
        Some(None)
    }

    fn unread() -> Self {
        None
    }
}

impl Place for bool {
    fn from_binary(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [value] => Some(*value != 0),
            _ => None,
        }
    }

    fn unread() -> Self {
        false
    }
}

impl Place for String {
    fn from_binary(bytes: &[u8]) -> Option<Self> {
        Some(std::str::from_utf8(bytes).ok()?.to_owned())
    }

    fn unread() -> Self {
        Self::new()
    }
}

impl Place for Timestamp {
    fn from_binary(bytes: &[u8]) -> Option<Self> {
        let micros = i64::from_binary(bytes)?;
        // The ends of time are infinite.
        Self::from_timestamp_micros(micros.checked_add(EPOCH)?).filter(|_| micros != i64::MIN)
    }

    fn unread() -> Self {
        Self::UNIX_EPOCH
    }
}

impl Place for Json {
    fn from_binary(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [1, json @ ..] => serde_json::from_slice(json).ok(),
            _ => None,
        }
    }

    /// An empty object: no column has null for a document that must be there.
    fn null() -> Option<Self> {
        Some(Self::Object(Map::new()))
    }

    fn unread() -> Self {
        Self::Null
    }
}

impl Place for KeyNames {
    fn from_binary(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [1, json @ ..] => serde_json::from_slice(json).ok(),
            _ => None,
        }
    }

    fn unread() -> Self {
        Self::default()
    }
}

impl Place for Fields {
    fn unread() -> Self {
        Self(Vec::new())
    }
}

/// Numbers, big-endian.
macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Place for $number {
            fn from_binary(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_be_bytes(bytes.try_into().ok()?))
            }

            fn unread() -> Self {
                0
            }
        }
    )+};
}
numbers!(i16, i32, i64);

/// Types around a UUID.
macro_rules! ids {
    ($($id:ident),+) => {$(
        impl Place for $id {
            fn from_binary(bytes: &[u8]) -> Option<Self> {
                Some(Self(Uuid::from_slice(bytes).ok()?))
            }

            fn unread() -> Self {
                Self(Uuid::nil())
            }
        }
    )+};
}
ids!(
    DatasetId,
    StorageTargetId,
    PartitionId,
    SnapshotId,
    ManifestDraftId
);

/// Closed sets of texts.
macro_rules! texts {
    ($($text:ident),+) => {$(
        impl Place for $text {
            fn from_binary(bytes: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str().as_bytes() == bytes)
            }

            fn unread() -> Self {
                Self::ALL[0]
            }
        }
    )+};
}
texts!(
    CompatibilityMode,
    DatasetStatus,
    FileFormat,
    ManifestOperation,
    RetentionMode,
    StorageKind
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_postgresql_sends_them() {
        assert_eq!(i16::from_binary(&[0xff, 0xfe]), Some(-2));
        assert_eq!(i64::from_binary(&[0, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(i32::from_binary(&[0, 0, 0, 0, 0, 0, 1, 0]), None);
        assert_eq!(<Option<i32>>::from_binary(&[0, 0, 0, 7]), Some(Some(7)));
        assert_eq!(<Option<i32>>::null(), Some(None));
        assert_eq!(i32::null(), None);
        assert_eq!(
            (bool::from_binary(&[1]), bool::from_binary(&[0])),
            (Some(true), Some(false))
        );
        assert_eq!(String::from_binary("°C".as_bytes()), Some("°C".to_owned()));
        assert_eq!(String::from_binary(&[0xff]), None);
        assert_eq!(DatasetStatus::from_binary(b"active"), Some(DatasetStatus::Active));
        assert_eq!(DatasetStatus::from_binary(b"Active"), None);
        assert_eq!(
            Json::from_binary(b"\x01{\"a\": 1}"),
            Some(serde_json::json!({ "a": 1 }))
        );
        assert_eq!(Json::from_binary(b"\x02{}"), None);
        let id = PartitionId(Uuid::from_u128(7));
        assert_eq!(PartitionId::from_binary(id.0.as_bytes()), Some(id));
    }

    #[test]
    fn instants_count_from_2000_and_are_finite() {
        let at = |micros: i64| Timestamp::from_binary(&micros.to_be_bytes());
        let text = |micros| at(micros).map(|instant| instant.to_rfc3339());
        assert_eq!(text(0).as_deref(), Some("2000-01-01T00:00:00+00:00"));
        assert_eq!(text(-1).as_deref(), Some("1999-12-31T23:59:59.999999+00:00"));
        assert_eq!((at(i64::MAX), at(i64::MIN)), (None, None));
    }
}

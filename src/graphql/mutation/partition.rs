//! Files that a publish, or a draft, adds.

use async_graphql::{Context, InputObject, Result};
use serde::Deserialize;

use crate::graphql::enums::FileFormat;
use crate::graphql::listed::{Listed, as_value};
use crate::graphql::reference::StorageTargetRefInput;
use crate::graphql::scalar::{BigInt, DateTime, Json};
use crate::store::publish::PartitionAdd;

/// A file to add.
#[derive(Clone, Debug, PartialEq, InputObject, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartitionInput {
    /// Where it lies. When omitted, at the default storage target of the dataset.
    pub storage_target: Option<StorageTargetRefInput>,
    /// Its path, relative to the base URI of the target.
    pub file_path: String,
    /// Its format. When omitted, the write format of the dataset.
    #[serde(default, deserialize_with = "as_value")]
    pub file_format: Option<FileFormat>,
    /// Its size in bytes.
    #[serde(deserialize_with = "as_value")]
    pub file_size_bytes: BigInt,
    /// How many rows it has.
    #[serde(deserialize_with = "as_value")]
    pub row_count: BigInt,
    /// The time of its earliest row.
    #[serde(deserialize_with = "as_value")]
    pub start_time: DateTime,
    /// The time of its latest row, at or after its start.
    #[serde(deserialize_with = "as_value")]
    pub end_time: DateTime,
    /// What all its rows have in common: an object of strings, numbers, booleans or null, such as `{"city": "seattle"}`.
    pub partition_key: Option<Json>,
    /// The checksum of its bytes, such as `sha256:…`.
    pub checksum: Option<String>,
    /// Statistics by column, for pruning: `{column: {min, max, nullCount, rowCount, distinctCount}}`, each part optional. A
    /// column without them is never pruned.
    pub column_statistics: Option<Json>,
    /// Bloom filters by column, for pruning: an object.
    pub bloom_filters: Option<Json>,
    /// What its publisher recognises it by. No two files of a version have the same one.
    pub ingestion_signature: Option<String>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

impl PartitionInput {
    pub(super) fn into_store(self) -> PartitionAdd {
        PartitionAdd {
            storage_target: self.storage_target.map(StorageTargetRefInput::into_store),
            file_path: self.file_path,
            file_format: self.file_format.map(Into::into),
            file_size_bytes: self.file_size_bytes.0,
            row_count: self.row_count.0,
            start_time: self.start_time.0,
            end_time: self.end_time.0,
            partition_key: self.partition_key.map(|json| json.0),
            checksum: self.checksum,
            column_statistics: self.column_statistics.map(|json| json.0),
            bloom_filters: self.bloom_filters.map(|json| json.0),
            ingestion_signature: self.ingestion_signature,
            metadata: self.metadata.map(|json| json.0),
        }
    }
}

/// The files of a list, which may be omitted or null.
pub(super) fn partitions_into_store(
    ctx: &Context<'_>,
    add: Option<Listed<PartitionInput>>,
) -> Result<Vec<PartitionAdd>> {
    let add = add.unwrap_or_default().into_items(ctx)?;
    Ok(add.into_iter().map(PartitionInput::into_store).collect())
}

#[cfg(test)]
mod tests {
    use async_graphql::{InputType, Value};
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// A field, with texts that are values of it and texts that are none. A text that is not there stands for an omitted field.
    type Field = (
        &'static str,
        &'static [Option<&'static str>],
        &'static [Option<&'static str>],
    );

    const FIELDS: [Field; 9] = [
        (
            "storageTarget",
            &[
                None,
                Some("null"),
                Some(r#"{"name": "lake"}"#),
                Some(r#"{"id": "x"}"#),
            ],
            &[
                Some("{}"),
                Some(r#""lake""#),
                Some(r#"{"name": null}"#),
                Some(r#"{"id": "x", "name": "y"}"#),
            ],
        ),
        (
            "filePath",
            &[Some(r#""a""#), Some(r#""\u00fc\n""#)],
            &[None, Some("null"), Some("7"), Some(r#"["a"]"#)],
        ),
        (
            "fileFormat",
            &[None, Some("null"), Some(r#""PARQUET""#), Some(r#""DUCKDB""#)],
            &[Some(r#""parquet""#), Some(r#"{"PARQUET": null}"#), Some("0")],
        ),
        (
            "fileSizeBytes",
            &[Some("7"), Some(r#""007""#), Some("-9223372036854775808")],
            &[
                None,
                Some("null"),
                Some("1.0"),
                Some(r#""1e3""#),
                Some("9223372036854775808"),
                Some("true"),
            ],
        ),
        ("rowCount", &[Some("0")], &[None, Some("[0]")]),
        (
            "startTime",
            &[
                Some(r#""2026-01-31T12:00:00Z""#),
                Some(r#""2026-01-31T12:00:00.5+02:00""#),
            ],
            &[None, Some("null"), Some("0"), Some(r#""2026-01-31""#)],
        ),
        (
            "endTime",
            &[Some(r#""9999-12-31T23:59:59.999999Z""#)],
            &[Some(r#""""#)],
        ),
        (
            "metadata",
            &[
                None,
                Some("null"),
                Some("7.25e3"),
                Some("[]"),
                Some(r#"{"b": {"a": [null, true, 18446744073709551615, -0.0, "\\"]}, "a": 1, "b": 2}"#),
            ],
            &[Some("{a: 1}"), Some("01")],
        ),
        ("nothing", &[None], &[Some("null")]),
    ];

    /// The texts of a file's fields, each right or any.
    fn file() -> impl Strategy<Value = Vec<Option<&'static str>>> {
        let one = |(_, right, wrong): &Field| {
            let all = [*right, *wrong].concat();
            prop_oneof![9 => select(right.to_vec()), 1 => select(all)]
        };
        FIELDS.iter().map(one).collect::<Vec<_>>()
    }

    fn text(file: &[Option<&str>]) -> String {
        let fields = FIELDS.iter().zip(file);
        let fields = fields.filter_map(|((name, ..), value)| Some(format!(r#""{name}": {}"#, (*value)?)));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
    }

    proptest! {
        #[test]
        fn a_list_is_read_as_what_its_values_are(files in prop::collection::vec(file(), 0..4)) {
            let texts: Vec<String> = files.iter().map(|file| text(file)).collect();
            let json = format!("[{}]", texts.join(", "));
            let (_, reader) = Listed::<PartitionInput>::reader();
            let read = reader(json.as_bytes());
            let read = read.map(|items| *items.downcast::<Vec<PartitionInput>>().unwrap());
            let value = serde_json::from_str::<Value>(&json).ok();
            let parsed = value.and_then(|value| Vec::<PartitionInput>::parse(Some(value)).ok());
            let is_right = files.iter().all(|file| {
                FIELDS.iter().zip(file).all(|((_, right, _), value)| right.contains(value))
            });
            prop_assert_eq!(read.is_some(), is_right, "{}", json);
            if let Some(read) = read {
                prop_assert_eq!(Some(read), parsed);
            }
        }
    }
}

//! Facts as the input of mutations.
//!
//! Owns their spelling in the API: 64-bit numbers as decimal text, times to the microsecond, enums in capitals.

use chrono::SecondsFormat;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use timestore_entity::Timestamp;
use timestore_entity::schema_version::Field;

use super::digest::hex;
use super::facts::FileFacts;
use super::plan::{Publication, Window};

/// How many bytes of files one request carries at the most; many servers take no body of more than 2 MB.
const MAX_BYTES: usize = 900_000;

/// A `PartitionInput`.
pub(super) fn partition(file: &FileFacts, target: &str) -> Value {
    json!({
        "storageTarget": { "name": target },
        "filePath": file.relative,
        "fileFormat": spelled(file.format.as_str()),
        "fileSizeBytes": file.bytes.to_string(),
        "rowCount": file.rows.to_string(),
        "startTime": time(file.start),
        "endTime": time(file.end),
        "partitionKey": file.partition_key,
        "checksum": file.checksum,
        "columnStatistics": file.statistics,
        "ingestionSignature": file.signature,
        "metadata": file.metadata,
    })
}

/// A `PartitionRef`.
pub(super) fn removal(path: &str, target: &str) -> Value {
    json!({ "path": { "storageTarget": { "name": target }, "filePath": path } })
}

/// A `SchemaRef`.
pub(super) fn schema(fields: &[Field]) -> Value {
    let fields = fields.iter().map(|field| {
        json!({
            "name": field.name,
            "type": spelled(field.r#type.as_str()),
            "nativeType": field.native_type,
            "nullable": field.nullable,
            "description": field.description,
            "unit": field.unit,
        })
    });
    json!({ "fields": fields.collect::<Vec<_>>() })
}

/// A `TimeWindow`.
pub(super) fn window((from, to): Window) -> Value {
    json!({ "from": time(from), "to": time(to) })
}

/// A value of an enum.
pub(super) fn spelled(text: &str) -> String {
    text.to_ascii_uppercase()
}

/// `ManifestOperation`: an append where nothing goes.
pub(super) fn operation(publication: &Publication) -> &'static str {
    match publication.replaced.is_empty() {
        true => "APPEND",
        false => "REPLACE",
    }
}

/// The key under which a publication is recognised when it is sent again.
///
/// It changes with the version that the publication was made for: the same files registered again after they were
/// removed are another publication. It changes with `draft` too, which is part of the request.
pub(super) fn idempotency_key(
    dataset: &str,
    version: i32,
    draft: Option<&str>,
    publication: &Publication,
) -> String {
    let mut signatures = publication
        .files
        .iter()
        .map(|file| file.signature.as_str())
        .collect::<Vec<_>>();
    signatures.sort_unstable();
    let mut hasher = Sha256::new();
    let mut add = |part: &str| {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    };
    let version = version.to_string();
    for part in [
        dataset,
        operation(publication),
        &version,
        draft.unwrap_or_default(),
    ] {
        add(part);
    }
    signatures.into_iter().for_each(&mut add);
    // Where the signatures end and the paths begin.
    add("");
    publication.replaced.iter().for_each(|path| add(path));
    format!("register:{}", hex(&hasher.finalize()))
}

/// `items` in requests of at most `most` items, and of a size that servers take. An item that is too large goes alone.
pub(super) fn requests(items: Vec<Value>, most: usize) -> Vec<Vec<Value>> {
    let mut requests: Vec<Vec<Value>> = Vec::new();
    let mut room = 0;
    for item in items {
        let bytes = item.to_string().len();
        match requests.last_mut() {
            Some(last) if last.len() < most && bytes <= room => {
                last.push(item);
                room -= bytes;
            }
            _ => {
                requests.push(vec![item]);
                room = MAX_BYTES.saturating_sub(bytes);
            }
        }
    }
    requests
}

fn time(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_cut_by_count_and_by_size() {
        let lengths =
            |items: Vec<Value>, most| requests(items, most).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(vec![json!(1); 7], 3), [3, 3, 1]);
        assert_eq!(lengths(Vec::new(), 3), [0; 0]);
        let large = json!("x".repeat(MAX_BYTES / 2));
        assert_eq!(lengths(vec![large; 3], 100), [1, 1, 1]);
        let huge = json!("x".repeat(2 * MAX_BYTES));
        assert_eq!(lengths(vec![huge, json!(1), json!(1)], 100), [1, 2]);
    }

    #[test]
    fn a_key_changes_with_all_that_makes_a_publication() {
        let mut keys = Vec::new();
        let mut publication = Publication::default();
        keys.push(idempotency_key("d", 0, None, &publication));
        keys.push(idempotency_key("d", 1, None, &publication));
        keys.push(idempotency_key("e", 1, None, &publication));
        keys.push(idempotency_key("d", 1, Some("draft"), &publication));
        publication.replaced.insert("a".to_owned());
        keys.push(idempotency_key("d", 1, None, &publication));
        let again = idempotency_key("d", 1, None, &publication);
        assert_eq!(keys.last(), Some(&again));
        assert!(again.len() <= 255);
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 5);
    }

    #[test]
    fn times_keep_their_microseconds() {
        let at = Timestamp::from_timestamp_micros(1_000_001).expect("a time");
        assert_eq!(time(at), "1970-01-01T00:00:01.000001Z");
    }
}

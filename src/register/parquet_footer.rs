//! What a Parquet file says of itself: rows, size, fields, statistics, time range.
//!
//! Owns opening the file and getting its footer parsed, whatever the bytes are. Values are read only where the footer says
//! nothing of the time column.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};
use serde_json::{Map, Value};
use timestore_entity::Timestamp;
use timestore_entity::schema_version::Field;

use super::fault::Fault;
use super::{parquet_guard, parquet_schema, parquet_statistics, parquet_time};

/// The largest footer that is read; real ones stay under a few megabytes.
const MAX_FOOTER: u64 = 64 << 20;
/// The magic at either end, and the length of the footer before the last.
const LEAST_BYTES: u64 = 12;

/// What is known of a Parquet file.
#[derive(Clone, Debug, PartialEq)]
pub struct ParquetFacts {
    /// Its size.
    pub bytes: u64,
    /// How many rows it has; at least one.
    pub rows: i64,
    /// The earliest instant of its time column.
    pub start: Timestamp,
    /// The latest instant of its time column.
    pub end: Timestamp,
    /// Its top-level columns, in the file's order.
    pub fields: Vec<Field>,
    /// `{column: {min, max, nullCount, rowCount}}`; what is not known is left out.
    pub statistics: Map<String, Value>,
    /// The program that wrote it, by its own account.
    pub created_by: Option<String>,
    /// How many row groups it has.
    pub row_groups: usize,
}

/// Reads the footer of the Parquet file at `path`, whose rows are placed in time by `time_column`.
///
/// # Errors
///
/// When the file is none, is damaged, has no rows or no usable time column.
pub fn read(path: &Path, time_column: &str) -> Result<ParquetFacts, Fault> {
    let mut file = File::open(path).map_err(|error| Fault::io(path, error))?;
    let (bytes, footer) = footer(&mut file, path)?;
    // The crate asserts here and there what a damaged file need not hold.
    catch_unwind(AssertUnwindSafe(|| facts(&file, bytes, &footer, time_column)))
        .unwrap_or_else(|_| Err("expected a readable parquet file, found its content damaged".to_owned()))
        .map_err(|reason| Fault::file(path, reason))
}

fn footer(file: &mut File, path: &Path) -> Result<(u64, Vec<u8>), Fault> {
    let io = |error| Fault::io(path, error);
    let bytes = file.metadata().map_err(io)?.len();
    if bytes < LEAST_BYTES {
        let reason = format!("expected a parquet file of at least {LEAST_BYTES} bytes, found {bytes}");
        return Err(Fault::file(path, reason));
    }
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8)).map_err(io)?;
    file.read_exact(&mut tail).map_err(io)?;
    let tail = FooterTail::try_new(&tail).map_err(|_| {
        Fault::file(
            path,
            "expected a parquet file to end in 'PAR1': cut short, or not parquet",
        )
    })?;
    if tail.is_encrypted_footer() {
        return Err(Fault::file(
            path,
            "expected a readable parquet file, found one with an encrypted footer",
        ));
    }
    let length = tail.metadata_length() as u64;
    if length > MAX_FOOTER || length > bytes - LEAST_BYTES {
        let reason = format!(
            "expected a parquet footer of at most {} bytes, found one of {length} by its own account",
            MAX_FOOTER.min(bytes - LEAST_BYTES)
        );
        return Err(Fault::file(path, reason));
    }
    let mut footer = Vec::new();
    file.seek(SeekFrom::Start(bytes - 8 - length)).map_err(io)?;
    file.take(length).read_to_end(&mut footer).map_err(io)?;
    Ok((bytes, footer))
}

fn facts(file: &File, bytes: u64, footer: &[u8], time_column: &str) -> Result<ParquetFacts, String> {
    parquet_guard::check(footer).map_err(|error| format!("expected a readable parquet footer: {error}"))?;
    let metadata = ParquetMetaDataReader::decode_metadata(footer)
        .map_err(|error| format!("expected a readable parquet footer: {error}"))?;
    let rows = rows(&metadata)?;
    let fields = fields(&metadata)?;
    let (start, end) = parquet_time::range(file, &metadata, time_column)?;
    if start > end {
        return Err(format!(
            "expected the time column '{time_column}' to start before it ends, found {start} to {end}"
        ));
    }
    Ok(ParquetFacts {
        bytes,
        rows,
        start,
        end,
        fields,
        statistics: parquet_statistics::columns(&metadata),
        created_by: metadata.file_metadata().created_by().map(str::to_owned),
        row_groups: metadata.num_row_groups(),
    })
}

fn rows(metadata: &ParquetMetaData) -> Result<i64, String> {
    let rows = metadata.file_metadata().num_rows();
    let mut sum = 0_i64;
    for group in metadata.row_groups() {
        sum = match group.num_rows() {
            own @ 0.. => sum.checked_add(own),
            _ => None,
        }
        .ok_or("expected a count of rows in each row group, found one that is none")?;
    }
    match rows {
        _ if rows != sum => Err(format!(
            "expected the {rows} rows of the parquet footer in its row groups, found {sum}"
        )),
        0 => Err("nothing to register: it has no rows".to_owned()),
        _ => Ok(rows),
    }
}

fn fields(metadata: &ParquetMetaData) -> Result<Vec<Field>, String> {
    let fields = parquet_schema::fields(metadata.file_metadata().schema_descr().root_schema());
    let mut names = BTreeSet::new();
    match fields.iter().find(|field| !names.insert(field.name.as_str())) {
        Some(twice) => Err(format!("expected each column once, found '{}' twice", twice.name)),
        None => Ok(fields),
    }
}

#[cfg(test)]
#[path = "parquet_footer_tests.rs"]
mod tests;

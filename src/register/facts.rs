//! Everything that is known of the files to register, in groups that can be published together.
//!
//! Owns bringing together what path, content and the caller say. Whether a file is in the catalog already is not known here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use timestore_entity::Timestamp;
use timestore_entity::enums::FileFormat;
use timestore_entity::schema_version::Field;

use super::discover::FoundFile;
use super::fault::{Fault, Faults};
use super::{digest, duckdb_header, hive, parquet_footer};

/// What is known of a file to register.
#[derive(Clone, Debug, PartialEq)]
pub struct FileFacts {
    /// Its path under the root, separated by slashes.
    pub relative: String,
    /// Its format.
    pub format: FileFormat,
    /// Its size.
    pub bytes: u64,
    /// How many rows it has.
    pub rows: i64,
    /// The time of its earliest row.
    pub start: Timestamp,
    /// The time of its latest row.
    pub end: Timestamp,
    /// What all its rows have in common, by its folders.
    pub partition_key: Map<String, Value>,
    /// `sha256:<hex>` of its bytes.
    pub checksum: String,
    /// What it is recognised by: see [`digest::signature`].
    pub signature: String,
    /// Statistics by column; none for DuckDB.
    pub statistics: Option<Value>,
    /// Its columns, in the file's order; none for DuckDB.
    pub fields: Option<Vec<Field>>,
    /// How it was made, an object.
    pub metadata: Value,
}

/// Files with the same columns of the same types.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaGroup {
    /// The fields, in the order of the earliest file, nullable where they are in any; none where the files do not tell them.
    pub fields: Option<Vec<Field>>,
    /// The files, earliest first.
    pub files: Vec<FileFacts>,
}

/// What the caller says of the files.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name of the storage target that they will belong to.
    pub target_name: String,
    /// The column that places rows in time; Parquet files need it.
    pub time_column: Option<String>,
    /// What a DuckDB file does not tell: how many rows it has (`--rows`).
    pub rows: Option<i64>,
    /// The time of its earliest row (`--start`).
    pub start: Option<Timestamp>,
    /// The time of its latest row (`--end`).
    pub end: Option<Timestamp>,
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// How many files are done, this one included.
    pub done: usize,
    /// How many there are.
    pub total: usize,
    /// The file that was just read.
    pub relative: &'a str,
}

/// Reads all `files`, and groups them by the names and types of their columns, whatever the order; groups come in the
/// order of their earliest row.
///
/// # Errors
///
/// Every fault of every file: one that cannot be read does not hide the next.
pub fn gather(
    files: &[FoundFile],
    options: &Options,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<Vec<SchemaGroup>, Faults> {
    let mut facts = Vec::with_capacity(files.len());
    let mut faults = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match read(file, files, options) {
            Ok(own) => facts.push(own),
            Err(fault) => faults.push(fault),
        }
        progress(Progress {
            done: index + 1,
            total: files.len(),
            relative: &file.relative,
        });
    }
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    hive::unify(facts.iter_mut().map(|own| &mut own.partition_key));
    Ok(grouped(facts))
}

/// `next` as a successor of `previous`: a column may lack a value when it is new, because in earlier rows it does, and when
/// it might before. DuckDB calls a column required when a file happens to have no null in it; taken at its word, a new
/// column would be a breaking change, and files of one table would alternate between schemas. Descriptions and units, which
/// files do not tell, stay as they were.
pub fn evolve(previous: &[Field], next: &[Field]) -> Vec<Field> {
    next.iter()
        .map(|field| {
            let old = previous.iter().find(|old| old.name == field.name);
            let mut field = field.clone();
            field.nullable |= old.is_none_or(|old| old.nullable);
            field.description = field.description.or_else(|| old?.description.clone());
            field.unit = field.unit.or_else(|| old?.unit.clone());
            field
        })
        .collect()
}

fn read(file: &FoundFile, files: &[FoundFile], options: &Options) -> Result<FileFacts, Fault> {
    let partition_key =
        hive::partition_key(&file.relative).map_err(|reason| Fault::file(&file.path, reason))?;
    let mut facts = match file.format {
        FileFormat::Parquet => parquet(file, options)?,
        FileFormat::Duckdb => duckdb(file, files, options)?,
    };
    let (checksum, bytes) = digest::checksum(&file.path).map_err(|error| Fault::io(&file.path, error))?;
    if bytes != facts.bytes {
        let reason = format!(
            "expected its {} bytes to stay, found {bytes}: it changes while it is read",
            facts.bytes
        );
        return Err(Fault::file(&file.path, reason));
    }
    facts.partition_key = partition_key;
    facts.signature = digest::signature(&options.target_name, &file.relative, &checksum);
    facts.checksum = checksum;
    Ok(facts)
}

fn parquet(file: &FoundFile, options: &Options) -> Result<FileFacts, Fault> {
    let Some(time_column) = &options.time_column else {
        let reason = "expected to be told the column that places the rows of a parquet file in time: pass --time-column";
        return Err(Fault::file(&file.path, reason));
    };
    let own = parquet_footer::read(&file.path, time_column)?;
    let mut metadata = Map::from_iter([("rowGroups".to_owned(), json!(own.row_groups))]);
    let writer = own
        .created_by
        .filter(|text| text.len() <= 200 && !text.chars().any(char::is_control));
    metadata.extend(writer.map(|text| ("createdBy".to_owned(), Value::String(text))));
    Ok(FileFacts {
        relative: file.relative.clone(),
        format: file.format,
        bytes: own.bytes,
        rows: own.rows,
        start: own.start,
        end: own.end,
        partition_key: Map::new(),
        checksum: String::new(),
        signature: String::new(),
        statistics: Some(Value::Object(own.statistics)),
        fields: Some(own.fields),
        metadata: Value::Object(metadata),
    })
}

fn duckdb(file: &FoundFile, files: &[FoundFile], options: &Options) -> Result<FileFacts, Fault> {
    let own = duckdb_header::read(&file.path)?;
    let (Some(rows), Some(start), Some(end)) = (options.rows, options.start, options.end) else {
        let reason = "rows and time range of a duckdb file are not known without duckdb: pass --rows, --start and --end";
        return Err(Fault::file(&file.path, reason));
    };
    if files
        .iter()
        .filter(|file| file.format == FileFormat::Duckdb)
        .count()
        > 1
    {
        let reason = "--rows, --start and --end are for one duckdb file: register each in a run of its own";
        return Err(Fault::file(&file.path, reason));
    }
    if rows < 1 {
        return Err(Fault::file(
            &file.path,
            format!("expected --rows of at least 1, found {rows}"),
        ));
    }
    if start > end {
        let reason = format!("expected --start before --end, found {start} to {end}");
        return Err(Fault::file(&file.path, reason));
    }
    let metadata = json!({
        "storageVersion": own.storage_version,
        "libraryVersion": own.library_version,
        "encrypted": own.encrypted,
        "told": ["rows", "start", "end"],
        "unknown": ["fields", "statistics"],
    });
    Ok(FileFacts {
        relative: file.relative.clone(),
        format: file.format,
        bytes: own.bytes,
        rows,
        start,
        end,
        partition_key: Map::new(),
        checksum: String::new(),
        signature: String::new(),
        statistics: None,
        fields: None,
        metadata,
    })
}

fn grouped(mut facts: Vec<FileFacts>) -> Vec<SchemaGroup> {
    facts.sort_by(|one, other| (one.start, &one.relative).cmp(&(other.start, &other.relative)));
    let mut groups: Vec<SchemaGroup> = Vec::new();
    let mut places = BTreeMap::new();
    for own in facts {
        let place = *places.entry(shape(own.fields.as_deref())).or_insert_with(|| {
            groups.push(SchemaGroup {
                fields: own.fields.clone(),
                files: Vec::new(),
            });
            groups.len() - 1
        });
        let group = &mut groups[place];
        if let (Some(fields), Some(own)) = (&mut group.fields, &own.fields) {
            *fields = evolve(own, fields);
        }
        group.files.push(own);
    }
    groups
}

/// The names and types of the fields, without their order, and without nullability, which varies with the rows.
pub(super) fn shape(fields: Option<&[Field]>) -> Option<Vec<(String, &'static str, Option<String>)>> {
    let mut shape = fields?
        .iter()
        .map(|field| {
            (
                field.name.clone(),
                field.r#type.as_str(),
                field.native_type.clone(),
            )
        })
        .collect::<Vec<_>>();
    shape.sort();
    Some(shape)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;

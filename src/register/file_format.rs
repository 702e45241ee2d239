//! The format of a file: what its name promises, and what its first bytes say.
//!
//! Owns the extensions and the magic bytes. Reads no further than those.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use timestore_entity::enums::FileFormat;

use super::fault::Fault;

/// What the extension of a file's name promises.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    Parquet,
    Duckdb,
    /// DuckDB too, but many other programs name their files so.
    Db,
}

/// What the name of a file promises, whatever its case.
pub(super) fn extension(path: &Path) -> Option<Extension> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "parquet" | "parq" | "pq" => Some(Extension::Parquet),
        "duckdb" | "ddb" => Some(Extension::Duckdb),
        "db" => Some(Extension::Db),
        _ => None,
    }
}

/// The format that the first bytes tell, which must be the one that the name promises.
pub(super) fn sniff(path: &Path, extension: Extension) -> Result<FileFormat, Fault> {
    if !path.is_file() {
        return Err(Fault::file(path, "expected a regular file"));
    }
    let mut head = Vec::with_capacity(12);
    File::open(path)
        .and_then(|file| file.take(12).read_to_end(&mut head))
        .map_err(|error| Fault::io(path, error))?;
    let found = match (head.get(..4), head.get(8..12)) {
        (Some(b"PAR1"), _) => Some(FileFormat::Parquet),
        (Some(b"PARE"), _) => {
            return Err(Fault::file(
                path,
                "expected a readable parquet file, found one with an encrypted footer",
            ));
        }
        (_, Some(b"DUCK")) => Some(FileFormat::Duckdb),
        _ => None,
    };
    let promised = match extension {
        Extension::Parquet => FileFormat::Parquet,
        Extension::Duckdb | Extension::Db => FileFormat::Duckdb,
    };
    match found {
        Some(found) if found == promised => Ok(found),
        _ => Err(Fault::file(
            path,
            format!(
                "expected a {} file by its name, found {} by its first bytes",
                promised.as_str(),
                match found {
                    Some(found) => format!("a {} file", found.as_str()),
                    None if head.is_empty() => "an empty file".to_owned(),
                    None => "neither parquet nor duckdb".to_owned(),
                }
            ),
        )),
    }
}

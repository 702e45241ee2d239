//! What the header of a DuckDB database file says without DuckDB.
//!
//! Owns the header's layout. Rows, columns and time range lie in compressed blocks that only DuckDB reads: they are the
//! caller's to tell, never guessed here.
//!
//! Layout, little-endian (`MainHeader` and `DatabaseHeader` in DuckDB's `storage_info.hpp`, checked on files that
//! DuckDB 2.0 wrote in formats 64 to 67 and its own): three headers of 4,096 bytes. The first has a checksum, `DUCK` at
//! offset 8, the storage version at 12, flags at 20, the library's version at 52 and its source id at 84, each 32 bytes
//! filled with NUL. The others, used in turn, have their iteration at 8, the count of blocks at 32 and their size at 40.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::fault::Fault;

const HEADER: usize = 4096;
const HEADERS: usize = 3 * HEADER;
/// The first flag: the blocks are encrypted.
const ENCRYPTED: u64 = 1;
/// DuckDB 0.10; older files have another header, and no compatible reader either.
const FIRST_STABLE: u64 = 64;

/// What is known of a DuckDB file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuckdbFacts {
    /// Its size.
    pub bytes: u64,
    /// The version of the storage format.
    pub storage_version: u64,
    /// The version of the library that wrote it, such as `v1.4.2`; older libraries left it out.
    pub library_version: Option<String>,
    /// Whether its blocks are encrypted.
    pub encrypted: bool,
}

/// Reads the header of the DuckDB file at `path`.
///
/// # Errors
///
/// When the file is none, is cut short, or has a write-ahead log beside it that still holds some of its content.
pub fn read(path: &Path) -> Result<DuckdbFacts, Fault> {
    let mut head = Vec::with_capacity(HEADERS);
    let bytes = File::open(path)
        .and_then(|file| {
            let bytes = file.metadata()?.len();
            file.take(HEADERS as u64).read_to_end(&mut head)?;
            Ok(bytes)
        })
        .map_err(|error| Fault::io(path, error))?;
    if head.get(8..12) != Some(b"DUCK") {
        return Err(Fault::file(path, "expected a duckdb file with 'DUCK' at byte 8"));
    }
    if head.len() < HEADERS {
        let reason =
            format!("expected a duckdb file with {HEADERS} bytes of headers, found {bytes} bytes: cut short");
        return Err(Fault::file(path, reason));
    }
    let facts = DuckdbFacts {
        bytes,
        storage_version: number(&head, 12),
        library_version: text(&head[52..84]),
        encrypted: number(&head, 20) & ENCRYPTED != 0,
    };
    if facts.storage_version < FIRST_STABLE {
        let reason = format!(
            "expected a duckdb file of storage version {FIRST_STABLE} or later, found {}",
            facts.storage_version
        );
        return Err(Fault::file(path, reason));
    }
    if let Some(expected) = expected_bytes(&head)
        && !facts.encrypted
        && bytes < expected
    {
        let reason = format!("expected {expected} bytes by the duckdb header, found {bytes}: cut short");
        return Err(Fault::file(path, reason));
    }
    refuse_log(path)?;
    Ok(facts)
}

/// The least size of the file by the newer of the two database headers.
fn expected_bytes(head: &[u8]) -> Option<u64> {
    let newer = [HEADER, 2 * HEADER]
        .into_iter()
        .max_by_key(|&at| number(head, at + 8))?;
    number(head, newer + 32)
        .checked_mul(number(head, newer + 40))?
        .checked_add(HEADERS as u64)
}

fn refuse_log(path: &Path) -> Result<(), Fault> {
    let mut log = path.as_os_str().to_owned();
    log.push(".wal");
    let log = PathBuf::from(log);
    match log.metadata() {
        Ok(metadata) if metadata.len() > 0 => Err(Fault::file(
            path,
            "expected a closed duckdb file, found a write-ahead log beside it: run CHECKPOINT and close the database",
        )),
        _ => Ok(()),
    }
}

fn number(head: &[u8], at: usize) -> u64 {
    head.get(at..at + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::testing::{Scratch, duckdb};

    fn fault(path: &Path) -> String {
        read(path).expect_err("a fault").to_string()
    }

    #[test]
    fn the_header_tells_versions_and_size() {
        let scratch = Scratch::new();
        let path = scratch.write("a.duckdb", &duckdb(67, "v1.4.2", 1, 0));
        let facts = read(&path).expect("facts");
        assert_eq!(facts.bytes, 12_288 + 1024);
        assert_eq!(
            (facts.storage_version, facts.library_version.as_deref()),
            (67, Some("v1.4.2"))
        );
        assert!(!facts.encrypted);
        let silent = scratch.write("b.duckdb", &duckdb(64, "", 1, 1));
        let facts = read(&silent).expect("facts");
        assert_eq!((facts.library_version, facts.encrypted), (None, true));
    }

    #[test]
    fn what_is_cut_short_or_too_old_is_refused() {
        let scratch = Scratch::new();
        let whole = duckdb(67, "v1.4.2", 3, 0);
        let blocks = scratch.write("blocks.duckdb", &whole[..whole.len() - 1]);
        assert!(
            fault(&blocks).contains("blocks.duckdb: expected 15360 bytes by the duckdb header, found 15359")
        );
        assert!(fault(&scratch.write("head.duckdb", &whole[..100])).contains("12288 bytes of headers"));
        assert!(fault(&scratch.write("no.duckdb", b"x")).contains("'DUCK' at byte 8"));
        assert!(fault(&scratch.write("old.duckdb", &duckdb(51, "", 0, 0))).contains("found 51"));
        let mut huge = whole;
        huge[HEADER + 32..HEADER + 40].fill(0xff);
        assert!(read(&scratch.write("huge.duckdb", &huge)).is_ok());
    }

    #[test]
    fn a_log_beside_the_file_holds_rows_that_the_file_lacks() {
        let scratch = Scratch::new();
        let path = scratch.write("a.duckdb", &duckdb(67, "v1.4.2", 1, 0));
        let log = scratch.write("a.duckdb.wal", b"");
        assert!(read(&path).is_ok());
        std::fs::write(log, b"rows").expect("a log");
        assert!(fault(&path).contains("write-ahead log"));
    }
}

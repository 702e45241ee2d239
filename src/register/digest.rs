//! Checksums and ingestion signatures: what a file is recognised by.
//!
//! Owns their spelling, which is stored for ever and must not change.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The SHA-256 of a file's bytes as `sha256:<hex>`, and how many bytes went into it. Reads it once, in pieces.
pub fn checksum(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((format!("sha256:{}", hex(&hasher.finalize())), bytes))
}

/// The ingestion signature of a file: `register:<hex>`, the SHA-256 over target name, relative path and checksum, each
/// ended by a NUL.
///
/// The path is part of it, so that a copy elsewhere counts as another file and is not dropped silently; so is the
/// checksum, so that new content at an old path is not taken for the file that was registered.
pub fn signature(target_name: &str, relative: &str, checksum: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [target_name, relative, checksum] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    format!("register:{}", hex(&hasher.finalize()))
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::testing::Scratch;

    #[test]
    fn a_checksum_is_the_sha_256_of_the_bytes() {
        let scratch = Scratch::new();
        let path = scratch.write("abc", b"abc");
        assert_eq!(
            checksum(&path).expect("readable"),
            (
                "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
                3
            )
        );
        let long = scratch.write("long", &vec![7; 200_000]);
        assert_eq!(checksum(&long).expect("readable").1, 200_000);
    }

    #[test]
    fn a_signature_changes_with_target_path_and_content_and_with_nothing_else() {
        let signatures = [
            signature("weather", "a/b", "sha256:0"),
            signature("weathe", "ra/b", "sha256:0"),
            signature("weather", "a/c", "sha256:0"),
            signature("weather", "a/b", "sha256:1"),
        ];
        for (index, one) in signatures.iter().enumerate() {
            assert_eq!(signatures.iter().position(|other| other == one), Some(index));
        }
        // Stored for ever: this value must not change.
        assert_eq!(
            signature("weather", "a/b", "sha256:0"),
            "register:7f9e35ac2c09fbd920d4f1f2fa66e8fc475794cd43f5c2764735a04af1b9fda5"
        );
    }
}

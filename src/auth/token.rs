//! API tokens: what callers show, and what is kept of it.
//!
//! A token is a prefix, which tells it from a JWT and lets scanners find one that was published, and 256 random bits. It cannot be
//! guessed, so that a plain SHA-256 of it can be kept and looked up: nothing that is slow to compute is needed, as it would be for a
//! password.

use std::fmt;

use sha2::{Digest, Sha256};

/// What every API token begins with.
const PREFIX: &str = "timestore_";

/// An API token as its holder shows it. Nothing but [`Secret::reveal`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one. Fails where the system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", hex(&bytes))))
    }

    /// The text, to be shown to its holder once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether a text means to be an API token.
pub fn is_api_token(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Whether a text could be an API token: any other need not be looked for.
pub fn is_well_formed(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == 64
        && digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is kept of a token.
pub fn hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_prefixed_and_never_the_same() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_ne!(one, other);
        assert!(is_api_token(one.reveal()) && is_well_formed(one.reveal()));
        assert!(!is_well_formed("timestore_") && !is_well_formed(&one.reveal().to_uppercase()));
        assert_eq!(one.reveal().len(), PREFIX.len() + 64);
        assert_eq!(format!("{one:?}"), "Secret");
    }

    #[test]
    fn the_hash_is_that_of_the_whole_token() {
        // SHA-256 of "abc", from FIPS 180-2.
        assert_eq!(
            hash("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

//! Documents that requests name by their hash instead of sending them: automatic persisted queries, which clients bring along once,
//! and trusted documents, a list outside of which nothing is executed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_graphql::{Request, Value};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::error::{Code, Error, Result};
use crate::metrics::CacheMetrics;

/// The extension of a request that names its document, as Apollo's clients spell it: `{version: 1, sha256Hash}`.
pub const EXTENSION: &str = "persistedQuery";

/// How many bytes of documents are remembered when nothing is said.
pub const MEMORY: u64 = 16 << 20;

/// What is known of documents by their hash.
#[derive(Clone, Debug)]
pub enum Documents {
    /// Those that clients brought along, as far as there is room; the least useful ones are forgotten.
    Automatic(Arc<Automatic>),
    /// Those of a list, and no others are executed.
    Trusted(Arc<HashMap<String, String>>),
    /// None: every request brings its document.
    Unknown,
}

/// Documents that clients brought along.
pub struct Automatic(Cache<String, Arc<str>, Bytes>);

impl fmt::Debug for Automatic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Automatic")
            .field("bytes", &self.0.weight())
            .finish()
    }
}

/// A document weighs as many bytes as it and its hash have.
#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<String, Arc<str>> for Bytes {
    fn weight(&self, hash: &String, document: &Arc<str>) -> u64 {
        (hash.len() + document.len()) as u64
    }
}

impl Default for Documents {
    fn default() -> Self {
        Self::automatic(MEMORY)
    }
}

impl Documents {
    /// Documents that clients bring along, up to so many bytes; none is remembered where that is 0.
    pub fn automatic(bytes: u64) -> Self {
        /// What a document of a client usually weighs.
        const USUAL: u64 = 1 << 10;
        match usize::try_from(bytes / USUAL) {
            Ok(items) if bytes > 0 => {
                Self::Automatic(Arc::new(Automatic(Cache::with_weighter(items, bytes, Bytes))))
            }
            _ => Self::Unknown,
        }
    }

    /// The documents of a list, by their hash.
    pub fn trusted(documents: HashMap<String, String>) -> Self {
        Self::Trusted(Arc::new(documents))
    }

    /// Gives a request the document that it names. Returns the hash under which the document that it brought along is to be
    /// remembered, once it is known to be a good one. `metrics` hears whether a document that was not sent is remembered.
    pub fn find(&self, request: &mut Request, metrics: &CacheMetrics) -> Result<Option<String>> {
        let hash = request.extensions.get(EXTENSION).map(hash).transpose()?;
        match (self, hash) {
            (Self::Trusted(documents), Some(hash)) => {
                let document = documents.get(&hash).ok_or_else(not_in_list)?;
                if request.query != *document {
                    request.query.clone_from(document);
                }
                Ok(None)
            }
            (Self::Trusted(_), None) => Err(Error::new(
                Code::PersistedQueryIdRequired,
                "expected the hash of a trusted document, and no other document",
            )),
            (_, None) => Ok(None),
            (Self::Unknown, Some(_)) if request.query.is_empty() => Err(Error::new(
                Code::PersistedQueryNotSupported,
                "PersistedQueryNotSupported",
            )),
            (Self::Unknown, Some(_)) => Ok(None),
            (Self::Automatic(documents), Some(hash)) if request.query.is_empty() => {
                let document = documents.0.get(&hash);
                metrics.looked_up(document.is_some());
                request.query = document.ok_or_else(not_found)?.to_string();
                Ok(None)
            }
            (Self::Automatic(_), Some(hash)) => match hash == sha256(&request.query) {
                true => Ok(Some(hash)),
                false => Err(bad_extension("`sha256Hash` to be that of the document")),
            },
        }
    }

    /// Remembers a document for later requests.
    pub fn remember(&self, hash: String, document: &str, metrics: &CacheMetrics) {
        if let Self::Automatic(documents) = self {
            documents.0.insert(hash, document.into());
            metrics.holds(documents.0.weight());
        }
    }
}

/// The hash that an extension names.
fn hash(extension: &Value) -> Result<String> {
    let Value::Object(fields) = extension else {
        return Err(bad_extension("an object"));
    };
    if fields
        .get("version")
        .is_some_and(|version| *version != Value::from(1))
    {
        return Err(bad_extension("`version` 1"));
    }
    match fields.get("sha256Hash") {
        Some(Value::String(hash)) => Ok(hash.to_ascii_lowercase()),
        _ => Err(bad_extension("`sha256Hash` to be a string")),
    }
}

/// The SHA-256 of a document, as hexadecimal digits.
pub fn sha256(document: &str) -> String {
    Sha256::digest(document)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn bad_extension(expected: &str) -> Error {
    let field = ["extensions", EXTENSION].map(str::to_owned).to_vec();
    Error::bad_input_at(field, format!("`extensions.{EXTENSION}`: expected {expected}"))
}

/// Apollo's clients know this by its message as well as by its code, and send the document then.
fn not_found() -> Error {
    Error::new(Code::PersistedQueryNotFound, "PersistedQueryNotFound")
}

fn not_in_list() -> Error {
    Error::new(
        Code::PersistedQueryNotInList,
        "the document is not in the list of trusted documents",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(hash: &str, query: &str) -> Request {
        let mut request = Request::new(query);
        let extension = json!({ "version": 1, "sha256Hash": hash });
        let extension = Value::from_json(extension).unwrap();
        request.extensions.insert(EXTENSION.to_owned(), extension);
        request
    }

    fn metrics() -> CacheMetrics {
        CacheMetrics::default()
    }

    #[test]
    fn a_document_is_found_once_it_was_remembered() {
        let documents = Documents::default();
        let hash = sha256("{a}");
        let missing = documents.find(&mut named(&hash, ""), &metrics());
        assert_eq!(missing.unwrap_err().code(), Code::PersistedQueryNotFound);
        let brought = documents.find(&mut named(&hash, "{a}"), &metrics()).unwrap();
        assert_eq!(brought.as_ref(), Some(&hash));
        documents.remember(hash.clone(), "{a}", &metrics());
        let mut request = named(&hash.to_ascii_uppercase(), "");
        assert_eq!(documents.find(&mut request, &metrics()).unwrap(), None);
        assert_eq!(request.query, "{a}");
    }

    #[test]
    fn a_hash_of_another_document_is_refused() {
        let other = Documents::default().find(&mut named(&sha256("{b}"), "{a}"), &metrics());
        assert_eq!(other.unwrap_err().code(), Code::BadUserInput);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let documents = Documents::automatic(10_000);
        for n in 0..1_000 {
            let document = format!("{{ field{n} {} }}", "x".repeat(900));
            documents.remember(sha256(&document), &document, &metrics());
        }
        let Documents::Automatic(cache) = &documents else {
            panic!("remembers")
        };
        assert!((1..=10_000).contains(&cache.0.weight()), "{cache:?}");
        documents.remember("large".to_owned(), &"x".repeat(20_000), &metrics());
        assert_eq!(cache.0.get("large"), None);
    }
}

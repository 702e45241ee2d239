//! The configuration of a storage target: a flat object, of which every key must be known.

use serde_json::{Map, Value};

use super::StorageError;

/// What is left to read of a configuration. Each setting is taken out; what remains in the end is unknown.
#[derive(Debug)]
pub(super) struct Settings {
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Settings {
    pub(super) fn new(config: &Value) -> Result<Self, StorageError> {
        let left = match config {
            Value::Null => Map::new(),
            Value::Object(members) => members.clone(),
            _ => return Err(StorageError::Config("config: expected an object".to_owned())),
        };
        Ok(Self {
            left,
            known: Vec::new(),
        })
    }

    /// Takes a text out; null and blank texts count as not set.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, StorageError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(_) => Err(invalid(key, "expected text")),
        }
    }

    /// Takes true or false out; false when it is not set.
    pub(super) fn flag(&mut self, key: &'static str) -> Result<bool, StorageError> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(invalid(key, "expected true or false")),
        }
    }

    /// Refuses what nobody has taken out.
    pub(super) fn finish(self) -> Result<(), StorageError> {
        let Some(key) = self.left.keys().next() else {
            return Ok(());
        };
        let expected = match self.known.as_slice() {
            [] => "expected no settings for this kind of storage".to_owned(),
            known => format!("expected {}", known.join(", ")),
        };
        Err(StorageError::Config(format!(
            "config has the unknown key {key:?}: {expected}"
        )))
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.left.remove(key).filter(|value| !value.is_null())
    }
}

/// The address of a storage server from `config.endpoint` or, without that, from a variable: `https://`, or `http://` where
/// `config.allowHttp` says so.
pub(super) fn check_endpoint(endpoint: &str, allow_http: bool) -> Result<String, StorageError> {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or_default();
    match scheme {
        "https" => {}
        "http" if allow_http => {}
        "http" => {
            return Err(invalid(
                "endpoint",
                "expected https://, or config.allowHttp to be true",
            ));
        }
        _ => return Err(invalid("endpoint", "expected a URL beginning with https://")),
    }
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || rest.contains(['?', '#', '@']) || rest.contains(char::is_whitespace) {
        return Err(invalid(
            "endpoint",
            "expected a host, and no credentials, query or fragment",
        ));
    }
    Ok(endpoint.trim_end_matches('/').to_owned())
}

/// What is wrong with a setting.
pub(super) fn invalid(key: &str, expected: &str) -> StorageError {
    StorageError::Config(format!("config.{key}: {expected}"))
}

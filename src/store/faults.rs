//! Collects all that is wrong with a request, so that it can be said at once.

use serde_json::Value as Json;

use super::{Fault, FaultKind, Refusal, Result, StoreError};
use crate::model::naming;

/// The faults found so far, all within one part of the request.
#[derive(Debug, Default)]
pub(super) struct Faults {
    within: Vec<String>,
    found: Vec<Fault>,
}

impl Faults {
    /// Faults whose paths begin with `path`.
    pub(super) fn within(path: Vec<String>) -> Self {
        Self {
            within: path,
            found: Vec::new(),
        }
    }

    /// Adds a fault.
    pub(super) fn push(&mut self, fault: Fault) {
        let within: Vec<&str> = self.within.iter().map(String::as_str).collect();
        self.found.push(fault.within(&within));
    }

    /// Adds a fault of the given kind at `path`.
    pub(super) fn add(&mut self, path: &[&str], kind: FaultKind, message: impl Into<String>) {
        self.push(Fault::new(path, kind, message));
    }

    /// Adds that the value at `path` can never be right.
    pub(super) fn invalid(&mut self, path: &[&str], message: impl Into<String>) {
        self.push(Fault::invalid(path, message));
    }

    /// The value, where it is right; otherwise adds why it is not.
    pub(super) fn check<T>(&mut self, path: &[&str], value: Result<T, String>) -> Option<T> {
        value.map_err(|message| self.invalid(path, message)).ok()
    }

    /// The JSON object, `{}` where there is none; adds a fault where it is no object that the catalog can hold.
    pub(super) fn object(&mut self, path: &[&str], value: Option<Json>) -> Json {
        let value = value
            .filter(|value| !value.is_null())
            .unwrap_or_else(|| Json::Object(serde_json::Map::new()));
        self.check(path, naming::json_object(&value));
        value
    }

    /// Adds faults found elsewhere.
    pub(super) fn extend(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            self.push(fault);
        }
    }

    /// Whether these are the faults of a whole request.
    pub(super) fn is_whole(&self) -> bool {
        self.within.is_empty()
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All faults.
    pub(super) fn into_inner(self) -> Vec<Fault> {
        self.found
    }

    /// Refuses the request where anything is wrong with it.
    pub(super) fn finish(self) -> Result<()> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Refused(Refusal(self.found)))
        }
    }
}

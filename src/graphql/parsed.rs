//! Documents that were parsed and found fit before, by their text: clients send the same few again and again.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use async_graphql::{Name, Variables};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::fitting::{InputTypes, used_within};
use super::listed::Lists;
use super::plain::merges;
use crate::metrics::CacheMetrics;

/// How much memory they take, about, in bytes.
const MEMORY: u64 = 16 << 20;

/// What a document takes for each byte of its text, about.
const PER_BYTE: u64 = 40;

/// What is known of a document that no limit refuses.
#[derive(Debug)]
pub struct Parsed {
    /// The document.
    pub document: ExecutableDocument,
    /// Whether it asks for one object in several places of a selection.
    pub merges: bool,
    /// The variables that it uses within lists and objects.
    within: HashSet<Name>,
    /// Whether it was found valid before.
    is_valid: AtomicBool,
}

impl Parsed {
    /// For a document without cycles of fragments.
    pub fn new(document: ExecutableDocument) -> Self {
        Self {
            merges: merges(&document),
            within: used_within(&document),
            is_valid: AtomicBool::new(false),
            document,
        }
    }

    /// Whether the document was found valid before.
    pub fn is_valid(&self) -> bool {
        self.is_valid.load(Ordering::Relaxed)
    }

    /// Whether what is valid with some values of its variables surely is with these.
    /// What lists were read as is put into `lists`.
    pub fn fits(&self, types: &InputTypes, variables: &Variables, lists: &Lists) -> bool {
        let operation = self.only_operation();
        operation.is_some_and(|operation| types.fit(operation, &self.within, variables, lists))
    }

    /// It was found valid.
    pub fn found_valid(&self) {
        self.is_valid.store(true, Ordering::Relaxed);
    }

    fn only_operation(&self) -> Option<&OperationDefinition> {
        let mut operations = self.document.operations.iter();
        let (_, operation) = operations.next()?;
        operations.next().is_none().then_some(&operation.node)
    }
}

/// Documents by their text. Cheap to clone.
#[derive(Clone)]
pub struct ParsedDocuments {
    documents: Arc<Cache<Box<str>, Arc<Parsed>, Bytes>>,
    metrics: CacheMetrics,
}

impl fmt::Debug for ParsedDocuments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedDocuments")
            .field("bytes", &self.documents.weight())
            .finish_non_exhaustive()
    }
}

impl ParsedDocuments {
    /// None yet.
    pub fn new(metrics: CacheMetrics) -> Self {
        /// What a document of a client usually weighs.
        const USUAL: u64 = 40 << 10;
        let documents = Cache::with_weighter((MEMORY / USUAL) as usize, MEMORY, Bytes);
        Self {
            documents: Arc::new(documents),
            metrics,
        }
    }

    /// The document of this text, if it was kept.
    pub fn get(&self, text: &str) -> Option<Arc<Parsed>> {
        let found = self.documents.get(text);
        self.metrics.looked_up(found.is_some());
        found
    }

    /// Keeps a document that no limit refuses.
    pub fn keep(&self, text: &str, parsed: Arc<Parsed>) {
        self.documents.insert(text.into(), parsed);
        self.metrics.holds(self.documents.weight());
    }
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Box<str>, Arc<Parsed>> for Bytes {
    fn weight(&self, text: &Box<str>, _: &Arc<Parsed>) -> u64 {
        text.len() as u64 * PER_BYTE
    }
}

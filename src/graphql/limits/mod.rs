//! What a request may ask for at the most. All of it is measured before anything is executed, and before async-graphql looks at
//! the document, in time proportional to the length of the request.

mod cost;
mod document;
mod text;

use async_graphql::Variables;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};

use super::error::{Code, Error, Result};

/// The deepest that a document may be allowed to be: async-graphql follows so many levels of fields and fragments.
pub const MAX_DEPTH: usize = 32;

/// What a request may ask for at the most.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of an HTTP body.
    pub body: usize,
    /// Bytes of a WebSocket message.
    pub message: usize,
    /// Bytes of a document.
    pub document: usize,
    /// Requests of a batch; 1 allows no batches.
    pub batch: usize,
    /// Tokens of a document.
    pub tokens: usize,
    /// Levels of fields, up to [`MAX_DEPTH`]; introspection needs 15.
    pub depth: usize,
    /// Fields of a document with all its fragments spread.
    pub fields: u64,
    /// Fields of the root, likewise.
    pub root_fields: u64,
    /// Fields that are given another name, likewise.
    pub aliases: u64,
    /// Directives, likewise.
    pub directives: u64,
    /// Fields that the answer may have when every page is full.
    pub complexity: u64,
    /// Whether the schema may be asked for.
    pub introspection: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            message: 1 << 20,
            document: 256 << 10,
            batch: 20,
            tokens: 20_000,
            depth: 20,
            fields: 5_000,
            root_fields: 50,
            aliases: 100,
            directives: 100,
            complexity: 500_000,
            introspection: true,
        }
    }
}

impl Limits {
    /// Whether the text of a document may be parsed.
    pub fn check_text(&self, text: &str) -> Result<()> {
        text::check(self, text)
    }

    /// Whether a document may be looked at.
    pub fn check_document(&self, document: &ExecutableDocument) -> Result<()> {
        document::check(self, document)
    }

    /// What the operation of a document costs with these variables: how many fields its answer has when every page is full.
    pub fn check_cost(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> Result<u64> {
        let cost = cost::of(document, operation, variables);
        match self.complexity {
            limit if cost > limit => Err(refuse(format!(
                "the answer could have {cost} fields; at most {limit} are allowed: ask for smaller pages"
            ))),
            _ => Ok(cost),
        }
    }
}

fn refuse(message: String) -> Error {
    Error::new(Code::GraphqlValidationFailed, message)
}

//! Refuses documents that are too large or too deep before anything walks them.
//!
//! async-graphql checks its own limits by walking every spread of a fragment each time it occurs, which takes twice as long with
//! each level of a document that spreads every fragment twice. Here each fragment is measured once.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::MAX_DEPTH;
use super::error::{Code, Error, Result};

/// What a request may ask for at the most.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of an HTTP body, or of a WebSocket message.
    pub body: usize,
    /// Requests of a batch; 1 allows no batches.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            batch: 20,
        }
    }
}

/// The most fields that a document may have with all its fragments spread.
const MAX_FIELDS: u64 = 10_000;

/// How large a part of a document is with all its fragments spread.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    fields: u64,
    /// Levels of fields.
    depth: usize,
    /// Levels of anything: fields, spreads and inline fragments.
    nesting: usize,
}

/// async-graphql follows so many levels of anything, lest its stack overflow.
const MAX_NESTING: usize = 32;

/// Whether a document is small enough to be looked at.
pub fn check(document: &ExecutableDocument) -> Result<()> {
    let mut measure = Measure {
        document,
        fragments: HashMap::new(),
    };
    let mut fields: u64 = 0;
    for (_, operation) in document.operations.iter() {
        let size = measure.set(&operation.node.selection_set.node)?;
        fields = fields.saturating_add(size.fields);
        if size.depth > MAX_DEPTH {
            return Err(refuse(format!(
                "the document is {} levels deep; at most {MAX_DEPTH} are allowed",
                size.depth
            )));
        }
        if size.nesting > MAX_NESTING {
            return Err(refuse(format!(
                "fragments and fields are nested deeper than {MAX_NESTING} levels"
            )));
        }
    }
    if fields > MAX_FIELDS {
        return Err(refuse(format!(
            "the document has {fields} fields with its fragments spread; at most {MAX_FIELDS} are allowed"
        )));
    }
    Ok(())
}

fn refuse(message: String) -> Error {
    Error::new(Code::GraphqlValidationFailed, message)
}

struct Measure<'a> {
    document: &'a ExecutableDocument,
    /// What is known of each fragment; none while it is being measured.
    fragments: HashMap<&'a Name, Option<Size>>,
}

impl<'a> Measure<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Size> {
        let mut total = Size::default();
        for item in &set.items {
            let size = match &item.node {
                Selection::Field(field) => {
                    let inner = self.set(&field.node.selection_set.node)?;
                    Size {
                        fields: inner.fields.saturating_add(1),
                        depth: inner.depth + 1,
                        nesting: inner.nesting + 1,
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let inner = self.set(&fragment.node.selection_set.node)?;
                    Size {
                        nesting: inner.nesting + 1,
                        ..inner
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let inner = self.fragment(&spread.node.fragment_name.node)?;
                    Size {
                        nesting: inner.nesting + 1,
                        ..inner
                    }
                }
            };
            total.fields = total.fields.saturating_add(size.fields);
            total.depth = total.depth.max(size.depth);
            total.nesting = total.nesting.max(size.nesting);
        }
        Ok(total)
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Size> {
        match self.fragments.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(refuse(format!("fragment \"{name}\" spreads itself"))),
            None => {}
        }
        // Validation tells of fragments that are not there.
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Size::default());
        };
        self.fragments.insert(name, None);
        let size = self.set(&fragment.node.selection_set.node)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn refusal(text: &str) -> Option<String> {
        check(&parse_query(text).unwrap())
            .err()
            .map(|error| error.message().to_owned())
    }

    #[test]
    fn doubling_fragments_are_refused_at_once() {
        let fragments: String = (0..28)
            .map(|level| format!("fragment f{level} on Query {{ ...f{0} ...f{0} }} ", level + 1))
            .collect();
        let document = format!("{{ ...f0 }} {fragments} fragment f28 on Query {{ __typename }}");
        assert!(refusal(&document).unwrap().contains("268435456 fields"));
    }

    #[test]
    fn deep_documents_and_circles_are_refused() {
        let deep = |levels: usize| format!("{{ {}a{} }}", "a { ".repeat(levels - 1), " }".repeat(levels - 1));
        assert_eq!(refusal(&deep(20)), None);
        assert!(refusal(&deep(21)).unwrap().contains("21 levels"));
        let circle = "{ ...a } fragment a on Query { x { ...b } } fragment b on Query { ...a }";
        assert!(refusal(circle).unwrap().contains("spreads itself"));
    }
}

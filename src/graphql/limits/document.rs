//! Refuses documents that are too large or too deep before anything walks them.
//!
//! async-graphql checks its own limits by walking every spread of a fragment each time it occurs, which takes twice as long with
//! each level of a document that spreads every fragment twice. Here each fragment is measured once.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::super::error::Result;
use super::{Limits, MAX_DEPTH, refuse};

/// How large a part of a document is with all its fragments spread.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// Fields, spreads and inline fragments.
    selections: u64,
    aliases: u64,
    directives: u64,
    /// Fields of the outermost level.
    outermost: u64,
    /// Levels of fields.
    depth: usize,
    /// Levels of anything: fields, spreads and inline fragments.
    nesting: usize,
    /// Whether it asks for the schema.
    introspects: bool,
}

impl Size {
    /// Both, one beside the other.
    fn beside(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            outermost: self.outermost.saturating_add(other.outermost),
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
            introspects: self.introspects || other.introspects,
        }
    }
}

/// Whether a document is small enough to be looked at.
pub(super) fn check(limits: &Limits, document: &ExecutableDocument) -> Result<()> {
    let mut measure = Measure {
        document,
        fragments: HashMap::new(),
        nesting: 0,
    };
    let mut total = Size::default();
    for (_, operation) in document.operations.iter() {
        let size = measure.set(&operation.node.selection_set.node)?;
        at_most("root fields", size.outermost, limits.root_fields)?;
        let variables = operation.node.variable_definitions.iter();
        let directives = variables.map(|variable| variable.node.directives.len());
        let own = operation.node.directives.len() + directives.sum::<usize>();
        total = total.beside(size).beside(Size {
            directives: own as u64,
            ..Size::default()
        });
    }
    // Those that nothing spreads are looked at too.
    for name in document.fragments.keys() {
        let size = measure.fragment(name)?;
        at_most("fields with its fragments spread", size.selections, limits.fields)?;
    }
    at_most("levels of fields", total.depth as u64, limits.depth as u64)?;
    at_most(NESTING, total.nesting as u64, MAX_DEPTH as u64)?;
    at_most(
        "fields with its fragments spread",
        total.selections,
        limits.fields,
    )?;
    at_most("aliases", total.aliases, limits.aliases)?;
    at_most("directives", total.directives, limits.directives)?;
    if total.introspects && !limits.introspection {
        return Err(refuse("the schema may not be asked for here".to_owned()));
    }
    Ok(())
}

const NESTING: &str = "levels of fields and fragments";

fn at_most(what: &str, has: u64, limit: u64) -> Result<()> {
    if has <= limit {
        return Ok(());
    }
    Err(refuse(format!(
        "the document has {has} {what}; at most {limit} are allowed"
    )))
}

struct Measure<'a> {
    document: &'a ExecutableDocument,
    /// What is known of each fragment; none while it is being measured.
    fragments: HashMap<&'a Name, Option<Size>>,
    /// How deep it is at the moment. It goes no deeper than is allowed, lest the stack overflow.
    nesting: usize,
}

impl<'a> Measure<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Size> {
        let mut total = Size::default();
        for item in &set.items {
            total = total.beside(self.selection(&item.node)?);
        }
        Ok(total)
    }

    fn selection(&mut self, selection: &'a Selection) -> Result<Size> {
        self.nesting += 1;
        at_most(NESTING, self.nesting as u64, MAX_DEPTH as u64)?;
        let inner = match selection {
            Selection::Field(field) => {
                let field = &field.node;
                let inner = self.set(&field.selection_set.node)?;
                // async-graphql looks at nothing in there.
                if field.name.node == "__typename" && inner.selections + field.arguments.len() as u64 > 0 {
                    return Err(refuse(
                        "field \"__typename\" has neither arguments nor fields".to_owned(),
                    ));
                }
                Size {
                    aliases: inner.aliases.saturating_add(field.alias.is_some().into()),
                    outermost: 1,
                    depth: inner.depth + 1,
                    introspects: inner.introspects
                        || matches!(field.name.node.as_str(), "__schema" | "__type" | "_service"),
                    ..inner
                }
            }
            Selection::InlineFragment(fragment) => self.set(&fragment.node.selection_set.node)?,
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
        };
        self.nesting -= 1;
        Ok(Size {
            selections: inner.selections.saturating_add(1),
            directives: inner
                .directives
                .saturating_add(selection.directives().len() as u64),
            nesting: inner.nesting + 1,
            ..inner
        })
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
        let mut size = self.set(&fragment.node.selection_set.node)?;
        size.directives = size
            .directives
            .saturating_add(fragment.node.directives.len() as u64);
        self.fragments.insert(name, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn refusal_with(limits: &Limits, text: &str) -> Option<String> {
        check(limits, &parse_query(text).unwrap())
            .err()
            .map(|error| error.message().to_owned())
    }

    fn refusal(text: &str) -> Option<String> {
        refusal_with(&Limits::default(), text)
    }

    #[test]
    fn doubling_fragments_are_refused_at_once() {
        for leaf in ["__typename", "...nothing"] {
            for root in ["...f0", "__typename"] {
                let fragments: String = (0..28)
                    .map(|level| format!("fragment f{level} on Query {{ ...f{0} ...f{0} }} ", level + 1))
                    .collect();
                let document = format!("{{ {root} }} {fragments} fragment f28 on Query {{ {leaf} }}");
                let message = refusal(&document).unwrap();
                assert!(message.contains("fields"), "{message}");
            }
        }
    }

    #[test]
    fn long_chains_of_fragments_are_refused() {
        let fragments: String = (0..2_000)
            .map(|level| format!("fragment f{level} on Query {{ ...f{} }} ", level + 1))
            .collect();
        let document = format!("{{ ...f0 }} {fragments} fragment f2000 on Query {{ __typename }}");
        assert!(
            refusal(&document)
                .unwrap()
                .contains("levels of fields and fragments")
        );
    }

    #[test]
    fn nothing_is_selected_of_the_name_of_a_type() {
        for within in ["__typename { a }", "__typename(a: 1)", "x: __typename { ...f }"] {
            let document = format!("{{ a {{ {within} }} }} fragment f on T {{ a }}");
            assert!(refusal(&document).unwrap().contains("__typename"), "{within}");
        }
    }

    #[test]
    fn circles_are_refused() {
        let circle = "{ ...a } fragment a on Query { x { ...b } } fragment b on Query { ...a }";
        assert!(refusal(circle).unwrap().contains("spreads itself"));
    }

    #[test]
    fn each_limit_holds_at_its_edge() {
        let small = Limits {
            depth: 3,
            fields: 6,
            root_fields: 2,
            aliases: 1,
            directives: 2,
            introspection: false,
            ..Limits::default()
        };
        for (allowed, past, what) in [
            ("{ a { b { c } } }", "{ a { b { c { d } } } }", "levels of fields"),
            (
                "{ a { b c d e f } }",
                "{ a { b c d e f g } }",
                "fields with its fragments spread",
            ),
            (
                "{ a { ...f } } fragment f on T { b c d e }",
                "{ a { ...f } } fragment f on T { b c d e f }",
                "spread",
            ),
            (
                "{ ...f } fragment f on Q { a b }",
                "{ a ...f } fragment f on Q { b c }",
                "root fields",
            ),
            ("{ x: a b }", "{ x: a ... { y: b } }", "aliases"),
            (
                "query @x { a @y }",
                "query ($v: Int @x) { a @y ... @z { b } }",
                "directives",
            ),
            ("{ a { schema } }", "{ __schema { types { name } } }", "schema"),
            (
                "{ __typename }",
                "{ ...f } fragment f on Query { __type(name: \"x\") { name } }",
                "schema",
            ),
        ] {
            assert_eq!(refusal_with(&small, allowed), None, "{allowed}");
            let message = refusal_with(&small, past).unwrap_or_default();
            assert!(message.contains(what), "{past}: {message}");
        }
    }
}

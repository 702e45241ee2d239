//! Whether a document asks for one object in several places of a selection.

use std::collections::HashSet;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

/// Whether the answers of several fields would have to be merged: `{ a { b } a { c } }`, through fragments too. May say so where it
/// is not the case, as when one fragment is spread twice. The document must have no cycles of fragments.
pub fn merges(document: &ExecutableDocument) -> bool {
    let operations = document.operations.iter();
    let sets = operations.map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values();
    sets.chain(fragments.map(|fragment| &fragment.node.selection_set.node))
        .any(|set| object_merges(document, set))
}

/// Whether a selection merges, or one below one of its fields.
fn object_merges(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    let mut scope = Scope {
        document,
        objects: HashSet::new(),
        spread: HashSet::new(),
    };
    scope.merges(set) || fields_merge(document, set)
}

/// Whether a selection below one of the fields of this one merges. Fragments are looked at by themselves.
fn fields_merge(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => object_merges(document, &field.node.selection_set.node),
        Selection::InlineFragment(fragment) => fields_merge(document, &fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => false,
    })
}

/// The fields of one object.
struct Scope<'a> {
    document: &'a ExecutableDocument,
    /// The keys of its objects so far.
    objects: HashSet<&'a Name>,
    /// The fragments that were spread so far.
    spread: HashSet<&'a Name>,
}

impl<'a> Scope<'a> {
    fn merges(&mut self, set: &'a SelectionSet) -> bool {
        set.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) if field.node.selection_set.node.items.is_empty() => false,
            Selection::Field(field) => !self.objects.insert(&field.node.response_key().node),
            Selection::InlineFragment(fragment) => self.merges(&fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                match self.document.fragments.get(name) {
                    Some(_) if !self.spread.insert(name) => true,
                    Some(fragment) => self.merges(&fragment.node.selection_set.node),
                    None => false,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn objects_in_several_places_are_found() {
        for (document, expected) in [
            ("{ a { b } c { b } }", false),
            ("{ a a b: a }", false),
            ("{ x: a { b } y: a { b } }", false),
            ("{ a { b } a { c } }", true),
            ("{ a { b } x: c a { c } }", true),
            ("{ a { b } ... { a { c } } }", true),
            ("{ ...f a { b } } fragment f on T { a { c } }", true),
            ("{ ...f a { b } } fragment f on T { c { a { c } } }", false),
            ("{ a { ...f } c { ...f } } fragment f on T { b { c } }", false),
            ("{ ...f ...f } fragment f on T { b }", true),
            ("{ a { b { ...f } } } fragment f on T { c { d } c { e } }", true),
            (
                "{ a { ...f ...g } } fragment f on T { c { d } } fragment g on T { c { d } }",
                true,
            ),
            ("query A { a { b } } query B { a { b { c } b { d } } }", true),
        ] {
            assert_eq!(merges(&parse_query(document).unwrap()), expected, "{document}");
        }
    }
}

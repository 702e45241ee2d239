//! Input fields that a document gives twice.
//!
//! The parser keeps the last of them without a word, so that they can only be told from the text.

use std::collections::HashSet;

use super::numbers::skip_string;

/// The first field that an input object of a document has twice. Strings and comments are skipped.
///
/// Braces within parentheses, of arguments or of variable definitions, are input objects; others are selection sets.
pub fn repeated_field(document: &str) -> Option<&str> {
    let bytes = document.as_bytes();
    let mut parentheses = 0_usize;
    let mut objects: Vec<HashSet<&str>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = skip_string(bytes, at);
                continue;
            }
            b'#' => {
                at += bytes[at..]
                    .iter()
                    .take_while(|&&byte| byte != b'\n' && byte != b'\r')
                    .count();
                continue;
            }
            b'(' => parentheses += 1,
            b')' => parentheses = parentheses.saturating_sub(1),
            b'{' if parentheses > 0 => objects.push(HashSet::new()),
            b'}' if parentheses > 0 => drop(objects.pop()),
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                let word = |&&byte: &&u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let end = at + bytes[at..].iter().take_while(word).count();
                let is_field = document[end..]
                    .trim_start_matches([' ', '\t', '\n', '\r', ','])
                    .starts_with(':');
                let name = &document[at..end];
                if is_field && objects.last_mut().is_some_and(|fields| !fields.insert(name)) {
                    return Some(name);
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_field_given_twice_is_found() {
        for (document, found) in [
            (r#"{ dataset(by: {slug: "a", slug: "b"}) { id } }"#, Some("slug")),
            (
                r#"{ a(b: {c: {d: 1}, e: {d: 2}}, f: [{d: 1}, {d: 2}]) { c c: d } }"#,
                None,
            ),
            (r#"query ($v: T = {x: 1, x: 2}) { a }"#, Some("x")),
            (
                r#"{ a(b: {c: "{c: 1", d: """ c: """}) # c: {c: 1, c: 2}
                { b: a b: a } }"#,
                None,
            ),
            ("{ a(b: {c: d, e: c}) { c } }", None),
            (")}{(", None),
        ] {
            assert_eq!(repeated_field(document), found, "{document}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_scanned(text: String) {
            let _ = repeated_field(&text);
        }
    }
}

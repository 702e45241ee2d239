//! The size of a document before it is parsed: the parser has no limits of its own, and one level of its recursion for each
//! bracket.

use super::super::error::{Code, Error, Result};
use super::super::numbers::skip_string;
use super::Limits;

/// How deep brackets may be nested.
const MAX_NESTING: usize = 64;

/// How long a name may be. async-graphql compares one that it does not know with all that it knows, letter by letter.
const MAX_NAME: usize = 200;

/// Whether a document is short and flat enough to be parsed. Counts tokens as the GraphQL specification has them.
pub(super) fn check(limits: &Limits, text: &str) -> Result<()> {
    if text.len() > limits.document {
        let message = format!(
            "the document has {} bytes; at most {} are allowed: send values as variables",
            text.len(),
            limits.document
        );
        return Err(super::refuse(message));
    }
    let bytes = text.as_bytes();
    let (mut at, mut tokens, mut nesting) = (0, 0_usize, 0_usize);
    while at < bytes.len() {
        let (end, is_token) = next(bytes, at);
        match bytes[at] {
            b'{' | b'(' | b'[' => nesting += 1,
            b'}' | b')' | b']' => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        tokens += usize::from(is_token);
        if nesting > MAX_NESTING {
            let message = format!("syntax error: brackets are nested deeper than {MAX_NESTING} levels");
            return Err(Error::new(Code::GraphqlParseFailed, message));
        }
        if is_name(bytes[at]) && end - at > MAX_NAME {
            let message = format!("the document has a name of more than {MAX_NAME} characters");
            return Err(super::refuse(message));
        }
        if tokens > limits.tokens {
            let message = format!(
                "the document has more than {} tokens; send values as variables",
                limits.tokens
            );
            return Err(super::refuse(message));
        }
        at = end;
    }
    Ok(())
}

const fn is_name(first: u8) -> bool {
    first.is_ascii_alphabetic() || first == b'_'
}

/// Where what begins at `at` ends, and whether it is a token.
fn next(bytes: &[u8], at: usize) -> (usize, bool) {
    let run = |is_part: fn(u8) -> bool| at + bytes[at..].iter().take_while(|&&byte| is_part(byte)).count();
    match bytes[at] {
        b'"' => (skip_string(bytes, at), true),
        b'#' => (run(|byte| byte != b'\n' && byte != b'\r'), false),
        b' ' | b'\t' | b'\n' | b'\r' | b',' => (at + 1, false),
        b'.' if bytes[at..].starts_with(b"...") => (at + 3, true),
        byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') => (
            run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.')),
            true,
        ),
        _ => (at + 1, true),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_allowed(tokens: usize, text: &str) -> bool {
        let limits = Limits {
            tokens,
            ..Limits::default()
        };
        check(&limits, text).is_ok()
    }

    #[test]
    fn tokens_are_counted_and_nothing_else() {
        for (text, tokens) in [
            ("", 0),
            ("{ a }", 3),
            ("{a,b c}", 5),
            ("# { a b c }\n{ a }", 3),
            (r#"{ a(b: "c d \" e", f: -1.5e+3) }"#, 11),
            (r#"{ a(b: """c " d""") }"#, 8),
            ("query ($a: [Int!] = 1) { ...f @x }", 18),
        ] {
            assert!(is_allowed(tokens, text), "{text}");
            assert!(tokens == 0 || !is_allowed(tokens - 1, text), "{text}");
        }
    }

    #[test]
    fn brackets_may_be_nested_so_deep_and_no_deeper() {
        for (open, close) in [("{a", "}"), ("[", "]"), ("(", ")"), ("[{a:(", ")}]")] {
            let levels = open.matches(['{', '[', '(']).count();
            let nested = |times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
            assert!(is_allowed(1_000, &nested(MAX_NESTING / levels)), "{open}");
            assert!(!is_allowed(1_000, &nested(MAX_NESTING / levels + 1)), "{open}");
        }
        assert!(is_allowed(1_000, &"{}".repeat(100)));
        assert!(is_allowed(1_000, &format!("{{ a(b: \"{}\") }}", "[".repeat(100))));
    }

    #[test]
    fn names_may_be_so_long_and_no_longer() {
        for (text, allowed) in [
            (format!("{{ {} }}", "a".repeat(MAX_NAME)), true),
            (format!("{{ {} }}", "a".repeat(MAX_NAME + 1)), false),
            (format!("{{ a(b: \"{}\") }}", "a".repeat(MAX_NAME + 1)), true),
        ] {
            assert_eq!(is_allowed(1_000, &text), allowed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_scanned(text: String) {
            let _ = check(&Limits::default(), &text);
        }
    }
}

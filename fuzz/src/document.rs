//! Documents: each is answered, or refused for a reason that is the sender's, in few words.

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use serde_json::Value as Json;

use super::catalog::{Catalog, with_catalog};

/// How many errors are told at the most, and how long each may be; the text of an error is escaped in JSON.
const LONGEST: (usize, usize) = (50, 2_100);

/// Executes the bytes.
pub fn check(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        with_catalog(|catalog| check_document(catalog, text));
    }
}

fn check_document(catalog: &mut Catalog, text: &str) {
    let request = || Request::new(text);
    let prepared = catalog.prepare(&mut request());
    let answer = catalog.answer(request());
    check_errors(&answer);
    match prepared.map(|prepared| prepared.operation) {
        Ok(Some(OperationType::Mutation)) => {
            assert_eq!(catalog.findings(), [""; 0], "{answer}");
            catalog.renew();
        }
        Ok(_) => assert_eq!(catalog.answer(request()), answer, "asked twice"),
        Err(_) => assert_eq!(answer.get("data"), None, "{answer}"),
    }
}

/// Whether the errors of an answer are few, short, and not the gateway's own fault.
pub fn check_errors(answer: &Json) {
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    assert!(errors.len() <= LONGEST.0, "{answer}");
    for error in errors {
        let message = error["message"].as_str().expect("a message");
        assert!(message.len() <= LONGEST.1, "{message}");
        let code = error["extensions"]["code"].as_str().expect("a code");
        assert!(
            !matches!(code, "INTERNAL" | "UNAVAILABLE" | "TIMEOUT" | "OVERLOADED"),
            "{answer}"
        );
    }
}

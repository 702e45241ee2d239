//! Publishes: each is granted, or refused for a reason that is the sender's, and the catalog is sound in any case.

use async_graphql::{Request, Variables};
use serde_json::{Value as Json, json};

use super::catalog::{Catalog, with_catalog};
use super::document::check_errors;

const PUBLISH: &str = "mutation ($input: PublishManifestInput!) { publishManifest(input: $input) {
    manifest { id version partitionCount partitions(first: 1000) { totalCount nodes { filePath } } }
    dataset { slug } replayed skipped { filePath reason } userErrors { code message path } } }";

/// What a refusal leaves as it was.
const STATE: &str =
    "{ dataset(by: { slug: \"weather\" }) { manifests { totalCount } schemaVersions { totalCount }
    watermarks { source sealedThrough fencingToken } manifest { version partitions { nodes { id } } } } }";

/// Publishes the bytes as the `input`, where they are JSON.
pub fn check(bytes: &[u8]) {
    let Ok(input) = serde_json::from_slice::<Json>(bytes) else {
        return;
    };
    with_catalog(|catalog| check_publish(catalog, &input));
}

fn check_publish(catalog: &mut Catalog, input: &Json) {
    let state = |catalog: &Catalog| catalog.answer(Request::new(STATE));
    let before = state(catalog);
    let answer = publish(catalog, input);
    check_errors(&answer);
    let payload = &answer["data"]["publishManifest"];
    if payload["userErrors"] == json!([]) {
        check_granted(catalog, input, payload);
        catalog.renew();
    } else {
        assert!(payload["manifest"].is_null(), "{answer}");
        assert_eq!(state(catalog), before, "a refusal changed something: {answer}");
    }
}

fn check_granted(catalog: &Catalog, input: &Json, payload: &Json) {
    let manifest = &payload["manifest"];
    assert_eq!(
        manifest["partitions"]["totalCount"], manifest["partitionCount"],
        "{payload}"
    );
    assert_eq!(catalog.findings(), [""; 0], "{payload}");
    if input["idempotencyKey"].is_string() {
        let again = publish(catalog, input);
        let again = &again["data"]["publishManifest"];
        assert_eq!(again["manifest"]["id"], manifest["id"], "{again}");
        assert_eq!(again["userErrors"], json!([]), "{again}");
    }
}

fn publish(catalog: &Catalog, input: &Json) -> Json {
    let variables = Variables::from_json(json!({ "input": input }));
    catalog.answer(Request::new(PUBLISH).variables(variables))
}

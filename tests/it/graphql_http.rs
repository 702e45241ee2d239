//! The audit suite of the npm package `graphql-http`, against a gateway.

use serde_json::Value;

use crate::support::database::TestDatabase;
use crate::support::npm::node;
use crate::support::process::Process;

#[tokio::test]
async fn every_audit_of_graphql_over_http_is_passed() {
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start(&database);
    let url = format!("http://{}/graphql", gateway.address());
    let Value::Array(audits) = node("audit.js", &[&url]) else {
        panic!("a list of audits")
    };
    assert!(audits.len() > 60, "only {} audits", audits.len());
    let failed: Vec<&Value> = audits.iter().filter(|audit| audit["status"] != "ok").collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

//! Documents that are made to do harm: each is refused with a code, by a process that does not grow, and without a word about
//! the inside of the gateway.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::database::TestDatabase;
use crate::support::process::Process;

/// The most memory that a gateway may have had at the end, in kB. It takes some 60 MB to start, unoptimised.
const MEMORY: u64 = 400_000;

/// The longest answer to a document that is refused, in bytes.
const LONGEST: usize = 20_000;

/// What must not be told.
const INSIDE: [&str; 10] = [
    "select ",
    "insert ",
    "timestore.",
    "sqlx",
    "sea_orm",
    "async-graphql",
    ".rs:",
    "/home",
    "/root",
    "panicked",
];

fn query(document: impl Into<String>) -> String {
    json!({ "query": document.into() }).to_string()
}

fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

/// Bodies by name, with the code of the error that each is answered with.
fn bodies() -> Vec<(&'static str, String, &'static str)> {
    const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";
    const SYNTAX: &str = "GRAPHQL_PARSE_FAILED";
    const INPUT: &str = "BAD_USER_INPUT";
    const REQUEST: &str = "BAD_REQUEST";
    let doubling = |levels: usize, leaf: &str| {
        let fragments = repeated(levels, |n| {
            format!("fragment f{n} on Query{{...f{0} ...f{0}}}", n + 1)
        });
        query(format!(
            "{{...f0}} {fragments} fragment f{levels} on Query{{{leaf}}}"
        ))
    };
    vec![
        ("aliases", query(format!("{{ {} }}", repeated(5_000, |n| format!("a{n}: __typename ")))), INVALID),
        ("aliases by fragments", doubling(11, "a: __typename"), INVALID),
        ("doubling fragments, under 1 kB", doubling(24, "__typename"), INVALID),
        ("doubling fragments that end in nothing", doubling(24, "...nothing"), INVALID),
        (
            "a long chain of fragments",
            query(format!(
                "{{...f0}} {} fragment f2000 on Query{{__typename}}",
                repeated(2_000, |n| format!("fragment f{n} on Query{{...f{}}}", n + 1))
            )),
            INVALID,
        ),
        ("a circle of fragments", query("{...a} fragment a on Query{...b} fragment b on Query{...a}"), INVALID),
        ("a circle that nothing spreads", query("{__typename} fragment a on Query{...a}"), INVALID),
        ("deep fields", query(format!("{}a{}", "{a".repeat(50), "}".repeat(50))), INVALID),
        ("deeper fields than a stack has room for", query("{a".repeat(100_000)), SYNTAX),
        ("deep inline fragments", query(format!("{{{}a{}}}", "...{".repeat(40), "}".repeat(40))), INVALID),
        ("deep lists", query(format!("{{a(b:{}{})}}", "[".repeat(100_000), "]".repeat(100_000))), SYNTAX),
        ("a deep type", query(format!("query($a:{}Int{}){{a}}", "[".repeat(5_000), "]".repeat(5_000))), SYNTAX),
        ("a long list", query(format!("{{nodes(ids:[{}]){{id}}}}", "1 ".repeat(100_000))), INVALID),
        ("a long comment", query(format!("{{a}} #{}", "x".repeat(30_000_000))), INVALID),
        ("a long number", query(format!("{{node(id:{}){{id}}}}", "9".repeat(200_000))), INPUT),
        ("a string without an end", query(format!("{{node(id:\"{}", "x".repeat(200_000))), SYNTAX),
        ("directives", query(format!("{{__typename {}}}", "@include(if:true)".repeat(2_000))), INVALID),
        ("directives of an operation", query(format!("query {} {{__typename}}", "@a".repeat(5_000))), INVALID),
        ("variables", query(format!("query({}){{__typename}}", repeated(5_000, |n| format!("$a{n}:Int ")))), INVALID),
        ("operations", query(repeated(5_000, |n| format!("query a{n}{{__typename}}"))), INVALID),
        ("fields that are not there", query(format!("{{{}}}", repeated(50, |n| format!("a{n} ")))), INVALID),
        (
            "pages in pages",
            query(
                "{datasets(first:100){nodes{manifests(first:100){nodes{partitions(first:1000){nodes{filePath}}}}}}}",
            ),
            INVALID,
        ),
        (
            "the schema in the schema",
            query(format!("{{__schema{{types{{{}name{}}}}}}}", "fields{type{".repeat(6), "}}".repeat(6))),
            INVALID,
        ),
        (
            "the schema many times",
            query(format!("{{__schema{{types{{{}}}}}}}", repeated(60, |n| format!("a{n}:fields{{args{{type{{fields{{name}}}}}}}}")))),
            INVALID,
        ),
        ("a batch", json!(vec![json!({"query": "{__typename}"}); 5_000]).to_string(), REQUEST),
        ("deep JSON", "[".repeat(1_000_000), REQUEST),
        (
            "deep variables",
            format!(r#"{{"query":"{{__typename}}","variables":{{"a":{}{}}}}}"#, "[".repeat(5_000), "]".repeat(5_000)),
            REQUEST,
        ),
        ("a long number in a variable", format!(r#"{{"query":"{{a}}","variables":{{"a":{}}}}}"#, "9".repeat(500_000)), REQUEST),
        ("a long name", query(format!("{{{}}}", "a".repeat(1_000_000))), INVALID),
        (
            "a long cursor",
            json!({"query": "query($a:String){datasets(after:$a){totalCount}}", "variables": {"a": "x".repeat(1_000_000)}}).to_string(),
            INPUT,
        ),
        (
            "a long slug",
            json!({"query": "query($a:String){dataset(by:{slug:$a}){name}}", "variables": {"a": "\u{0}".repeat(1_000_000)}}).to_string(),
            INPUT,
        ),
    ]
}

fn send(gateway: &Process, body: &str) -> String {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .build()
        .new_agent();
    let mut answer = agent
        .post(&format!("http://{}/graphql", gateway.address()))
        .content_type("application/json")
        .send(body)
        .expect("an answer");
    answer.body_mut().read_to_string().expect("a whole answer")
}

#[tokio::test]
async fn every_hostile_document_is_refused_with_little_work_and_few_words() {
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start(&database);
    for (name, body, code) in bodies() {
        let answer = send(&gateway, &body);
        let beginning: String = answer.chars().take(300).collect();
        assert!(
            answer.len() < LONGEST,
            "{name}: {} bytes: {beginning}",
            answer.len()
        );
        let json: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            json["errors"][0]["extensions"]["code"], code,
            "{name}: {beginning}"
        );
        assert!(json["data"].is_null(), "{name}: {beginning}");
        let lower = answer.to_lowercase();
        for inside in INSIDE {
            assert!(!lower.contains(inside), "{name} tells {inside}: {beginning}");
        }
    }
    // It has survived all of it, and did not need much for it.
    let alive: Value = serde_json::from_str(&send(&gateway, &query("{ __typename }"))).unwrap();
    assert_eq!(alive["data"], json!({ "__typename": "Query" }));
    if let Some(memory) = gateway.peak_memory() {
        assert!(memory < MEMORY, "{memory} kB");
    }
}

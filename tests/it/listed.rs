//! A long list in a variable is answered alike whether it is read at once, by a gateway that knows the document, or as a tree of
//! values, by one that does not.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, path, slug, with};
use crate::support::client::document;
use crate::support::database::TestDatabase;
use crate::support::http::post;

both! {
    a_wrong_list_is_refused_alike,
    a_right_list_is_published_alike,
    long_lists_of_other_things_are_read,
}

/// Enough files that a list of them is long.
const FILES: usize = 100;

/// The place of the file that differs.
const ODD: usize = 37;

/// A body that publishes files, of which one is `odd`.
fn publish(dataset: &str, odd: &str) -> String {
    let file = |n: usize| partition("2020-01-01", &format!("{n}.parquet")).to_string();
    let add: Vec<String> = (0..FILES)
        .map(|n| if n == ODD { odd.to_owned() } else { file(n) })
        .collect();
    let query = json!(document("publishManifest"));
    let dataset = slug(dataset);
    let add = add.join(", ");
    format!(r#"{{"query": {query}, "variables": {{"input": {{"dataset": {dataset}, "add": [{add}]}}}}}}"#)
}

/// The file that differs, with `field` as the text `value`.
fn odd(field: &str, value: &str) -> String {
    let mut file = partition("2020-01-02", "odd.parquet");
    file.as_object_mut().unwrap().remove(field);
    let file = file.to_string();
    format!(r#"{}, "{field}": {value}}}"#, file.trim_end_matches('}'))
}

/// A gateway that has published with the same document before, and one that has not.
async fn knowing_and_new(database: &TestDatabase) -> [App; 2] {
    let knowing = App::over(database.connections().await);
    let nowhere = publish("nowhere", &odd("rowCount", "1"));
    let refused = post(&knowing, "application/json", nowhere).await.json();
    assert!(refused.get("errors").is_none(), "{refused}");
    [knowing, App::over(database.connections().await)]
}

async fn a_wrong_list_is_refused_alike(database: TestDatabase) {
    App::new(&database).await.dataset("weather").await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let wrong = [
        odd("rowCount", "true"),
        odd("rowCount", "1.5"),
        odd("rowCount", "-1"),
        odd("rowCount", "\"9223372036854775808\""),
        odd("rowCount", "9223372036854775808"),
        odd("rowCount", "99999999999999999999"),
        odd("rowCount", "1e999"),
        odd("rowCount", "null"),
        odd("rowCounts", "1"),
        odd("filePath", "null"),
        odd("filePath", "7"),
        odd("filePath", r#""a\u0000b""#),
        odd("filePath", r#""\ud800""#),
        odd("filePath", r#""../a""#),
        odd("startTime", "\"yesterday\""),
        odd("startTime", "1577836800"),
        odd("endTime", "\"2020-01-01\""),
        odd("fileFormat", "\"CSV\""),
        odd("fileFormat", r#"{"PARQUET": null}"#),
        odd("fileFormat", r#"["PARQUET"]"#),
        odd("storageTarget", "{}"),
        odd("storageTarget", "\"lake\""),
        odd("storageTarget", r#"["lake"]"#),
        odd("storageTarget", r#"{"name": null}"#),
        odd("storageTarget", r#"{"name": "lake", "id": "x"}"#),
        odd("storageTarget", r#"{"name": "sea"}"#),
        odd("partitionKey", &deep),
        odd("partitionKey", r#"{"a": [1]}"#),
        odd("checksum", "7"),
        "null".to_owned(),
        "7".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        r#"[null, "odd.parquet", null, 1, 1, "2020-01-02T00:00:00Z", "2020-01-02T00:00:00Z"]"#.to_owned(),
    ];
    for wrong in wrong {
        let [knowing, new] = knowing_and_new(&database).await;
        let body = publish("weather", &wrong);
        let known = post(&knowing, "application/json", body.clone()).await;
        let new = post(&new, "application/json", body).await;
        assert_eq!(known.status, new.status, "{wrong}");
        let answer = known.json();
        assert_eq!(answer, new.json(), "{wrong}");
        let user_errors = &answer["data"]["publishManifest"]["userErrors"];
        assert!(
            answer["errors"][0].is_object() || user_errors[0].is_object(),
            "{wrong}: {answer}"
        );
    }
}

async fn a_right_list_is_published_alike(database: TestDatabase) {
    let app = App::new(&database).await;
    let right = [
        odd("rowCount", "7"),
        odd("rowCount", "\"007\""),
        odd("startTime", "\"2020-01-02T01:00:00.5+01:00\""),
        odd("fileFormat", "\"DUCKDB\""),
        odd("fileFormat", "null"),
        odd("storageTarget", r#"{"name": "lake"}"#),
        odd("storageTarget", "null"),
        odd(
            "partitionKey",
            r#"{"city": "Z\u00fcrich", "n": 7.25, "m": -0.0, "x": null}"#,
        ),
        odd(
            "metadata",
            r#"{"a": [1, 2.5, 1e3, 18446744073709551615, {"b": "\"\\\n"}], "a b": {}}"#,
        ),
        odd(
            "columnStatistics",
            r#"{"t": {"min": 1, "max": 2.0, "nullCount": "3"}}"#,
        ),
        odd("metadata", "null"),
        odd("checksum", r#""md5:1", "checksum": "md5:2""#),
    ];
    let read = "query($slug: String!) { dataset(by: { slug: $slug }) { manifest { partitions(first: 100) { nodes {
        filePath fileFormat fileSizeBytes rowCount startTime endTime partitionKey checksum columnStatistics metadata
        storageTarget { name } } } } } }";
    for (n, right) in right.iter().enumerate() {
        let mut files = Vec::new();
        for (way, gateway) in ["known", "new"].iter().zip(knowing_and_new(&database).await) {
            let slug = format!("{way}-{n}");
            app.dataset(&slug).await;
            let answer = post(&gateway, "application/json", publish(&slug, right))
                .await
                .json();
            assert_eq!(
                answer["data"]["publishManifest"]["userErrors"],
                json!([]),
                "{right}"
            );
            files.push(app.query(read, json!({ "slug": slug })).await);
        }
        assert_eq!(files[0], files[1], "{right}");
    }
}

async fn long_lists_of_other_things_are_read(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    // As a list within a field, as a variable of its own, and as JSON.
    let names: Vec<String> = (0..1_000).map(|n| format!("{n:040}.parquet")).collect();
    let files: Vec<Value> = names.iter().map(|name| partition("2020-01-01", name)).collect();
    let removals: Vec<Value> = names.iter().map(|name| path(name)).collect();
    for _ in 0..2 {
        let add = "mutation($add: [PartitionInput!], $metadata: JSON, $summary: JSON) {
            publishManifest(input: { dataset: { slug: \"weather\" }, add: $add, metadata: $metadata, summary: $summary }) {
                manifest { partitionCount metadata summary } userErrors { message } } }";
        let variables =
            json!({ "add": files, "metadata": { "names": names }, "summary": { "names": { "of": names } } });
        let added = app.query(add, variables.clone()).await["publishManifest"].take();
        assert_eq!(added["userErrors"], json!([]));
        assert_eq!(added["manifest"]["partitionCount"], 1_000);
        assert_eq!(added["manifest"]["metadata"], variables["metadata"]);
        assert_eq!(added["manifest"]["summary"], variables["summary"]);
        let input = json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": removals });
        let removed = app.granted("publishManifest", input).await;
        assert_eq!(removed["manifest"]["partitionCount"], 0);
        // A list of what is no JSON object where one is expected.
        let input = json!({ "dataset": slug("weather"), "add": files, "metadata": names });
        let refused = app.refused_once("publishManifest", input).await;
        assert_eq!(refused["path"], json!(["input", "metadata"]));
        // Both fields read the same list.
        let twice = "mutation($input: PublishManifestInput!) {
            first: publishManifest(input: $input) { manifest { version } userErrors { code path } }
            second: publishManifest(input: $input) { manifest { version } userErrors { code path } } }";
        let input = with(json!({ "dataset": slug("nowhere") }), json!({ "add": files }));
        let refused = app.query(twice, json!({ "input": input })).await;
        assert_eq!(refused["first"], refused["second"]);
        assert_eq!(refused["first"]["userErrors"][0]["code"], "NOT_FOUND");
    }
}

//! Pages of published versions are read from the database once, and are never what they should not be.

use serde_json::json;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{field, partition, slug};
use crate::support::database::TestDatabase;

both! {
    a_page_of_a_version_is_read_once,
    a_version_that_has_expired_is_not_answered_from_memory,
    what_looks_forward_is_read_each_time,
    what_was_asked_before_takes_one_statement,
    whatever_another_gateway_changes_is_seen_at_once,
}

const FILES: &str = "query ($version: Int!, $first: Int) { dataset(by: { slug: \"weather\" }) {
    manifest(by: { version: $version }) { partitions(first: $first) { nodes { filePath partitionKey } } } } }";

const DATASET: &str = "{ dataset(by: { slug: \"weather\" }) { slug retentionPolicy { keepVersions } defaultStorageTarget { baseUri }
    manifest { version status partitions { nodes { filePath storageTarget { name baseUri } } } }
    manifests(first: 3) { nodes { version status } }
    schemaVersions(first: 3) { nodes { version fields { name } manifests(first: 3) { nodes { version status operation } } } } } }";

/// How many statements of `work` read files.
fn reads(statements: &[String]) -> usize {
    statements
        .iter()
        .filter(|sql| sql.contains("timestore.partitions"))
        .count()
}

async fn a_page_of_a_version_is_read_once(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    let ask = async |version: i32, first: i32| {
        let variables = json!({ "version": version, "first": first });
        let (answer, statements) = app.statements_of(app.query(FILES, variables)).await;
        let count = answer["dataset"]["manifest"]["partitions"]["nodes"]
            .as_array()
            .map_or(0, Vec::len);
        (count, reads(&statements))
    };
    assert_eq!(ask(1, 10).await, (1, 1));
    assert_eq!(ask(1, 10).await, (1, 0));
    // Another page, and another version.
    assert_eq!(ask(1, 11).await, (1, 1));
    app.append("weather", [partition("2020-01-02", "b")]).await;
    assert_eq!(ask(2, 10).await, (2, 1));
    assert_eq!(ask(2, 10).await, (2, 0));
    assert_eq!(ask(1, 10).await, (1, 0));
    // Whoever wants more of the files has more of them read.
    let more = FILES.replace("partitionKey", "partitionKey metadata");
    let variables = json!({ "version": 1, "first": 10 });
    let (answer, statements) = app.statements_of(app.query(&more, variables)).await;
    let file = &answer["dataset"]["manifest"]["partitions"]["nodes"][0];
    assert_eq!((&file["metadata"], reads(&statements)), (&json!({}), 1));
}

async fn a_version_that_has_expired_is_not_answered_from_memory(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    let page = "query ($after: String) { dataset(by: { slug: \"weather\" }) { manifest(by: { version: 1 }) {
        partitions(first: 1, after: $after) { nodes { filePath } pageInfo { endCursor } } } } }";
    let first = app.query(page, json!({})).await;
    let cursor = &first["dataset"]["manifest"]["partitions"]["pageInfo"]["endCursor"];
    app.query(page, json!({ "after": cursor })).await;
    for (day, path) in [("2020-01-02", "b"), ("2020-01-03", "c")] {
        app.append("weather", [partition(day, path)]).await;
    }
    let keep = json!({ "dataset": slug("weather"), "keepVersions": 1 });
    app.granted("setRetentionPolicy", keep).await;
    app.granted("expireManifests", json!({ "dataset": slug("weather") }))
        .await;
    for after in [&json!(null), cursor] {
        let error = app.error(page, json!({ "after": after })).await;
        assert_eq!(error["extensions"]["code"], "EXPIRED", "{after}");
    }
    // Nor is it through a later version's cursor.
    let newest = page.replace("by: { version: 1 }", "by: { version: 3 }");
    let error = app.error(&newest, json!({ "after": cursor })).await;
    assert_eq!(error["extensions"]["code"], "EXPIRED");
}

async fn what_looks_forward_is_read_each_time(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    let removed = "{ dataset(by: { slug: \"weather\" }) { manifest(by: { version: 1 }) {
        partitions { nodes { filePath removedIn { version } } } } } }";
    let ask = async || {
        let answer = app.query(removed, json!({})).await;
        answer["dataset"]["manifest"]["partitions"]["nodes"][0]["removedIn"].clone()
    };
    assert_eq!(ask().await, json!(null));
    let remove = json!([{ "path": { "filePath": "a" } }]);
    let input = json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": remove });
    app.granted("publishManifest", input).await;
    assert_eq!(ask().await, json!({ "version": 2 }));
}

async fn what_was_asked_before_takes_one_statement(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let schema = json!({ "fields": [field("celsius", "DOUBLE")] });
    let input =
        json!({ "dataset": slug("weather"), "schema": schema, "add": [partition("2020-01-01", "a")] });
    app.granted("publishManifest", input).await;
    app.append("weather", [partition("2020-01-02", "b")]).await;
    let (first, cold) = app.statements_of(app.query(DATASET, json!({}))).await;
    let (again, warm) = app.statements_of(app.query(DATASET, json!({}))).await;
    assert_eq!(again, first);
    assert_eq!((warm.len(), cold.len() > 4), (1, true), "{warm:#?}");
    let old = "{ dataset(by: { slug: \"weather\" }) { manifest(by: { version: 1 }) { version status
        partitions { nodes { filePath storageTarget { name } } } } } }";
    app.query(old, json!({})).await;
    let (_, warm) = app.statements_of(app.query(old, json!({}))).await;
    assert_eq!(warm.len(), 1, "{warm:#?}");
}

async fn whatever_another_gateway_changes_is_seen_at_once(database: TestDatabase) {
    let app = App::new(&database).await;
    let other = App::new(&database).await;
    other.dataset("weather").await;
    let versions: Vec<String> = (1..5)
        .map(|version| {
            DATASET.replace(
                "manifest {",
                &format!("manifest(by: {{ version: {version} }}) {{"),
            )
        })
        .collect();
    // What `app` remembers is what a gateway reads that remembers nothing.
    let compare = async |change: &str| {
        let fresh = App::new(&database).await;
        for document in versions.iter().map(String::as_str).chain([DATASET]) {
            let expected = fresh.execute(document, json!({})).await;
            assert_eq!(app.execute(document, json!({})).await, expected, "after {change}");
            assert_eq!(
                app.execute(document, json!({})).await,
                expected,
                "{change}, asked again"
            );
        }
    };
    compare("the dataset was created").await;
    let dataset = slug("weather");
    let celsius = field("celsius", "DOUBLE");
    let publish = json!({ "dataset": dataset, "schema": { "fields": [celsius] }, "add": [partition("2020-01-01", "a")] });
    let schema = json!({ "dataset": dataset, "fields": [celsius, field("hectopascal", "DOUBLE")] });
    let delete =
        json!({ "dataset": dataset, "operation": "DELETE", "remove": [{ "path": { "filePath": "a" } }] });
    let target = json!({ "name": "lake", "kind": "S3", "baseUri": "s3://elsewhere/files" });
    for (mutation, input) in [
        ("publishManifest", publish),
        ("createSchemaVersion", schema),
        (
            "publishManifest",
            json!({ "dataset": dataset, "add": [partition("2020-01-02", "b")] }),
        ),
        ("upsertStorageTarget", target),
        ("publishManifest", delete),
        (
            "setRetentionPolicy",
            json!({ "dataset": dataset, "keepVersions": 2 }),
        ),
        ("rollbackDataset", json!({ "dataset": dataset, "to": 2 })),
        ("expireManifests", json!({ "dataset": dataset })),
        ("clearRetentionPolicy", json!({ "dataset": dataset })),
        (
            "deleteDataset",
            json!({ "dataset": dataset, "confirmSlug": "weather" }),
        ),
    ] {
        other.granted(mutation, input).await;
        compare(mutation).await;
    }
}

//! Pages of published versions are read from the database once, and are never what they should not be.

use serde_json::json;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug};
use crate::support::database::TestDatabase;

both! {
    a_page_of_a_version_is_read_once,
    a_version_that_has_expired_is_not_answered_from_memory,
    what_looks_forward_is_read_each_time,
}

const FILES: &str = "query ($version: Int!, $first: Int) { dataset(by: { slug: \"weather\" }) {
    manifest(by: { version: $version }) { partitions(first: $first) { nodes { filePath partitionKey } } } } }";

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

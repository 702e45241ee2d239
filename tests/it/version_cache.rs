//! Pages of published versions are read from the database once, and are never what they should not be.

use serde_json::json;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{field, partition, path, slug};
use crate::support::database::TestDatabase;
use crate::support::dice::Dice;

both! {
    a_page_of_a_version_is_read_once,
    a_version_that_has_expired_is_not_answered_from_memory,
    what_looks_forward_is_read_each_time,
    what_was_asked_before_takes_one_statement,
    whatever_another_gateway_changes_is_seen_at_once,
    a_page_outlasts_versions_that_changed_other_times,
    pages_are_what_they_are_whatever_is_published,
}

const FILES: &str = "query ($version: Int!, $first: Int) { dataset(by: { slug: \"weather\" }) {
    manifest(by: { version: $version }) { partitions(first: $first) { nodes { filePath partitionKey } } } } }";

const DATASET: &str = "{ dataset(by: { slug: \"weather\" }) { slug retentionPolicy { keepVersions } defaultStorageTarget { baseUri }
    manifest { version status partitions { nodes { filePath storageTarget { name baseUri } } } }
    manifests(first: 3) { nodes { version status } }
    schemaVersions(first: 3) { nodes { version fields { name } manifests(first: 3) { nodes { version status operation } } } } } }";

/// Pages of windows, and the first of all files.
const WINDOWS: &str = "{ dataset(by: { slug: \"weather\" }) { manifest { version
    january: partitions(window: { from: \"2020-01-01T00:00:00Z\", to: \"2020-01-31T00:00:00Z\" }, first: 3) { ...page }
    late: partitions(window: { from: \"2020-01-20T00:00:00Z\", to: \"2020-01-20T12:00:00Z\" }) { ...page }
    march: partitions(window: { from: \"2020-03-01T00:00:00Z\", to: \"2020-03-31T00:00:00Z\" }) { ...page }
    first: partitions(first: 2) { ...page } } } }
    fragment page on PartitionConnection { totalCount nodes { filePath addedIn { version } } edges { cursor } pageInfo { hasNextPage endCursor } }";

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

async fn a_page_outlasts_versions_that_changed_other_times(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let window = "{ dataset(by: { slug: \"weather\" }) { manifest {
        partitions(window: { from: \"2020-01-01T00:00:00Z\", to: \"2020-01-31T00:00:00Z\" }) { nodes { filePath } } } } }";
    let first =
        "{ dataset(by: { slug: \"weather\" }) { manifest { partitions(first: 1) { nodes { filePath } } } } }";
    let ask = async |document: &str| {
        let (answer, statements) = app.statements_of(app.query(document, json!({}))).await;
        let files = &answer["dataset"]["manifest"]["partitions"]["nodes"];
        (files.as_array().map_or(0, Vec::len), reads(&statements))
    };
    for (day, path) in [("2020-01-01", "a"), ("2020-02-01", "b"), ("2020-02-02", "c")] {
        app.append("weather", [partition(day, path)]).await;
    }
    assert_eq!((ask(window).await, ask(first).await), ((1, 1), (1, 1)));
    app.append("weather", [partition("2020-03-01", "d")]).await;
    assert_eq!((ask(window).await, ask(first).await), ((1, 0), (1, 0)));
    let remove = json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": [path("c")] });
    app.granted("publishManifest", remove).await;
    // What is removed after the end of a full page may have been all that came after it.
    assert_eq!((ask(window).await, ask(first).await), ((1, 0), (1, 1)));
    app.append("weather", [partition("2020-01-31", "e")]).await;
    assert_eq!((ask(window).await, ask(first).await), ((2, 1), (1, 0)));
    // A version that nobody has seen could have changed anything.
    for (day, path) in [("2020-04-01", "f"), ("2020-04-02", "g")] {
        app.append("weather", [partition(day, path)]).await;
    }
    assert_eq!((ask(window).await, ask(first).await), ((2, 1), (1, 1)));
}

async fn pages_are_what_they_are_whatever_is_published(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let mut dice = Dice::new();
    let mut live: Vec<String> = Vec::new();
    for n in 0..60 {
        let mut files = Vec::new();
        for file in 0..=dice.below(2) {
            let day = format!("2020-0{}-{:02}", 1 + dice.below(4), 1 + dice.below(28));
            files.push(partition(&day, &format!("{n}-{file}")));
        }
        let gone = match live.is_empty() || !dice.one_in(3) {
            true => None,
            false => Some(live.swap_remove(dice.below(live.len()))),
        };
        let input = match &gone {
            None => json!({ "dataset": slug("weather"), "add": files }),
            Some(gone) if dice.one_in(2) => {
                files.clear();
                json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": [path(gone)] })
            }
            Some(gone) => {
                json!({ "dataset": slug("weather"), "operation": "REPLACE", "add": files, "remove": [path(gone)] })
            }
        };
        app.granted("publishManifest", input).await;
        live.extend(
            files
                .iter()
                .filter_map(|file| file["filePath"].as_str().map(str::to_owned)),
        );
        if dice.one_in(4) {
            continue;
        }
        let expected = App::new(&database).await.query(WINDOWS, json!({})).await;
        for _ in 0..2 {
            assert_eq!(app.query(WINDOWS, json!({})).await, expected);
        }
    }
}

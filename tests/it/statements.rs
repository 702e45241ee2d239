//! What a document costs: the number of SQL statements depends on the document alone, not on how many rows it touches.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{field, partition, slug};
use crate::support::database::TestDatabase;

both! {
    a_nested_read_takes_as_many_statements_with_ten_times_the_rows,
    a_list_of_datasets_takes_as_many_statements_with_ten_times_the_rows,
    an_append_takes_as_many_statements_with_ten_times_the_rows,
    a_dataset_is_one_statement_with_its_head_and_policy,
    newest_versions_come_with_their_datasets,
    nothing_is_read_that_nobody_asks_for,
    a_file_is_found_by_its_key_among_many_in_one_statement,
}

const NESTED: &str = "{ dataset(by: { slug: \"weather\" }) { slug defaultStorageTarget { name }
    schemaVersions(first: 100) { totalCount nodes { version fields { name }
      manifests(first: 100) { totalCount nodes { version status parent { version } schemaVersion { version }
        dataset { slug status }
        partitions(first: 100) { totalCount pruning { considered } nodes { filePath storageTarget { name baseUri }
          schemaVersion { version } addedIn { version } removedIn { version } } }
        addedPartitions(first: 100) { nodes { filePath } } } } } }
    snapshots(first: 100) { totalCount nodes { name manifest { version } } } } }";

const LIST: &str =
    "{ datasets(first: 100) { totalCount nodes { slug lastPublishedAt defaultStorageTarget { name }
    schemaVersion { version } retentionPolicy { keepVersions }
    effectiveRetentionPolicy { source keepVersions deleteGrace coldStorageTarget { name } } watermarks { source }
    manifest { version status partitionCount createdBy partitions(first: 10) { nodes { filePath } } }
    manifests(first: 5) { totalCount nodes { version } } snapshots(first: 5) { nodes { name } } } } }";

/// What a document reads, and the statements that it takes.
async fn statements(app: &App, document: &str) -> (Value, Vec<String>) {
    app.statements_of(app.query(document, json!({}))).await
}

/// A version with `files` files under the schema version of `columns` columns, and a snapshot of it.
async fn publish(app: &App, name: &str, columns: usize, files: usize) {
    let fields: Vec<_> = (0..columns).map(|n| field(&format!("c{n}"), "DOUBLE")).collect();
    let add: Vec<_> = (0..files)
        .map(|n| partition("2020-01-01", &format!("{name}/{n}.parquet")))
        .collect();
    let input = json!({ "dataset": slug("weather"), "schema": { "fields": fields }, "add": add });
    app.granted("publishManifest", input).await;
    app.granted(
        "createSnapshot",
        json!({ "dataset": slug("weather"), "name": name }),
    )
    .await;
}

async fn a_nested_read_takes_as_many_statements_with_ten_times_the_rows(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    // Two versions, so that one has a parent.
    publish(&app, "first", 1, 1).await;
    publish(&app, "second", 1, 1).await;
    // Each is asked of a gateway that remembers nothing.
    let (few, first) = statements(&App::over(database.connections().await), NESTED).await;
    for n in 0..9 {
        publish(&app, &format!("more-{n}"), 1 + n / 3, 18).await;
    }
    let (many, second) = statements(&App::over(database.connections().await), NESTED).await;
    let files = |data: &Value| data.to_string().matches("filePath").count();
    assert!(
        files(&many) >= 10 * files(&few),
        "{} and {} files",
        files(&few),
        files(&many)
    );
    assert_eq!(second.len(), first.len(), "{second:#?}");
}

async fn a_list_of_datasets_takes_as_many_statements_with_ten_times_the_rows(database: TestDatabase) {
    let app = App::new(&database).await;
    let fill = async |names: std::ops::Range<usize>| {
        for n in names {
            let name = format!("dataset-{n}");
            app.dataset(&name).await;
            app.append(&name, [partition("2020-01-01", "a.parquet")]).await;
            app.granted(
                "setRetentionPolicy",
                json!({
                    "dataset": slug(&name), "keepVersions": 3, "coldStorageAfter": "P1D", "coldStorageTarget": { "name": "lake" },
                }),
            )
            .await;
        }
    };
    fill(0..2).await;
    // Each is asked of a gateway that remembers nothing: where only some of a step is remembered, what follows takes two steps.
    let (_, first) = statements(&App::over(database.connections().await), LIST).await;
    fill(2..20).await;
    let (many, second) = statements(&App::over(database.connections().await), LIST).await;
    assert_eq!(many["datasets"]["totalCount"], 20);
    assert_eq!(second.len(), first.len(), "{second:#?}");
}

async fn an_append_takes_as_many_statements_with_ten_times_the_rows(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    publish(&app, "first", 1, 20).await;
    let append = async |path: &str| {
        let add = json!([partition("2020-01-02", path)]);
        let document = "mutation ($add: [PartitionInput!]) {
            publishManifest(input: { dataset: { slug: \"weather\" }, add: $add }) { manifest { version } } }";
        app.statements_of(app.query(document, json!({ "add": add })))
            .await
            .1
    };
    let first = append("a.parquet").await;
    publish(&app, "more", 2, 200).await;
    let second = append("b.parquet").await;
    // PostgreSQL: the dataset with its head, what is there already, and what is written; then, as nobody else publishes to it, all
    // at once. SQLite: five tables are written.
    if database.url().starts_with("postgres") {
        assert_eq!((first.len(), second.len()), (3, 1), "{first:#?} {second:#?}");
        return;
    }
    assert_eq!(first.len(), 2 + 5, "{first:#?}");
    assert_eq!(second.len(), first.len(), "{second:#?}");
}

async fn newest_versions_come_with_their_datasets(database: TestDatabase) {
    let app = App::new(&database).await;
    for name in ["daily", "hourly"] {
        app.dataset(name).await;
        app.append(name, [partition("2020-01-01", "a.parquet")]).await;
    }
    let list =
        "{ datasets { nodes { slug schemaVersion { version } manifest { version partitionCount } } } }";
    let reader = App::over(database.connections().await);
    let read = async || {
        let (read, taken) = statements(&reader, list).await;
        let newest = &read["datasets"]["nodes"][0]["manifest"];
        (
            newest["version"].clone(),
            newest["partitionCount"].clone(),
            taken.len(),
        )
    };
    // Read along, then remembered; what is not remembered any more takes a statement.
    assert_eq!(read().await, (json!(1), json!(1), 1));
    assert_eq!(read().await, (json!(1), json!(1), 1));
    app.append("daily", [partition("2020-01-02", "b.parquet")]).await;
    assert_eq!(read().await, (json!(2), json!(2), 2));
    assert_eq!(read().await, (json!(2), json!(2), 1));
}

async fn nothing_is_read_that_nobody_asks_for(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("daily").await;
    app.append("daily", [partition("2020-01-01", "a.parquet")]).await;
    let reader = App::over(database.connections().await);
    let files = "{ dataset(by: { slug: \"daily\" }) { name manifest { operation partitions { nodes { filePath } } } } }";
    let (read, taken) = statements(&reader, files).await;
    assert_eq!(
        read["dataset"]["manifest"]["partitions"]["nodes"][0]["filePath"],
        "a.parquet"
    );
    let taken = taken.join("\n");
    for column in ["dataset.name", "newest.operation", "child.file_path"] {
        assert!(taken.contains(column), "{column}: {taken}");
    }
    for column in [
        "description",
        "metadata",
        "total_rows",
        "checksum",
        "column_statistics",
        "max_age",
    ] {
        assert!(!taken.contains(column), "{column}: {taken}");
    }
}

async fn a_dataset_is_one_statement_with_its_head_and_policy(database: TestDatabase) {
    let app = App::new(&database).await;
    for name in ["daily", "hourly"] {
        app.dataset(name).await;
        app.append(name, [partition("2020-01-01", "a.parquet")]).await;
    }
    let policy = json!({ "dataset": slug("daily"), "keepVersions": 3 });
    app.granted("setRetentionPolicy", policy).await;
    let (both, read) = statements(
        &app,
        "{ datasets { nodes { slug lastPublishedAt retentionPolicy { keepVersions } } } }",
    )
    .await;
    let policies = both["datasets"]["nodes"].as_array().unwrap().iter();
    let policies: Vec<_> = policies.map(|node| node["retentionPolicy"].clone()).collect();
    assert_eq!(policies, [json!({ "keepVersions": 3 }), Value::Null]);
    assert_eq!(read.len(), 1, "{read:#?}");
    let one = "{ dataset(by: { slug: \"daily\" }) { lastPublishedAt retentionPolicy { keepVersions dataset { slug } } } }";
    let (one, read) = statements(&app, one).await;
    assert_eq!(one["dataset"]["retentionPolicy"]["dataset"]["slug"], "daily");
    // The dataset of the policy is another step.
    assert_eq!(read.len(), 2, "{read:#?}");
}

async fn a_file_is_found_by_its_key_among_many_in_one_statement(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let add: [Value; 600] = std::array::from_fn(|n| {
        let mut file = partition("2020-01-01", &format!("{n}.parquet"));
        file["partitionKey"] = json!({ "city": format!("city-{n}") });
        file
    });
    app.append("weather", add).await;
    let document = "{ dataset(by: { slug: \"weather\" }) { manifest { partitions(
        partitionKey: { key: \"city\", in: [\"city-599\", \"city-1\"] }) { nodes { filePath } } } } }";
    let (found, read) = statements(&app, document).await;
    let found = &found["dataset"]["manifest"]["partitions"]["nodes"];
    assert_eq!(found.as_array().map(Vec::len), Some(2), "{found}");
    let of_files = read.iter().filter(|text| text.contains("timestore.partitions"));
    assert_eq!(of_files.count(), 1, "{read:#?}");
}

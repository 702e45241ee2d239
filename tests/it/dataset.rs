//! Datasets, written.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, partition, slug};
use crate::support::database::TestDatabase;

both! {
    a_new_dataset_answers_with_what_was_asked_and_the_defaults,
    an_explicit_null_takes_the_default,
    creating_a_dataset_again_returns_it,
    a_slug_that_another_dataset_has_is_refused_in_any_case,
    an_update_changes_what_it_names_and_clears_what_is_null,
    a_variable_that_is_omitted_leaves_the_field_as_it_is,
    what_is_already_as_asked_makes_no_new_revision,
    an_update_of_another_revision_is_refused_with_the_current_one,
    what_cannot_be_cleared_is_refused,
    archiving_hides_a_dataset_and_can_be_taken_back,
    an_archived_dataset_takes_no_publishes,
    a_document_with_several_mutations_reads_each_result_as_it_was_then,
}

async fn a_new_dataset_answers_with_what_was_asked_and_the_defaults(database: TestDatabase) {
    let app = App::new(&database).await;
    app.storage_target("lake").await;
    let input = json!({ "slug": "Weather.Hourly", "name": "Weather", "metadata": { "team": "meteo" } });
    let dataset = &app.granted("createDataset", input).await["dataset"];
    assert_eq!(dataset["slug"], "weather.hourly");
    assert_eq!(dataset["name"], "Weather");
    assert_eq!(dataset["description"], Value::Null);
    assert_eq!(dataset["status"], "ACTIVE");
    assert_eq!(dataset["writeFormat"], "PARQUET");
    assert_eq!(dataset["compatibility"], "ADDITIVE");
    assert_eq!(dataset["defaultStorageTarget"], Value::Null);
    assert_eq!(dataset["metadata"], json!({ "team": "meteo" }));
    assert_eq!(dataset["revision"], 1);
    assert_eq!(dataset["lastPublishedAt"], Value::Null);
}

async fn an_explicit_null_takes_the_default(database: TestDatabase) {
    let app = App::new(&database).await;
    let input = json!({ "slug": "weather", "name": "Weather", "writeFormat": null, "compatibility": null });
    let dataset = &app.granted("createDataset", input).await["dataset"];
    assert_eq!(dataset["writeFormat"], "PARQUET");
    assert_eq!(dataset["compatibility"], "ADDITIVE");
}

async fn creating_a_dataset_again_returns_it(database: TestDatabase) {
    let app = App::new(&database).await;
    let first = app.dataset("weather").await;
    let before = app.catalog().await;
    assert_eq!(app.dataset("weather").await, first);
    let input = json!({ "slug": "WEATHER", "name": "weather", "defaultStorageTarget": { "name": "lake" } });
    assert_eq!(app.granted("createDataset", input).await["dataset"], first);
    assert_eq!(app.catalog().await, before);
}

async fn a_slug_that_another_dataset_has_is_refused_in_any_case(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let error = app
        .refused_once("createDataset", json!({ "slug": "Weather", "name": "Other" }))
        .await;
    assert_eq!(error["__typename"], "AlreadyExists");
    assert_eq!(code_and_path(&error), ("ALREADY_EXISTS", "input.slug".to_owned()));
}

async fn an_update_changes_what_it_names_and_clears_what_is_null(database: TestDatabase) {
    let app = App::new(&database).await;
    let created = app.dataset("weather").await;
    let input = json!({ "dataset": slug("weather"), "description": "hourly", "metadata": { "a": 1, "b": { "c": 2 } } });
    let described = app.granted("updateDataset", input).await["dataset"].take();
    assert_eq!(described["description"], "hourly");
    assert_eq!(described["name"], "weather");
    assert_eq!(described["defaultStorageTarget"]["name"], "lake");
    assert_eq!(described["revision"], 2);
    let input = json!({
        "dataset": { "id": created["id"] }, "name": "Weather", "description": null, "defaultStorageTarget": null,
        "compatibility": "NONE", "metadata": { "a": null, "d": 3 },
    });
    let updated = &app.granted("updateDataset", input).await["dataset"];
    assert_eq!(updated["name"], "Weather");
    assert_eq!(updated["description"], Value::Null);
    assert_eq!(updated["defaultStorageTarget"], Value::Null);
    assert_eq!(updated["compatibility"], "NONE");
    assert_eq!(updated["metadata"], json!({ "b": { "c": 2 }, "d": 3 }));
    assert_eq!(updated["revision"], 3);
    let input = json!({ "dataset": slug("weather"), "metadata": null });
    assert_eq!(
        app.granted("updateDataset", input).await["dataset"]["metadata"],
        json!({})
    );
}

async fn a_variable_that_is_omitted_leaves_the_field_as_it_is(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.granted(
        "updateDataset",
        json!({ "dataset": slug("weather"), "description": "hourly" }),
    )
    .await;
    let document = "mutation ($name: String, $description: String) {
        updateDataset(input: { dataset: { slug: \"weather\" }, name: $name, description: $description }) {
            dataset { name description } userErrors { message } } }";
    let data = app.query(document, json!({ "name": "Weather" })).await;
    let expected = json!({ "dataset": { "name": "Weather", "description": "hourly" }, "userErrors": [] });
    assert_eq!(data["updateDataset"], expected);
}

async fn what_is_already_as_asked_makes_no_new_revision(database: TestDatabase) {
    let app = App::new(&database).await;
    let created = app.dataset("weather").await;
    let before = app.catalog().await;
    let updated = &app
        .granted(
            "updateDataset",
            json!({ "dataset": slug("weather"), "name": "weather" }),
        )
        .await["dataset"];
    assert_eq!(updated, &created);
    assert_eq!(app.catalog().await, before);
}

async fn an_update_of_another_revision_is_refused_with_the_current_one(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.granted(
        "updateDataset",
        json!({ "dataset": slug("weather"), "expectedRevision": 1, "name": "A" }),
    )
    .await;
    let input = json!({ "dataset": slug("weather"), "expectedRevision": 1, "name": "B" });
    let error = app.refused_once("updateDataset", input).await;
    assert_eq!(error["__typename"], "RevisionConflict");
    assert_eq!(error["revision"], 2);
    assert_eq!(
        code_and_path(&error),
        ("REVISION_CONFLICT", "input.expectedRevision".to_owned())
    );
}

async fn what_cannot_be_cleared_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let input = json!({ "dataset": slug("weather"), "name": null, "status": null, "compatibility": null, "description": "x" });
    let errors = app.refused("updateDataset", input).await;
    let found: Vec<_> = errors.iter().map(code_and_path).collect();
    let expected =
        ["input.name", "input.status", "input.compatibility"].map(|at| ("INVALID_INPUT", at.to_owned()));
    assert_eq!(found, expected);
}

async fn archiving_hides_a_dataset_and_can_be_taken_back(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let input = json!({ "dataset": slug("weather"), "reason": "replaced" });
    let archived = app.granted("archiveDataset", input.clone()).await["dataset"].take();
    assert_eq!(archived["status"], "INACTIVE");
    let before = app.catalog().await;
    assert_eq!(app.granted("archiveDataset", input).await["dataset"], archived);
    assert_eq!(app.catalog().await, before);

    let list = "{ listed: datasets(first: 10) { totalCount nodes { slug } }
        inactive: datasets(first: 10, filter: { status: INACTIVE }) { nodes { slug } }
        named: dataset(by: { slug: \"weather\" }) { status manifest { version partitions { totalCount } } } }";
    let data = app.query(list, json!({})).await;
    assert_eq!(data["listed"], json!({ "totalCount": 0, "nodes": [] }));
    assert_eq!(data["inactive"]["nodes"], json!([{ "slug": "weather" }]));
    assert_eq!(data["named"]["manifest"]["partitions"]["totalCount"], 1);

    let input = json!({ "dataset": slug("weather"), "status": "ACTIVE" });
    assert_eq!(
        app.granted("updateDataset", input).await["dataset"]["status"],
        "ACTIVE"
    );
    assert_eq!(app.query(list, json!({})).await["listed"]["totalCount"], 1);
}

async fn an_archived_dataset_takes_no_publishes(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.granted("archiveDataset", json!({ "dataset": slug("weather") }))
        .await;
    let input = json!({ "dataset": slug("weather"), "add": [partition("2020-01-01", "a.parquet")] });
    let error = app.refused_once("publishManifest", input).await;
    assert_eq!(error["__typename"], "DatasetInactive");
    assert_eq!(
        code_and_path(&error),
        ("DATASET_INACTIVE", "input.dataset".to_owned())
    );
}

async fn a_document_with_several_mutations_reads_each_result_as_it_was_then(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let document = "mutation {
        a: updateDataset(input: { dataset: { slug: \"weather\" }, name: \"A\" }) { ...Read }
        b: updateDataset(input: { dataset: { slug: \"weather\" }, name: \"B\", defaultStorageTarget: null }) { ...Read }
        c: setRetentionPolicy(input: { dataset: { slug: \"weather\" }, keepVersions: 3 }) { policy { revision } }
        d: updateDataset(input: { dataset: { slug: \"weather\" }, name: \"D\" }) { ...Read } }
      fragment Read on UpdateDatasetPayload {
        dataset { name revision defaultStorageTarget { name } retentionPolicy { revision } } }";
    let data = app.query(document, json!({})).await;
    let read = |name: &str, revision: i32, target: Value, policy: Value| {
        let target = if target.is_null() {
            target
        } else {
            json!({ "name": target })
        };
        let policy = if policy.is_null() {
            policy
        } else {
            json!({ "revision": policy })
        };
        json!({ "dataset": {
            "name": name, "revision": revision, "defaultStorageTarget": target, "retentionPolicy": policy } })
    };
    assert_eq!(data["a"], read("A", 2, json!("lake"), Value::Null));
    assert_eq!(data["b"], read("B", 3, Value::Null, Value::Null));
    assert_eq!(data["d"], read("D", 4, Value::Null, json!(1)));
}

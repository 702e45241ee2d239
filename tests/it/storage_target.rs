//! Storage targets, written.

use serde_json::json;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::code_and_path;
use crate::support::database::TestDatabase;

both! {
    a_new_target_answers_with_what_was_asked,
    asking_twice_changes_nothing_the_second_time,
    the_target_of_the_same_name_is_changed,
    a_target_named_by_id_can_be_renamed,
    a_name_that_another_target_has_is_refused,
    secrets_in_the_configuration_are_refused_and_not_repeated,
}

async fn a_new_target_answers_with_what_was_asked(database: TestDatabase) {
    let app = App::new(&database).await;
    let input = json!({
        "name": "lake", "kind": "S3", "baseUri": "s3://lake/timestore/", "description": "the lake",
        "config": { "region": "eu-central-1", "credentials": "lake-writer" },
    });
    let target = &app.granted("upsertStorageTarget", input).await["storageTarget"];
    assert_eq!(target["name"], "lake");
    assert_eq!(target["kind"], "S3");
    assert_eq!(target["baseUri"], "s3://lake/timestore");
    assert_eq!(target["description"], "the lake");
    assert_eq!(
        target["config"],
        json!({ "region": "eu-central-1", "credentials": "lake-writer" })
    );
}

async fn asking_twice_changes_nothing_the_second_time(database: TestDatabase) {
    let app = App::new(&database).await;
    let first = app.storage_target("lake").await;
    let before = app.catalog().await;
    assert_eq!(app.storage_target("lake").await, first);
    assert_eq!(app.catalog().await, before);
}

async fn the_target_of_the_same_name_is_changed(database: TestDatabase) {
    let app = App::new(&database).await;
    let first = app.storage_target("lake").await;
    let input = json!({ "name": "lake", "kind": "GCS", "baseUri": "gs://lake" });
    let second = &app.granted("upsertStorageTarget", input).await["storageTarget"];
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["kind"], "GCS");
    assert_eq!(second["createdAt"], first["createdAt"]);
}

async fn a_target_named_by_id_can_be_renamed(database: TestDatabase) {
    let app = App::new(&database).await;
    let target = app.storage_target("lake").await;
    let input = json!({ "id": target["id"], "name": "pond", "kind": "S3", "baseUri": "s3://lake/timestore" });
    let renamed = &app.granted("upsertStorageTarget", input).await["storageTarget"];
    assert_eq!(renamed["id"], target["id"]);
    assert_eq!(renamed["name"], "pond");
}

async fn a_name_that_another_target_has_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    let lake = app.storage_target("lake").await;
    app.storage_target("pond").await;
    let input = json!({ "id": lake["id"], "name": "pond", "kind": "S3", "baseUri": "s3://lake" });
    let error = app.refused_once("upsertStorageTarget", input).await;
    assert_eq!(error["__typename"], "AlreadyExists");
    assert_eq!(code_and_path(&error), ("ALREADY_EXISTS", "input.name".to_owned()));
}

async fn secrets_in_the_configuration_are_refused_and_not_repeated(database: TestDatabase) {
    let app = App::new(&database).await;
    let input = json!({
        "name": "lake", "kind": "S3", "baseUri": "s3://lake",
        "config": { "region": "eu-central-1", "secret_access_key": "hunter2-hunter2" },
    });
    let error = app.refused_once("upsertStorageTarget", input).await;
    assert_eq!(
        code_and_path(&error),
        ("INVALID_INPUT", "input.config".to_owned())
    );
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

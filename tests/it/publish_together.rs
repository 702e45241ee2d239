//! Publishing several datasets at once, all or none.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, partition, slug, with};
use crate::support::database::TestDatabase;

both! {
    several_datasets_are_published_together,
    when_one_of_several_is_refused_none_is_published,
    an_unknown_dataset_does_not_hide_what_is_wrong_with_the_others,
}

async fn several_datasets_are_published_together(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.dataset("climate").await;
    let publish =
        |dataset: &str| json!({ "dataset": slug(dataset), "add": [partition("2020-01-01", "a.parquet")] });
    let input = json!({ "manifests": [publish("weather"), publish("climate")] });
    let payload = app.granted("publishManifests", input).await;
    let published = payload["manifests"].as_array().unwrap();
    let published: Vec<_> = published
        .iter()
        .map(|manifest| &manifest["dataset"]["slug"])
        .collect();
    assert_eq!(json!(published), json!(["weather", "climate"]));
    assert_eq!(payload["replayed"], false);
}

async fn when_one_of_several_is_refused_none_is_published(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.dataset("climate").await;
    let publish = |dataset: Value, rows: i32| json!({ "dataset": dataset, "add": [with(partition("2020-01-01", "a.parquet"), json!({ "rowCount": rows }))] });
    let input = json!({ "manifests": [publish(slug("weather"), 1), publish(slug("climate"), -1)] });
    let error = app.refused_once("publishManifests", input).await;
    assert_eq!(
        code_and_path(&error),
        ("INVALID_INPUT", "input.manifests.1.add.0.rowCount".to_owned())
    );
    let input = json!({ "manifests": [publish(slug("none"), 1), publish(slug("climate"), 1)] });
    let error = app.refused_once("publishManifests", input).await;
    assert_eq!(
        code_and_path(&error),
        ("NOT_FOUND", "input.manifests.0.dataset.slug".to_owned())
    );
    let input = json!({ "manifests": [publish(slug("climate"), 1), publish(slug("CLIMATE"), 1)] });
    let error = app.refused_once("publishManifests", input).await;
    assert_eq!(
        code_and_path(&error),
        ("INVALID_INPUT", "input.manifests.1.dataset".to_owned())
    );
    let error = app
        .refused_once("publishManifests", json!({ "manifests": [] }))
        .await;
    assert_eq!(
        code_and_path(&error),
        ("INVALID_INPUT", "input.manifests".to_owned())
    );
}

async fn an_unknown_dataset_does_not_hide_what_is_wrong_with_the_others(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let publish = |dataset: &str, path: &str| json!({ "dataset": slug(dataset), "add": [partition("2020-01-01", path)] });
    let input = json!({ "manifests": [publish("weather", ""), publish("nowhere", "/a.parquet")] });
    let errors = app.refused("publishManifests", input).await;
    let found: Vec<_> = errors.iter().map(code_and_path).collect();
    let at = |path: &str| format!("input.manifests.{path}");
    assert_eq!(
        found,
        [
            ("NOT_FOUND", at("1.dataset.slug")),
            ("INVALID_INPUT", at("1.add.0.filePath")),
            ("INVALID_INPUT", at("0.add.0.filePath")),
        ]
    );
}

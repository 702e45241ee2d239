//! Schema versions, written.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, field, slug, with};
use crate::support::database::TestDatabase;

both! {
    the_first_fields_become_version_1,
    equal_fields_in_another_order_reuse_the_version,
    additive_and_widening_changes_make_new_versions,
    a_breaking_change_is_refused_with_reasons_and_a_plan,
    a_dry_run_says_what_would_happen_and_changes_nothing,
}

async fn the_first_fields_become_version_1(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let mut temperature = field("temperature", "DOUBLE");
    temperature = with(
        temperature,
        json!({ "unit": "°C", "nativeType": "DOUBLE", "description": "at 2 m" }),
    );
    let time = json!({ "name": "time", "type": "TIMESTAMP", "nullable": false });
    let input = json!({ "dataset": slug("weather"), "fields": [time, temperature], "description": "from the stations" });
    let payload = app.granted("createSchemaVersion", input).await;
    assert_eq!(payload["compatibility"], Value::Null);
    let version = &payload["schemaVersion"];
    assert_eq!(version["version"], 1);
    assert_eq!(version["description"], "from the stations");
    assert_eq!(
        version["fields"],
        json!([
            with(
                time,
                json!({ "nativeType": null, "description": null, "unit": null })
            ),
            temperature
        ])
    );
}

async fn equal_fields_in_another_order_reuse_the_version(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let (a, b) = (field("a", "INTEGER"), field("b", "STRING"));
    let first = app
        .granted(
            "createSchemaVersion",
            json!({ "dataset": slug("weather"), "fields": [a, b] }),
        )
        .await;
    let before = app.catalog().await;
    let again = app
        .granted(
            "createSchemaVersion",
            json!({ "dataset": slug("weather"), "fields": [b, a] }),
        )
        .await;
    assert_eq!(again["schemaVersion"], first["schemaVersion"]);
    assert_eq!(again["compatibility"]["kind"], "IDENTICAL");
    assert_eq!(app.catalog().await, before);
}

async fn additive_and_widening_changes_make_new_versions(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let create = async |fields: Value| {
        app.granted(
            "createSchemaVersion",
            json!({ "dataset": slug("weather"), "fields": fields }),
        )
        .await
    };
    create(json!([field("a", "INTEGER")])).await;
    let added = create(json!([field("a", "INTEGER"), field("b", "STRING")])).await;
    assert_eq!(added["schemaVersion"]["version"], 2);
    assert_eq!(added["compatibility"]["kind"], "ADDITIVE");
    assert_eq!(added["compatibility"]["plan"]["kind"], "ADD_COLUMNS");
    let widened = create(json!([field("a", "DOUBLE"), field("b", "STRING")])).await;
    assert_eq!(widened["schemaVersion"]["version"], 3);
    assert_eq!(widened["compatibility"]["kind"], "WIDENING");
    let reason = &widened["compatibility"]["reasons"][0];
    assert_eq!(
        (&reason["kind"], &reason["column"]),
        (&json!("TYPE_WIDENED"), &json!("a"))
    );
}

async fn a_breaking_change_is_refused_with_reasons_and_a_plan(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let fields = json!([field("a", "DOUBLE"), field("b", "STRING")]);
    app.granted(
        "createSchemaVersion",
        json!({ "dataset": slug("weather"), "fields": fields }),
    )
    .await;
    let fields = json!([
        field("a", "INTEGER"),
        with(field("c", "STRING"), json!({ "nullable": false }))
    ]);
    let input = json!({ "dataset": slug("weather"), "fields": fields });
    let error = app.refused_once("createSchemaVersion", input.clone()).await;
    assert_eq!(error["__typename"], "SchemaIncompatible");
    assert_eq!(
        code_and_path(&error),
        ("SCHEMA_INCOMPATIBLE", "input.fields".to_owned())
    );
    let reasons = error["reasons"].as_array().unwrap();
    let reasons: Vec<_> = reasons
        .iter()
        .map(|reason| (&reason["kind"], &reason["column"]))
        .collect();
    assert_eq!(
        json!(reasons),
        json!([
            ["TYPE_CHANGED", "a"],
            ["COLUMN_REMOVED", "b"],
            ["REQUIRED_COLUMN_ADDED", "c"]
        ])
    );
    assert_eq!(error["plan"]["kind"], "REWRITE");
    assert_eq!(error["plan"]["columns"], json!(["a", "b", "c"]));
    assert!(!error["plan"]["steps"].as_array().unwrap().is_empty());

    app.granted(
        "updateDataset",
        json!({ "dataset": slug("weather"), "compatibility": "NONE" }),
    )
    .await;
    let created = app.granted("createSchemaVersion", input).await;
    assert_eq!(created["schemaVersion"]["version"], 2);
    assert_eq!(created["compatibility"]["kind"], "BREAKING");
}

async fn a_dry_run_says_what_would_happen_and_changes_nothing(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let create = |fields: Value| json!({ "dataset": slug("weather"), "fields": fields, "dryRun": true });
    let before = app.catalog().await;
    let first = app
        .granted("createSchemaVersion", create(json!([field("a", "INTEGER")])))
        .await;
    assert_eq!(
        (&first["schemaVersion"], &first["compatibility"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(app.catalog().await, before);
    let fields = json!([field("a", "INTEGER")]);
    app.granted(
        "createSchemaVersion",
        json!({ "dataset": slug("weather"), "fields": fields }),
    )
    .await;
    let before = app.catalog().await;
    let same = app.granted("createSchemaVersion", create(fields)).await;
    assert_eq!(same["schemaVersion"]["version"], 1);
    let wider = app
        .granted("createSchemaVersion", create(json!([field("a", "DOUBLE")])))
        .await;
    assert_eq!(wider["schemaVersion"], Value::Null);
    assert_eq!(wider["compatibility"]["kind"], "WIDENING");
    assert_eq!(app.catalog().await, before);
}

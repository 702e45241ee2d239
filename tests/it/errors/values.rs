//! Values of the wrong type: errors of the request, which never gets to a mutation.

use serde_json::{Value, json};

use super::set_up;
use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug, with};
use crate::support::client::document;
use crate::support::database::TestDatabase;

both! {
    values_of_the_wrong_type_are_errors_of_the_request,
    numbers_past_32_bits_are_refused_with_the_name_of_their_field,
}

async fn values_of_the_wrong_type_are_errors_of_the_request(database: TestDatabase) {
    let app = App::new(&database).await;
    set_up(&app).await;
    let file = |wrong: Value| json!({ "add": [with(partition("2020-01-02", "b.parquet"), wrong)] });
    let cases = [
        (
            file(json!({ "fileSizeBytes": "9223372036854775808" })),
            "fileSizeBytes",
        ),
        (file(json!({ "fileSizeBytes": 1.5 })), "fileSizeBytes"),
        (file(json!({ "rowCount": "ten" })), "rowCount"),
        (file(json!({ "rowCount": null })), "rowCount"),
        (file(json!({ "startTime": "yesterday" })), "startTime"),
        (file(json!({ "startTime": "10000-01-01T00:00:00Z" })), "startTime"),
        (file(json!({ "startTime": "2020-02-30T00:00:00Z" })), "startTime"),
        (file(json!({ "startTime": 1_577_836_800 })), "startTime"),
        (file(json!({ "fileFormat": "CSV" })), "fileFormat"),
        (file(json!({ "filePath": 7 })), "filePath"),
        (file(json!({ "unheardOf": 7 })), "unheardOf"),
        (json!({ "operation": "TRUNCATE" }), "operation"),
        (json!({ "expectedVersion": "1" }), "expectedVersion"),
        (json!({ "removeAll": "yes" }), "removeAll"),
        (json!({ "dataset": null }), "dataset"),
        (json!({ "dataset": {} }), "dataset"),
        (json!({ "dataset": { "id": "x", "slug": "weather" } }), "dataset"),
        (
            json!({ "schema": { "fields": [{ "name": "a", "type": "TEXT" }] } }),
            "type",
        ),
        (
            json!({ "watermark": { "source": "s", "sealedThrough": "2020-01-01T00:00:00Z", "fencingToken": "-" } }),
            "fencingToken",
        ),
    ];
    let before = app.catalog().await;
    let mut unnamed = Vec::new();
    for (wrong, field) in cases {
        let input = with(json!({ "dataset": slug("weather") }), wrong);
        let error = app
            .error(&document("publishManifest"), json!({ "input": input }))
            .await;
        let code = error["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code: {error}"));
        assert!(
            ["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"].contains(&code),
            "{error}"
        );
        if !error["message"].as_str().unwrap().contains(field) {
            unnamed.push(format!("{error} does not name {field}"));
        }
    }
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
    let rules = [
        json!({ "maxAge": "30 days" }),
        json!({ "maxAge": "-P1D" }),
        json!({ "maxAge": 30 }),
    ];
    for wrong in rules {
        let input = with(json!({ "dataset": slug("weather") }), wrong);
        let error = app
            .error(&document("setRetentionPolicy"), json!({ "input": input }))
            .await;
        assert!(error["message"].as_str().unwrap().contains("maxAge"), "{error}");
    }
    assert_eq!(app.catalog().await, before);
}

async fn numbers_past_32_bits_are_refused_with_the_name_of_their_field(database: TestDatabase) {
    let app = App::new(&database).await;
    set_up(&app).await;
    let input = json!({ "dataset": slug("weather"), "expectedVersion": 2_147_483_648_i64 });
    let error = app
        .error(&document("publishManifest"), json!({ "input": input }))
        .await;
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
    assert!(
        error["message"].as_str().unwrap().contains("expectedVersion"),
        "{error}"
    );
}

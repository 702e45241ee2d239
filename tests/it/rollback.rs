//! Rollbacks: new versions with the files of old ones.

use serde_json::json;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, files, partition, path, slug};
use crate::support::database::TestDatabase;

both! {
    a_rollback_is_a_new_version_with_the_files_of_an_old_one,
    a_rollback_to_no_other_version_is_refused,
}

async fn a_rollback_is_a_new_version_with_the_files_of_an_old_one(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let first = app
        .append(
            "weather",
            [
                partition("2020-01-01", "a.parquet"),
                partition("2020-01-02", "b.parquet"),
            ],
        )
        .await;
    let input = json!({
        "dataset": slug("weather"), "operation": "REPLACE", "remove": [path("a.parquet")],
        "add": [partition("2020-01-03", "c.parquet")],
    });
    app.granted("publishManifest", input).await;
    let input =
        json!({ "dataset": slug("weather"), "to": 1, "expectedVersion": 2, "idempotencyKey": "back" });
    let payload = app.granted("rollbackDataset", input.clone()).await;
    let manifest = &payload["manifest"];
    assert_eq!(
        (&manifest["version"], &manifest["operation"]),
        (&json!(3), &json!("ROLLBACK"))
    );
    assert_eq!(files(manifest), files(&first));
    assert_eq!(
        (&manifest["addedCount"], &manifest["removedCount"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&manifest["totalRows"], &manifest["endTime"]),
        (&first["totalRows"], &first["endTime"])
    );
    assert_eq!(app.granted("rollbackDataset", input).await["replayed"], true);
}

async fn a_rollback_to_no_other_version_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    for (to, code) in [
        (0, "NOT_FOUND"),
        (2, "NOT_FOUND"),
        (-1, "NOT_FOUND"),
        (1, "INVALID_INPUT"),
    ] {
        let error = app
            .refused_once("rollbackDataset", json!({ "dataset": slug("weather"), "to": to }))
            .await;
        assert_eq!(code_and_path(&error), (code, "input.to".to_owned()), "{to}");
    }
    app.append("weather", [partition("2020-01-02", "b.parquet")])
        .await;
    let error = app
        .refused_once(
            "rollbackDataset",
            json!({ "dataset": slug("weather"), "to": 1, "expectedVersion": 1 }),
        )
        .await;
    assert_eq!(error["__typename"], "VersionConflict");
}

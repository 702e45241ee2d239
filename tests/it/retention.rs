//! Retention through the API: the preview, applying a policy, and the end of history.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, partition, slug};
use crate::support::database::TestDatabase;

both! {
    a_preview_says_what_goes_and_what_holds_it,
    applying_a_policy_drops_the_oldest_files_in_a_version_of_its_own,
    applying_a_policy_again_changes_nothing,
    an_archived_dataset_is_left_as_it_is,
    expired_versions_answer_with_the_oldest_one_available,
    rules_that_can_never_be_right_are_refused,
}

fn codes_and_paths(errors: &[Value]) -> Vec<(&str, String)> {
    errors.iter().map(code_and_path).collect()
}

const PREVIEW: &str =
    "query($policy: RetentionRulesInput) { dataset(by: { slug: \"weather\" }) { retentionPreview(policy: $policy) {
    version going { files rows bytes } byRule { rule going { files } } freed { files }
    holds { snapshot version held { files } } remaining { files } startTime endTime
    files { totalCount nodes { rule heldBySnapshots heldByHistory partition { filePath } } } } } }";

/// Three days of files, a version each, and a pin of the second version.
async fn three_days(app: &App) {
    app.dataset("weather").await;
    for (day, path) in [("2020-01-01", "a"), ("2020-01-02", "b"), ("2020-01-03", "c")] {
        app.append("weather", [partition(day, path)]).await;
    }
    let pin = json!({ "dataset": slug("weather"), "name": "q3-audit", "at": { "version": 1 } });
    app.granted("createSnapshot", pin).await;
}

async fn a_preview_says_what_goes_and_what_holds_it(database: TestDatabase) {
    let app = App::new(&database).await;
    three_days(&app).await;
    let size = partition("2020-01-01", "a")["fileSizeBytes"].clone();
    let policy = json!({ "maxTotalBytes": size, "keepVersions": 1 });
    let data = app.query(PREVIEW, json!({ "policy": policy })).await;
    let preview = &data["dataset"]["retentionPreview"];
    assert_eq!(preview["version"], 3);
    assert_eq!(
        (&preview["going"]["files"], &preview["remaining"]["files"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        preview["byRule"],
        json!([
            { "rule": "MAX_AGE", "going": { "files": 0 } },
            { "rule": "MAX_TOTAL_BYTES", "going": { "files": 2 } },
        ])
    );
    assert_eq!(
        preview["holds"],
        json!([{ "snapshot": "q3-audit", "version": 1, "held": { "files": 1 } }])
    );
    assert_eq!(preview["freed"]["files"], 1);
    assert_eq!(
        preview["files"],
        json!({ "totalCount": 2, "nodes": [
            { "rule": "MAX_TOTAL_BYTES", "heldBySnapshots": ["q3-audit"], "heldByHistory": false,
              "partition": { "filePath": "a" } },
            { "rule": "MAX_TOTAL_BYTES", "heldBySnapshots": [], "heldByHistory": false,
              "partition": { "filePath": "b" } },
        ] })
    );
    let nothing = app.query(PREVIEW, json!({ "policy": null })).await;
    assert_eq!(nothing["dataset"]["retentionPreview"]["going"]["files"], 0);
}

async fn set(app: &App, policy: Value) {
    let mut input = policy;
    input["dataset"] = slug("weather");
    app.granted("setRetentionPolicy", input).await;
}

async fn applying_a_policy_drops_the_oldest_files_in_a_version_of_its_own(database: TestDatabase) {
    let app = App::new(&database).await;
    three_days(&app).await;
    set(
        &app,
        json!({ "maxTotalBytes": partition("2020-01-01", "a")["fileSizeBytes"] }),
    )
    .await;
    let input = json!({ "dataset": slug("weather"), "expectedVersion": 3, "idempotencyKey": "k" });
    let payload = app.granted("applyRetention", input.clone()).await;
    assert_eq!(payload["complete"], true);
    let manifest = &payload["manifest"];
    assert_eq!(
        (
            &manifest["version"],
            &manifest["operation"],
            &manifest["removedCount"]
        ),
        (&json!(4), &json!("RETENTION"), &json!(2))
    );
    let replayed = app.granted("applyRetention", input).await;
    assert_eq!(
        (&replayed["replayed"], &replayed["manifest"]["version"]),
        (&json!(true), &json!(4))
    );
    let stale = json!({ "dataset": slug("weather"), "expectedVersion": 3 });
    let errors = app.refused("applyRetention", stale).await;
    assert_eq!(
        codes_and_paths(&errors),
        [("VERSION_CONFLICT", "input.expectedVersion".to_owned())]
    );
}

async fn applying_a_policy_again_changes_nothing(database: TestDatabase) {
    let app = App::new(&database).await;
    three_days(&app).await;
    let input = json!({ "dataset": slug("weather") });
    let payload = app.granted("applyRetention", input.clone()).await;
    assert_eq!(
        (&payload["complete"], &payload["manifest"]["version"]),
        (&json!(true), &json!(3))
    );
    set(&app, json!({ "maxAge": "P1D" })).await;
    let payload = app.granted("applyRetention", input.clone()).await;
    assert_eq!(payload["manifest"]["partitionCount"], 0);
    let payload = app.granted("applyRetention", input).await;
    assert_eq!(payload["manifest"]["version"], 4);
}

async fn an_archived_dataset_is_left_as_it_is(database: TestDatabase) {
    let app = App::new(&database).await;
    three_days(&app).await;
    set(&app, json!({ "maxAge": "P1D", "keepVersions": 1 })).await;
    let input = json!({ "dataset": slug("weather") });
    app.granted("archiveDataset", input.clone()).await;
    for mutation in ["applyRetention", "expireManifests"] {
        let errors = app.refused(mutation, input.clone()).await;
        assert_eq!(
            codes_and_paths(&errors),
            [("DATASET_INACTIVE", "input.dataset".to_owned())]
        );
    }
}

async fn expired_versions_answer_with_the_oldest_one_available(database: TestDatabase) {
    let app = App::new(&database).await;
    three_days(&app).await;
    app.append("weather", [partition("2020-01-04", "d")]).await;
    let input = json!({ "dataset": slug("weather"), "keepVersions": 1 });
    let payload = app.granted("expireManifests", input).await;
    assert_eq!(
        payload["expired"]["versions"],
        json!([2, 3]),
        "version 1 is pinned, version 4 is the current one"
    );
    assert_eq!(payload["expired"]["oldestVersion"], 1);
    let read =
        "query($version: Int!) { dataset(by: { slug: \"weather\" }) { manifest(by: { version: $version }) {
        status partitions { nodes { filePath } } } } }";
    let error = app.error(read, json!({ "version": 2 })).await;
    assert_eq!(error["extensions"]["code"], "EXPIRED");
    assert_eq!(error["extensions"]["oldestVersion"], 1);
    let pinned = app.query(read, json!({ "version": 1 })).await;
    assert_eq!(
        pinned["dataset"]["manifest"]["partitions"]["nodes"],
        json!([{ "filePath": "a" }])
    );
    let removed = "query { dataset(by: { slug: \"weather\" }) { manifest { removedPartitions { nodes { filePath } } } } }";
    let error = app.error(removed, json!({})).await;
    assert_eq!(
        error["extensions"]["code"], "EXPIRED",
        "what a version removed was in the one before it"
    );
}

async fn rules_that_can_never_be_right_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    three_days(&app).await;
    let input = json!({ "dataset": slug("weather"), "keepVersions": 0, "maxVersionAge": "PT0S" });
    let errors = app.refused("expireManifests", input).await;
    assert_eq!(
        codes_and_paths(&errors),
        [
            ("INVALID_INPUT", "input.keepVersions".to_owned()),
            ("INVALID_INPUT", "input.maxVersionAge".to_owned())
        ]
    );
    let policy = json!({ "maxAge": "PT0S", "maxTotalBytes": "0" });
    let error = app.error(PREVIEW, json!({ "policy": policy })).await;
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
}

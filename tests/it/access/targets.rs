//! Storage targets: who may not read them uses those that the dataset has, and learns of no other.

use serde_json::{Value, json};

use super::catalog;
use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug, with};
use crate::support::database::TestDatabase;

both! {
    a_team_uses_the_targets_of_its_dataset,
}

/// Requests that name a storage target, by mutation.
fn naming(target: &str) -> Vec<(&'static str, Value)> {
    let target = json!({ "name": target });
    let of_private = |more: Value| with(json!({ "dataset": slug("private") }), more);
    let file = with(partition("2020-02-01", "new"), json!({ "storageTarget": target }));
    let old = json!({ "path": { "storageTarget": target, "filePath": "a" } });
    let cold = json!({ "keepVersions": 3, "coldStorageAfter": "P1D", "coldStorageTarget": target });
    let moved =
        json!([{ "partition": { "path": { "filePath": "a" } }, "storageTarget": target, "filePath": "b" }]);
    vec![
        ("publishManifest", of_private(json!({ "add": [file] }))),
        (
            "publishManifest",
            of_private(json!({ "operation": "DELETE", "remove": [old] })),
        ),
        (
            "updateDataset",
            of_private(json!({ "defaultStorageTarget": target })),
        ),
        ("setRetentionPolicy", of_private(cold)),
        ("relocatePartitions", of_private(json!({ "moves": moved }))),
    ]
}

/// What is wrong with requests that name `target`, with its name left out.
async fn faults(app: &App, target: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (mutation, input) in naming(target) {
        let errors = app.mutate(mutation, input).await["userErrors"].to_string();
        faults.push(errors.replace(target, "X"));
    }
    faults
}

async fn a_team_uses_the_targets_of_its_dataset(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    callers.admin.storage_target("secret").await;
    let secret = faults(&callers.publisher, "secret").await;
    assert_eq!(secret, faults(&callers.publisher, "absent").await);
    for errors in &secret {
        assert!(errors.contains("NOT_FOUND"), "{errors}");
    }
    // An administrator's file makes the target one of the dataset's.
    let file = with(
        partition("2020-01-02", "b"),
        json!({ "storageTarget": { "name": "secret" } }),
    );
    let publish = json!({ "dataset": slug("private"), "add": [file] });
    callers.admin.granted("publishManifest", publish).await;
    let old = json!({ "path": { "storageTarget": { "name": "secret" }, "filePath": "b" } });
    let remove = json!({ "dataset": slug("private"), "operation": "DELETE", "remove": [old] });
    callers.publisher.granted("publishManifest", remove).await;
    let file = with(
        partition("2020-01-03", "c"),
        json!({ "storageTarget": { "name": "lake" } }),
    );
    let publish = json!({ "dataset": slug("private"), "add": [file] });
    callers.publisher.granted("publishManifest", publish).await;
}

//! What is left when history expires: whatever could be asked of the versions that remain is answered to the byte as before.

use std::sync::Arc;

use chrono::{Duration, Utc};
use serde_json::{Value, json};
use timestore_gateway::store::file_removal::{FileRemovalAcknowledge, FileRemovalClaim, Removed};
use timestore_gateway::store::history::ManifestsExpire;
use timestore_gateway::store::{DatasetRef, Store};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, path, slug};
use crate::support::catalog::ann;
use crate::support::clock::StillClock;
use crate::support::database::{TestDatabase, count};

both! {
    what_remains_is_answered_to_the_byte_as_before,
    what_a_rollback_brought_back_is_not_queued_while_a_snapshot_pins_it,
}

/// The versions that are pinned, and the newest ones that the rule keeps.
const REMAINING: [i32; 5] = [2, 4, 7, 8, 9];

/// Everything but what looks forward: `status`, and `removedIn` of a file.
const VERSION: &str = "query ($version: Int!, $asOf: DateTime!) { dataset(by: { slug: \"weather\" }) {
    manifest(by: { version: $version }) { ...All }
    asOf: manifest(by: { asOf: $asOf }) { version } } }
    fragment All on Manifest { id version operation partitionCount addedCount removedCount totalRows totalBytes startTime endTime
      summary metadata createdAt publishedAt schemaVersion { version }
      addedPartitions(first: 1000) { totalCount nodes { id } }
      coverage(window: { from: \"2020-01-01T00:00:00Z\", to: \"2020-02-01T00:00:00Z\" }, bucket: \"P1D\") {
        covered { from to } gaps { from to } overlaps { from to } buckets { from to files coveredMicros } }
      partitions(first: 1000, window: { from: \"2020-01-02T00:00:00Z\", to: \"2020-02-01T00:00:00Z\" }) {
        totalCount pruning { considered selected } nodes { id filePath uri fileFormat fileSizeBytes rowCount startTime endTime
          partitionKey checksum metadata addedIn { version } schemaVersion { version } } } }";

const DIFF: &str = "query ($from: Int!, $to: Int!) { dataset(by: { slug: \"weather\" }) {
    manifest(by: { version: $from }) { diff(to: $to) { addedCount removedCount
      added(first: 1000) { nodes { id } } removed(first: 1000) { nodes { id } } } } } }";

async fn what_remains_is_answered_to_the_byte_as_before(database: TestDatabase) {
    let app = App::new(&database).await;
    history(&app).await;
    let published: Vec<Value> = publishing_times(&app).await;
    let before = answers(&app, &published).await;

    let clock = Arc::new(StillClock::at(Utc::now()));
    let store = database
        .store_at(clock.clone())
        .await
        .with_read_grace(Duration::zero());
    let expire = ManifestsExpire {
        dataset: DatasetRef::Slug("weather".to_owned()),
        keep_versions: Some(3),
        max_version_age: None,
    };
    let expired = store.manifests_expire(&ann(), expire).await.unwrap();
    assert_eq!((expired.expired, expired.oldest), (vec![1, 3, 5, 6], Some(2)));
    assert_eq!(expired.queued_files, 3, "d, e and the first ac; b came back");
    assert_eq!(answers(&app, &published).await, before);

    clock.advance(Duration::days(2));
    assert_eq!(remove_files(&store).await, 3);
    assert_eq!(answers(&app, &published).await, before);
    let rows = count(&app.connection, "partitions").await;
    assert_eq!(rows, 6, "and nothing of them is left");
}

/// Nine versions with everything that can happen to files; the second and the fourth are pinned.
async fn history(app: &App) {
    app.dataset("weather").await;
    let publish = async |operation: &str, add: &[Value], remove: &[&str]| {
        let remove: Vec<Value> = remove.iter().map(|name| path(name)).collect();
        let input =
            json!({ "dataset": slug("weather"), "operation": operation, "add": add, "remove": remove });
        app.granted("publishManifest", input).await;
    };
    let day = |day: u8, path: &str| partition(&format!("2020-01-{day:02}"), path);
    publish("APPEND", &[day(1, "a"), day(2, "b"), day(3, "c")], &[]).await;
    publish("DELETE", &[], &["b"]).await;
    publish("APPEND", &[day(4, "d"), day(4, "e")], &[]).await;
    let back = json!({ "dataset": slug("weather"), "to": 1 });
    app.granted("rollbackDataset", back).await;
    let mut compacted = day(1, "ac");
    (compacted["rowCount"], compacted["endTime"]) = (json!(48), json!("2020-01-03T23:00:00Z"));
    publish("COMPACT", &[compacted.clone()], &["a", "c"]).await;
    let moved = json!({ "dataset": slug("weather"), "moves":
        [{ "partition": path("ac"), "storageTarget": { "name": "lake" }, "filePath": "ac-2" }] });
    app.granted("relocatePartitions", moved).await;
    publish("APPEND", &[day(6, "f")], &[]).await;
    publish("DELETE", &[], &["f"]).await;
    publish("REPLACE", &[day(7, "g")], &["b"]).await;
    for version in [2, 4] {
        let pin = json!({ "dataset": slug("weather"), "name": format!("pin-{version}"), "at": { "version": version } });
        app.granted("createSnapshot", pin).await;
    }
}

async fn publishing_times(app: &App) -> Vec<Value> {
    let document =
        "{ dataset(by: { slug: \"weather\" }) { manifests(last: 100) { nodes { publishedAt } } } }";
    let mut data = app.query(document, json!({})).await;
    let Value::Array(mut nodes) = data["dataset"]["manifests"]["nodes"].take() else {
        panic!("a list of versions")
    };
    nodes.reverse();
    nodes
        .into_iter()
        .map(|mut node| node["publishedAt"].take())
        .collect()
}

/// What is answered about the versions that remain, and about each two of them.
async fn answers(app: &App, published: &[Value]) -> String {
    let mut answers = String::new();
    for from in REMAINING {
        let at = &published[usize::try_from(from - 1).unwrap()];
        let answer = app.query(VERSION, json!({ "version": from, "asOf": at })).await;
        assert_eq!(answer["dataset"]["asOf"]["version"], from);
        answers += &format!("{answer}\n");
        for to in REMAINING {
            answers += &format!("{}\n", app.query(DIFF, json!({ "from": from, "to": to })).await);
        }
    }
    answers
}

async fn remove_files(store: &Store) -> usize {
    let claim = FileRemovalClaim {
        owner: "worker".to_owned(),
        limit: 100,
        lease: "PT5M".parse().unwrap(),
    };
    let claimed = store.file_removals_claim(&ann(), claim).await.unwrap();
    let removed = claimed.removals.iter().map(|row| Removed {
        removal: Some((row.dataset_id, row.partition_id)),
        missing: false,
    });
    let acknowledge = FileRemovalAcknowledge {
        lease: Some(claimed.lease),
        removed: removed.collect(),
        failed: Vec::new(),
        released: Vec::new(),
    };
    store
        .file_removals_acknowledge(&ann(), acknowledge)
        .await
        .unwrap()
        .removed
}

async fn what_a_rollback_brought_back_is_not_queued_while_a_snapshot_pins_it(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let delete = json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": [path("a")] });
    app.append("weather", [partition("2020-01-01", "a")]).await;
    app.append("weather", [partition("2020-01-02", "b")]).await;
    app.granted("publishManifest", delete.clone()).await;
    app.granted("rollbackDataset", json!({ "dataset": slug("weather"), "to": 1 }))
        .await;
    app.append("weather", [partition("2020-01-03", "c")]).await;
    app.granted("publishManifest", delete).await;
    let pin = json!({ "dataset": slug("weather"), "name": "pin", "at": { "version": 1 } });
    app.granted("createSnapshot", pin).await;

    let clock = Arc::new(StillClock::at(Utc::now()));
    let store = database.store_at(clock).await.with_read_grace(Duration::zero());
    let expire = ManifestsExpire {
        dataset: DatasetRef::Slug("weather".to_owned()),
        keep_versions: Some(1),
        max_version_age: None,
    };
    let expired = store.manifests_expire(&ann(), expire).await.unwrap();
    assert_eq!((expired.expired, expired.oldest), (vec![2, 3, 4, 5], Some(1)));
    let removals = app
        .query("{ fileRemovals(first: 10) { nodes { filePath } } }", json!({}))
        .await;
    assert_eq!(removals["fileRemovals"]["nodes"], json!([{ "filePath": "b" }]));
}

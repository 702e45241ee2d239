//! Files that no version needs any more: claimed, deleted, acknowledged, and never those that something needs after all.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{Duration, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use serde_json::{Value, json};
use timestore_entity::ids::DatasetId;
use timestore_gateway::store::draft::{DraftCreate, DraftRef, DraftStage};
use timestore_gateway::store::file_removal::{
    Acknowledged, Claimed, Failed, FileRemovalAcknowledge, FileRemovalClaim, FileRemovalFilter,
    FileRemovalKey, FileRemovalRequeue, FileRemovalState, Removed,
};
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish};
use timestore_gateway::store::{DatasetRef, FaultKind, Page, StorageTargetRef, Store, StoreError};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, slug};
use crate::support::catalog::{ann, append, dataset, file, local_target, queue_removal};
use crate::support::clock::StillClock;
use crate::support::database::TestDatabase;

both! {
    what_is_not_acknowledged_comes_back_when_its_lease_ends,
    many_workers_at_once_never_get_the_same_file,
    a_file_that_came_back_to_life_is_never_handed_out,
    a_file_that_a_draft_has_staged_waits_for_the_draft,
    a_file_waits_for_the_grace_of_its_other_removals,
    a_file_that_fails_rests_longer_each_time_and_is_given_up_in_the_end,
    a_worker_that_never_answers_makes_a_dead_letter,
    acknowledging_again_changes_nothing,
    what_a_worker_releases_is_handed_out_again_at_once,
    nothing_is_published_at_the_path_of_a_claimed_file,
    the_api_claims_lists_acknowledges_and_requeues,
    claims_and_acknowledgements_that_cannot_be_are_refused,
}

/// A catalog with a clock of its own, and one dataset.
struct Bench {
    clock: Arc<StillClock>,
    store: Store,
    connection: DatabaseConnection,
    id: DatasetId,
}

impl Bench {
    async fn new(database: &TestDatabase) -> Self {
        let clock = Arc::new(StillClock::at(Utc::now()));
        let store = database.store_at(clock.clone()).await;
        let id = dataset(&store, "weather").await.id;
        let connection = database.connections().await.writer;
        Self {
            clock,
            store,
            connection,
            id,
        }
    }

    /// Queues a file that is due.
    async fn queue(&self, path: &str) -> FileRemovalKey {
        self.queue_at("files", path, Duration::zero()).await
    }

    async fn queue_at(&self, target: &str, path: &str, after: Duration) -> FileRemovalKey {
        use timestore_gateway::store::Clock;
        let due_at = self.clock.now() + after;
        queue_removal(&self.connection, &self.store, self.id, (target, path), due_at).await
    }

    async fn claim(&self) -> Claimed {
        claim(&self.store, 100).await
    }

    async fn state(&self, key: FileRemovalKey) -> FileRemovalState {
        self.store.file_removals_by_key(&[key]).await.unwrap()[&key].1
    }

    async fn outcome(&self, key: FileRemovalKey) -> Option<&'static str> {
        let removal = &self.store.file_removals_by_key(&[key]).await.unwrap()[&key].0;
        removal.outcome.map(|outcome| outcome.as_str())
    }

    async fn acknowledge(&self, claimed: &Claimed, missing: bool) -> Acknowledged {
        let input = removed(claimed, missing);
        self.store.file_removals_acknowledge(&ann(), input).await.unwrap()
    }

    async fn fail(&self, claimed: &Claimed, permanent: bool) -> Acknowledged {
        let failed = claimed.removals.iter().map(|row| Failed {
            removal: Some((row.dataset_id, row.partition_id)),
            error: "é".repeat(2_000),
            permanent,
        });
        let input = FileRemovalAcknowledge {
            lease: Some(claimed.lease),
            removed: Vec::new(),
            failed: failed.collect(),
            released: Vec::new(),
        };
        self.store.file_removals_acknowledge(&ann(), input).await.unwrap()
    }
}

async fn claim(store: &Store, limit: i32) -> Claimed {
    let claim = FileRemovalClaim {
        owner: "worker".to_owned(),
        limit,
        lease: "PT5M".parse().unwrap(),
    };
    store.file_removals_claim(&ann(), claim).await.unwrap()
}

fn removed(claimed: &Claimed, missing: bool) -> FileRemovalAcknowledge {
    let removed = claimed.removals.iter().map(|row| Removed {
        removal: Some((row.dataset_id, row.partition_id)),
        missing,
    });
    FileRemovalAcknowledge {
        lease: Some(claimed.lease),
        removed: removed.collect(),
        failed: Vec::new(),
        released: Vec::new(),
    }
}

fn paths(claimed: &Claimed) -> Vec<&str> {
    claimed.removals.iter().map(|row| &*row.file_path).collect()
}

/// Why a publish was refused, where it was one duplicate.
fn reason(error: StoreError) -> String {
    let StoreError::Refused(refusal) = error else {
        panic!("{error:?}")
    };
    match &refusal.0[..] {
        [fault] => match &fault.kind {
            FaultKind::DuplicatePartitions { duplicates } => duplicates[0].reason.clone(),
            _ => panic!("{refusal}"),
        },
        _ => panic!("{refusal}"),
    }
}

async fn what_is_not_acknowledged_comes_back_when_its_lease_ends(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    let later = bench.queue_at("files", "b.parquet", Duration::days(1)).await;
    let first = bench.claim().await;
    assert_eq!(paths(&first), ["a.parquet"]);
    assert_eq!(bench.state(key).await, FileRemovalState::Claimed);
    assert_eq!(bench.state(later).await, FileRemovalState::Waiting);
    assert!(bench.claim().await.removals.is_empty());
    bench.clock.advance(Duration::minutes(5));
    assert_eq!(bench.state(key).await, FileRemovalState::Due);
    let second = bench.claim().await;
    assert_eq!(paths(&second), ["a.parquet"]);
    assert_eq!(second.removals[0].attempts, 2);
    let late = bench
        .store
        .file_removals_acknowledge(&ann(), removed(&first, false))
        .await;
    let message = late.unwrap_err().to_string();
    assert!(
        message.starts_with("removed.0.removal: the lease has passed"),
        "{message}"
    );
    assert_eq!(bench.acknowledge(&second, true).await.removed, 1);
    assert_eq!(bench.outcome(key).await, Some("missing"));
}

async fn many_workers_at_once_never_get_the_same_file(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    for n in 0..60 {
        bench.queue(&format!("{n}.parquet")).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = database.store_at(bench.clock.clone()).await;
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = claim(&store, 3).await;
                if claimed.removals.is_empty() {
                    return mine;
                }
                mine.extend(claimed.removals.into_iter().map(|row| row.file_path));
            }
        });
    }
    let got: Vec<String> = workers.join_all().await.into_iter().flatten().collect();
    let distinct: HashSet<&String> = got.iter().collect();
    assert_eq!(distinct.len(), got.len(), "a file was handed out twice");
    // A worker that finds the last rows locked goes home; what it leaves is somebody else's.
    assert_eq!(got.len() + claim(&bench.store, 100).await.removals.len(), 60);
}

async fn a_file_that_came_back_to_life_is_never_handed_out(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let other = dataset(&bench.store, "other").await.id;
    local_target(&bench.store, "above", "/").await;
    local_target(&bench.store, "below", "file:///files/deep").await;
    let mut keys = Vec::new();
    for path in [
        "same.parquet",
        "other.parquet",
        "above.parquet",
        "deep/below.parquet",
        "removed.parquet",
    ] {
        keys.push(bench.queue(path).await);
    }
    bench.queue("free.parquet").await;
    bench.queue("deeper/free.parquet").await;
    let publish = async |id, path: &str, target: Option<&str>| {
        let mut add = file(path, 0);
        add.storage_target = target.map(|name| StorageTargetRef::Name(name.to_owned()));
        let input = ManifestPublish {
            add: vec![add],
            ..append(id, path, 0)
        };
        bench.store.manifest_publish(&ann(), input).await.unwrap();
    };
    publish(bench.id, "same.parquet", None).await;
    publish(other, "other.parquet", None).await;
    publish(other, "files/above.parquet", Some("above")).await;
    publish(other, "below.parquet", Some("below")).await;
    publish(bench.id, "removed.parquet", None).await;
    let remove = ManifestPublish {
        remove: vec![crate::support::catalog::at("removed.parquet")],
        ..crate::support::catalog::publish(bench.id, timestore_entity::enums::ManifestOperation::Delete)
    };
    bench.store.manifest_publish(&ann(), remove).await.unwrap();
    let claimed = bench.claim().await;
    assert_eq!(
        paths(&claimed).into_iter().collect::<HashSet<_>>(),
        HashSet::from(["free.parquet", "deeper/free.parquet"])
    );
    for key in keys {
        assert_eq!(bench.outcome(key).await, Some("kept"));
    }
}

async fn a_file_that_a_draft_has_staged_waits_for_the_draft(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    let stage = async |path: &str| {
        let create = DraftCreate {
            dataset: DatasetRef::Id(bench.id),
            operation: timestore_entity::enums::ManifestOperation::Append,
            schema: None,
            expected_version: None,
            summary: None,
            metadata: None,
        };
        let draft = bench.store.draft_create(&ann(), create).await.unwrap();
        let stage = DraftStage {
            draft: DraftRef::Id(bench.id, draft.id),
            add: vec![file(path, 0)],
            remove: Vec::new(),
            on_duplicate: DuplicatePolicy::Skip,
        };
        bench.store.draft_stage(&ann(), stage).await
    };
    let (draft, _) = stage("a.parquet").await.unwrap();
    assert!(bench.claim().await.removals.is_empty());
    let removal = bench.store.file_removals_by_key(&[key]).await.unwrap()[&key]
        .0
        .clone();
    assert_eq!((removal.due_at, removal.attempts), (draft.expires_at, 0));
    bench.clock.advance(Duration::days(7));
    assert_eq!(paths(&bench.claim().await), ["a.parquet"]);
    let refused = reason(stage("a.parquet").await.unwrap_err());
    assert!(refused.starts_with("the catalog is deleting"), "{refused}");
}

async fn a_file_waits_for_the_grace_of_its_other_removals(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    local_target(&bench.store, "above", "file:///").await;
    let key = bench.queue("a.parquet").await;
    bench
        .queue_at("above", "files/a.parquet", Duration::hours(1))
        .await;
    assert!(bench.claim().await.removals.is_empty());
    assert_eq!(bench.state(key).await, FileRemovalState::Waiting);
    bench.clock.advance(Duration::hours(1));
    assert_eq!(bench.claim().await.removals.len(), 2);
}

async fn a_file_that_fails_rests_longer_each_time_and_is_given_up_in_the_end(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    for (n, minutes) in [1, 2, 4, 8, 16, 32, 64, 128, 256].into_iter().enumerate() {
        let claimed = bench.claim().await;
        assert_eq!(claimed.removals.len(), 1, "attempt {n}");
        assert_eq!(bench.fail(&claimed, false).await.retried, 1);
        bench
            .clock
            .advance(Duration::minutes(minutes) - Duration::seconds(1));
        assert!(bench.claim().await.removals.is_empty(), "attempt {n}");
        bench.clock.advance(Duration::seconds(1));
    }
    assert_eq!(bench.fail(&bench.claim().await, false).await.dead, 1);
    let removal = bench.store.file_removals_by_key(&[key]).await.unwrap()[&key]
        .0
        .clone();
    assert_eq!(removal.error.unwrap().chars().count(), 1_000);
    assert_eq!(bench.state(key).await, FileRemovalState::Dead);
    bench.clock.advance(Duration::days(30));
    assert!(bench.claim().await.removals.is_empty());
    let requeue = FileRemovalRequeue {
        removals: Some(vec![Some(key)]),
        dataset: Some(DatasetRef::Id(bench.id)),
    };
    let requeued = async || bench.store.file_removals_requeue(&ann(), requeue.clone()).await;
    assert_eq!(requeued().await.unwrap(), 1);
    assert_eq!(requeued().await.unwrap(), 0);
    let claimed = bench.claim().await;
    assert_eq!(claimed.removals[0].attempts, 1);
    assert_eq!(bench.fail(&claimed, true).await.dead, 1);
}

async fn a_worker_that_never_answers_makes_a_dead_letter(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    for _ in 0..10 {
        assert_eq!(bench.claim().await.removals.len(), 1);
        bench.clock.advance(Duration::minutes(5));
    }
    assert!(bench.claim().await.removals.is_empty());
    let removal = bench.store.file_removals_by_key(&[key]).await.unwrap()[&key]
        .0
        .clone();
    assert_eq!(removal.error.as_deref(), Some("its worker never answered"));
    let all = FileRemovalRequeue::default();
    assert_eq!(bench.store.file_removals_requeue(&ann(), all).await.unwrap(), 1);
    assert_eq!(bench.claim().await.removals.len(), 1);
}

async fn acknowledging_again_changes_nothing(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    let claimed = bench.claim().await;
    assert_eq!(bench.acknowledge(&claimed, false).await.removed, 1);
    let before = bench.store.file_removals_by_key(&[key]).await.unwrap();
    bench.clock.advance(Duration::days(1));
    assert_eq!(bench.acknowledge(&claimed, true).await, Acknowledged::default());
    assert_eq!(bench.store.file_removals_by_key(&[key]).await.unwrap(), before);
    assert_eq!(bench.outcome(key).await, Some("deleted"));
}

async fn what_a_worker_releases_is_handed_out_again_at_once(database: TestDatabase) {
    let app = App::new(&database).await;
    let bench = Bench::new(&database).await;
    for path in ["a", "b"] {
        bench.queue(path).await;
    }
    let claimed = app.granted("claimFileRemovals", json!({ "owner": "w" })).await;
    let ids: Vec<&Value> = (claimed["removals"].as_array().unwrap().iter())
        .map(|removal| &removal["id"])
        .collect();
    let input = json!({ "leaseId": claimed["leaseId"], "removed": [{ "removal": ids[0] }], "released": [ids[0], "nothing"] });
    let errors = app.refused("acknowledgeFileRemovals", input).await;
    let paths: Vec<_> = errors.iter().map(code_and_path).collect();
    assert_eq!(
        paths,
        [
            ("INVALID_INPUT", "input.released.0".to_owned()),
            ("INVALID_INPUT", "input.released.1".to_owned())
        ]
    );
    let input =
        json!({ "leaseId": claimed["leaseId"], "removed": [{ "removal": ids[0] }], "released": [ids[1]] });
    let done = app.granted("acknowledgeFileRemovals", input.clone()).await;
    assert_eq!((&done["removed"], &done["released"]), (&json!(1), &json!(1)));
    app.refused("acknowledgeFileRemovals", input).await;
    let again = app.granted("claimFileRemovals", json!({ "owner": "w" })).await;
    let removal = &again["removals"][0];
    assert_eq!((&removal["id"], &removal["attempts"]), (ids[1], &json!(1)));
}

async fn nothing_is_published_at_the_path_of_a_claimed_file(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let other = dataset(&bench.store, "other").await.id;
    local_target(&bench.store, "above", "/").await;
    bench.queue("a.parquet").await;
    let claimed = bench.claim().await;
    let mut aliased = file("files/a.parquet", 0);
    aliased.storage_target = Some(StorageTargetRef::Name("above".to_owned()));
    let aliased = ManifestPublish {
        add: vec![aliased],
        ..append(other, "a.parquet", 0)
    };
    for input in [
        append(bench.id, "a.parquet", 0),
        append(other, "a.parquet", 0),
        aliased,
    ] {
        for on_duplicate in [DuplicatePolicy::Reject, DuplicatePolicy::Skip] {
            let input = ManifestPublish {
                on_duplicate,
                ..input.clone()
            };
            let refused = reason(bench.store.manifest_publish(&ann(), input).await.unwrap_err());
            assert!(refused.starts_with("the catalog is deleting"), "{refused}");
        }
    }
    // Not even when the lease has ended: its worker may still be at it.
    bench.clock.advance(Duration::hours(1));
    let publish = async || {
        bench
            .store
            .manifest_publish(&ann(), append(other, "a.parquet", 0))
            .await
    };
    reason(publish().await.unwrap_err());
    bench.acknowledge(&claimed, false).await;
    publish().await.unwrap();
}

async fn the_api_claims_lists_acknowledges_and_requeues(database: TestDatabase) {
    let app = App::new(&database).await;
    let store = database.store().await;
    let id = dataset(&store, "weather").await.id;
    let connection = database.connections().await.writer;
    let past = Utc::now() - Duration::hours(1);
    for path in ["a.parquet", "b c.parquet", "c.parquet"] {
        queue_removal(&connection, &store, id, ("files", path), past).await;
    }
    let gone = DatasetId(uuid::Uuid::now_v7());
    queue_removal(&connection, &store, gone, ("files", "gone.parquet"), past).await;
    let list = "query ($filter: FileRemovalFilter, $after: String) {
        fileRemovals(first: 2, after: $after, filter: $filter) { totalCount pageInfo { hasNextPage endCursor }
          nodes { id filePath state uri dataset { slug } outcome } } }";
    let first = app.query(list, json!({})).await;
    assert_eq!(first["fileRemovals"]["totalCount"], 4);
    assert_eq!(
        first["fileRemovals"]["nodes"][1]["uri"],
        "file:///files/b%20c.parquet"
    );
    assert_eq!(first["fileRemovals"]["nodes"][1]["state"], "DUE");
    let after = &first["fileRemovals"]["pageInfo"]["endCursor"];
    let second = app.query(list, json!({ "after": after })).await;
    assert_eq!(second["fileRemovals"]["pageInfo"]["hasNextPage"], false);
    assert_eq!(second["fileRemovals"]["nodes"][1]["filePath"], "gone.parquet");
    assert_eq!(second["fileRemovals"]["nodes"][1]["dataset"], Value::Null);
    let claimed = app
        .granted("claimFileRemovals", json!({ "owner": "worker-1" }))
        .await;
    let ids: Vec<&Value> = (claimed["removals"].as_array().unwrap().iter())
        .map(|removal| &removal["id"])
        .collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(claimed["removals"][0]["leaseOwner"], "worker-1");
    let node = app
        .query(
            "query ($id: ID!) { node(id: $id) { ... on FileRemoval { state } } }",
            json!({ "id": ids[0] }),
        )
        .await;
    assert_eq!(node["node"]["state"], "CLAIMED");
    let input = json!({
        "leaseId": claimed["leaseId"],
        "removed": [{ "removal": ids[0] }, { "removal": ids[3], "missing": true }],
        "failed": [{ "removal": ids[1], "error": "denied" }, { "removal": ids[2], "error": "no", "permanent": true }],
    });
    let said = app.granted("acknowledgeFileRemovals", input).await;
    assert_eq!(
        (&said["removed"], &said["retried"], &said["dead"]),
        (&json!(2), &json!(1), &json!(1))
    );
    let count = async |filter: Value| {
        app.query(list, json!({ "filter": filter })).await["fileRemovals"]["totalCount"].clone()
    };
    for (state, expected) in [
        ("DONE", 2),
        ("DEAD", 1),
        ("WAITING", 1),
        ("DUE", 0),
        ("CLAIMED", 0),
    ] {
        assert_eq!(count(json!({ "state": state })).await, expected, "{state}");
    }
    assert_eq!(count(json!({ "dataset": slug("weather") })).await, 3);
    assert_eq!(count(json!({ "storageTarget": { "name": "none" } })).await, 0);
    let again = app
        .granted("requeueFileRemovals", json!({ "dataset": slug("weather") }))
        .await;
    assert_eq!(again["requeued"], 1);
    assert_eq!(count(json!({ "state": "DUE" })).await, 1);
}

async fn claims_and_acknowledgements_that_cannot_be_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    for (input, path) in [
        (json!({ "owner": "" }), "input.owner"),
        (json!({ "owner": "w", "limit": 0 }), "input.limit"),
        (json!({ "owner": "w", "limit": -5 }), "input.limit"),
        (json!({ "owner": "w", "limit": 1001 }), "input.limit"),
        (json!({ "owner": "w", "leaseFor": "PT29S" }), "input.leaseFor"),
        (json!({ "owner": "w", "leaseFor": "P2D" }), "input.leaseFor"),
    ] {
        let error = app.mutate("claimFileRemovals", input).await["userErrors"][0].take();
        assert_eq!(code_and_path(&error), ("INVALID_INPUT", path.to_owned()));
    }
    for (input, path) in [
        (json!({ "leaseId": "x" }), "input.removed"),
        (
            json!({ "leaseId": "x", "removed": [{ "removal": "y" }] }),
            "input.removed.0.removal",
        ),
        (
            json!({ "leaseId": "x", "failed": [{ "removal": "y", "error": "z" }] }),
            "input.failed.0.removal",
        ),
    ] {
        let error = app.mutate("acknowledgeFileRemovals", input).await["userErrors"][0].take();
        assert_eq!(code_and_path(&error), ("INVALID_INPUT", path.to_owned()));
    }
    for input in [json!({ "removals": ["x"] }), json!({ "dataset": slug("none") })] {
        let error = app.mutate("requeueFileRemovals", input).await["userErrors"][0].take();
        assert_eq!(code_and_path(&error).0, "NOT_FOUND");
    }
}

/// The publisher has looked for leases, and has not committed yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_in_the_middle_of_its_transaction_is_not_overtaken() {
    let database = TestDatabase::postgres().await;
    let bench = Bench::new(&database).await;
    let other = dataset(&bench.store, "other").await.id;
    let key = bench.queue("a.parquet").await;
    // Holds the publisher after its look for leases, where it writes its manifest.
    let gate = bench.connection.begin().await.unwrap();
    gate.execute_unprepared("lock table timestore.manifests in share mode")
        .await
        .unwrap();
    let publisher = database.store_at(bench.clock.clone()).await;
    let publishing = tokio::spawn(async move {
        publisher
            .manifest_publish(&ann(), append(other, "a.parquet", 0))
            .await
    });
    let waits =
        "select count(*) from pg_locks where not granted and relation = 'timestore.manifests'::regclass";
    until(&bench, waits).await;
    let claimer = database.store_at(bench.clock.clone()).await;
    let claiming = tokio::spawn(async move { claim(&claimer, 10).await });
    until(
        &bench,
        "select count(*) from timestore.file_removals where lease_id is not null",
    )
    .await;
    assert!(!claiming.is_finished());
    gate.rollback().await.unwrap();
    publishing.await.unwrap().unwrap();
    assert!(claiming.await.unwrap().removals.is_empty());
    assert_eq!(bench.outcome(key).await, Some("kept"));
}

/// Waits until a count is no longer 0.
async fn until(bench: &Bench, count: &str) {
    loop {
        let statement =
            sea_orm::Statement::from_string(bench.connection.get_database_backend(), count.to_owned());
        let row = bench.connection.query_one_raw(statement).await.unwrap().unwrap();
        if row.try_get_by_index::<i64>(0).unwrap() > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_removals_are_in_order() {
    let database = TestDatabase::sqlite().await;
    let bench = Bench::new(&database).await;
    let mut keys = Vec::new();
    for n in 0..5 {
        keys.push(bench.queue(&format!("{n}.parquet")).await);
    }
    let mut page = Page::first(2, None);
    let mut seen = Vec::new();
    loop {
        let rows = bench
            .store
            .file_removal_page(&FileRemovalFilter::default(), &page)
            .await
            .unwrap();
        seen.extend(
            rows.rows
                .iter()
                .map(|(row, _)| (row.dataset_id, row.partition_id)),
        );
        if !rows.has_more {
            break;
        }
        page.after = seen.last().copied();
    }
    assert_eq!(seen, keys);
}

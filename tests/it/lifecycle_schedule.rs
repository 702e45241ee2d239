//! The schedule: gateways lead one at a time, do what is due and what is asked for, and take over from one that died.

use serde_json::{Value, json};
use timestore_entity::enums::{ManifestOperation, RunStatus};
use timestore_entity::ids::DatasetId;
use timestore_gateway::store::Store;
use timestore_gateway::store::lifecycle_run::RunEnd;
use timestore_gateway::store::publish::ManifestPublish;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::slug;
use crate::support::catalog::{ann, dataset, file, minute, paths, publish};
use crate::support::database::TestDatabase;
use crate::support::schedule::Gateways;

both! {
    a_gateway_does_what_is_due_again_and_again,
    one_gateway_at_a_time_leads_and_another_follows_when_it_dies,
    a_gateway_that_stops_gives_the_lead_back_at_once,
    what_is_asked_for_is_done_and_what_cannot_be_says_why,
    what_goes_wrong_with_one_dataset_is_recorded_and_the_rest_is_done,
    a_run_that_was_cancelled_and_given_back_does_nothing_more,
}

async fn a_gateway_does_what_is_due_again_and_again(database: TestDatabase) {
    let gateways = Gateways::at(&database, minute(10_000)).await;
    let id = dataset(&gateways.store, "weather").await.id;
    old_and_new(&gateways.store, id).await;
    let app = App::new(&database).await;
    keep_for_an_hour(&app, "weather").await;
    let (_gateway, _halt) = gateways.start(&database, "one").await;
    let runs = gateways.ended(4).await;
    let kinds: Vec<&str> = runs.iter().map(|run| run.kind.as_str()).collect();
    assert_eq!(kinds, ["retention", "history", "removal", "housekeeping"]);
    assert!(
        runs.iter()
            .all(|run| run.status == RunStatus::Completed && run.attempts == 1)
    );
    assert_eq!(runs[0].counters, json!({ "datasets": 1, "droppedFiles": 1 }));
    assert_eq!(runs[1].counters, json!({ "expiredVersions": 1 }));
    assert_eq!(paths(&gateways.store, id, 2).await, ["new"]);
    gateways.clock.advance(chrono::Duration::minutes(17));
    let runs = gateways.ended(8).await;
    assert_eq!(runs.len(), 8, "a tenth later at the most");
    assert_eq!(
        runs[5].counters,
        json!({ "queuedFiles": 1 }),
        "no reader is at it any more"
    );
}

async fn one_gateway_at_a_time_leads_and_another_follows_when_it_dies(database: TestDatabase) {
    let gateways = Gateways::at(&database, minute(10_000)).await;
    let mut running = Vec::new();
    for name in ["one", "two", "three"] {
        running.push((name, gateways.start(&database, name).await));
    }
    let runs = gateways.ended(4).await;
    let leader = Gateways::leader(&runs).to_owned();
    assert!(
        runs.iter().all(|run| run.worker.as_deref() == Some(&*leader)),
        "one did all of them"
    );
    // It dies in the middle of a run, with the lease in its hands.
    let (_, (task, _)) = running.iter().find(|(name, _)| *name == leader).unwrap();
    task.abort();
    let app = App::new(&database).await;
    app.granted("triggerLifecycleRun", json!({ "kind": "REMOVAL" }))
        .await;
    let begun = gateways.store.lifecycle_run_begin("died").await.unwrap();
    gateways.clock.advance(chrono::Duration::minutes(2));
    let runs = gateways.ended(5).await;
    let next = Gateways::leader(&runs);
    assert_ne!(next, leader, "another has taken over");
    let taken = runs.last().unwrap();
    if let Some(begun) = begun {
        assert_eq!((taken.id, taken.attempts), (begun.id, 2));
    }
    assert_eq!(taken.status, RunStatus::Completed);
}

async fn a_gateway_that_stops_gives_the_lead_back_at_once(database: TestDatabase) {
    let gateways = Gateways::at(&database, minute(10_000)).await;
    let (task, halt) = gateways.start(&database, "one").await;
    gateways.ended(4).await;
    halt.tell();
    task.await.unwrap();
    // The clock stands still: a lease that was not given back would never run out.
    let (_gateway, _halt) = gateways.start(&database, "two").await;
    let app = App::new(&database).await;
    app.granted("triggerLifecycleRun", json!({ "kind": "HISTORY" }))
        .await;
    let runs = gateways.ended(5).await;
    assert_eq!(Gateways::leader(&runs), "two");
    assert_eq!(runs.len(), 5, "what is not due again is not done again");
}

async fn what_is_asked_for_is_done_and_what_cannot_be_says_why(database: TestDatabase) {
    let gateways = Gateways::at(&database, minute(10_000)).await;
    let id = dataset(&gateways.store, "weather").await.id;
    old_and_new(&gateways.store, id).await;
    let app = App::new(&database).await;
    keep_for_an_hour(&app, "weather").await;
    app.dataset("attic").await;
    for name in ["weather", "attic"] {
        let input = json!({ "kind": "RETENTION", "dataset": slug(name) });
        app.granted("triggerLifecycleRun", input).await;
    }
    app.granted("archiveDataset", json!({ "dataset": slug("attic") }))
        .await;
    let (_gateway, _halt) = gateways.start(&database, "one").await;
    let runs = gateways.ended(6).await;
    let of = |id: Option<DatasetId>| runs.iter().find(|run| run.dataset_id == id).unwrap();
    assert_eq!(of(Some(id)).status, RunStatus::Completed);
    assert_eq!(of(Some(id)).counters["datasets"], 1, "this one alone");
    assert_eq!(paths(&gateways.store, id, 2).await, ["new"]);
    let other = runs
        .iter()
        .find(|run| run.dataset_id.is_some_and(|of| of != id))
        .unwrap();
    assert_eq!(
        (other.status, other.error.as_deref()),
        (RunStatus::Skipped, Some("the dataset is archived"))
    );
    assert_eq!(of(None).status, RunStatus::Completed);
}

async fn what_goes_wrong_with_one_dataset_is_recorded_and_the_rest_is_done(database: TestDatabase) {
    let gateways = Gateways::at(&database, minute(10_000)).await;
    let app = App::new(&database).await;
    for name in ["broken", "sound"] {
        let id = dataset(&gateways.store, name).await.id;
        old_and_new(&gateways.store, id).await;
        keep_for_an_hour(&app, name).await;
    }
    // A policy that no gateway could have written.
    let broken = "update timestore.retention_policies set max_age = 'nonsense' where dataset_id = \
                  (select id from timestore.datasets where slug = 'broken')";
    let writer = database.connections().await.writer;
    sea_orm::ConnectionTrait::execute_unprepared(&writer, broken)
        .await
        .unwrap();
    let (_gateway, _halt) = gateways.start(&database, "one").await;
    let runs = gateways.ended(4).await;
    assert_eq!(runs[0].status, RunStatus::Failed);
    assert_eq!(runs[0].counters, json!({ "datasets": 2, "droppedFiles": 1 }));
    let error = runs[0].error.as_deref().unwrap();
    assert!(error.starts_with("dataset broken: "), "{error}");
}

async fn a_run_that_was_cancelled_and_given_back_does_nothing_more(database: TestDatabase) {
    let gateways = Gateways::at(&database, minute(10_000)).await;
    let id = dataset(&gateways.store, "weather").await.id;
    old_and_new(&gateways.store, id).await;
    let app = App::new(&database).await;
    keep_for_an_hour(&app, "weather").await;
    let triggered = app
        .granted("triggerLifecycleRun", json!({ "kind": "RETENTION" }))
        .await;
    let run = gateways
        .store
        .lifecycle_run_begin("first")
        .await
        .unwrap()
        .unwrap();
    app.granted("cancelLifecycleRun", json!({ "run": triggered["run"]["id"] }))
        .await;
    let nothing = json!({});
    let end = gateways
        .store
        .lifecycle_run_end(&run, RunEnd::GivenBack, &nothing);
    assert!(end.await.unwrap());
    let (_gateway, _halt) = gateways.start(&database, "second").await;
    let runs = gateways.ended(5).await;
    let run = runs.iter().find(|ended| ended.id == run.id).unwrap();
    assert_eq!((run.status, &run.counters), (RunStatus::Skipped, &nothing));
    assert_eq!(run.worker.as_deref(), Some("second"));
}

/// A file of long ago, and one of now.
async fn old_and_new(store: &Store, id: DatasetId) {
    let append = ManifestPublish {
        add: vec![file("old", 0), file("new", 9_999)],
        ..publish(id, ManifestOperation::Append)
    };
    store.manifest_publish(&ann(), append).await.unwrap();
}

async fn keep_for_an_hour(app: &App, name: &str) {
    let policy: Value = json!({ "dataset": slug(name), "maxAge": "PT1H", "keepVersions": 1 });
    app.granted("setRetentionPolicy", policy).await;
}

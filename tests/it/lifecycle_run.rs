//! Lifecycle runs: asked for, begun, kept fresh, lost, cancelled, ended, and listed.

use std::sync::Arc;

use chrono::Duration;
use serde_json::{Value, json};
use timestore_entity::enums::{RunKind, RunStatus};
use timestore_entity::lifecycle_run::Model as LifecycleRun;
use timestore_gateway::store::lifecycle_run::{
    Heartbeat, LifecycleRunFilter, LifecycleRunOpen, MAX_ATTEMPTS, RunEnd,
};
use timestore_gateway::store::{Clock, Page, Store};

use crate::support::app::App;
use crate::support::builders::{code_and_path, slug};
use crate::support::catalog::{ann, minute};
use crate::support::client::LIFECYCLE_RUN;
use crate::support::clock::StillClock;
use crate::support::database::TestDatabase;
use crate::support::everywhere;

everywhere! {
    a_run_can_be_asked_for_once_until_it_begins,
    a_run_that_cannot_be_is_refused,
    a_run_that_waits_is_skipped_when_it_is_cancelled,
    a_run_under_way_learns_that_it_is_cancelled,
    what_a_worker_says_of_a_run_that_it_has_lost_changes_nothing,
    a_run_whose_workers_fall_silent_is_tried_three_times,
    a_run_that_is_given_back_or_retried_waits_again,
    several_workers_begin_each_run_once,
    runs_are_listed_newest_first_and_filtered,
    the_schedule_asks_again_when_the_time_has_come,
}

async fn trigger(app: &App, input: Value) -> Value {
    app.granted("triggerLifecycleRun", input).await["run"].take()
}

async fn cancel(app: &App, run: &Value) -> Value {
    app.granted("cancelLifecycleRun", json!({ "run": run["id"] }))
        .await["run"]
        .take()
}

async fn runs(app: &App, filter: Value) -> Vec<Value> {
    let document = format!(
        "query ($filter: LifecycleRunFilter) {{ lifecycleRuns(first: 100, filter: $filter) {{ totalCount nodes {{ {LIFECYCLE_RUN} }} }} }}"
    );
    let mut data = app.query(&document, json!({ "filter": filter })).await;
    let Value::Array(nodes) = data["lifecycleRuns"]["nodes"].take() else {
        panic!("a list of runs")
    };
    assert_eq!(data["lifecycleRuns"]["totalCount"], nodes.len());
    nodes
}

/// The one run of the catalog, as the store has it.
async fn only(store: &Store) -> LifecycleRun {
    let page = Page::first(2, None);
    let runs = store
        .lifecycle_run_page(&LifecycleRunFilter::default(), &page)
        .await;
    let [run] = runs.unwrap().rows.try_into().expect("one run");
    run
}

async fn a_run_can_be_asked_for_once_until_it_begins(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let all = trigger(&app, json!({ "kind": "HISTORY" })).await;
    assert_eq!(
        (&all["status"], &all["trigger"]),
        (&json!("QUEUED"), &json!("REQUEST"))
    );
    assert_eq!(
        (&all["coversAllDatasets"], &all["dataset"]),
        (&json!(true), &Value::Null)
    );
    let one = trigger(&app, json!({ "kind": "HISTORY", "dataset": slug("Weather") })).await;
    assert_eq!(
        (&one["coversAllDatasets"], &one["dataset"]),
        (&json!(false), &slug("weather"))
    );
    assert_eq!(trigger(&app, json!({ "kind": "HISTORY" })).await, all);
    assert_eq!(
        trigger(&app, json!({ "kind": "HISTORY", "dataset": slug("weather") })).await,
        one
    );
    let store = database.store().await;
    let begun = store.lifecycle_run_begin("w").await.unwrap().unwrap();
    assert_eq!(
        (begun.status, begun.attempts, begun.worker),
        (RunStatus::Running, 1, Some("w".to_owned()))
    );
    let again = trigger(&app, json!({ "kind": "HISTORY" })).await;
    assert_ne!(
        again["id"], all["id"],
        "what happened since it began may have escaped it"
    );
    assert_eq!(runs(&app, json!({})).await.len(), 3);
    let document =
        format!("query ($id: ID!) {{ node(id: $id) {{ ... on LifecycleRun {{ {LIFECYCLE_RUN} }} }} }}");
    let node = app.query(&document, json!({ "id": again["id"] })).await;
    assert_eq!(node["node"], again);
}

async fn a_run_that_cannot_be_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.dataset("attic").await;
    app.granted("archiveDataset", json!({ "dataset": slug("attic") }))
        .await;
    let cases = [
        (
            json!({ "kind": "RETENTION", "dataset": slug("none") }),
            "NOT_FOUND",
        ),
        (
            json!({ "kind": "RETENTION", "dataset": slug("attic") }),
            "DATASET_INACTIVE",
        ),
        (
            json!({ "kind": "REMOVAL", "dataset": slug("weather") }),
            "INVALID_INPUT",
        ),
        (
            json!({ "kind": "HOUSEKEEPING", "dataset": slug("weather") }),
            "INVALID_INPUT",
        ),
    ];
    for (input, code) in cases {
        let error = app.refused_once("triggerLifecycleRun", input).await;
        let (found, path) = code_and_path(&error);
        assert_eq!(found, code);
        assert!(path.starts_with("input.dataset"), "{path}");
    }
    let both = json!({ "kind": "REMOVAL", "dataset": slug("none") });
    assert_eq!(
        app.refused("triggerLifecycleRun", both).await.len(),
        2,
        "all faults at once"
    );
    let dataset = app
        .query("{ dataset(by: { slug: \"weather\" }) { id } }", json!({}))
        .await;
    for id in [json!("nothing"), dataset["dataset"]["id"].clone()] {
        let error = app.refused_once("cancelLifecycleRun", json!({ "run": id })).await;
        assert_eq!(code_and_path(&error), ("NOT_FOUND", "input.run".to_owned()));
    }
    assert_eq!(runs(&app, json!({})).await, [Value::Null; 0]);
}

async fn a_run_that_waits_is_skipped_when_it_is_cancelled(database: TestDatabase) {
    let app = App::new(&database).await;
    let run = trigger(&app, json!({ "kind": "REMOVAL" })).await;
    let cancelled = cancel(&app, &run).await;
    assert_eq!(
        (&cancelled["status"], &cancelled["attempts"]),
        (&json!("SKIPPED"), &json!(0))
    );
    assert_eq!(cancelled["finishedAt"], cancelled["cancelledAt"]);
    assert_eq!(cancel(&app, &run).await, cancelled, "it has ended");
    let store = database.store().await;
    assert_eq!(store.lifecycle_run_begin("w").await.unwrap(), None);
}

async fn a_run_under_way_learns_that_it_is_cancelled(database: TestDatabase) {
    let app = App::new(&database).await;
    let run = trigger(&app, json!({ "kind": "REMOVAL" })).await;
    let store = database.store().await;
    let begun = store.lifecycle_run_begin("w").await.unwrap().unwrap();
    let beat = store
        .lifecycle_run_heartbeat(&begun, &json!({ "removedFiles": 2 }))
        .await;
    assert_eq!(beat.unwrap(), Heartbeat::GoOn);
    let cancelled = cancel(&app, &run).await;
    assert_eq!(
        (&cancelled["status"], &cancelled["finishedAt"]),
        (&json!("RUNNING"), &Value::Null)
    );
    assert_eq!(cancelled["counters"], json!({ "removedFiles": 2 }));
    assert_eq!(cancel(&app, &run).await, cancelled, "once is enough");
    let counters = json!({ "removedFiles": 3 });
    let beat = store.lifecycle_run_heartbeat(&begun, &counters).await;
    assert_eq!(beat.unwrap(), Heartbeat::Cancelled);
    assert!(
        store
            .lifecycle_run_end(&begun, RunEnd::Skipped(None), &counters)
            .await
            .unwrap()
    );
    let ended = runs(&app, json!({ "status": "SKIPPED" })).await;
    assert_eq!((ended.len(), &ended[0]["counters"]), (1, &counters));
}

async fn what_a_worker_says_of_a_run_that_it_has_lost_changes_nothing(database: TestDatabase) {
    let clock = Arc::new(StillClock::at(minute(0)));
    let store = database.store_at(clock.clone()).await;
    assert!(store.lifecycle_runs_schedule(minute(-1)).await.unwrap());
    let lost = store.lifecycle_run_begin("silent").await.unwrap().unwrap();
    assert_eq!(
        store.lifecycle_runs_recover(minute(0)).await.unwrap(),
        0,
        "it was seen just then"
    );
    clock.advance(Duration::minutes(2));
    assert_eq!(store.lifecycle_runs_recover(minute(1)).await.unwrap(), 1);
    let counters = json!({ "datasets": 1 });
    let beat = store.lifecycle_run_heartbeat(&lost, &counters).await.unwrap();
    assert_eq!(beat, Heartbeat::Lost);
    let taken = store.lifecycle_run_begin("other").await.unwrap().unwrap();
    assert_eq!((taken.id, taken.attempts), (lost.id, 2), "the oldest comes first");
    assert_eq!(
        store.lifecycle_run_heartbeat(&lost, &counters).await.unwrap(),
        Heartbeat::Lost
    );
    assert!(
        !store
            .lifecycle_run_end(&lost, RunEnd::Completed, &counters)
            .await
            .unwrap()
    );
    let now = &store.lifecycle_runs_by_id(&[lost.id]).await.unwrap()[&lost.id];
    assert_eq!(now, &taken);
    assert!(
        store
            .lifecycle_run_end(&taken, RunEnd::Completed, &counters)
            .await
            .unwrap()
    );
    assert!(
        !store
            .lifecycle_run_end(&taken, RunEnd::GivenBack, &counters)
            .await
            .unwrap(),
        "it has ended"
    );
}

async fn a_run_whose_workers_fall_silent_is_tried_three_times(database: TestDatabase) {
    let clock = Arc::new(StillClock::at(minute(0)));
    let store = database.store_at(clock.clone()).await;
    let app = App::new(&database).await;
    trigger(&app, json!({ "kind": "REMOVAL" })).await;
    for attempt in 1..=MAX_ATTEMPTS {
        let run = store.lifecycle_run_begin("silent").await.unwrap().unwrap();
        assert_eq!(run.attempts, attempt);
        clock.advance(Duration::minutes(2));
        let silent_since = clock.now() - Duration::minutes(1);
        assert_eq!(store.lifecycle_runs_recover(silent_since).await.unwrap(), 1);
    }
    let run = only(&store).await;
    assert_eq!(
        (run.status, run.finished_at),
        (RunStatus::Failed, Some(clock.now()))
    );
    assert_eq!(run.error.as_deref(), Some("its worker fell silent"));

    let open = LifecycleRunOpen {
        kind: RunKind::History,
        dataset: None,
        worker: "command".to_owned(),
    };
    let command = store.lifecycle_run_open(&ann(), open).await.unwrap();
    let cancelled = trigger(&app, json!({ "kind": "HISTORY" })).await;
    store.lifecycle_run_begin("silent").await.unwrap().unwrap();
    cancel(&app, &cancelled).await;
    clock.advance(Duration::minutes(2));
    assert_eq!(store.lifecycle_runs_recover(clock.now()).await.unwrap(), 2);
    let command = &store.lifecycle_runs_by_id(&[command.id]).await.unwrap()[&command.id];
    assert_eq!(command.status, RunStatus::Failed, "nobody else goes on with it");
    assert_eq!(runs(&app, json!({ "status": "SKIPPED" })).await.len(), 1);
}

async fn a_run_that_is_given_back_or_retried_waits_again(database: TestDatabase) {
    let store = database.store().await;
    let app = App::new(&database).await;
    trigger(&app, json!({ "kind": "REMOVAL" })).await;
    let counters = json!({});
    let begin = async || store.lifecycle_run_begin("w").await.unwrap().unwrap();
    let run = begin().await;
    assert!(
        store
            .lifecycle_run_end(&run, RunEnd::GivenBack, &counters)
            .await
            .unwrap()
    );
    let run = begin().await;
    assert_eq!(run.attempts, 1, "as if it had not begun");
    for attempt in 1..=MAX_ATTEMPTS {
        let run = if attempt == 1 { run.clone() } else { begin().await };
        assert_eq!(run.attempts, attempt);
        let retry = RunEnd::Retry("no database".to_owned());
        assert!(store.lifecycle_run_end(&run, retry, &counters).await.unwrap());
    }
    let run = only(&store).await;
    assert_eq!(
        (run.status, run.error.as_deref()),
        (RunStatus::Failed, Some("no database"))
    );
}

async fn several_workers_begin_each_run_once(database: TestDatabase) {
    let store = database.store().await;
    assert!(store.lifecycle_runs_schedule(minute(0)).await.unwrap());
    let workers = (0..6).map(|worker| {
        let store = store.clone();
        tokio::spawn(async move { store.lifecycle_run_begin(&format!("w{worker}")).await.unwrap() })
    });
    let begun = futures_util::future::join_all(workers).await;
    let mut kinds: Vec<RunKind> = begun
        .into_iter()
        .filter_map(|run| run.unwrap().map(|run| run.kind))
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, RunKind::ALL);
}

async fn runs_are_listed_newest_first_and_filtered(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    // All in the same microsecond.
    let store = database.store_at(Arc::new(StillClock::at(minute(0)))).await;
    assert!(store.lifecycle_runs_schedule(minute(-1)).await.unwrap());
    trigger(&app, json!({ "kind": "HISTORY", "dataset": slug("weather") })).await;
    let all = runs(&app, json!({})).await;
    let kinds: Vec<&str> = all.iter().map(|run| run["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["HISTORY", "HOUSEKEEPING", "REMOVAL", "HISTORY", "RETENTION"]
    );
    for (filter, expected) in [
        (json!({ "kind": "HISTORY" }), vec![0, 3]),
        (json!({ "trigger": "SCHEDULE" }), vec![1, 2, 3, 4]),
        (json!({ "dataset": slug("weather") }), vec![0]),
        (json!({ "dataset": slug("none") }), vec![]),
        (json!({ "status": "RUNNING" }), vec![]),
        (
            json!({ "kind": "HISTORY", "trigger": "SCHEDULE", "status": "QUEUED" }),
            vec![3],
        ),
    ] {
        let expected: Vec<Value> = expected.into_iter().map(|n: usize| all[n].clone()).collect();
        assert_eq!(runs(&app, filter.clone()).await, expected, "{filter}");
    }
    let document = "query ($after: String) { lifecycleRuns(first: 2, after: $after) {
        nodes { id } pageInfo { hasNextPage endCursor } } }";
    let (mut paged, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut page = app.query(document, json!({ "after": after })).await["lifecycleRuns"].take();
        let Value::Array(nodes) = page["nodes"].take() else {
            panic!("a list")
        };
        paged.extend(nodes.into_iter().map(|mut node| node["id"].take()));
        after = page["pageInfo"]["endCursor"].take();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(paged, all.iter().map(|run| run["id"].clone()).collect::<Vec<_>>());
}

async fn the_schedule_asks_again_when_the_time_has_come(database: TestDatabase) {
    let clock = Arc::new(StillClock::at(minute(0)));
    let store = database.store_at(clock.clone()).await;
    let due = async || {
        let since = clock.now() - Duration::minutes(15);
        store.lifecycle_runs_schedule(since).await.unwrap()
    };
    assert!(due().await, "there was none before");
    assert!(!due().await);
    clock.advance(Duration::minutes(14));
    assert!(!due().await);
    let retention = store.lifecycle_run_begin("w").await.unwrap().unwrap();
    assert_eq!(retention.kind, RunKind::Retention);
    clock.advance(Duration::minutes(1));
    assert!(due().await);
    let page = Page::first(100, None);
    let filter = LifecycleRunFilter::default();
    let all = store.lifecycle_run_page(&filter, &page).await.unwrap().rows;
    let kinds: Vec<RunKind> = all.iter().map(|run| run.kind).collect();
    assert_eq!(
        kinds.len(),
        5,
        "those that still wait are not asked for twice: {kinds:?}"
    );
    assert_eq!(kinds[0], RunKind::Retention);
}

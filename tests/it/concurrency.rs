//! Many publishers at once: versions without gaps, nothing lost, nothing twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration, Utc};
use timestore_entity::enums::ManifestOperation;
use timestore_gateway::store::change::ChangeFilter;
use timestore_gateway::store::clock::SystemClock;
use timestore_gateway::store::manifest::CommitStatus;
use timestore_gateway::store::publish::ManifestPublish;
use timestore_gateway::store::{Clock, Columns, DatasetRef, FaultKind, Page, StoreError};
use uuid::Uuid;

use crate::support::catalog::{ann, append, at, dataset, file, paths, publish};
use crate::support::database::TestDatabase;
use crate::support::everywhere;

everywhere! {
    versions_are_without_gaps_in_commit_order_under_many_publishers,
    published_at_increases_though_the_clock_goes_back,
    publishers_and_compactors_lose_no_row,
    the_same_key_sent_twice_at_once_publishes_once,
    an_answer_that_got_lost_can_be_asked_for,
    requests_for_several_datasets_in_any_order_do_not_wait_for_each_other_forever,
    editors_and_publishers_do_not_conflict,
    a_reader_of_the_feed_misses_no_change_under_concurrent_writers,
}

async fn versions_are_without_gaps_in_commit_order_under_many_publishers(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "shared").await.id;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..6 {
        // Each is a gateway of its own.
        let store = database.store().await;
        publishers.spawn(async move {
            for n in 0..10 {
                let path = format!("{publisher}/{n}.parquet");
                store
                    .manifest_publish(&ann(), append(id, &path, n))
                    .await
                    .unwrap();
            }
        });
    }
    publishers.join_all().await;
    let page = store
        .manifest_pages(&[id], &Page::first(100, None), Columns::ALL)
        .await
        .unwrap()
        .remove(&id)
        .unwrap();
    let versions: Vec<i32> = page.rows.iter().map(|manifest| manifest.version).collect();
    assert_eq!(versions, (1..=60).rev().collect::<Vec<_>>());
    for pair in page.rows.windows(2) {
        assert!(pair[0].published_at > pair[1].published_at);
        assert_eq!(pair[0].total_rows, pair[1].total_rows + 1);
    }
    assert_eq!(paths(&store, id, 60).await.len(), 60);
}

/// A clock that goes back by a minute with every look.
struct Backwards(AtomicI64);

impl Clock for Backwards {
    fn now(&self) -> DateTime<Utc> {
        let minutes = self.0.fetch_add(1, Ordering::Relaxed);
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() - Duration::minutes(minutes)
    }

    fn id(&self) -> Uuid {
        SystemClock.id()
    }
}

async fn published_at_increases_though_the_clock_goes_back(database: TestDatabase) {
    let store = database.store_at(Arc::new(Backwards(AtomicI64::new(0)))).await;
    let id = dataset(&store, "backwards").await.id;
    let mut last = None;
    for n in 0..5 {
        let published = store
            .manifest_publish(&ann(), append(id, &format!("{n}.parquet"), n))
            .await
            .unwrap();
        let published_at = Some(published.manifest.unwrap().published_at);
        assert!(published_at > last);
        last = published_at;
    }
}

async fn publishers_and_compactors_lose_no_row(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "compacted").await.id;
    let mut workers = tokio::task::JoinSet::new();
    for publisher in 0..3 {
        let store = database.store().await;
        workers.spawn(async move {
            for n in 0..15 {
                store
                    .manifest_publish(&ann(), append(id, &format!("{publisher}/{n}.parquet"), n))
                    .await
                    .unwrap();
            }
        });
    }
    for compactor in 0..2 {
        let store = database.store().await;
        workers.spawn(async move {
            for n in 0..10 {
                let version = store.dataset_heads(&[id]).await.unwrap()[&id].latest_version;
                let live = if version == 0 {
                    Vec::new()
                } else {
                    paths(&store, id, version).await
                };
                let small: Vec<&String> = live
                    .iter()
                    .filter(|path| !path.starts_with("compacted"))
                    .take(4)
                    .collect();
                if small.is_empty() {
                    continue;
                }
                let mut whole = file(&format!("compacted/{compactor}-{n}.parquet"), 0);
                whole.row_count = i64::try_from(small.len()).unwrap();
                let compact = ManifestPublish {
                    add: vec![whole],
                    remove: small.iter().map(|path| at(path)).collect(),
                    ..publish(id, ManifestOperation::Compact)
                };
                match store.manifest_publish(&ann(), compact).await {
                    Ok(_) => {}
                    Err(StoreError::Refused(refusal)) => {
                        let [fault] = &refusal.0[..] else {
                            panic!("{refusal}")
                        };
                        let FaultKind::PartitionsNotLive { partitions, .. } = &fault.kind else {
                            panic!("{refusal}")
                        };
                        assert!(partitions.iter().all(|gone| gone.removed_version.is_some()));
                        assert!(
                            partitions
                                .iter()
                                .all(|gone| gone.removed_by.as_deref() == Some("ann"))
                        );
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    workers.join_all().await;
    let head = &store.dataset_heads(&[id]).await.unwrap()[&id];
    assert_eq!(head.total_rows, 45);
    assert_eq!(
        usize::try_from(head.partition_count).unwrap(),
        paths(&store, id, head.latest_version).await.len()
    );
}

async fn the_same_key_sent_twice_at_once_publishes_once(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "keyed").await.id;
    for round in 0..10 {
        let keyed = ManifestPublish {
            idempotency_key: Some(format!("key-{round}")),
            ..append(id, &format!("{round}.parquet"), round)
        };
        let (one, other) = (database.store().await, database.store().await);
        let (by, again) = (ann(), keyed.clone());
        let (one, other) = tokio::join!(
            one.manifest_publish(&by, keyed),
            other.manifest_publish(&by, again)
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.replayed ^ other.replayed);
        assert_eq!(one.manifest, other.manifest);
        assert_eq!(i64::from(one.manifest.unwrap().version), round + 1);
    }
}

async fn an_answer_that_got_lost_can_be_asked_for(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "lost").await.id;
    let keyed = ManifestPublish {
        idempotency_key: Some("mine".to_owned()),
        ..append(id, "a.parquet", 0)
    };
    let named = DatasetRef::Id(id);
    let status = || store.commit_status(&named, "mine");
    assert!(matches!(status().await.unwrap(), CommitStatus::NotSeen));
    // The client hangs up in the middle: the future is dropped after some steps, whichever.
    for polls in 0..40 {
        let other = database.store().await;
        let by = ann();
        let mut publish = Box::pin(other.manifest_publish(&by, keyed.clone()));
        for _ in 0..polls {
            if futures_util::poll!(&mut publish).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(publish);
        // Whatever became of it, the answer is right: when it is "not seen", publishing makes it version 1.
        if let CommitStatus::Committed(Some(manifest)) = status().await.unwrap() {
            assert_eq!(manifest.version, 1);
            break;
        }
        assert_eq!(store.dataset_heads(&[id]).await.unwrap()[&id].latest_version, 0);
    }
    let published = store.manifest_publish(&ann(), keyed).await.unwrap();
    assert_eq!(published.manifest.unwrap().version, 1);
    assert!(
        matches!(status().await.unwrap(), CommitStatus::Committed(Some(manifest)) if manifest.version == 1)
    );
}

async fn requests_for_several_datasets_in_any_order_do_not_wait_for_each_other_forever(
    database: TestDatabase,
) {
    let store = database.store().await;
    let mut ids = Vec::new();
    for slug in ["one", "two", "three"] {
        ids.push(dataset(&store, slug).await.id);
    }
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..4_usize {
        let (store, mut ids) = (database.store().await, ids.clone());
        ids.rotate_left(publisher % 3);
        if publisher % 2 == 1 {
            ids.reverse();
        }
        publishers.spawn(async move {
            for n in 0..8 {
                let path = format!("{publisher}/{n}.parquet");
                let inputs = ids.iter().map(|id| append(*id, &path, n)).collect();
                let published = store.manifests_publish(&ann(), inputs).await.unwrap();
                let order: Vec<_> = published.iter().map(|published| published.dataset.id).collect();
                assert_eq!(order, ids, "answers come in the order of the request");
            }
        });
    }
    publishers.join_all().await;
    let heads = store.dataset_heads(&ids).await.unwrap();
    assert!(ids.iter().all(|id| heads[id].latest_version == 32));
}

async fn editors_and_publishers_do_not_conflict(database: TestDatabase) {
    use timestore_gateway::store::dataset::DatasetUpdate;
    let store = database.store().await;
    let before = dataset(&store, "edited").await;
    store
        .manifest_publish(&ann(), append(before.id, "a.parquet", 0))
        .await
        .unwrap();
    let after_publish = store
        .dataset_find(&DatasetRef::Id(before.id))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(after_publish, before, "a publish never writes the dataset's row");
    let edit = DatasetUpdate {
        dataset: DatasetRef::Id(before.id),
        expected_revision: Some(1),
        name: Some("renamed".to_owned()),
        description: None,
        status: None,
        default_storage_target: None,
        compatibility: None,
        read_scopes: None,
        write_scopes: None,
        metadata: None,
    };
    assert_eq!(store.dataset_update(&ann(), edit).await.unwrap().revision, 2);
}

async fn a_reader_of_the_feed_misses_no_change_under_concurrent_writers(database: TestDatabase) {
    let store = database.store().await;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..4 {
        let store = database.store().await;
        let id = dataset(&store, &format!("feed-{publisher}")).await.id;
        publishers.spawn(async move {
            for n in 0..10 {
                store
                    .manifest_publish(&ann(), append(id, &format!("{n}.parquet"), n))
                    .await
                    .unwrap();
            }
        });
    }
    let mut seen = Vec::new();
    let mut after = None;
    // The feed may hold changes back for a while, since any transaction of the server could come before them.
    let all = async {
        while seen.len() < 40 {
            while publishers.try_join_next().is_some() {}
            let page = store
                .change_page(&ChangeFilter::default(), after, 7)
                .await
                .unwrap();
            after = Some(page.end);
            let published = page
                .rows
                .rows
                .into_iter()
                .filter(|change| change.version.is_some());
            seen.extend(published);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), all)
        .await
        .expect("all changes in the end");
    assert_eq!(seen.len(), 40);
    for publisher in seen
        .iter()
        .map(|change| change.dataset_id)
        .collect::<std::collections::HashSet<_>>()
    {
        let versions: Vec<_> = seen
            .iter()
            .filter(|change| change.dataset_id == publisher)
            .map(|change| change.version)
            .collect();
        assert_eq!(
            versions,
            (1..=10).map(Some).collect::<Vec<_>>(),
            "in commit order"
        );
    }
}

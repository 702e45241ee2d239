//! A database that is cut off, full, read-only, or says what it must not.

use std::collections::BTreeMap;

use sea_orm::{
    ConnectionTrait, Database, DbErr, EntityTrait, Iterable, MockDatabase, MockExecResult, ModelTrait,
    RuntimeErr,
};
use timestore_gateway::store::backend::Connections;
use timestore_gateway::store::clock::SystemClock;
use timestore_gateway::store::publish::ManifestPublish;
use timestore_gateway::store::{DatasetRef, FaultKind, Store, StoreError};

use crate::support::both;
use crate::support::catalog::{ann, append, dataset, file, minute, paths};
use crate::support::database::TestDatabase;

both! { the_database_itself_refuses_bad_data, a_refused_publish_leaves_nothing_behind }

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_in_the_middle_of_publishes_loses_and_doubles_nothing() {
    let database = TestDatabase::postgres().await;
    let store = database.store().await;
    let id = dataset(&store, "cut").await.id;
    let admin = Database::connect(database.url()).await.unwrap();
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..3 {
        let store = database.store().await;
        publishers.spawn(async move {
            for n in 0..15 {
                let keyed = ManifestPublish {
                    idempotency_key: Some(format!("{publisher}-{n}")),
                    ..append(id, &format!("{publisher}/{n}.parquet"), n)
                };
                // A client that does not know what became of its request repeats it.
                while let Err(error) = store.manifest_publish(&ann(), keyed.clone()).await {
                    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                }
            }
        });
    }
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    while !publishers.is_empty() {
        admin.execute_unprepared(cut).await.unwrap();
        while let Some(result) = publishers.try_join_next() {
            result.unwrap();
        }
        let turn = store.dataset_heads(&[id]).await;
        drop(turn);
        tokio::task::yield_now().await;
        tokio::time::timeout(std::time::Duration::from_millis(30), std::future::pending::<()>())
            .await
            .ok();
    }
    let store = database.store().await;
    let head = &store.dataset_heads(&[id]).await.unwrap()[&id];
    assert_eq!((head.latest_version, head.total_rows), (45, 45));
    assert_eq!(paths(&store, id, 45).await.len(), 45);
}

#[tokio::test]
async fn a_read_only_server_says_unavailable_and_serves_reads() {
    let database = TestDatabase::postgres().await;
    let id = dataset(&database.store().await, "readable").await.id;
    // Connected before the change, this one may go on writing.
    let admin = database.connections().await.writer;
    admin.execute_unprepared("select 1").await.unwrap();
    let read_only = |on: &str| {
        format!(
            "alter database {} set default_transaction_read_only = {on}",
            database.name()
        )
    };
    admin.execute_unprepared(&read_only("on")).await.unwrap();
    let store = database.store().await;
    let error = store
        .manifest_publish(&ann(), append(id, "a.parquet", 0))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(store.dataset_find(&DatasetRef::Id(id)).await.unwrap().is_some());
    admin.execute_unprepared(&read_only("off")).await.unwrap();
    database
        .store()
        .await
        .manifest_publish(&ann(), append(id, "a.parquet", 0))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_read_only_file_says_unavailable_and_serves_reads() {
    let database = TestDatabase::sqlite().await;
    let id = dataset(&database.store().await, "readable").await.id;
    let connections = database.connections().await;
    connections
        .writer
        .execute_unprepared("pragma query_only = 1")
        .await
        .unwrap();
    let store = Store::new(connections.clone(), std::sync::Arc::new(SystemClock));
    let error = store
        .manifest_publish(&ann(), append(id, "a.parquet", 0))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(store.dataset_find(&DatasetRef::Id(id)).await.unwrap().is_some());
    connections
        .writer
        .execute_unprepared("pragma query_only = 0")
        .await
        .unwrap();
    store
        .manifest_publish(&ann(), append(id, "a.parquet", 0))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_the_publish_and_keeps_everything_before() {
    let database = TestDatabase::sqlite().await;
    let connections = database.connections().await;
    let store = Store::new(connections.clone(), std::sync::Arc::new(SystemClock));
    let id = dataset(&store, "full").await.id;
    store
        .manifest_publish(&ann(), append(id, "a.parquet", 0))
        .await
        .unwrap();
    // The limit is never below the present size: no page more can be had.
    connections
        .writer
        .execute_unprepared("pragma timestore.max_page_count = 1")
        .await
        .unwrap();
    let large = ManifestPublish {
        add: (0..2_000)
            .map(|n| file(&format!("large/{n}.parquet"), n))
            .collect(),
        ..append(id, "b.parquet", 1)
    };
    let error = store.manifest_publish(&ann(), large.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(paths(&store, id, 1).await, ["a.parquet"]);
    assert_eq!(store.dataset_heads(&[id]).await.unwrap()[&id].latest_version, 1);
    connections
        .writer
        .execute_unprepared("pragma timestore.max_page_count = 1000000")
        .await
        .unwrap();
    assert_eq!(
        store
            .manifest_publish(&ann(), large)
            .await
            .unwrap()
            .manifest
            .unwrap()
            .version,
        2
    );
}

async fn the_database_itself_refuses_bad_data(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "guarded").await.id;
    store
        .manifest_publish(&ann(), append(id, "a.parquet", 0))
        .await
        .unwrap();
    let connection = database.connections().await.writer;
    for bad in [
        "update timestore.datasets set status = 'gone'",
        "update timestore.datasets set slug = 'UPPER'",
        "update timestore.datasets set metadata = '[]'",
        "update timestore.datasets set revision = 0",
        "update timestore.dataset_heads set total_rows = -1",
        "update timestore.dataset_heads set start_time = null",
        "update timestore.manifests set operation = 'merge'",
        "update timestore.manifests set parent_version = 1",
        "update timestore.manifests set version = 0",
        "update timestore.partitions set file_size_bytes = -1",
        "update timestore.partitions set row_count = -1",
        "update timestore.partitions set end_time = '1999-01-01T00:00:00+00:00'",
        "update timestore.partitions set file_path = ''",
        "update timestore.partitions set removed_version = 1",
        "update timestore.partitions set added_version = 7",
        "update timestore.partitions set schema_version = 7",
        "update timestore.partitions set file_format = 'csv'",
        "delete from timestore.manifests",
        "delete from timestore.datasets",
        "delete from timestore.storage_targets",
    ] {
        let result = connection.execute_unprepared(bad).await;
        assert!(result.is_err(), "{bad}");
    }
    // The same path, and the same version, a second time.
    let columns = "dataset_id, storage_target_id, file_path, file_format, file_size_bytes, row_count, start_time, end_time, \
                   span_class, partition_key, metadata, added_version";
    let id_of_another = "(select id from timestore.datasets)";
    let twice = format!(
        "insert into timestore.partitions (id, {columns}) select {id_of_another}, {columns} from timestore.partitions"
    );
    assert!(connection.execute_unprepared(&twice).await.is_err());
    assert_eq!(paths(&store, id, 1).await, ["a.parquet"]);
}

async fn a_refused_publish_leaves_nothing_behind(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "tidy").await.id;
    store
        .manifest_publish(&ann(), append(id, "a.parquet", 0))
        .await
        .unwrap();
    let connection = database.connections().await.reader;
    let before = rows(&connection).await;
    let mut bad = append(id, "b.parquet", 1);
    bad.idempotency_key = Some("kept-free".to_owned());
    bad.add.push(file("a.parquet", 0));
    bad.add[0].end_time = minute(-5);
    let StoreError::Refused(refusal) = store.manifest_publish(&ann(), bad.clone()).await.unwrap_err() else {
        panic!("a refusal")
    };
    assert_eq!(refusal.0.len(), 2, "{refusal}");
    assert_eq!(rows(&connection).await, before);
    // Its key is free for a request that can be granted.
    let good = ManifestPublish {
        add: vec![file("b.parquet", 1)],
        ..bad
    };
    assert!(!store.manifest_publish(&ann(), good).await.unwrap().replayed);
    let after = rows(&connection).await;
    let grown: Vec<i64> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before)
        .collect();
    // One manifest, one partition, one key, one audit event, one change.
    assert_eq!(grown, [1, 1, 1, 1, 1]);
}

async fn rows(connection: &sea_orm::DatabaseConnection) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "manifests",
        "partitions",
        "idempotency_records",
        "audit_events",
        "changes",
    ] {
        let sql = format!("select count(*) from timestore.{table}");
        let statement = sea_orm::Statement::from_string(connection.get_database_backend(), sql);
        counts.push(
            connection
                .query_one_raw(statement)
                .await
                .unwrap()
                .unwrap()
                .try_get_by_index(0)
                .unwrap(),
        );
    }
    counts
}

/// A store over a database that answers what it was told to.
fn mocked(mock: MockDatabase) -> Store {
    let connection = mock.into_connection();
    let connections = Connections::new(connection.clone(), connection);
    Store::new(connections, std::sync::Arc::new(SystemClock))
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_is_unavailable() {
    let refused = || DbErr::Conn(RuntimeErr::Internal("connection refused".to_owned()));
    let store =
        mocked(MockDatabase::new(sea_orm::DbBackend::Postgres).append_query_errors([refused(), refused()]));
    let error = store
        .dataset_find(&DatasetRef::Slug("any".to_owned()))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the database is unavailable",
        "nothing internal is shown"
    );
}

/// A row with the columns of two, which are read by their places.
fn side_by_side(left: &impl ModelTrait, right: &impl ModelTrait) -> BTreeMap<String, sea_orm::Value> {
    fn values<M: ModelTrait>(row: &M) -> Vec<sea_orm::Value> {
        <M::Entity as EntityTrait>::Column::iter()
            .map(|column| row.get(column))
            .collect()
    }
    let values = [values(left), values(right)].concat().into_iter();
    let place = |(place, value)| (format!("{place:03}"), value);
    values.enumerate().map(place).collect()
}

#[tokio::test]
async fn a_delete_that_deletes_nothing_is_not_reported_as_done() {
    let database = TestDatabase::sqlite().await;
    let store = database.store().await;
    let dataset = dataset(&store, "mocked").await;
    store
        .manifest_publish(&ann(), append(dataset.id, "a.parquet", 0))
        .await
        .unwrap();
    let head = store.dataset_heads(&[dataset.id]).await.unwrap()[&dataset.id].clone();
    let input = timestore_gateway::store::snapshot::SnapshotCreate {
        dataset: DatasetRef::Id(dataset.id),
        name: "pin".to_owned(),
        at: None,
        description: None,
        expires_at: None,
    };
    let snapshot = store.snapshot_create(&ann(), input).await.unwrap();
    // Found under the lock, and gone all the same when it is to be deleted: no real database does that.
    let mock = MockDatabase::new(sea_orm::DbBackend::Postgres)
        .append_query_results([[side_by_side(&dataset, &head)]])
        .append_query_results([[snapshot]])
        .append_exec_results([MockExecResult {
            last_insert_id: 0,
            rows_affected: 0,
        }]);
    let error = mocked(mock)
        .snapshot_delete(&ann(), &DatasetRef::Id(dataset.id), "pin")
        .await
        .unwrap_err();
    let StoreError::Refused(refusal) = error else {
        panic!("{error:?}")
    };
    assert_eq!(refusal.0[0].kind, FaultKind::NotFound);
}

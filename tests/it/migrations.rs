//! The migrator, beside other users of the same database.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement, TransactionTrait};
use serde_json::json;
use timestore_migration::{Direction, MigrateError, Migrator, script};

use crate::support::app::App;
use crate::support::builders::{partition, with};
use crate::support::database::{TestDatabase, postgres};

const STEPS: u32 = 18;

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(url).await.unwrap()
}

async fn migrate(url: &str) -> u32 {
    Migrator::connect(url).await.unwrap().up(None).await.unwrap()
}

/// Every table, index, constraint, type, function and sequence outside the schemas of the system, with its definition.
async fn catalog(connection: &DatabaseConnection, schema: &str) -> Vec<String> {
    let sql = "
        select 'relation ' || n.nspname || '.' || c.relname || ' ' || c.relkind::text as line
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
        union all select 'column ' || n.nspname || '.' || c.relname || '.' || a.attname || ' ' || a.atttypid::regtype::text
            from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
            where a.attnum > 0
        union all select 'constraint ' || n.nspname || '.' || k.conname || ' ' || pg_get_constraintdef(k.oid)
            from pg_constraint k join pg_namespace n on n.oid = k.connamespace
        union all select 'type ' || n.nspname || '.' || t.typname from pg_type t join pg_namespace n on n.oid = t.typnamespace
        union all select 'function ' || n.nspname || '.' || p.proname
            from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        union all select 'schema ' || nspname from pg_namespace
        order by 1";
    let rows = connection
        .query_all_raw(Statement::from_string(connection.get_database_backend(), sql))
        .await
        .unwrap();
    let lines = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
    // What belongs to our own schema is named with it; temporary and toast relations come and go.
    lines
        .filter(|line| line.contains(schema) || (!line.contains("timestore") && !line.contains("pg_t")))
        .collect()
}

fn without_ours(lines: Vec<String>) -> Vec<String> {
    lines
        .into_iter()
        .filter(|line| !line.contains("timestore"))
        .collect()
}

#[tokio::test]
async fn four_migrators_at_once_apply_each_step_once() {
    let database = postgres::empty().await;
    let url = database.url();
    let (a, b, c, d) = tokio::join!(migrate(url), migrate(url), migrate(url), migrate(url));
    assert_eq!(a + b + c + d, STEPS);
    Migrator::connect(url).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn four_migrators_of_one_file_apply_each_step_once() {
    let database = TestDatabase::sqlite_empty();
    let url = database.migration_url();
    let (a, b, c, d) = tokio::join!(migrate(&url), migrate(&url), migrate(&url), migrate(&url));
    assert_eq!(a + b + c + d, STEPS);
}

#[tokio::test]
async fn up_and_down_and_up_again_leaves_the_same_tables() {
    let postgres = postgres::empty().await;
    let sqlite = TestDatabase::sqlite_empty();
    for url in [postgres.url().to_owned(), sqlite.migration_url()] {
        let migrator = Migrator::connect(&url).await.unwrap();
        assert_eq!(migrator.up(Some(2)).await.unwrap(), 2);
        assert_eq!(migrator.up(None).await.unwrap(), STEPS - 2);
        assert_eq!(migrator.up(None).await.unwrap(), 0);
        assert_eq!(migrator.down(Some(1)).await.unwrap(), 1);
        assert!(matches!(migrator.check().await, Err(MigrateError::Pending(1))));
        assert_eq!(migrator.down(None).await.unwrap(), STEPS - 1);
        assert!(migrator.status().await.unwrap().iter().all(|step| !step.applied));
        assert_eq!(migrator.up(None).await.unwrap(), STEPS);
        migrator.check().await.unwrap();
    }
}

#[tokio::test]
async fn nothing_outside_the_schema_is_touched() {
    let database = postgres::empty().await;
    let connection = connect(database.url()).await;
    connection
        .execute_unprepared("create table public.seaql_migrations (version text primary key)")
        .await
        .unwrap();
    connection
        .execute_unprepared("create table public.datasets (id int primary key, note text)")
        .await
        .unwrap();
    let before = without_ours(catalog(&connection, "public").await);
    migrate(database.url()).await;
    assert_eq!(without_ours(catalog(&connection, "public").await), before);
    Migrator::connect(database.url())
        .await
        .unwrap()
        .down(None)
        .await
        .unwrap();
    assert_eq!(without_ours(catalog(&connection, "public").await), before);
}

#[tokio::test]
async fn a_foreign_pipeline_with_locks_and_long_transactions_does_not_hold_ours_up() {
    let database = postgres::empty().await;
    let foreign = connect(database.url()).await;
    foreign
        .execute_unprepared("create table public.catalog (id int primary key)")
        .await
        .unwrap();
    let transaction = foreign.begin().await.unwrap();
    transaction
        .execute_unprepared("lock table public.catalog in access exclusive mode")
        .await
        .unwrap();
    transaction
        .execute_unprepared("select pg_advisory_xact_lock(1)")
        .await
        .unwrap();
    assert_eq!(migrate(database.url()).await, STEPS);
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_role_that_owns_only_the_schema_can_migrate() {
    let database = postgres::empty().await;
    let admin = connect(database.url()).await;
    let role = database.name();
    for sql in [
        format!("create role {role} login password 'x'"),
        format!("create schema timestore authorization {role}"),
        format!("revoke create on database {role} from public"),
        "revoke all on schema public from public".to_owned(),
        format!("alter role {role} set search_path to nowhere"),
    ] {
        admin.execute_unprepared(&sql).await.unwrap();
    }
    let url = postgres::url_as(database.url(), role, "x");
    assert_eq!(migrate(&url).await, STEPS);
    let migrator = Migrator::connect(&url).await.unwrap();
    assert_eq!(migrator.down(None).await.unwrap(), STEPS);
    drop(migrator);
    admin
        .execute_unprepared(&format!("drop owned by {role} cascade"))
        .await
        .unwrap();
    admin
        .execute_unprepared(&format!("drop role {role}"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failure_in_the_middle_of_a_step_leaves_nothing_half_done() {
    let database = postgres::empty().await;
    let connection = connect(database.url()).await;
    let migrator = Migrator::connect(database.url()).await.unwrap();
    migrator.up(Some(1)).await.unwrap();
    // The second step makes manifests, then partitions; with this in the way it fails between the two.
    connection
        .execute_unprepared("create table timestore.partitions (id int)")
        .await
        .unwrap();
    let before = catalog(&connection, "timestore").await;
    assert!(matches!(migrator.up(None).await, Err(MigrateError::Database(_))));
    assert_eq!(catalog(&connection, "timestore").await, before);
    connection
        .execute_unprepared("drop table timestore.partitions")
        .await
        .unwrap();
    assert_eq!(migrator.up(None).await.unwrap(), STEPS - 1);
}

#[tokio::test]
async fn a_failed_step_leaves_nothing_half_done_in_a_file_either() {
    let database = TestDatabase::sqlite_empty();
    let url = database.migration_url();
    let migrator = Migrator::connect(&url).await.unwrap();
    migrator.up(Some(1)).await.unwrap();
    let connection = connect(&url).await;
    connection
        .execute_unprepared("create table partitions (id integer)")
        .await
        .unwrap();
    assert!(matches!(migrator.up(None).await, Err(MigrateError::Database(_))));
    let sql = "select count(*) from sqlite_master where name = 'manifests'";
    let row = connection
        .query_one_raw(Statement::from_string(connection.get_database_backend(), sql))
        .await
        .unwrap();
    assert_eq!(row.unwrap().try_get_by_index::<i64>(0).unwrap(), 0);
    connection
        .execute_unprepared("drop table partitions")
        .await
        .unwrap();
    assert_eq!(migrator.up(None).await.unwrap(), STEPS - 1);
}

#[tokio::test]
async fn an_older_binary_says_that_the_schema_is_newer_and_stops() {
    let postgres = postgres::empty().await;
    let sqlite = TestDatabase::sqlite_empty();
    for (url, ledger) in [
        (postgres.url().to_owned(), "timestore.seaql_migrations"),
        (sqlite.migration_url(), "seaql_migrations"),
    ] {
        migrate(&url).await;
        let connection = connect(&url).await;
        let sql = format!("insert into {ledger} (version, applied_at) values ('m29990101_000001_future', 0)");
        connection.execute_unprepared(&sql).await.unwrap();
        let migrator = Migrator::connect(&url).await.unwrap();
        for refused in [
            migrator.check().await.err(),
            migrator.up(None).await.err(),
            migrator.down(None).await.err(),
        ] {
            assert!(
                matches!(&refused, Some(MigrateError::TooNew(step)) if step == "m29990101_000001_future"),
                "{refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_printed_script_does_what_the_migrator_does() {
    let (migrated, scripted) = (postgres::empty().await, postgres::empty().await);
    migrate(migrated.url()).await;
    let connection = connect(scripted.url()).await;
    let backend = connection.get_database_backend();
    connection
        .execute_unprepared(&script(backend, Direction::Up))
        .await
        .unwrap();
    Migrator::connect(scripted.url())
        .await
        .unwrap()
        .check()
        .await
        .unwrap();
    let theirs = catalog(&connect(migrated.url()).await, "timestore").await;
    let ours = catalog(&connection, "timestore").await;
    assert_eq!(without_ledger(ours), without_ledger(theirs));
    connection
        .execute_unprepared(&script(backend, Direction::Down))
        .await
        .unwrap();
    assert!(
        Migrator::connect(scripted.url())
            .await
            .unwrap()
            .status()
            .await
            .unwrap()
            .iter()
            .all(|step| !step.applied)
    );
}

/// The ledger's own table is made by two hands, which spell its types differently.
fn without_ledger(lines: Vec<String>) -> Vec<String> {
    lines
        .into_iter()
        .filter(|line| !line.contains("seaql_migrations"))
        .collect()
}

#[tokio::test]
async fn the_dataset_leads_every_key_of_its_rows() {
    let database = postgres::empty().await;
    migrate(database.url()).await;
    let connection = connect(database.url()).await;
    let sql = "
        select k.conrelid::regclass::text || ': ' || k.conname from pg_constraint k
        where k.connamespace = 'timestore'::regnamespace and k.contype in ('p', 'u', 'f')
        and k.conrelid::regclass::text not in
            ('timestore.storage_targets', 'timestore.datasets', 'timestore.seaql_migrations', 'timestore.audit_events',
             'timestore.changes', 'timestore.lifecycle_runs')
        and k.confrelid <> coalesce(to_regclass('timestore.storage_targets')::oid, 0)
        and k.conkey[1] <> (select attnum from pg_attribute where attrelid = k.conrelid and attname = 'dataset_id')
        union all
        select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = 'timestore'::regnamespace and i.indisunique
        and c.relname not in ('storage_targets', 'datasets', 'seaql_migrations', 'audit_events', 'changes', 'lifecycle_runs')
        and i.indkey[0] <> (select attnum from pg_attribute where attrelid = c.oid and attname = 'dataset_id')";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    let others: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert!(others.is_empty(), "{others:#?}");
    // The query finds what it looks for.
    connection
        .execute_unprepared("create unique index wrong on timestore.snapshots (name, dataset_id)")
        .await
        .unwrap();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    assert_eq!(connection.query_all_raw(statement).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_keys_have_in_common_is_told_of_datasets_from_before() {
    let database = TestDatabase::postgres().await;
    let app = App::new(&database).await;
    for (slug, first, second) in [
        (
            "alike",
            json!({ "b": "x", "a": "y" }),
            json!({ "a": "z", "b": "" }),
        ),
        ("differing", json!({ "a": "x" }), json!({ "b": "x" })),
        ("mixed", json!({ "a": 1 }), json!({ "a": "x" })),
        ("none", json!({}), json!({})),
    ] {
        app.dataset(slug).await;
        let files = [("1", first), ("2", second)];
        let files =
            files.map(|(path, key)| with(partition("2020-01-01", path), json!({ "partitionKey": key })));
        app.append(slug, files).await;
    }
    app.dataset("without-files").await;
    let names = async || {
        let text = "select dataset.slug || ' ' || coalesce(head.key_names::text, 'null') as line from timestore.datasets as dataset \
                    join timestore.dataset_heads as head on head.dataset_id = dataset.id order by 1";
        let connection = connect(database.url()).await;
        let statement = Statement::from_string(connection.get_database_backend(), text);
        let rows = connection.query_all_raw(statement).await.unwrap();
        rows.iter()
            .map(|row| row.try_get("", "line").unwrap())
            .collect::<Vec<String>>()
    };
    let published = [
        "alike [\"a\", \"b\"]",
        "differing null",
        "mixed null",
        "none []",
        "without-files null",
    ];
    assert_eq!(names().await, published);
    let migrator = Migrator::connect(&database.migration_url()).await.unwrap();
    assert_eq!(migrator.down(Some(2)).await.unwrap(), 2);
    assert_eq!(migrator.up(None).await.unwrap(), 2);
    assert_eq!(names().await, published);
}

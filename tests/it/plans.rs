//! How PostgreSQL finds rows. Its plans are made for all datasets alike, and have to be right for the largest one.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::builders::{partition, path, slug, with};
use crate::support::database::TestDatabase;

const NESTED: &str = "{ dataset(by: { slug: \"large\" }) { manifests(first: 5) { nodes { version } }
    schemaVersions(first: 3) { nodes { manifests(first: 5) { nodes { partitions(first: 20) { nodes { filePath } } } } } }
    manifest(by: { version: 1 }) { addedPartitions(first: 20) { nodes { filePath addedIn { version } } } } } }";

const WINDOWS: &str = "{ dataset(by: { slug: \"large\" }) { manifest {
    all: partitions(first: 20) { nodes { filePath } }
    ofKey: partitions(first: 20, partitionKey: { key: \"k\", eq: \"v\" }) { nodes { filePath } }
    inWindow: partitions(first: 20, window: { from: \"2020-01-01T00:00:00Z\", to: \"2020-01-02T00:00:00Z\" }) {
      nodes { filePath } } } } }";

/// Very many datasets have one file, and one has very many: on average, a dataset has as good as none.
const SKEW: &str = "
    create temporary table small as select gen_random_uuid() as id, n from generate_series(1, 4000) as n;
    insert into timestore.datasets
        select (jsonb_populate_record(one, jsonb_build_object('id', small.id, 'slug', 'small-' || n))).*
        from small cross join timestore.datasets as one where one.slug = 'large';
    insert into timestore.dataset_heads
        select (jsonb_populate_record(head, jsonb_build_object('dataset_id', small.id))).*
        from small cross join timestore.dataset_heads as head;
    insert into timestore.schema_versions
        select (jsonb_populate_record(one, jsonb_build_object('dataset_id', small.id))).*
        from small cross join timestore.schema_versions as one;
    insert into timestore.manifests
        select (jsonb_populate_record(one, jsonb_build_object('dataset_id', small.id))).*
        from small cross join timestore.manifests as one;
    insert into timestore.partitions
        select (jsonb_populate_record(one, jsonb_build_object('dataset_id', small.id, 'id', gen_random_uuid()))).*
        from small cross join timestore.partitions as one union all
        select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(), 'file_path', 'more-' || n,
            'ingestion_signature', 'more-' || n, 'partition_key', jsonb_build_object('k', n::text)))).*
        from generate_series(1, 30000) as n cross join timestore.partitions as one;
    analyze";

/// The plan of a statement for any values, a node or a condition a line.
async fn plan(connection: &DatabaseConnection, statement: &str) -> Vec<String> {
    let parameters = (1..).take_while(|n| statement.contains(&format!("${n}"))).count();
    let values = match parameters {
        0 => String::new(),
        some => format!("({})", vec!["null"; some].join(", ")),
    };
    let transaction = connection.begin().await.unwrap();
    // As where a table is too large to be read at once instead: pages of a thousand are read like those of twenty.
    let statement = statement.replace("limit 1001", "limit 21");
    let prepare = format!(
        "set local plan_cache_mode = force_generic_plan; set local enable_memoize = off; \
         set local random_page_cost = 1.1; prepare planned as {statement}"
    );
    transaction.execute_unprepared(&prepare).await.unwrap();
    let explain = format!("explain (costs off) execute planned {values}");
    let explain = Statement::from_string(transaction.get_database_backend(), explain);
    let lines = transaction.query_all_raw(explain).await.unwrap();
    transaction
        .execute_unprepared("deallocate planned")
        .await
        .unwrap();
    lines
        .iter()
        .map(|line| line.try_get_by_index(0).unwrap())
        .collect()
}

/// Fails where a plan reads all of a table, or all that a dataset has in it: no more than the dataset is compared then, and it does not
/// stop at a limit either.
fn check(statement: &str, plan: &[String]) {
    for (n, line) in plan.iter().enumerate() {
        let is_large = line.contains("partitions") || line.contains("manifests");
        let reads_all = is_large && line.contains("Seq Scan");
        let by_index = is_large && line.contains("Index") && line.contains("Scan");
        let condition = plan.get(n + 1).map(String::as_str).unwrap_or_default();
        let is_narrow = condition.contains("Index Cond") && condition.contains(" AND ");
        let stops = n > 0 && plan[n - 1].contains("->  Limit");
        assert!(
            !reads_all && (!by_index || is_narrow || stops),
            "{statement}\n\n{}",
            plan.join("\n")
        );
    }
}

#[tokio::test]
async fn a_small_dataset_on_average_does_not_slow_down_a_large_one() {
    let database = TestDatabase::postgres().await;
    let app = App::new(&database).await;
    app.dataset("large").await;
    let input = json!({
        "dataset": slug("large"), "schema": { "fields": [{ "name": "c", "type": "DOUBLE" }] },
        "add": [with(partition("2020-01-01", "first.parquet"), json!({ "partitionKey": { "k": "v" } }))],
    });
    app.granted("publishManifest", input).await;
    let connection = database.connections().await.writer;
    connection.execute_unprepared(SKEW).await.unwrap();

    let publish = async |path: &str, more: Value| {
        let file = with(
            partition("2020-01-02", path),
            json!({ "ingestionSignature": path, "partitionKey": { "k": path } }),
        );
        let input = with(json!({ "dataset": slug("large"), "add": [file] }), more);
        app.granted("publishManifest", input).await
    };
    let (_, statements) = app
        .statements_of(async {
            publish("second.parquet", json!({ "idempotencyKey": "key" })).await;
            let first = json!([path("first.parquet")]);
            publish("third.parquet", json!({ "operation": "REPLACE", "remove": first })).await;
            let version = "{ dataset(by: { slug: \"large\" }) { manifest { addedPartitions(first: 1) { nodes { id } } } } }";
            let found = app.query(version, json!({})).await;
            let third = &found["dataset"]["manifest"]["addedPartitions"]["nodes"][0]["id"];
            let by_id = json!({ "operation": "REPLACE", "remove": [{ "id": third }] });
            publish("fourth.parquet", by_id).await;
            app.query(NESTED, json!({})).await;
            app.query(WINDOWS, json!({})).await;
        })
        .await;
    let of_files = statements
        .iter()
        .filter(|text| text.contains("timestore.partitions"));
    assert!(of_files.count() > 10, "{statements:#?}");
    let mut by_key = 0;
    for statement in &statements {
        let plan = plan(&connection, statement).await;
        check(statement, &plan);
        let is_by_key = plan.iter().any(|line| line.contains("partitions_live_key_idx"));
        by_key += usize::from(is_by_key);
        assert_eq!(is_by_key, statement.contains("jsonb_hash_extended"), "{plan:#?}");
    }
    assert!(by_key > 0);
}

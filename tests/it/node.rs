//! Whatever has a global id, by that id.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, partition, slug};
use crate::support::database::TestDatabase;

both! {
    everything_with_an_id_is_found_by_it,
    what_an_id_does_not_name_is_null,
    an_id_of_another_type_names_nothing,
    nodes_takes_at_most_a_hundred_ids,
}

const NODES: &str = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";

/// The type and the id of one thing of each type.
async fn things(app: &App) -> Vec<(&'static str, Value)> {
    let mut dataset = app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    let fields = json!([{ "name": "t", "type": "DOUBLE", "nullable": true }]);
    app.granted(
        "createSchemaVersion",
        json!({ "dataset": slug("weather"), "fields": fields }),
    )
    .await;
    app.granted(
        "createSnapshot",
        json!({ "dataset": slug("weather"), "name": "q3" }),
    )
    .await;
    let mut draft = app.draft("weather").await;
    let document = "{ storageTarget(by: { name: \"lake\" }) { id } dataset(by: { slug: \"weather\" }) {
        schemaVersion { id } manifest { id partitions { nodes { id } } } snapshots { nodes { id } } }
        auditEvents(first: 1) { nodes { id } } }";
    let mut data = app.query(document, json!({})).await;
    let mut take = |pointer: &str| data.pointer_mut(pointer).unwrap().take();
    vec![
        ("Dataset", dataset["id"].take()),
        ("StorageTarget", take("/storageTarget/id")),
        ("SchemaVersion", take("/dataset/schemaVersion/id")),
        ("Partition", take("/dataset/manifest/partitions/nodes/0/id")),
        ("Manifest", take("/dataset/manifest/id")),
        ("Snapshot", take("/dataset/snapshots/nodes/0/id")),
        ("ManifestDraft", draft["id"].take()),
        ("AuditEvent", take("/auditEvents/nodes/0/id")),
    ]
}

async fn everything_with_an_id_is_found_by_it(database: TestDatabase) {
    let app = App::new(&database).await;
    let mut things = things(&app).await;
    let expected = |things: &[(&str, Value)]| -> Value {
        things
            .iter()
            .map(|(name, id)| json!({ "__typename": name, "id": id }))
            .collect()
    };
    for (name, id) in &things {
        let document = "query ($id: ID!) { node(id: $id) { __typename id } }";
        let data = app.query(document, json!({ "id": id })).await;
        assert_eq!(data["node"], json!({ "__typename": name, "id": id }));
    }
    for _ in 0..2 {
        let ids: Vec<&Value> = things.iter().map(|(_, id)| id).collect();
        let data = app.query(NODES, json!({ "ids": ids })).await;
        assert_eq!(data["nodes"], expected(&things));
        things.reverse();
    }
    let document = "query ($id: ID!) { node(id: $id) { ... on Dataset { slug manifest { version } } } }";
    let data = app.query(document, json!({ "id": things[0].1 })).await;
    assert_eq!(
        data["node"],
        json!({ "slug": "weather", "manifest": { "version": 1 } })
    );
}

/// The id with its first character and its last changed: another tag, another key.
fn changed(id: &Value) -> [String; 3] {
    let id = id.as_str().unwrap();
    let other = |c: char| if c == 'A' { 'B' } else { 'A' };
    let mut first: Vec<char> = id.chars().collect();
    let mut middle = first.clone();
    first[1] = other(first[1]);
    middle[8] = other(middle[8]);
    [
        first.into_iter().collect(),
        middle.into_iter().collect(),
        format!("{id}A"),
    ]
}

async fn what_an_id_does_not_name_is_null(database: TestDatabase) {
    let app = App::new(&database).await;
    let things = things(&app).await;
    let mut ids: Vec<String> = things.iter().flat_map(|(_, id)| changed(id)).collect();
    ids.extend(["", "x", "weather", "é", "AAAA"].map(str::to_owned));
    let data = app.query(NODES, json!({ "ids": ids })).await;
    assert_eq!(data["nodes"], json!(vec![Value::Null; ids.len()]));
    // One that names something keeps its place among those that do not.
    let (name, id) = &things[0];
    let data = app.query(NODES, json!({ "ids": ["x", id, "y", id] })).await;
    let found = json!({ "__typename": name, "id": id });
    assert_eq!(data["nodes"], json!([null, found, null, found]));
    assert_eq!(app.query(NODES, json!({ "ids": [] })).await["nodes"], json!([]));
}

async fn an_id_of_another_type_names_nothing(database: TestDatabase) {
    let app = App::new(&database).await;
    let things = things(&app).await;
    for (name, id) in &things {
        let document = "query ($id: ID!) { dataset(by: { id: $id }) { __typename } storageTarget(by: { id: $id }) { __typename } }";
        let data = app.query(document, json!({ "id": id })).await;
        let found = |field: &str, is: &str| (*name == is, data[field] != Value::Null);
        for (is, has) in [
            found("dataset", "Dataset"),
            found("storageTarget", "StorageTarget"),
        ] {
            assert_eq!(is, has, "{name}");
        }
        if *name != "Dataset" {
            let input = json!({ "dataset": { "id": id }, "add": [partition("2020-01-02", "b")] });
            let error = app.refused_once("publishManifest", input).await;
            assert_eq!(
                code_and_path(&error),
                ("NOT_FOUND", "input.dataset.id".to_owned()),
                "{name}"
            );
        }
        if *name != "ManifestDraft" {
            let input = json!({ "draft": id, "add": [partition("2020-01-02", "b")] });
            let error = app.refused_once("stagePartitions", input).await;
            assert_eq!(
                code_and_path(&error),
                ("NOT_FOUND", "input.draft".to_owned()),
                "{name}"
            );
        }
        if *name != "StorageTarget" {
            let input = json!({ "slug": "other", "name": "other", "defaultStorageTarget": { "id": id } });
            let error = app.refused_once("createDataset", input).await;
            let expected = ("NOT_FOUND", "input.defaultStorageTarget".to_owned());
            assert_eq!(code_and_path(&error), expected, "{name}");
        }
    }
}

async fn nodes_takes_at_most_a_hundred_ids(database: TestDatabase) {
    let app = App::new(&database).await;
    let data = app.query(NODES, json!({ "ids": vec!["x"; 100] })).await;
    assert_eq!(data["nodes"], json!(vec![Value::Null; 100]));
    let error = app.error(NODES, json!({ "ids": vec!["x"; 101] })).await;
    assert_eq!(error["message"], "expected at most 100 ids, not 101");
    let expected = json!({ "code": "BAD_USER_INPUT", "field": ["ids"] });
    assert_eq!(error["extensions"], expected);
}

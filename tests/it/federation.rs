//! The catalog as a subgraph: composed with another one by a library that routers use, and asked for entities as routers ask.

use serde_json::{Value, json};
use timestore_gateway::graphql::federation_sdl;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug};
use crate::support::database::TestDatabase;
use crate::support::npm::node;

both! {
    entities_are_found_by_their_keys,
    what_is_no_entity_is_null_or_refused,
    entities_are_looked_up_together,
}

const ENTITIES: &str = "query ($of: [_Any!]!) { _entities(representations: $of) { __typename
    ... on Dataset { slug } ... on StorageTarget { name } ... on SchemaVersion { version } ... on Manifest { version }
    ... on Partition { filePath } ... on Snapshot { name } } }";

#[test]
fn it_composes_with_another_subgraph() {
    let file = std::env::temp_dir().join(format!("timestore-subgraph-{}.graphql", std::process::id()));
    std::fs::write(&file, federation_sdl()).unwrap();
    let composed = node("compose.js", &[file.to_str().unwrap()]);
    drop(std::fs::remove_file(&file));
    assert_eq!(composed["errors"], json!([]));
    let supergraph = composed["supergraph"].as_str().expect("a supergraph");
    let dataset = supergraph
        .lines()
        .find(|line| line.starts_with("type Dataset "))
        .expect("the type");
    for key in [
        "@join__type(graph: TEAMS, key: \"slug\")",
        "@join__type(graph: TIMESTORE, key: \"id\")",
        "@join__type(graph: TIMESTORE, key: \"slug\")",
    ] {
        assert!(dataset.contains(key), "{dataset}");
    }
    assert!(
        supergraph.contains("team: String! @join__field(graph: TEAMS)"),
        "{supergraph}"
    );
}

async fn entities(app: &App, of: Value) -> Value {
    app.query(ENTITIES, json!({ "of": of })).await["_entities"].take()
}

async fn entities_are_found_by_their_keys(database: TestDatabase) {
    let app = App::new(&database).await;
    let dataset = app.dataset("weather").await;
    let fields = json!([{ "name": "t", "type": "DOUBLE" }]);
    app.granted(
        "createSchemaVersion",
        json!({ "dataset": slug("weather"), "fields": fields }),
    )
    .await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    app.granted(
        "createSnapshot",
        json!({ "dataset": slug("weather"), "name": "pin" }),
    )
    .await;
    let document = "{ dataset(by: { slug: \"weather\" }) { schemaVersion { id } manifest { id partitions { nodes { id } } }
        snapshots { nodes { id } } defaultStorageTarget { id } } }";
    let data = app.query(document, json!({})).await;
    let of = |typename: &str, pointer: &str| json!({ "__typename": typename, "id": data["dataset"].pointer(pointer).expect(pointer) });
    let found = entities(
        &app,
        json!([
            { "__typename": "Dataset", "id": dataset["id"] },
            { "__typename": "Dataset", "slug": "Weather" },
            of("StorageTarget", "/defaultStorageTarget/id"),
            of("SchemaVersion", "/schemaVersion/id"),
            of("Manifest", "/manifest/id"),
            of("Partition", "/manifest/partitions/nodes/0/id"),
            of("Snapshot", "/snapshots/nodes/0/id"),
        ]),
    );
    let expected = json!([
        { "__typename": "Dataset", "slug": "weather" },
        { "__typename": "Dataset", "slug": "weather" },
        { "__typename": "StorageTarget", "name": "lake" },
        { "__typename": "SchemaVersion", "version": 1 },
        { "__typename": "Manifest", "version": 1 },
        { "__typename": "Partition", "filePath": "a" },
        { "__typename": "Snapshot", "name": "pin" },
    ]);
    assert_eq!(found.await, expected);
}

async fn what_is_no_entity_is_null_or_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    let dataset = app.dataset("weather").await;
    let found = entities(
        &app,
        json!([
            { "__typename": "Dataset", "slug": "absent" },
            { "__typename": "Dataset", "slug": "no slug" },
            { "__typename": "Dataset", "id": "AAAA" },
            // The id of something else.
            { "__typename": "Manifest", "id": dataset["id"] },
            { "__typename": "Dataset", "slug": "weather" },
        ]),
    );
    assert_eq!(
        found.await,
        json!([null, null, null, null, { "__typename": "Dataset", "slug": "weather" }])
    );
    for of in [
        json!([{ "__typename": "Nothing", "id": "x" }]),
        json!([{ "__typename": "Dataset", "name": "weather" }]),
        json!([{ "slug": "weather" }]),
        json!([7]),
    ] {
        let error = app.error(ENTITIES, json!({ "of": of })).await;
        let code = &error["extensions"]["code"];
        assert!(
            ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"]
                .map(Value::from)
                .contains(code),
            "{error}"
        );
    }
}

async fn entities_are_looked_up_together(database: TestDatabase) {
    let app = App::new(&database).await;
    let mut of = Vec::new();
    for n in 0..20 {
        let name = format!("dataset-{n}");
        let id = app.dataset(&name).await["id"].take();
        of.push(json!({ "__typename": "Dataset", "slug": name }));
        of.push(json!({ "__typename": "Dataset", "id": id }));
    }
    let (found, statements) = app.statements_of(entities(&app, json!(of))).await;
    assert_eq!(found.as_array().map(Vec::len), Some(40));
    assert_eq!(statements.len(), 2, "{statements:#?}");
}

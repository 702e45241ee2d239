//! A field has its value whatever else is asked for: where only some columns are read, they are those that it is made of.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug, with};
use crate::support::database::TestDatabase;

both! {
    a_field_of_a_file_is_what_it_is_alone,
    a_field_of_what_a_dataset_is_read_with_is_what_it_is_alone,
    a_field_of_a_version_in_a_list_is_what_it_is_alone,
}

/// Three versions, the second without a file of the first, in which every column has a value somewhere.
async fn fill(app: &App) {
    app.dataset("weather").await;
    let field = json!({ "name": "t", "type": "DOUBLE", "nullable": true, "unit": "K" });
    let full = json!({
        "partitionKey": { "city": "Zürich", "n": 7 },
        "metadata": { "a": 1 },
        "checksum": format!("md5:{}", "0".repeat(32)),
        "ingestionSignature": "s1",
        "columnStatistics": { "t": { "min": 1.0, "max": 2.0, "nullCount": 0 } },
    });
    let first = json!({
        "dataset": slug("weather"),
        "add": [with(partition("2020-01-01", "a.parquet"), full.clone()), partition("2020-01-02", "b.parquet")],
        "schema": { "fields": [field] },
        "summary": { "rows": 2 },
        "metadata": { "m": 1 },
    });
    app.granted("publishManifest", first).await;
    let remove = json!([{ "path": { "filePath": "a.parquet" } }]);
    app.granted(
        "publishManifest",
        json!({ "dataset": slug("weather"), "remove": remove, "operation": "DELETE" }),
    )
    .await;
    app.append("weather", [with(partition("2020-01-03", "c.parquet"), full)])
        .await;
    let policy = json!({
        "dataset": slug("weather"),
        "mode": "TIME",
        "maxAge": "P30D",
        "deleteGrace": "PT1H",
        "keepVersions": 3,
        "metadata": { "by": "ann" },
    });
    app.granted("setRetentionPolicy", policy).await;
}

/// The fields of a type that need no arguments, each as `value`, with the leaves of it where it is an object.
async fn fields(app: &App, of: &str) -> Vec<String> {
    let about = "query($of: String!) { __type(name: $of) { fields { ...field type { ...within ofType { ...within ofType { ...within ofType { ...within } } } } } } }
        fragment within on __Type { fields { ...field type { kind ofType { kind } } } }
        fragment field on __Field { name args { defaultValue type { kind } } }";
    let about = app.query(about, json!({ "of": of })).await;
    let listed = |fields: &Value| -> Vec<Value> {
        let needs = |arg: &Value| arg["type"]["kind"] == "NON_NULL" && arg["defaultValue"].is_null();
        let fields = fields.as_array().into_iter().flatten();
        let fields = fields.filter(|field| !field["args"].as_array().expect("arguments").iter().any(needs));
        fields.cloned().collect()
    };
    let value = |field: &Value| {
        let own = &field["type"];
        let types = [
            own,
            &own["ofType"],
            &own["ofType"]["ofType"],
            &own["ofType"]["ofType"]["ofType"],
        ];
        let within = types.map(|of| listed(&of["fields"])).concat();
        let is_leaf = |field: &&Value| {
            let kinds = [&field["type"]["kind"], &field["type"]["ofType"]["kind"]];
            // What is called so is the present.
            field["name"] != "at" && kinds.iter().any(|kind| **kind == "SCALAR" || **kind == "ENUM")
        };
        let leaves: Vec<_> = within
            .iter()
            .filter(is_leaf)
            .filter_map(|field| field["name"].as_str())
            .collect();
        let leaves = match within.is_empty() {
            true => String::new(),
            false => format!("{{ __typename {} }}", leaves.join(" ")),
        };
        format!("value: {} {leaves}", field["name"].as_str().expect("a name"))
    };
    listed(&about["__type"]["fields"]).iter().map(value).collect()
}

/// All that is called `value` in an answer.
fn values(answer: &Value) -> Vec<Value> {
    match answer {
        Value::Array(each) => each.iter().flat_map(values).collect(),
        Value::Object(fields) => match fields.get("value") {
            Some(value) => vec![value.clone()],
            None => fields.values().flat_map(values).collect(),
        },
        _ => Vec::new(),
    }
}

/// Asks for each field of a type in several ways, and by `node` of these ids, which reads all columns.
async fn compare(app: &App, of: &str, ids: &[Value], within: &str, ways: &[&str]) {
    let mut found = 0;
    for field in fields(app, of).await {
        let mut whole = Vec::new();
        for id in ids {
            let document = "query($id: ID!) { node(id: $id) { ... on WITHIN } }";
            let document = document.replace("WITHIN", &within.replace("FIELD", &field));
            whole.extend(values(&app.query(&document, json!({ "id": id })).await));
        }
        assert_eq!(whole.len(), ids.len(), "{field}");
        for way in ways {
            // Twice: what is remembered is no different.
            for _ in 0..2 {
                let answer = app.query(&way.replace("FIELD", &field), json!({})).await;
                assert_eq!(values(&answer), whole, "{of}: {field}, {way}");
            }
        }
        found += whole.iter().filter(|value| !value.is_null()).count();
    }
    assert!(found > 5 * ids.len(), "{of} has only {found} values");
}

async fn a_field_of_a_file_is_what_it_is_alone(database: TestDatabase) {
    let app = App::new(&database).await;
    fill(&app).await;
    let files = |list: &str| {
        let list = format!("manifests {{ nodes {{ partitions {{ {list} }} }} }}");
        format!("{{ dataset(by: {{ slug: \"weather\" }}) {{ {list} }} }}")
    };
    let ids = values(&app.query(&files("nodes { value: id }"), json!({})).await);
    assert_eq!(ids.len(), 5);
    let ways = ["nodes { FIELD }", "edges { node { ... on Partition { FIELD } } }"].map(files);
    let ways = ways.each_ref().map(String::as_str);
    compare(&app, "Partition", &ids, "Partition { FIELD }", &ways).await;
}

async fn a_field_of_what_a_dataset_is_read_with_is_what_it_is_alone(database: TestDatabase) {
    let app = App::new(&database).await;
    fill(&app).await;
    let id = async |of: &str| {
        let document = format!("{{ dataset(by: {{ slug: \"weather\" }}) {of} }}");
        values(&app.query(&document, json!({})).await)
    };
    let dataset = id("{ value: id }").await;
    let around = [
        "{ dataset(by: { slug: \"weather\" }) { AROUND } }",
        "{ datasets { nodes { AROUND } } }",
        "{ datasets { edges { node { ...it } } } } fragment it on Dataset { AROUND }",
        "{ datasets { nodes { AROUND name description } } }",
    ];
    for (of, ids, within, way) in [
        ("Dataset", dataset.clone(), "Dataset { FIELD }", "FIELD"),
        (
            "RetentionPolicy",
            dataset,
            "Dataset { retentionPolicy { FIELD } }",
            "retentionPolicy { FIELD }",
        ),
        (
            "Manifest",
            id("{ manifest { value: id } }").await,
            "Manifest { FIELD }",
            "manifest { FIELD }",
        ),
        (
            "SchemaVersion",
            id("{ schemaVersion { value: id } }").await,
            "SchemaVersion { FIELD }",
            "schemaVersion { FIELD }",
        ),
    ] {
        let ways = around.map(|around| around.replace("AROUND", way));
        compare(&app, of, &ids, within, &ways.each_ref().map(String::as_str)).await;
    }
}

async fn a_field_of_a_version_in_a_list_is_what_it_is_alone(database: TestDatabase) {
    let app = App::new(&database).await;
    fill(&app).await;
    for (of, list) in [
        ("Manifest", "manifests { LIST }"),
        ("Manifest", "schemaVersions { nodes { manifests { LIST } } }"),
        ("SchemaVersion", "schemaVersions { LIST }"),
    ] {
        let selected = |list_of: &str, fragment: &str| {
            let list = list.replace("LIST", list_of);
            format!("{{ dataset(by: {{ slug: \"weather\" }}) {{ {list} }} }} {fragment}")
        };
        let ids = values(&app.query(&selected("nodes { value: id }", ""), json!({})).await);
        assert!(!ids.is_empty());
        let fragment = format!("fragment it on {of} {{ FIELD }}");
        let ways = [
            selected("nodes { FIELD }", ""),
            selected(
                "pageInfo { endCursor } edges { cursor node { ...it } }",
                &fragment,
            ),
        ];
        let ways = ways.each_ref().map(String::as_str);
        compare(&app, of, &ids, &format!("{of} {{ FIELD }}"), &ways).await;
    }
}

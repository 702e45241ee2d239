//! Names that name nothing.

use serde_json::json;

use super::{Case, NOT_FOUND, check, check_all, set_up};
use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{field, partition, path, slug, with};
use crate::support::database::TestDatabase;

both! {
    names_that_name_nothing_are_not_found,
    ids_of_files_elsewhere_are_not_found,
}

async fn names_that_name_nothing_are_not_found(database: TestDatabase) {
    let app = App::new(&database).await;
    let draft = set_up(&app).await;
    let id = |text: &str| json!({ "id": text });
    let data = app
        .query("{ dataset(by: { slug: \"weather\" }) { id } }", json!({}))
        .await;
    let weather = data["dataset"]["id"].as_str().unwrap();
    let targets = app
        .query("{ storageTarget(by: { name: \"lake\" }) { id } }", json!({}))
        .await;
    let lake = targets["storageTarget"]["id"].as_str().unwrap();
    let mut cases: Vec<Case> = Vec::new();
    let mut not_found = |mutation, input, at: &str| cases.push((mutation, input, NOT_FOUND, at.to_owned()));
    let datasets = [
        slug("none"),
        slug(""),
        slug("a\0b"),
        slug("ü"),
        id(""),
        id("x"),
        id("weather"),
        id(lake),
        id("\0"),
    ];
    for dataset in datasets {
        let at = if dataset.get("id").is_some() {
            "dataset.id"
        } else {
            "dataset.slug"
        };
        for (mutation, input) in [
            ("updateDataset", json!({ "name": "x" })),
            ("archiveDataset", json!({})),
            ("createSchemaVersion", json!({ "fields": [field("a", "DATE")] })),
            (
                "publishManifest",
                json!({ "add": [partition("2020-01-02", "b.parquet")] }),
            ),
            ("createManifestDraft", json!({})),
            ("rollbackDataset", json!({ "to": 1 })),
            ("setRetentionPolicy", json!({ "keepVersions": 1 })),
            ("clearRetentionPolicy", json!({})),
            ("createSnapshot", json!({ "name": "q3" })),
            ("deleteSnapshot", json!({ "name": "q3" })),
        ] {
            not_found(mutation, with(input, json!({ "dataset": dataset })), at);
        }
    }
    let add = json!([partition("2020-01-02", "b.parquet")]);
    for wrong in ["", "x", weather, lake, "\0"] {
        not_found("stagePartitions", json!({ "draft": wrong, "add": add }), "draft");
        not_found("publishManifestDraft", json!({ "draft": wrong }), "draft");
        not_found("discardManifestDraft", json!({ "draft": wrong }), "draft");
    }
    for wrong in ["", "x", weather, draft.as_str().unwrap()] {
        let input = json!({ "id": wrong, "name": "n", "kind": "S3", "baseUri": "s3://b" });
        not_found("upsertStorageTarget", input, "id");
    }
    for wrong in [
        json!({ "name": "none" }),
        json!({ "name": "\0" }),
        json!({ "id": "x" }),
        json!({ "id": weather }),
    ] {
        let input = json!({ "slug": "other", "name": "Other", "defaultStorageTarget": wrong });
        not_found("createDataset", input, "defaultStorageTarget");
        let add = json!([with(
            partition("2020-01-02", "b.parquet"),
            json!({ "storageTarget": wrong })
        )]);
        not_found(
            "publishManifest",
            json!({ "dataset": slug("weather"), "add": add }),
            "add.0.storageTarget",
        );
        let input =
            json!({ "dataset": slug("weather"), "coldStorageAfter": "P1D", "coldStorageTarget": wrong });
        not_found("setRetentionPolicy", input, "coldStorageTarget");
    }
    check_all(&app, cases).await;
}

async fn ids_of_files_elsewhere_are_not_found(database: TestDatabase) {
    let app = App::new(&database).await;
    set_up(&app).await;
    app.append("climate", [partition("2020-01-01", "c.parquet")])
        .await;
    let document = "{ dataset(by: { slug: \"climate\" }) { id manifest { partitions { nodes { id } } } } }";
    let data = app.query(document, json!({})).await;
    let elsewhere = &data["dataset"]["manifest"]["partitions"]["nodes"][0]["id"];
    for id in [elsewhere, &data["dataset"]["id"], &json!("x"), &json!("")] {
        let input = json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": [path("a.parquet"), { "id": id }] });
        check(&app, "publishManifest", vec![(input, NOT_FOUND, "remove.1.id")]).await;
    }
    let wrong = json!({ "path": { "filePath": "a.parquet", "storageTarget": { "name": "none" } } });
    let input = json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": [wrong] });
    check(
        &app,
        "publishManifest",
        vec![(input, NOT_FOUND, "remove.0.path.storageTarget")],
    )
    .await;
}

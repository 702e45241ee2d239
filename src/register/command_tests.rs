use std::path::Path;

use serde_json::json;

use super::*;
use crate::register::fake_catalog::{FakeCatalog, added, columns, nulls};
use crate::register::testing::{Column, Scratch, duckdb, parquet};

const NARROW: &str = "message m { required int64 time (TIMESTAMP(MICROS,true)); required double x; }";
const WIDE: &str =
    "message m { required int64 time (TIMESTAMP(MICROS,true)); required double x; required double y; }";

/// A file with one row at `second`.
fn narrow(second: i64, x: f64) -> Vec<u8> {
    let time = Column::I64(vec![Some(second * 1_000_000)]);
    parquet(NARROW, &[vec![time, Column::Double(vec![Some(x)])]])
}

fn wide(second: i64) -> Vec<u8> {
    let time = Column::I64(vec![Some(second * 1_000_000)]);
    let value = || Column::Double(vec![Some(0.5)]);
    parquet(WIDE, &[vec![time, value(), value()]])
}

fn options(path: &Path) -> RegisterOptions {
    RegisterOptions {
        paths: vec![path.to_owned()],
        dataset: "weather".to_owned(),
        name: None,
        time_column: Some("time".to_owned()),
        storage_target: None,
        root: None,
        replace: false,
        rows: None,
        start: None,
        end: None,
        batch: 100,
    }
}

async fn run(catalog: &FakeCatalog, options: &RegisterOptions) -> Result<Summary, RegisterError> {
    register(catalog, options, &mut |_| {}).await
}

async fn refused(catalog: &FakeCatalog, options: &RegisterOptions) -> String {
    let manifests = catalog.with(|state| state.manifests.len());
    let error = run(catalog, options).await.expect_err("an error");
    assert_eq!(catalog.with(|state| state.manifests.len()), manifests);
    error.to_string()
}

fn three_files() -> Scratch {
    let scratch = Scratch::new();
    for second in 1..=3 {
        scratch.write(&format!("day={second}/a.parquet"), &narrow(second, 0.5));
    }
    scratch
}

#[tokio::test]
async fn the_first_run_makes_target_dataset_and_one_manifest_with_all_that_is_known() {
    let (scratch, catalog) = (three_files(), FakeCatalog::default());
    let mut told = Vec::new();
    let mut report = |event: Event<'_>| told.push(format!("{event:?}"));
    let summary = register(&catalog, &options(scratch.path()), &mut report)
        .await
        .expect("a summary");
    assert_eq!((summary.added, &summary.versions, summary.rows), (3, &vec![1], 3));
    let root = scratch.path().canonicalize().expect("a root");
    catalog.with(|state| {
        assert_eq!(
            state.targets["weather-files"],
            format!("file://{}", root.display())
        );
        assert_eq!(
            state.dataset.as_ref().expect("a dataset"),
            &json!({
                "slug": "weather", "name": "weather", "writeFormat": "PARQUET",
                "defaultStorageTarget": { "name": "weather-files" },
            })
        );
        let manifest = &state.manifests[0];
        assert_eq!(columns(manifest), ["time", "x"]);
        assert_eq!(manifest["schema"]["fields"][0]["type"], "TIMESTAMP");
        let file = &manifest["add"][1];
        assert!(nulls(file).is_empty());
        assert_eq!(file["filePath"], "day=2/a.parquet");
        assert_eq!(file["startTime"], "1970-01-01T00:00:02.000000Z");
        assert_eq!(
            (&file["rowCount"], &file["fileFormat"]),
            (&json!("1"), &json!("PARQUET"))
        );
        assert_eq!(file["partitionKey"], json!({ "day": 2 }));
        assert_eq!(file["columnStatistics"]["x"]["max"], 0.5);
        let bytes = file["fileSizeBytes"]
            .as_str()
            .and_then(|bytes| bytes.parse::<u64>().ok());
        assert_eq!(bytes.map(|bytes| bytes * 3), Some(summary.bytes));
    });
    assert_eq!(told.len(), 7, "{told:?}");
    assert!(told[3].starts_with("Read { done: 3, total: 3"), "{told:?}");
    assert_eq!(told[6], "Published { version: 1, files: 3 }");
}

#[tokio::test]
async fn running_again_publishes_only_what_is_new() {
    let (scratch, catalog) = (three_files(), FakeCatalog::default());
    let options = options(scratch.path());
    run(&catalog, &options).await.expect("a summary");
    let summary = run(&catalog, &options).await.expect("a summary");
    assert_eq!(
        summary,
        Summary {
            unchanged: 3,
            ..Summary::default()
        }
    );
    assert_eq!(catalog.count("RegisterPublish"), 1);

    // A part of the directory has the same root, since the target stands for it.
    let deep = scratch.write("more/b.parquet", &narrow(2, 0.5));
    let part = RegisterOptions {
        paths: vec![deep],
        ..options
    };
    let summary = run(&catalog, &part).await.expect("a summary");
    assert_eq!((summary.added, summary.versions), (1, vec![2]));
    assert_eq!(
        catalog.with(|state| added(&state.manifests[1]).join(",")),
        "more/b.parquet"
    );
    assert_eq!(catalog.with(|state| state.schemas.len()), 1);
}

#[tokio::test]
async fn a_changed_file_is_an_error_or_with_replace_a_replacement() {
    let (scratch, catalog) = (three_files(), FakeCatalog::default());
    let mut options = options(scratch.path());
    run(&catalog, &options).await.expect("a summary");
    scratch.write("day=2/a.parquet", &narrow(2, 0.75));
    scratch.write("day=4/a.parquet", &narrow(4, 0.5));
    let told = refused(&catalog, &options).await;
    assert!(
        told.starts_with("1 file is registered with another content: pass --replace"),
        "{told}"
    );
    assert!(told.ends_with("\n  day=2/a.parquet"), "{told}");

    options.replace = true;
    let summary = run(&catalog, &options).await.expect("a summary");
    assert_eq!((summary.added, summary.replaced, summary.unchanged), (1, 1, 2));
    catalog.with(|state| {
        let manifest = &state.manifests[1];
        assert_eq!(added(manifest), ["day=2/a.parquet", "day=4/a.parquet"]);
        let path = json!({ "storageTarget": { "name": "weather-files" }, "filePath": "day=2/a.parquet" });
        assert_eq!(manifest["remove"], json!([{ "path": path }]));
        assert_eq!(state.live.len(), 4);
    });
    assert!(
        run(&catalog, &options)
            .await
            .expect("a summary")
            .versions
            .is_empty()
    );
}

#[tokio::test]
async fn a_file_that_is_live_at_another_time_is_an_error_or_with_replace_a_replacement() {
    for batch in [100, 1] {
        let (scratch, catalog) = (three_files(), FakeCatalog::default());
        let mut options = RegisterOptions {
            batch,
            ..options(scratch.path())
        };
        run(&catalog, &options).await.expect("a summary");
        for second in [2, 3] {
            scratch.write(&format!("day={second}/a.parquet"), &narrow(second, 0.75));
        }
        catalog
            .with(|state| state.hidden = ["day=2/a.parquet".to_owned(), "day=3/a.parquet".to_owned()].into());
        let told = refused(&catalog, &options).await;
        assert!(told.starts_with("2 files are live already"), "{told}");
        assert!(
            told.contains("--replace") && told.ends_with("\n  day=3/a.parquet"),
            "{told}"
        );

        options.replace = true;
        let summary = run(&catalog, &options).await.expect("a summary");
        assert_eq!(
            (summary.added, summary.replaced, summary.versions),
            (0, 2, vec![2])
        );
        assert_eq!(catalog.with(|state| state.live.len()), 3);
    }
}

#[tokio::test]
async fn each_schema_has_a_manifest_of_its_own_in_the_order_of_time() {
    let (scratch, catalog) = (three_files(), FakeCatalog::default());
    scratch.write("day=4/a.parquet", &wide(4));
    let options = options(scratch.path());
    let summary = run(&catalog, &options).await.expect("a summary");
    assert_eq!((summary.added, summary.versions), (4, vec![1, 2]));
    catalog.with(|state| {
        assert_eq!(columns(&state.manifests[1]), ["time", "x", "y"]);
        let nullable = |at: usize| &state.manifests[1]["schema"]["fields"][at]["nullable"];
        assert_eq!((nullable(1), nullable(2)), (&json!(false), &json!(true)));
    });
    // Files of the first kind that come late go under the first schema version.
    scratch.write("day=5/a.parquet", &narrow(5, 0.5));
    let summary = run(&catalog, &options).await.expect("a summary");
    assert_eq!((summary.versions, summary.unchanged), (vec![3], 4));
    assert_eq!(catalog.with(|state| state.schemas.len()), 2);
}

#[tokio::test]
async fn what_the_catalog_refuses_is_told_with_path_and_file() {
    let (scratch, catalog) = (three_files(), FakeCatalog::default());
    catalog.with(|state| {
        state.refusal = Some(json!({
            "kind": "InvalidInput", "message": "expected better", "path": ["input", "add", "1", "filePath"],
        }));
    });
    assert_eq!(
        refused(&catalog, &options(scratch.path())).await,
        "publishing to dataset 'weather' was refused\n  add.1.filePath (day=2/a.parquet): expected better"
    );
}

#[tokio::test]
async fn a_large_manifest_goes_through_a_draft() {
    let (scratch, catalog) = (three_files(), FakeCatalog::default());
    let options = RegisterOptions {
        batch: 2,
        ..options(scratch.path())
    };
    let summary = run(&catalog, &options).await.expect("a summary");
    assert_eq!((summary.added, summary.versions), (3, vec![1]));
    assert_eq!(
        ["Publish", "Stage", "PublishDraft", "DiscardDraft"]
            .map(|name| catalog.count(&format!("Register{name}"))),
        [0, 2, 1, 0]
    );
    catalog.with(|state| {
        state.refusal = Some(json!({ "kind": "DatasetInactive", "message": "archived", "path": null }))
    });
    for second in 4..=6 {
        scratch.write(&format!("day={second}/a.parquet"), &narrow(second, 0.5));
    }
    assert!(refused(&catalog, &options).await.ends_with("\n  archived"));
    assert_eq!(catalog.count("RegisterDiscardDraft"), 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_key() {
    for batch in [100, 2] {
        let (scratch, catalog) = (three_files(), FakeCatalog::default());
        catalog.with(|state| state.lose = true);
        let options = RegisterOptions {
            batch,
            ..options(scratch.path())
        };
        let summary = run(&catalog, &options).await.expect("a summary");
        assert_eq!(summary.versions, [1]);
        assert_eq!(catalog.with(|state| state.manifests.len()), 1);

        // Removed by someone else, and registered again: that is another publication.
        catalog.with(|state| {
            state.live.clear();
            state.manifests.push(json!({}));
        });
        assert_eq!(run(&catalog, &options).await.expect("a summary").versions, [3]);
    }
}

#[tokio::test]
async fn a_target_of_another_directory_is_an_error_before_any_file_is_read() {
    let (scratch, catalog) = (three_files(), FakeCatalog::default());
    catalog.with(|state| {
        state
            .targets
            .insert("weather-files".to_owned(), "file:///elsewhere".to_owned())
    });
    let mut options = options(scratch.path());
    options.time_column = Some("no such column".to_owned());
    let told = refused(&catalog, &options).await;
    assert!(
        told.starts_with("storage target 'weather-files' stands for file:///elsewhere"),
        "{told}"
    );
    assert!(told.ends_with("name another one with --storage-target"), "{told}");
    options.storage_target = Some("mine".to_owned());
    assert!(refused(&catalog, &options).await.contains("no such column"));
    assert!(catalog.with(|state| state.dataset.is_none() && state.targets.len() == 1));
}

#[tokio::test]
async fn a_duckdb_file_goes_under_the_newest_schema() {
    let (scratch, catalog) = (Scratch::new(), FakeCatalog::default());
    scratch.write("a.duckdb", &duckdb(67, "v1.4.2", 1, 0));
    let mut options = options(scratch.path());
    let at = |second| Timestamp::from_timestamp(second, 0);
    (options.rows, options.start, options.end) = (Some(7), at(1), at(2));
    let summary = run(&catalog, &options).await.expect("a summary");
    assert_eq!(summary.rows, 7);
    catalog.with(|state| {
        assert_eq!(
            state.dataset.as_ref().map(|dataset| &dataset["writeFormat"]),
            Some(&json!("DUCKDB"))
        );
        assert!(state.manifests[0].get("schema").is_none());
        assert_eq!(nulls(&state.manifests[0]["add"][0]), ["columnStatistics"]);
    });
}

//! `timestore register`: files on disk become versions of a dataset.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::database::TestDatabase;
use crate::support::process::Process;
use crate::support::registration::{Sample, register};

both! {
    a_column_more_makes_another_schema_version,
    a_running_gateway_takes_files_too,
    folders_become_partition_keys,
    a_changed_file_is_an_error_unless_it_is_to_replace_the_other,
    a_time_column_that_is_not_there_is_an_error_that_names_the_columns,
    a_corrupt_file_is_named_and_nothing_is_published,
    what_is_not_known_of_a_duckdb_file_has_to_be_told,
}

const TIME: [&str; 2] = ["--time-column", "time"];

const READ: &str = "{ dataset(by: { slug: \"daily-weather\" }) {
    defaultStorageTarget { name kind baseUri }
    schemaVersions { nodes { version fields { name } } }
    manifests { nodes { version addedCount removedCount partitionCount totalRows startTime endTime
      schemaVersion { version } } } } }";

/// Registers two files of years with different columns, and again.
async fn register_years(app: &App, sample: &Sample, catalog: [&str; 2]) {
    let run = |years| register(catalog, "daily-weather", &sample.years(years), &TIME);
    assert_eq!(
        run(2012..=2013).unwrap(),
        "daily-weather: version 1, 24 files added, 731 rows\n"
    );
    assert_eq!(
        run(2014..=2015).unwrap(),
        "daily-weather: version 2, 24 files added, 730 rows\n"
    );
    let before = app.catalog().await;
    assert_eq!(
        run(2012..=2015).unwrap(),
        "daily-weather: nothing new, 48 files unchanged\n"
    );
    assert_eq!(app.catalog().await, before);
    let data = app.query(READ, json!({})).await;
    let dataset = &data["dataset"];
    let uri = format!("file://{}", sample.path("daily-weather").display());
    let target = json!({ "name": "daily-weather-files", "kind": "LOCAL", "baseUri": uri });
    assert_eq!(dataset["defaultStorageTarget"], target);
    let manifest = |version: i32, files: i32, rows: &str, end: &str| {
        json!({
            "version": version, "addedCount": 24, "removedCount": 0, "partitionCount": files, "totalRows": rows,
            "startTime": "2012-01-01T00:00:00.000000Z", "endTime": end, "schemaVersion": { "version": version },
        })
    };
    let expected = json!([
        manifest(2, 48, "1461", "2015-12-31T00:00:00.000000Z"),
        manifest(1, 24, "731", "2013-12-31T00:00:00.000000Z"),
    ]);
    assert_eq!(dataset["manifests"]["nodes"], expected);
    let schemas = dataset["schemaVersions"]["nodes"].as_array().unwrap();
    let columns = |schema: &Value| schema["fields"].as_array().unwrap().len();
    assert_eq!(schemas.len(), 2);
    assert_eq!(columns(&schemas[0]), columns(&schemas[1]) + 1);
}

async fn a_column_more_makes_another_schema_version(database: TestDatabase) {
    let app = App::new(&database).await;
    let sample = Sample::copy();
    register_years(&app, &sample, ["--database-url", database.url()]).await;
}

async fn a_running_gateway_takes_files_too(database: TestDatabase) {
    let app = App::new(&database).await;
    let sample = Sample::copy();
    let gateway = Process::start(&database);
    let url = format!("http://{}", gateway.address());
    register_years(&app, &sample, ["--gateway", &url]).await;
}

#[test]
fn a_data_directory_is_made_where_there_is_none() {
    let sample = Sample::copy();
    let data = sample.path("new/data");
    let data = data.to_str().unwrap();
    let run = || {
        register(
            ["--data-dir", data],
            "daily-weather",
            &sample.years(2012..=2013),
            &TIME,
        )
    };
    assert_eq!(
        run().unwrap(),
        "daily-weather: version 1, 24 files added, 731 rows\n"
    );
    assert_eq!(run().unwrap(), "daily-weather: nothing new, 24 files unchanged\n");
    assert!(Path::new(data).join("timestore.db").is_file());
}

async fn folders_become_partition_keys(database: TestDatabase) {
    let app = App::new(&database).await;
    let sample = Sample::copy();
    let catalog = ["--database-url", database.url()];
    let paths = [sample.path("hourly-temperatures")];
    let told = register(catalog, "hourly", &paths, &TIME).unwrap();
    assert!(told.starts_with("hourly: version 1, 24 files added, "), "{told}");
    let document = "{ dataset(by: { slug: \"hourly\" }) { manifest { partitions(first: 1,
        partitionKey: [{ key: \"city\", eq: \"seattle\" }, { key: \"month\", eq: \"2010-03\" }]) {
          totalCount nodes { partitionKey fileFormat } } } } }";
    let data = app.query(document, json!({})).await;
    let expected = json!({
        "totalCount": 1,
        "nodes": [{ "partitionKey": { "city": "seattle", "month": "2010-03" }, "fileFormat": "PARQUET" }],
    });
    assert_eq!(data["dataset"]["manifest"]["partitions"], expected);
}

async fn a_changed_file_is_an_error_unless_it_is_to_replace_the_other(database: TestDatabase) {
    let app = App::new(&database).await;
    let sample = Sample::copy();
    let catalog = ["--database-url", database.url()];
    let run = |more: &[&str]| {
        register(
            catalog,
            "daily-weather",
            &sample.years(2012..=2012),
            &[&TIME, more].concat(),
        )
    };
    run(&[]).unwrap();
    let changed = sample.path("daily-weather/2012-02.parquet");
    fs::copy(sample.path("daily-weather/2012-03.parquet"), changed).unwrap();
    let before = app.catalog().await;
    let error = run(&[]).unwrap_err();
    let expected = "1 file is registered with another content: pass --replace to replace them";
    assert!(error.contains(expected), "{error}");
    assert!(error.contains("  2012-02.parquet"), "{error}");
    assert_eq!(
        error.matches(".parquet").count() - error.matches("registering").count(),
        1,
        "{error}"
    );
    assert_eq!(app.catalog().await, before);
    assert_eq!(
        run(&["--replace"]).unwrap(),
        "daily-weather: version 2, 1 file replaced, 11 files unchanged, 31 rows\n"
    );
    assert_eq!(
        run(&[]).unwrap(),
        "daily-weather: nothing new, 12 files unchanged\n"
    );
    let data = app.query(READ, json!({})).await;
    let manifest = &data["dataset"]["manifests"]["nodes"][0];
    assert_eq!(
        json!([
            manifest["addedCount"],
            manifest["removedCount"],
            manifest["partitionCount"],
            manifest["totalRows"]
        ]),
        json!([1, 1, 12, "368"])
    );
}

async fn a_time_column_that_is_not_there_is_an_error_that_names_the_columns(database: TestDatabase) {
    let app = App::new(&database).await;
    let sample = Sample::copy();
    let catalog = ["--database-url", database.url()];
    let before = app.catalog().await;
    let paths = [sample.path("daily-weather/2012-01.parquet")];
    let error = register(catalog, "daily-weather", &paths, &["--time-column", "when"]).unwrap_err();
    for part in ["2012-01.parquet: ", "'when'", "time", "precipitation", "wind"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = register(catalog, "daily-weather", &paths, &[]).unwrap_err();
    assert!(error.contains("2012-01.parquet: "), "{error}");
    assert!(error.contains("pass --time-column"), "{error}");
    assert_eq!(app.catalog().await, before);
}

async fn a_corrupt_file_is_named_and_nothing_is_published(database: TestDatabase) {
    let app = App::new(&database).await;
    let sample = Sample::copy();
    let catalog = ["--database-url", database.url()];
    let before = app.catalog().await;
    let cut = sample.path("daily-weather/2012-05.parquet");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(sample.path("daily-weather/2012-07.parquet"), "PAR1").unwrap();
    let error = register(catalog, "daily-weather", &sample.years(2012..=2012), &TIME).unwrap_err();
    let cut = "2012-05.parquet: expected a parquet file to end in 'PAR1': cut short, or not parquet";
    let short = "2012-07.parquet: expected a parquet file of at least 12 bytes, found 4";
    for part in [cut, short] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!error.contains("panicked"), "{error}");
    assert_eq!(app.catalog().await, before);
}

async fn what_is_not_known_of_a_duckdb_file_has_to_be_told(database: TestDatabase) {
    let app = App::new(&database).await;
    let sample = Sample::copy();
    let catalog = ["--database-url", database.url()];
    let before = app.catalog().await;
    let file = sample.path("series.duckdb");
    let mut bytes = vec![0; 3 * 4096];
    bytes[8..12].copy_from_slice(b"DUCK");
    bytes[12] = 64;
    fs::write(&file, bytes).unwrap();
    let paths = [file];
    let start = ["--rows", "24", "--start", "2020-01-01T00:00:00Z"];
    for more in [&[][..], &start[..2], &start] {
        let error = register(catalog, "series", &paths, more).unwrap_err();
        let expected = "series.duckdb: rows and time range of a duckdb file are not known without duckdb: pass --rows, --start and --end";
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(app.catalog().await, before);
    let all = [&start[..], &["--end", "2020-01-01T23:00:00Z"]].concat();
    assert_eq!(
        register(catalog, "series", &paths, &all).unwrap(),
        "series: version 1, 1 file added, 24 rows\n"
    );
    let document =
        "{ dataset(by: { slug: \"series\" }) { manifest { schemaVersion { version } partitions { nodes {
        filePath fileFormat fileSizeBytes rowCount startTime endTime columnStatistics } } } } }";
    let data = app.query(document, json!({})).await;
    let expected = json!({ "schemaVersion": null, "partitions": { "nodes": [{
        "filePath": "series.duckdb", "fileFormat": "DUCKDB", "fileSizeBytes": "12288", "rowCount": "24",
        "startTime": "2020-01-01T00:00:00.000000Z", "endTime": "2020-01-01T23:00:00.000000Z", "columnStatistics": null,
    }] } });
    assert_eq!(data["dataset"]["manifest"], expected);
}

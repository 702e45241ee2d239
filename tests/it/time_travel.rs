//! Other versions than the current one: reaching them, and what differs between them.

use chrono::{DateTime, Duration, SecondsFormat};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, path, slug, with};
use crate::support::database::TestDatabase;

both! {
    a_version_is_reached_by_number_by_snapshot_and_by_instant,
    as_of_includes_its_instant,
    a_diff_leads_both_ways,
    a_file_removed_and_added_again_is_on_neither_side_of_a_diff,
    a_diff_to_an_unknown_version_names_the_argument,
    a_version_says_what_it_added_and_removed,
    coverage_has_gaps_overlaps_and_buckets,
    coverage_tolerates_short_gaps,
    coverage_ends_with_its_window,
}

const FIND: &str =
    "query ($by: ManifestRef) { dataset(by: { slug: \"weather\" }) { manifest(by: $by) { version } } }";

async fn version(app: &App, by: Value) -> Value {
    let mut data = app.query(FIND, json!({ "by": by })).await;
    data["dataset"]["manifest"].take()
}

/// A file with a checksum made of one digit.
fn file(day: &str, path: &str, digit: &str) -> Value {
    with(
        partition(day, path),
        json!({ "checksum": format!("sha256:{}", digit.repeat(64)) }),
    )
}

async fn replace(app: &App, remove: Value, add: Value) {
    let input = json!({ "dataset": slug("weather"), "operation": "REPLACE", "remove": remove, "add": add });
    app.granted("publishManifest", input).await;
}

async fn a_version_is_reached_by_number_by_snapshot_and_by_instant(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    assert_eq!(version(&app, Value::Null).await, Value::Null);
    assert_eq!(version(&app, json!({ "version": 1 })).await, Value::Null);
    assert_eq!(
        version(&app, json!({ "asOf": "9999-12-31T23:59:59.999999Z" })).await,
        Value::Null
    );
    app.append("weather", [partition("2020-01-01", "a")]).await;
    app.granted(
        "createSnapshot",
        json!({ "dataset": slug("weather"), "name": "first" }),
    )
    .await;
    app.append("weather", [partition("2020-01-02", "b")]).await;
    for (by, expected) in [
        (Value::Null, json!({ "version": 2 })),
        (json!({ "version": 1 }), json!({ "version": 1 })),
        (json!({ "version": 2 }), json!({ "version": 2 })),
        (json!({ "version": 3 }), Value::Null),
        (json!({ "version": 0 }), Value::Null),
        (json!({ "version": -1 }), Value::Null),
        (json!({ "snapshot": "first" }), json!({ "version": 1 })),
        (json!({ "snapshot": "second" }), Value::Null),
        (json!({ "snapshot": "" }), Value::Null),
        (json!({ "asOf": "0001-01-01T00:00:00Z" }), Value::Null),
        (
            json!({ "asOf": "9999-12-31T23:59:59.999999Z" }),
            json!({ "version": 2 }),
        ),
    ] {
        assert_eq!(version(&app, by.clone()).await, expected, "{by}");
    }
}

async fn as_of_includes_its_instant(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let mut instants = Vec::new();
    for name in ["a", "b", "c"] {
        let manifest = app.append("weather", [partition("2020-01-01", name)]).await;
        let published = manifest["publishedAt"].as_str().unwrap();
        instants.push(DateTime::parse_from_rfc3339(published).unwrap());
    }
    let micro = Duration::microseconds(1);
    for (instant, expected) in [
        (instants[0] - micro, Value::Null),
        (instants[0], json!({ "version": 1 })),
        (instants[1] - micro, json!({ "version": 1 })),
        (instants[1], json!({ "version": 2 })),
        (instants[2] - micro, json!({ "version": 2 })),
        (instants[2], json!({ "version": 3 })),
        (instants[2] + micro, json!({ "version": 3 })),
    ] {
        let instant = instant.to_rfc3339_opts(SecondsFormat::Micros, true);
        assert_eq!(
            version(&app, json!({ "asOf": instant })).await,
            expected,
            "{instant}"
        );
    }
}

/// The files to be added to and removed from one version to have those of another.
async fn diff(app: &App, from: i32, to: i32) -> Value {
    let document = "query ($from: Int!, $to: Int!) { dataset(by: { slug: \"weather\" }) {
        manifest(by: { version: $from }) { diff(to: $to) { from { version } to { version } addedCount removedCount
          added { totalCount nodes { filePath } } removed { totalCount nodes { filePath } } } } } }";
    let data = app.query(document, json!({ "from": from, "to": to })).await;
    let diff = &data["dataset"]["manifest"]["diff"];
    assert_eq!(diff["from"]["version"], from);
    assert_eq!(diff["to"]["version"], to);
    let side = |side: &str, count: &str| {
        let nodes = diff[side]["nodes"].as_array().unwrap();
        assert_eq!(diff[count], nodes.len());
        assert_eq!(diff[side]["totalCount"], nodes.len());
        nodes
            .iter()
            .map(|node| node["filePath"].clone())
            .collect::<Value>()
    };
    json!([side("added", "addedCount"), side("removed", "removedCount")])
}

async fn a_diff_leads_both_ways(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append(
        "weather",
        [file("2020-01-01", "a", "0"), file("2020-01-02", "b", "0")],
    )
    .await;
    app.append("weather", [file("2020-01-03", "c", "0")]).await;
    replace(&app, json!([path("a")]), json!([file("2020-01-04", "d", "0")])).await;
    for (from, to, expected) in [
        (1, 1, json!([[], []])),
        (1, 2, json!([["c"], []])),
        (2, 1, json!([[], ["c"]])),
        (2, 3, json!([["d"], ["a"]])),
        (1, 3, json!([["c", "d"], ["a"]])),
        (3, 1, json!([["a"], ["c", "d"]])),
    ] {
        assert_eq!(diff(&app, from, to).await, expected, "{from} to {to}");
    }
}

async fn a_file_removed_and_added_again_is_on_neither_side_of_a_diff(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append(
        "weather",
        [file("2020-01-01", "a", "0"), file("2020-01-02", "b", "0")],
    )
    .await;
    replace(
        &app,
        json!([path("a"), path("b")]),
        json!([file("2020-01-03", "c", "0")]),
    )
    .await;
    // The one as it was, the other with another content.
    app.append(
        "weather",
        [file("2020-01-01", "a", "0"), file("2020-01-02", "b", "1")],
    )
    .await;
    assert_eq!(diff(&app, 1, 3).await, json!([["b", "c"], ["b"]]));
    assert_eq!(diff(&app, 3, 1).await, json!([["b"], ["b", "c"]]));
    assert_eq!(diff(&app, 2, 3).await, json!([["a", "b"], []]));
}

async fn a_diff_to_an_unknown_version_names_the_argument(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    for to in [0, -1, 2] {
        let document = "query ($to: Int!) {
            dataset(by: { slug: \"weather\" }) { manifest { diff(to: $to) { addedCount } } } }";
        let error = app.error(document, json!({ "to": to })).await;
        let expected = json!({ "code": "BAD_USER_INPUT", "field": ["to"] });
        assert_eq!(error["extensions"], expected, "{to}");
        assert_eq!(error["message"], format!("the dataset has no version {to}"));
    }
}

async fn a_version_says_what_it_added_and_removed(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append(
        "weather",
        [partition("2020-01-01", "a"), partition("2020-01-02", "b")],
    )
    .await;
    replace(&app, json!([path("a")]), json!([partition("2020-01-03", "c")])).await;
    replace(&app, json!([path("c")]), json!([partition("2020-01-03", "c")])).await;
    let document = "{ dataset(by: { slug: \"weather\" }) { manifests { nodes { version
        addedPartitions { totalCount nodes { filePath } } removedPartitions { totalCount nodes { filePath } } } } } }";
    let data = app.query(document, json!({})).await;
    let list = |paths: &[&str]| {
        let nodes: Vec<Value> = paths.iter().map(|path| json!({ "filePath": path })).collect();
        json!({ "totalCount": nodes.len(), "nodes": nodes })
    };
    let expected = json!([
        { "version": 3, "addedPartitions": list(&["c"]), "removedPartitions": list(&["c"]) },
        { "version": 2, "addedPartitions": list(&["c"]), "removedPartitions": list(&["a"]) },
        { "version": 1, "addedPartitions": list(&["a", "b"]), "removedPartitions": list(&[]) },
    ]);
    assert_eq!(data["dataset"]["manifests"]["nodes"], expected);
}

/// An hour of the day that the coverage tests look at.
fn hour(hour: u32) -> String {
    format!("2020-01-01T{hour:02}:00:00.000000Z")
}

fn range(from: u32, to: u32) -> Value {
    json!({ "from": hour(from), "to": hour(to) })
}

/// Two files that overlap, one that touches them, one by itself, and one of a single instant.
async fn patchy(app: &App) {
    app.dataset("weather").await;
    let file = |path: &str, start: u32, end: u32| {
        let times = json!({ "startTime": hour(start), "endTime": hour(end) });
        with(partition("2020-01-01", path), times)
    };
    app.append(
        "weather",
        [
            file("a", 0, 2),
            file("b", 1, 3),
            file("c", 3, 4),
            file("d", 5, 6),
            file("e", 8, 8),
        ],
    )
    .await;
}

const COVERAGE: &str = "query ($window: TimeWindow!, $bucket: Duration, $tolerance: Duration) {
    dataset(by: { slug: \"weather\" }) { manifest { coverage(window: $window, bucket: $bucket, tolerance: $tolerance) {
      covered { from to } gaps { from to } overlaps { from to depth } buckets { from to files coveredMicros }
      truncated } } } }";

async fn coverage(app: &App, arguments: Value) -> Value {
    let mut data = app.query(COVERAGE, arguments).await;
    data["dataset"]["manifest"]["coverage"].take()
}

async fn coverage_has_gaps_overlaps_and_buckets(database: TestDatabase) {
    let app = App::new(&database).await;
    patchy(&app).await;
    let bucket = |from: u32, to: u32, files: u32, hours: u64| {
        let covered = (hours * 3_600_000_000).to_string();
        with(
            range(from, to),
            json!({ "files": files, "coveredMicros": covered }),
        )
    };
    let expected = json!({
        "covered": [range(0, 4), range(5, 6), range(8, 8)],
        "gaps": [range(4, 5), range(6, 8), range(8, 10)],
        "overlaps": [with(range(1, 2), json!({ "depth": 2 }))],
        "buckets": [bucket(0, 4, 3, 4), bucket(4, 8, 2, 1), bucket(8, 10, 1, 0)],
        "truncated": false,
    });
    let answer = coverage(&app, json!({ "window": range(0, 10), "bucket": "PT4H" })).await;
    assert_eq!(answer, expected);
    for (arguments, field) in [
        (json!({ "window": range(0, 10), "bucket": "PT0S" }), "bucket"),
        (
            json!({ "window": range(0, 10), "bucket": "PT0.000001S" }),
            "bucket",
        ),
        (json!({ "window": range(1, 0) }), "window"),
    ] {
        let error = app.error(COVERAGE, arguments).await;
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
        assert_eq!(error["extensions"]["field"][0], field);
    }
}

async fn coverage_tolerates_short_gaps(database: TestDatabase) {
    let app = App::new(&database).await;
    patchy(&app).await;
    let expected = json!({
        "covered": [range(0, 6), range(8, 8)], "gaps": [range(6, 8), range(8, 11)],
        "overlaps": [with(range(1, 2), json!({ "depth": 2 }))], "buckets": [], "truncated": false,
    });
    let answer = coverage(&app, json!({ "window": range(0, 11), "tolerance": "PT1H" })).await;
    assert_eq!(answer, expected);
}

async fn coverage_ends_with_its_window(database: TestDatabase) {
    let app = App::new(&database).await;
    patchy(&app).await;
    let nothing = json!({ "buckets": [], "truncated": false });
    for (window, covered, gaps, overlaps) in [
        (range(3, 4), json!([range(3, 4)]), json!([]), json!([])),
        (range(9, 10), json!([]), json!([range(9, 10)]), json!([])),
        (range(8, 8), json!([range(8, 8)]), json!([]), json!([])),
    ] {
        let expected = with(
            nothing.clone(),
            json!({ "covered": covered, "gaps": gaps, "overlaps": overlaps }),
        );
        assert_eq!(
            coverage(&app, json!({ "window": window })).await,
            expected,
            "{window}"
        );
    }
}

//! Finding the files of a version: windows, predicates, counts and cursors.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{files, partition, path, slug, with};
use crate::support::database::TestDatabase;

both! {
    a_window_is_closed_on_both_sides,
    a_window_that_runs_backwards_is_an_error_that_names_it,
    a_key_predicate_leaves_out_files_with_another_value,
    a_key_predicate_compares_numbers_with_numbers_and_times_with_times,
    a_column_predicate_leaves_out_files_whose_statistics_rule_it_out,
    a_file_without_statistics_is_never_left_out,
    pruning_says_how_many_files_were_left_out_and_why,
    pages_stay_at_their_version_while_others_publish,
    pages_with_a_filter_stay_at_their_version_while_others_publish,
    a_cursor_from_elsewhere_is_refused,
    a_page_has_at_most_a_thousand_files,
}

const CHOOSE: &str = "query ($window: TimeWindow, $partitionKey: [KeyPredicate!], $columns: [ColumnPredicate!],
    $first: Int, $after: String, $dataset: String = \"weather\", $by: ManifestRef) {
    dataset(by: { slug: $dataset }) { manifest(by: $by) {
      partitions(window: $window, partitionKey: $partitionKey, columns: $columns, first: $first, after: $after) {
        totalCount resolvedVersion pruning { considered selected prunedByKey prunedByColumns }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor } nodes { filePath } } } } }";

/// The page of the files of `weather` that the arguments choose.
async fn page(app: &App, arguments: Value) -> Value {
    let mut data = app.query(CHOOSE, arguments).await;
    data["dataset"]["manifest"].take()
}

/// The paths of the files that the arguments choose, sorted; they are as many as the total says.
async fn chosen(app: &App, arguments: Value) -> Vec<String> {
    let manifest = page(app, arguments).await;
    let mut files: Vec<String> = files(&manifest).into_iter().map(str::to_owned).collect();
    files.sort();
    assert_eq!(manifest["partitions"]["totalCount"], files.len());
    files
}

/// The code and the field of the error that the arguments make.
async fn refusal(app: &App, arguments: Value) -> (Value, Value) {
    let mut error = app.error(CHOOSE, arguments).await;
    let mut extensions = error["extensions"].take();
    (extensions["code"].take(), extensions["field"].take())
}

fn bad(field: &str) -> (Value, Value) {
    (json!("BAD_USER_INPUT"), json!([field]))
}

fn spanning(path: &str, start: &str, end: &str) -> Value {
    with(
        partition("2020-01-01", path),
        json!({ "startTime": start, "endTime": end }),
    )
}

fn at(time: &str) -> String {
    format!("2020-01-01T{time}Z")
}

fn window(from: &str, to: &str) -> Value {
    json!({ "window": { "from": at(from), "to": at(to) } })
}

async fn a_window_is_closed_on_both_sides(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let minute = |n: u32| {
        spanning(
            &format!("m{n}"),
            &at(&format!("00:0{n}:00")),
            &at(&format!("00:0{}:00", n + 1)),
        )
    };
    let year = spanning("year", "2019-07-01T00:00:00Z", "2020-06-30T23:59:59Z");
    let point = spanning("point", &at("00:05:00"), &at("00:05:00"));
    app.append(
        "weather",
        [
            minute(0),
            minute(1),
            minute(2),
            minute(3),
            minute(4),
            minute(5),
            point,
            year,
        ],
    )
    .await;
    for (from, to, expected) in [
        ("00:05:00", "00:05:00", vec!["m4", "m5", "point", "year"]),
        ("00:05:00.000001", "00:05:30", vec!["m5", "year"]),
        ("00:04:00.000001", "00:04:59.999999", vec!["m4", "year"]),
        ("00:02:30", "00:03:00", vec!["m2", "m3", "year"]),
        ("00:06:00", "00:06:00", vec!["m5", "year"]),
        ("00:06:00.000001", "12:00:00", vec!["year"]),
    ] {
        assert_eq!(chosen(&app, window(from, to)).await, expected, "{from} to {to}");
    }
    let before = json!({ "window": { "from": "0001-01-01T00:00:00Z", "to": "2019-06-30T23:59:59.999999Z" } });
    assert_eq!(chosen(&app, before).await, Vec::<String>::new());
    let first = json!({ "window": { "from": "0001-01-01T00:00:00Z", "to": "2019-07-01T00:00:00Z" } });
    assert_eq!(chosen(&app, first).await, ["year"]);
    let ever = json!({ "window": { "from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z" } });
    assert_eq!(chosen(&app, ever).await.len(), 8);
}

async fn a_window_that_runs_backwards_is_an_error_that_names_it(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    let (code, field) = refusal(&app, window("00:01:00", "00:00:59.999999")).await;
    assert_eq!((&code, &field[0]), (&json!("BAD_USER_INPUT"), &json!("window")));
}

/// A dataset with a file for each partition key, named by its index.
async fn keyed<const N: usize>(app: &App, keys: [Value; N]) {
    app.dataset("weather").await;
    let mut index = 0;
    let add = keys.map(|key| {
        index += 1;
        with(
            partition("2020-01-01", &format!("{}", index - 1)),
            json!({ "partitionKey": key }),
        )
    });
    app.append("weather", add).await;
}

async fn by_key(app: &App, predicate: Value) -> Vec<String> {
    chosen(app, json!({ "partitionKey": [predicate] })).await
}

async fn a_key_predicate_leaves_out_files_with_another_value(database: TestDatabase) {
    let app = App::new(&database).await;
    keyed(
        &app,
        [
            json!({ "k": "a" }),
            json!({ "k": "b" }),
            json!({ "k": 1 }),
            json!({ "k": 2.5 }),
            json!({ "k": null }),
            json!({ "other": "a" }),
            json!({ "k": true, "a \"b\".$[0]": "x" }),
        ],
    )
    .await;
    // Another type is kept, and so is a file without the key; null matches only null.
    for (predicate, expected) in [
        (json!({ "key": "k", "eq": "a" }), vec!["0", "2", "3", "5", "6"]),
        (json!({ "key": "k", "eq": "z" }), vec!["2", "3", "5", "6"]),
        (json!({ "key": "k", "eq": 1 }), vec!["0", "1", "2", "5", "6"]),
        (json!({ "key": "k", "eq": 2.5 }), vec!["0", "1", "3", "5", "6"]),
        (json!({ "key": "k", "eq": null }), vec!["4", "5"]),
        (
            json!({ "key": "k", "in": ["b", "c"] }),
            vec!["1", "2", "3", "5", "6"],
        ),
    ] {
        assert_eq!(by_key(&app, predicate.clone()).await, expected, "{predicate}");
    }
    let odd = json!({ "key": "a \"b\".$[0]", "eq": "y" });
    assert_eq!(by_key(&app, odd).await, ["0", "1", "2", "3", "4", "5"]);
    let both = json!({ "partitionKey": [{ "key": "k", "eq": "a" }, { "key": "other", "eq": "b" }] });
    assert_eq!(chosen(&app, both).await, ["0", "2", "3", "6"]);
}

async fn a_key_predicate_compares_numbers_with_numbers_and_times_with_times(database: TestDatabase) {
    let app = App::new(&database).await;
    keyed(
        &app,
        [
            json!({ "n": 9, "t": "2020-01-01T00:00:00Z" }),
            json!({ "n": 10, "t": "2020-01-01T02:00:00+02:00" }),
            json!({ "n": 10.5, "t": "2020-06-01" }),
            json!({ "n": "10", "t": "spring" }),
            json!({}),
        ],
    )
    .await;
    for (predicate, expected) in [
        (json!({ "key": "n", "gt": 9 }), vec!["1", "2", "3", "4"]),
        (json!({ "key": "n", "gte": 10, "lt": 10.5 }), vec!["1", "3", "4"]),
        (json!({ "key": "n", "lte": 9.0 }), vec!["0", "3", "4"]),
        (json!({ "key": "t", "eq": "2020-01-01" }), vec!["0", "1", "4"]),
        (
            json!({ "key": "t", "gt": "2020-01-01T00:00:00Z" }),
            vec!["2", "3", "4"],
        ),
        (
            json!({ "key": "t", "lt": "2020-05-01" }),
            vec!["0", "1", "3", "4"],
        ),
    ] {
        assert_eq!(by_key(&app, predicate.clone()).await, expected, "{predicate}");
    }
}

/// A dataset with a file for each set of column statistics, named by its index.
async fn with_statistics<const N: usize>(app: &App, statistics: [Value; N]) {
    app.dataset("weather").await;
    let mut index = 0;
    let add = statistics.map(|statistics| {
        index += 1;
        with(
            partition("2020-01-01", &format!("{}", index - 1)),
            json!({ "columnStatistics": statistics }),
        )
    });
    app.append("weather", add).await;
}

async fn by_column(app: &App, predicate: Value) -> Vec<String> {
    chosen(app, json!({ "columns": [predicate] })).await
}

async fn a_column_predicate_leaves_out_files_whose_statistics_rule_it_out(database: TestDatabase) {
    let app = App::new(&database).await;
    with_statistics(
        &app,
        [
            json!({ "c": { "min": 0, "max": 10, "nullCount": 0, "rowCount": 24 } }),
            json!({ "c": { "min": 10, "max": 20.5, "nullCount": 3, "rowCount": 24 } }),
            json!({ "c": { "min": 30, "max": 40, "nullCount": 0, "rowCount": 24 } }),
            json!({ "c": { "nullCount": 24, "rowCount": 24 } }),
        ],
    )
    .await;
    for (predicate, expected) in [
        (json!({ "column": "c", "eq": 10 }), vec!["0", "1"]),
        (json!({ "column": "c", "eq": 25 }), vec![]),
        (json!({ "column": "c", "in": [5, 35] }), vec!["0", "2"]),
        (json!({ "column": "c", "gt": 10 }), vec!["1", "2"]),
        (json!({ "column": "c", "gte": 10 }), vec!["0", "1", "2"]),
        (json!({ "column": "c", "lt": 10 }), vec!["0"]),
        (json!({ "column": "c", "lte": 10, "gte": 3 }), vec!["0", "1"]),
        (json!({ "column": "c", "isNull": true }), vec!["1", "3"]),
        (json!({ "column": "c", "isNull": false }), vec!["0", "1", "2"]),
        (json!({ "column": "c", "eq": null }), vec!["1", "3"]),
    ] {
        assert_eq!(by_column(&app, predicate.clone()).await, expected, "{predicate}");
    }
}

async fn a_file_without_statistics_is_never_left_out(database: TestDatabase) {
    let app = App::new(&database).await;
    with_statistics(
        &app,
        [
            Value::Null,
            json!({}),
            json!({ "other": { "min": 0, "max": 1 } }),
            json!({ "c": {} }),
            json!({ "c": { "nullCount": 0 } }),
            json!({ "c": { "min": "a", "max": "b" } }),
        ],
    )
    .await;
    let all = ["0", "1", "2", "3", "4", "5"];
    assert_eq!(by_column(&app, json!({ "column": "c", "eq": 7 })).await, all);
    assert_eq!(
        by_column(&app, json!({ "column": "c", "gt": 7, "lt": 9 })).await,
        all
    );
    assert_eq!(
        by_column(&app, json!({ "column": "c", "isNull": false })).await,
        all
    );
    // That no value is missing is known of one.
    assert_eq!(
        by_column(&app, json!({ "column": "c", "isNull": true })).await,
        ["0", "1", "2", "3", "5"]
    );
}

async fn pruning_says_how_many_files_were_left_out_and_why(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let file = |name: &str, day: &str, city: &str, max: i32| {
        let more = json!({ "partitionKey": { "city": city }, "columnStatistics": { "t": { "min": 0, "max": max } } });
        with(partition(day, name), more)
    };
    app.append(
        "weather",
        [
            file("a", "2020-01-01", "seattle", 10),
            file("b", "2020-01-01", "seattle", 30),
            file("c", "2020-01-01", "tacoma", 10),
            file("d", "2020-01-01", "tacoma", 30),
            file("e", "2020-01-02", "seattle", 30),
        ],
    )
    .await;
    let day = json!({ "from": "2020-01-01T00:00:00Z", "to": "2020-01-01T12:00:00Z" });
    let key = json!([{ "key": "city", "eq": "seattle" }]);
    let columns = json!([{ "column": "t", "gt": 20 }]);
    for (arguments, total, expected) in [
        (json!({}), 5, [5, 5, 0, 0]),
        (json!({ "window": day }), 4, [4, 4, 0, 0]),
        (json!({ "partitionKey": key }), 3, [5, 3, 2, 0]),
        (json!({ "columns": columns }), 3, [5, 3, 0, 2]),
        (
            json!({ "window": day, "partitionKey": key, "columns": columns }),
            1,
            [4, 1, 2, 1],
        ),
        (
            json!({ "window": day, "partitionKey": key, "columns": columns, "first": 0 }),
            1,
            [4, 1, 2, 1],
        ),
    ] {
        let manifest = page(&app, arguments.clone()).await;
        let [considered, selected, by_key, by_columns] = expected;
        let pruning = json!({
            "considered": considered, "selected": selected, "prunedByKey": by_key, "prunedByColumns": by_columns,
        });
        assert_eq!(manifest["partitions"]["pruning"], pruning, "{arguments}");
        assert_eq!(manifest["partitions"]["totalCount"], total, "{arguments}");
    }
}

/// A dataset with four files, one a day.
async fn four(app: &App, dataset: &str) {
    app.dataset(dataset).await;
    app.append(
        dataset,
        [
            partition("2020-01-01", "a"),
            partition("2020-01-02", "b"),
            partition("2020-01-03", "c"),
            partition("2020-01-04", "d"),
        ],
    )
    .await;
}

/// Reads a page of two, lets a publish change both what was read and what is to come, and reads the rest.
async fn pages_around_a_publish(app: &App, arguments: Value) {
    four(app, "weather").await;
    let first = page(app, with(arguments.clone(), json!({ "first": 2 }))).await;
    let cursor = first["partitions"]["pageInfo"]["endCursor"].clone();
    assert_eq!(files(&first), ["a", "b"]);
    assert_eq!(first["partitions"]["resolvedVersion"], 1);
    assert_eq!(first["partitions"]["edges"][1]["cursor"], cursor);
    assert_eq!(first["partitions"]["pageInfo"]["hasNextPage"], true);
    assert_eq!(first["partitions"]["pageInfo"]["hasPreviousPage"], false);
    let input = json!({
        "dataset": slug("weather"), "operation": "REPLACE", "remove": [path("a"), path("c")],
        "add": [partition("2020-01-01", "z"), partition("2020-01-03", "y")],
    });
    app.granted("publishManifest", input).await;
    let second = page(
        app,
        with(arguments.clone(), json!({ "first": 2, "after": cursor })),
    )
    .await;
    assert_eq!(files(&second), ["c", "d"]);
    assert_eq!(second["partitions"]["resolvedVersion"], 1);
    assert_eq!(second["partitions"]["totalCount"], 4);
    assert_eq!(second["partitions"]["pageInfo"]["hasNextPage"], false);
    assert_eq!(second["partitions"]["pageInfo"]["hasPreviousPage"], true);
    let now = page(app, arguments).await;
    assert_eq!(files(&now), ["z", "b", "y", "d"]);
    assert_eq!(now["partitions"]["resolvedVersion"], 2);
}

async fn pages_stay_at_their_version_while_others_publish(database: TestDatabase) {
    let app = App::new(&database).await;
    pages_around_a_publish(&app, json!({})).await;
}

async fn pages_with_a_filter_stay_at_their_version_while_others_publish(database: TestDatabase) {
    let app = App::new(&database).await;
    let arguments = json!({
        "window": { "from": "2020-01-01T00:00:00Z", "to": "2020-12-31T00:00:00Z" },
        "partitionKey": [{ "key": "city", "eq": "seattle" }], "columns": [{ "column": "t", "gt": 1 }],
    });
    pages_around_a_publish(&app, arguments).await;
}

async fn a_cursor_from_elsewhere_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    four(&app, "weather").await;
    four(&app, "tides").await;
    let cursor = async |arguments: Value| {
        let manifest = page(&app, with(arguments, json!({ "first": 1 }))).await;
        manifest["partitions"]["pageInfo"]["endCursor"].clone()
    };
    let (own, foreign) = (
        cursor(json!({})).await,
        cursor(json!({ "dataset": "tides" })).await,
    );
    let key = json!({ "partitionKey": [{ "key": "city", "eq": "seattle" }] });
    let filtered = cursor(key.clone()).await;
    let document = "{ storageTargets(first: 1) { pageInfo { endCursor } }
        dataset(by: { slug: \"weather\" }) { manifest { addedPartitions(first: 1) { pageInfo { endCursor } } } } }";
    let data = app.query(document, json!({})).await;
    let added = &data["dataset"]["manifest"]["addedPartitions"]["pageInfo"]["endCursor"];
    let targets = &data["storageTargets"]["pageInfo"]["endCursor"];
    for arguments in [
        json!({ "after": foreign }),
        json!({ "after": filtered }),
        json!({ "after": added }),
        json!({ "after": targets }),
        json!({ "after": "" }),
        json!({ "after": "garbage" }),
        json!({ "after": "\u{0}é" }),
        json!({ "after": "x".repeat(100_000) }),
        with(key, json!({ "after": own })),
        with(window("00:00:00", "00:01:00"), json!({ "after": own })),
    ] {
        assert_eq!(
            refusal(&app, arguments.clone()).await,
            bad("after"),
            "{arguments}"
        );
    }
    // A version does not show what came after it.
    app.append("weather", [partition("2020-01-05", "e")]).await;
    let later = cursor(json!({})).await;
    let earlier = json!({ "by": { "version": 1 }, "after": later });
    assert_eq!(refusal(&app, earlier).await, bad("after"));
    assert_eq!(
        files(&page(&app, json!({ "after": later })).await),
        ["b", "c", "d", "e"]
    );
}

async fn a_page_has_at_most_a_thousand_files(database: TestDatabase) {
    let app = App::new(&database).await;
    four(&app, "weather").await;
    let none = page(&app, json!({ "first": 0 })).await;
    let expected =
        json!({ "hasNextPage": true, "hasPreviousPage": false, "startCursor": null, "endCursor": null });
    assert_eq!(none["partitions"]["pageInfo"], expected);
    assert_eq!(none["partitions"]["nodes"], json!([]));
    assert_eq!(none["partitions"]["totalCount"], 4);
    assert_eq!(files(&page(&app, json!({ "first": 1000 })).await).len(), 4);
    for first in [1001, -1, i32::MAX, i32::MIN] {
        assert_eq!(
            refusal(&app, json!({ "first": first })).await,
            bad("first"),
            "{first}"
        );
    }
    let more: Vec<Value> = (0..60)
        .map(|n| partition("2020-02-01", &format!("m{n}")))
        .collect();
    app.granted(
        "publishManifest",
        json!({ "dataset": slug("weather"), "add": more }),
    )
    .await;
    assert_eq!(files(&page(&app, json!({})).await).len(), 50);
    assert_eq!(files(&page(&app, json!({ "first": 1000 })).await).len(), 64);
}

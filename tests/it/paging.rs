//! Lists: their pages, their order, and what they leave out.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::builders::{field, partition, slug, with};
use crate::support::database::TestDatabase;
use crate::support::everywhere;

everywhere! {
    every_list_is_walked_forwards_without_skip_or_repeat,
    lists_that_take_last_are_walked_backwards_without_skip_or_repeat,
    a_page_is_asked_for_from_one_end,
    a_page_has_fifty_rows_unless_asked_and_never_more_than_a_hundred,
    a_cursor_of_another_list_is_refused,
    datasets_come_by_slug_in_either_order,
    archived_datasets_are_hidden_unless_asked_for,
    a_search_ignores_case_and_takes_its_text_literally,
    datasets_are_found_by_their_storage_target,
    storage_targets_are_found_by_kind,
}

/// A list, as a document with `{arguments}` where those of the page go, the way to it, and what tells its rows apart.
struct List {
    document: &'static str,
    way: &'static [&'static str],
    name: &'static str,
    has_last: bool,
}

const ROWS: &str =
    "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor }";

const LISTS: [List; 6] = [
    List {
        document: "{ datasets({arguments}) { {rows} nodes { slug } } }",
        way: &["datasets"],
        name: "slug",
        has_last: true,
    },
    List {
        document: "{ storageTargets({arguments}) { {rows} nodes { name } } }",
        way: &["storageTargets"],
        name: "name",
        has_last: false,
    },
    List {
        document: "{ dataset(by: { slug: \"set-1\" }) { schemaVersions({arguments}) { {rows} nodes { version } } } }",
        way: &["dataset", "schemaVersions"],
        name: "version",
        has_last: true,
    },
    List {
        document: "{ dataset(by: { slug: \"set-1\" }) { manifests({arguments}) { {rows} nodes { version } } } }",
        way: &["dataset", "manifests"],
        name: "version",
        has_last: true,
    },
    List {
        document: "{ dataset(by: { slug: \"set-1\" }) { schemaVersion(version: 1) {
            manifests({arguments}) { {rows} nodes { version } } } } }",
        way: &["dataset", "schemaVersion", "manifests"],
        name: "version",
        has_last: true,
    },
    List {
        document: "{ dataset(by: { slug: \"set-1\" }) { snapshots({arguments}) { {rows} nodes { name } } } }",
        way: &["dataset", "snapshots"],
        name: "name",
        has_last: false,
    },
];

impl List {
    fn document(&self, arguments: &str) -> String {
        let arguments = format!("({arguments})");
        self.document
            .replace("({arguments})", if arguments == "()" { "" } else { &arguments })
            .replace("{rows}", ROWS)
    }

    async fn page(&self, app: &App, arguments: &str) -> Value {
        let mut page = app.query(&self.document(arguments), json!({})).await;
        for field in self.way {
            page = page[field].take();
        }
        page
    }

    fn names(&self, page: &Value) -> Vec<Value> {
        let nodes = page["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node[self.name].clone()).collect()
    }

    async fn whole(&self, app: &App) -> Vec<Value> {
        self.names(&self.page(app, "").await)
    }
}

/// Five of everything: datasets, storage targets, and of one dataset schema versions, manifests and snapshots.
async fn five_of_everything(app: &App) {
    for n in [3, 1, 5, 2, 4] {
        app.dataset(&format!("set-{n}")).await;
        if n != 1 {
            app.storage_target(&format!("target-{n}")).await;
        }
    }
    for n in 1..=5 {
        let fields: Vec<Value> = (0..n).map(|n| field(&format!("c{n}"), "DOUBLE")).collect();
        let input = json!({
            "dataset": slug("set-1"), "schema": { "fields": [field("c0", "DOUBLE")] },
            "add": [partition("2020-01-01", &format!("{n}"))],
        });
        app.granted("publishManifest", input).await;
        app.granted(
            "createSchemaVersion",
            json!({ "dataset": slug("set-1"), "fields": fields }),
        )
        .await;
        app.granted(
            "createSnapshot",
            json!({ "dataset": slug("set-1"), "name": format!("snapshot {}", 6 - n) }),
        )
        .await;
    }
}

/// Checks what a page says of itself, and returns the cursors of its ends.
fn ends(page: &Value, has_next: bool, has_previous: bool) -> (String, String) {
    let edges = page["edges"].as_array().unwrap();
    let (first, last) = (&edges[0]["cursor"], &edges[edges.len() - 1]["cursor"]);
    let expected = json!({
        "hasNextPage": has_next, "hasPreviousPage": has_previous, "startCursor": first, "endCursor": last,
    });
    assert_eq!(page["pageInfo"], expected);
    assert_eq!(page["totalCount"], 5);
    (
        first.as_str().unwrap().to_owned(),
        last.as_str().unwrap().to_owned(),
    )
}

async fn every_list_is_walked_forwards_without_skip_or_repeat(database: TestDatabase) {
    let app = App::new(&database).await;
    five_of_everything(&app).await;
    for list in LISTS {
        let whole = list.whole(&app).await;
        assert_eq!(whole.len(), 5, "{:?}", list.way);
        let mut walked = Vec::new();
        let mut arguments = "first: 2".to_owned();
        for (rows, has_next, has_previous) in [(2, true, false), (2, true, true), (1, false, true)] {
            let page = list.page(&app, &arguments).await;
            assert_eq!(list.names(&page).len(), rows, "{:?}", list.way);
            walked.extend(list.names(&page));
            let (_, end) = ends(&page, has_next, has_previous);
            arguments = format!("first: 2, after: \"{end}\"");
        }
        assert_eq!(walked, whole, "{:?}", list.way);
        let beyond = list.page(&app, &arguments).await;
        let expected =
            json!({ "hasNextPage": false, "hasPreviousPage": true, "startCursor": null, "endCursor": null });
        assert_eq!((&beyond["nodes"], &beyond["pageInfo"]), (&json!([]), &expected));
    }
}

async fn lists_that_take_last_are_walked_backwards_without_skip_or_repeat(database: TestDatabase) {
    let app = App::new(&database).await;
    five_of_everything(&app).await;
    for list in LISTS.into_iter().filter(|list| list.has_last) {
        let whole = list.whole(&app).await;
        let mut walked: Vec<Value> = Vec::new();
        let mut arguments = "last: 2".to_owned();
        for (rows, has_next, has_previous) in [(2, false, true), (2, true, true), (1, true, false)] {
            let page = list.page(&app, &arguments).await;
            let names = list.names(&page);
            assert_eq!(names.len(), rows, "{:?}", list.way);
            walked.splice(0..0, names);
            let (start, _) = ends(&page, has_next, has_previous);
            arguments = format!("last: 2, before: \"{start}\"");
        }
        assert_eq!(walked, whole, "{:?}", list.way);
        let page = list.page(&app, "first: 1").await;
        let (_, first) = ends(&page, true, false);
        let page = list.page(&app, "last: 1").await;
        let (last, _) = ends(&page, false, true);
        let between = list
            .page(&app, &format!("first: 5, after: \"{first}\", before: \"{last}\""))
            .await;
        assert_eq!(list.names(&between), whole[1..4], "{:?}", list.way);
    }
}

async fn a_page_is_asked_for_from_one_end(database: TestDatabase) {
    let app = App::new(&database).await;
    five_of_everything(&app).await;
    for list in LISTS.into_iter().filter(|list| list.has_last) {
        let error = app.error(&list.document("first: 1, last: 1"), json!({})).await;
        assert_eq!(error["message"], "expected `first` or `last`, not both");
        let expected = json!({ "code": "BAD_USER_INPUT", "field": ["last"] });
        assert_eq!(error["extensions"], expected, "{:?}", list.way);
    }
}

async fn a_page_has_fifty_rows_unless_asked_and_never_more_than_a_hundred(database: TestDatabase) {
    let app = App::new(&database).await;
    five_of_everything(&app).await;
    for n in 0..96 {
        app.storage_target(&format!("more-{n:02}")).await;
    }
    let document = "query ($first: Int) { storageTargets(first: $first) { totalCount nodes { name } pageInfo { hasNextPage } } }";
    for (first, rows) in [(Value::Null, 50), (json!(100), 100), (json!(0), 0)] {
        let data = app.query(document, json!({ "first": first })).await;
        let page = &data["storageTargets"];
        assert_eq!(page["nodes"].as_array().unwrap().len(), rows);
        assert_eq!(page["pageInfo"]["hasNextPage"], true);
        assert_eq!(page["totalCount"], 101);
    }
    for list in LISTS {
        let ends: &[&str] = if list.has_last {
            &["first", "last"]
        } else {
            &["first"]
        };
        for (end, number) in ends.iter().flat_map(|end| [(end, 101), (end, -1)]) {
            let error = app
                .error(&list.document(&format!("{end}: {number}")), json!({}))
                .await;
            assert_eq!(
                error["message"],
                format!("expected `{end}` to be from 0 to 100, not {number}")
            );
            let expected = json!({ "code": "BAD_USER_INPUT", "field": [end] });
            assert_eq!(error["extensions"], expected, "{:?}", list.way);
        }
    }
}

async fn a_cursor_of_another_list_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    five_of_everything(&app).await;
    let mut cursors = Vec::new();
    for list in &LISTS {
        let page = list.page(&app, "first: 1").await;
        cursors.push(page["pageInfo"]["endCursor"].as_str().unwrap().to_owned());
    }
    cursors.push("garbage".to_owned());
    cursors.push(String::new());
    for (index, list) in LISTS.iter().enumerate() {
        for (other, cursor) in cursors.iter().enumerate().filter(|(other, _)| *other != index) {
            for argument in ["after", "before"]
                .into_iter()
                .take(1 + usize::from(list.has_last))
            {
                let document = list.document(&format!("{argument}: \"{cursor}\""));
                let error = app.error(&document, json!({})).await;
                let expected = json!({ "code": "BAD_USER_INPUT", "field": [argument] });
                assert_eq!(error["extensions"], expected, "{:?} {other}", list.way);
            }
        }
    }
}

/// The slugs of the datasets of a page, and the total.
async fn slugs(app: &App, arguments: Value) -> (Vec<String>, Value) {
    let document =
        "query ($filter: DatasetFilter, $orderBy: DatasetOrder, $first: Int, $last: Int, $after: String) {
        datasets(filter: $filter, orderBy: $orderBy, first: $first, last: $last, after: $after) {
          totalCount nodes { slug } } }";
    let mut data = app.query(document, arguments).await;
    let nodes = data["datasets"]["nodes"].as_array().unwrap();
    let slugs = nodes
        .iter()
        .map(|node| node["slug"].as_str().unwrap().to_owned())
        .collect();
    (slugs, data["datasets"]["totalCount"].take())
}

async fn datasets_come_by_slug_in_either_order(database: TestDatabase) {
    let app = App::new(&database).await;
    for slug in ["b-10", "a.z", "b_2", "a-z", "b-1"] {
        app.dataset(slug).await;
    }
    let ascending = ["a-z", "a.z", "b-1", "b-10", "b_2"];
    let descending = ["b_2", "b-10", "b-1", "a.z", "a-z"];
    let of = async |arguments: Value| slugs(&app, arguments).await.0;
    assert_eq!(of(json!({})).await, ascending);
    assert_eq!(of(json!({ "orderBy": "SLUG_ASC" })).await, ascending);
    assert_eq!(of(json!({ "orderBy": "SLUG_DESC" })).await, descending);
    assert_eq!(
        of(json!({ "orderBy": "SLUG_DESC", "first": 2 })).await,
        ["b_2", "b-10"]
    );
    assert_eq!(
        of(json!({ "orderBy": "SLUG_DESC", "last": 2 })).await,
        ["a.z", "a-z"]
    );
}

async fn archived_datasets_are_hidden_unless_asked_for(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("kept").await;
    app.dataset("gone").await;
    app.granted(
        "archiveDataset",
        json!({ "dataset": slug("gone"), "reason": "moved" }),
    )
    .await;
    for (filter, expected) in [
        (Value::Null, vec!["kept"]),
        (json!({}), vec!["kept"]),
        (json!({ "includeArchived": false }), vec!["kept"]),
        (json!({ "includeArchived": true }), vec!["gone", "kept"]),
        (json!({ "status": "INACTIVE" }), vec!["gone"]),
        (
            json!({ "status": "ACTIVE", "includeArchived": true }),
            vec!["kept"],
        ),
        (json!({ "search": "gone" }), vec![]),
    ] {
        let (slugs, total) = slugs(&app, json!({ "filter": filter })).await;
        assert_eq!(slugs, expected, "{filter}");
        assert_eq!(total, expected.len(), "{filter}");
    }
    let data = app
        .query(
            "{ dataset(by: { slug: \"Gone\" }) { slug status archiveReason } }",
            json!({}),
        )
        .await;
    let expected = json!({ "slug": "gone", "status": "INACTIVE", "archiveReason": "moved" });
    assert_eq!(data["dataset"], expected);
}

async fn a_search_ignores_case_and_takes_its_text_literally(database: TestDatabase) {
    let app = App::new(&database).await;
    for (slug, name, description) in [
        ("percent", "100% humidity", Value::Null),
        ("a_b", "Underscore", json!("the daily WEATHER")),
        ("axb", "No underscore\\", json!("of Seattle")),
    ] {
        let input = json!({ "slug": slug, "name": name, "description": description });
        app.granted("createDataset", input).await;
    }
    for (search, expected) in [
        ("weather", vec!["a_b"]),
        ("DAILY w", vec!["a_b"]),
        ("PERC", vec!["percent"]),
        ("humidity", vec!["percent"]),
        ("%", vec!["percent"]),
        ("a_b", vec!["a_b"]),
        ("_", vec!["a_b"]),
        ("\\", vec!["axb"]),
        ("under_core", vec![]),
        ("", vec!["a_b", "axb", "percent"]),
    ] {
        let (slugs, total) = slugs(&app, json!({ "filter": { "search": search } })).await;
        assert_eq!(slugs, expected, "{search}");
        assert_eq!(total, expected.len(), "{search}");
    }
}

async fn datasets_are_found_by_their_storage_target(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("in-lake").await;
    let pond = app.storage_target("pond").await;
    let input = json!({ "slug": "in-pond", "name": "x", "defaultStorageTarget": { "name": "pond" } });
    app.granted("createDataset", input).await;
    for (target, expected) in [
        (json!({ "name": "lake" }), vec!["in-lake"]),
        (json!({ "id": pond["id"] }), vec!["in-pond"]),
        (json!({ "name": "sea" }), vec![]),
    ] {
        let (slugs, _) = slugs(&app, json!({ "filter": { "storageTarget": target } })).await;
        assert_eq!(slugs, expected, "{target}");
    }
}

async fn storage_targets_are_found_by_kind(database: TestDatabase) {
    let app = App::new(&database).await;
    app.storage_target("lake").await;
    let disk = json!({ "name": "disk", "kind": "LOCAL", "baseUri": "file:///srv" });
    app.granted(
        "upsertStorageTarget",
        with(disk, json!({ "description": "ours" })),
    )
    .await;
    let document = "query ($kind: StorageKind) { storageTargets(kind: $kind) { totalCount nodes { name } } }";
    for (kind, expected) in [
        (Value::Null, vec!["disk", "lake"]),
        (json!("LOCAL"), vec!["disk"]),
        (json!("GCS"), vec![]),
    ] {
        let data = app.query(document, json!({ "kind": kind })).await;
        let nodes: Vec<Value> = expected.iter().map(|name| json!({ "name": name })).collect();
        let expected = json!({ "totalCount": nodes.len(), "nodes": nodes });
        assert_eq!(data["storageTargets"], expected, "{kind}");
    }
}

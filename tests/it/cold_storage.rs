//! Which files should move to the cold storage target: listed, paged, moved, and then none.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, path, slug, with};
use crate::support::database::TestDatabase;

both! {
    what_is_due_is_paged_and_moved_until_nothing_is,
    only_files_that_are_wholly_older_and_elsewhere_are_due,
    where_there_is_no_rule_there_is_no_answer,
    more_files_take_no_more_statements,
}

const DUE: &str = "query ($at: DateTime, $first: Int, $after: String) { dataset(by: { slug: \"weather\" }) {
    coldStorageDue(at: $at) { at storageTarget { name } due { files rows bytes }
      files(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes { id filePath storageTarget { name } } } } } }";

/// A dataset whose files move from `lake` to `cold` when they are 30 days old.
async fn tiered(app: &App) {
    app.dataset("weather").await;
    app.storage_target("cold").await;
    let policy = json!({
        "dataset": slug("weather"), "coldStorageAfter": "P30D", "coldStorageTarget": { "name": "cold" },
    });
    app.granted("setRetentionPolicy", policy).await;
}

async fn due(app: &App, variables: Value) -> Value {
    app.query(DUE, variables).await["dataset"]["coldStorageDue"].take()
}

/// The paths of the files that are due.
fn paths(due: &Value) -> Vec<&str> {
    let nodes = due["files"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|file| file["filePath"].as_str().unwrap())
        .collect()
}

async fn what_is_due_is_paged_and_moved_until_nothing_is(database: TestDatabase) {
    let app = App::new(&database).await;
    tiered(&app).await;
    let day = |day: u32, path: &str| partition(&format!("2020-01-{day:02}"), path);
    app.append("weather", [day(3, "c"), day(1, "a"), day(5, "e"), day(9, "late")])
        .await;
    // A year-long file and one of the same start as another: several span classes, and ids that decide.
    let year = with(day(2, "year"), json!({ "startTime": "2019-01-01T00:00:00Z" }));
    app.append("weather", [year, day(1, "b")]).await;
    let at = "2020-02-05T00:00:00Z";
    let first = due(&app, json!({ "at": at, "first": 3 })).await;
    assert_eq!(
        (&first["at"], &first["storageTarget"]["name"]),
        (&json!("2020-02-05T00:00:00.000000Z"), &json!("cold"))
    );
    let tally = json!({ "files": 5, "rows": "120", "bytes": "5000" });
    assert_eq!(
        (&first["due"], &first["files"]["totalCount"]),
        (&tally, &json!(5))
    );
    assert_eq!(paths(&first), ["year", "a", "b"]);
    let page = &first["files"]["pageInfo"];
    assert_eq!(page["hasNextPage"], true);
    let second = due(&app, json!({ "at": at, "first": 3, "after": page["endCursor"] })).await;
    assert_eq!(
        (paths(&second), &second["files"]["pageInfo"]["hasNextPage"]),
        (vec!["c", "e"], &json!(false))
    );

    // As a client does it: the first page, again and again.
    let mut moved = Vec::new();
    loop {
        let page = due(&app, json!({ "at": at, "first": 2 })).await;
        let files = page["files"]["nodes"].as_array().unwrap();
        if files.is_empty() {
            assert_eq!(page["due"], json!({ "files": 0, "rows": "0", "bytes": "0" }));
            break;
        }
        let to_cold =
            |file: &Value| json!({ "partition": { "id": file["id"] }, "storageTarget": { "name": "cold" } });
        let moves: Vec<Value> = files.iter().map(to_cold).collect();
        let input = json!({ "dataset": slug("weather"), "moves": moves });
        app.granted("relocatePartitions", input).await;
        moved.extend(paths(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(moved, ["year", "a", "b", "c", "e"]);
    let later = due(&app, json!({ "at": "2020-03-01T00:00:00Z" })).await;
    assert_eq!(paths(&later), ["late"]);
}

async fn only_files_that_are_wholly_older_and_elsewhere_are_due(database: TestDatabase) {
    let app = App::new(&database).await;
    tiered(&app).await;
    let file = |path: &str, end: &str| with(partition("2020-01-01", path), json!({ "endTime": end }));
    let there = with(
        file("there", "2020-01-01T12:00:00Z"),
        json!({ "storageTarget": { "name": "cold" } }),
    );
    let add = [
        file("older", "2020-01-01T23:59:59.999999Z"),
        file("straddles", "2020-01-02T00:00:00Z"),
        file("removed", "2020-01-01T12:00:00Z"),
        there,
    ];
    app.append("weather", add).await;
    let delete = json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": [path("removed")] });
    app.granted("publishManifest", delete).await;
    let at = json!({ "at": "2020-02-01T00:00:00Z" });
    assert_eq!(paths(&due(&app, at).await), ["older"]);
    let now = due(&app, json!({})).await;
    assert_eq!(paths(&now), ["older", "straddles"], "as of now when omitted");
    let before_all_time = due(&app, json!({ "at": "0001-01-02T00:00:00Z" })).await;
    assert_eq!(before_all_time["due"]["files"], 0);
    let foreign = json!({ "after": "bm8=" });
    let error = app.error(DUE, foreign).await;
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
}

async fn where_there_is_no_rule_there_is_no_answer(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    assert_eq!(due(&app, json!({})).await, Value::Null);
    let policy = json!({ "dataset": slug("weather"), "maxAge": "P30D" });
    app.granted("setRetentionPolicy", policy).await;
    assert_eq!(due(&app, json!({})).await, Value::Null);
    tiered(&app).await;
    assert_eq!(
        due(&app, json!({})).await["due"]["files"],
        0,
        "nothing was published"
    );
}

async fn more_files_take_no_more_statements(database: TestDatabase) {
    let app = App::new(&database).await;
    tiered(&app).await;
    let statements = async |files: &str| {
        let document =
            format!("{{ dataset(by: {{ slug: \"weather\" }}) {{ coldStorageDue {{ {files} }} }} }}");
        let (_, statements) = app.statements_of(app.query(&document, json!({}))).await;
        statements.len()
    };
    app.append("weather", [partition("2020-01-01", "a")]).await;
    // The dataset with its head and policy; what they amount to; the page.
    assert_eq!(statements("at").await, 1);
    assert_eq!(statements("files { nodes { filePath } }").await, 2);
    let whole = "due { files } files { nodes { filePath } }";
    assert_eq!(statements(whole).await, 3);
    let more = [2, 3, 4, 5].map(|day| partition(&format!("2020-01-0{day}"), &day.to_string()));
    app.append("weather", more).await;
    assert_eq!(statements(whole).await, 3);
}

//! Lists, counts and names hold what their reader may see, and nothing that tells of the rest.

use serde_json::{Value, json};

use super::catalog;
use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, slug};
use crate::support::database::TestDatabase;

both! {
    lists_and_counts_hold_what_the_reader_may_see,
    an_empty_list_of_scopes_is_for_administrators,
    the_change_feed_shows_what_the_reader_may_see,
    a_dataset_that_is_gone_is_told_to_those_who_saw_it,
    a_slug_that_is_taken_by_what_is_not_seen_cannot_be_had,
    a_draft_is_for_those_who_write,
    refusals_are_recorded_with_who_was_refused,
}

async fn datasets(app: &App, filter: Value) -> (Vec<String>, i64) {
    let document =
        "query ($filter: DatasetFilter) { datasets(filter: $filter) { totalCount nodes { slug } } }";
    let data = app.query(document, json!({ "filter": filter })).await;
    let nodes = data["datasets"]["nodes"].as_array().expect("nodes");
    let slugs = nodes
        .iter()
        .map(|node| node["slug"].as_str().expect("a slug").to_owned());
    (
        slugs.collect(),
        data["datasets"]["totalCount"].as_i64().expect("a count"),
    )
}

async fn lists_and_counts_hold_what_the_reader_may_see(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    for (app, expected) in [
        (&callers.stranger, &[][..]),
        (&callers.reader, &["common"]),
        (&callers.writer, &["common"]),
        (&callers.member, &["private"]),
        (&callers.publisher, &["private"]),
        (&callers.admin, &["common", "private"]),
    ] {
        let (found, count) = datasets(app, Value::Null).await;
        assert_eq!(
            (&found[..], count),
            (
                &expected.iter().map(|&one| one.to_owned()).collect::<Vec<_>>()[..],
                expected.len() as i64
            )
        );
        let (found, count) = datasets(app, json!({ "search": "priv" })).await;
        let sees = expected.contains(&"private");
        assert_eq!((found.len(), count), (usize::from(sees), i64::from(sees)));
    }
}

async fn an_empty_list_of_scopes_is_for_administrators(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    let closed = json!({ "dataset": slug("common"), "readScopes": [] });
    callers.admin.granted("updateDataset", closed).await;
    for app in [&callers.reader, &callers.writer] {
        assert_eq!(datasets(app, Value::Null).await.1, 0);
    }
    assert_eq!(datasets(&callers.admin, Value::Null).await.1, 2);
}

/// The feed as its reader sees it, once the feed has been settled: by dataset, and how many there are.
async fn feed(app: &App, settled: &App, most: usize) -> Vec<Value> {
    settled.feed(most).await;
    let data = app
        .query(
            "{ changes(first: 100) { totalCount nodes { kind dataset { slug } payload } } }",
            json!({}),
        )
        .await;
    let nodes = data["changes"]["nodes"].as_array().expect("changes").clone();
    assert_eq!(data["changes"]["totalCount"], nodes.len());
    nodes
}

async fn the_change_feed_shows_what_the_reader_may_see(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    let all = callers.admin.feed(12).await.len();
    let of = |changes: &[Value], slug: &str| {
        changes
            .iter()
            .filter(|one| one["dataset"]["slug"] == slug)
            .count()
    };
    let everything = feed(&callers.admin, &callers.admin, all).await;
    assert_eq!(
        feed(&callers.stranger, &callers.admin, all).await,
        [Value::Null; 0]
    );
    let common = feed(&callers.reader, &callers.admin, all).await;
    // The storage target is nobody's dataset.
    assert_eq!(of(&common, "common") + 1, common.len());
    assert_eq!(of(&common, "common"), of(&everything, "common"));
    let private = feed(&callers.member, &callers.admin, all).await;
    assert_eq!(of(&private, "private"), private.len());
    assert_eq!(private.len(), of(&everything, "private"));
    assert_eq!(common.len() + private.len(), everything.len());
}

async fn a_dataset_that_is_gone_is_told_to_those_who_saw_it(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    for dataset in ["common", "private"] {
        callers
            .admin
            .granted(
                "deleteSnapshot",
                json!({ "dataset": slug(dataset), "name": "pin" }),
            )
            .await;
        callers
            .admin
            .granted(
                "deleteDataset",
                json!({ "dataset": slug(dataset), "confirmSlug": dataset }),
            )
            .await;
    }
    let all = callers.admin.feed(16).await.len();
    for (app, told) in [
        (&callers.stranger, vec![]),
        (&callers.reader, vec!["common"]),
        (&callers.member, vec!["private"]),
        (&callers.publisher, vec!["private"]),
        (&callers.admin, vec!["common", "private"]),
    ] {
        let changes = feed(app, &callers.admin, all).await;
        let gone = changes
            .iter()
            .filter(|change| change["kind"] == "DATASET_DELETED");
        let slugs: Vec<_> = gone
            .map(|change| change["payload"]["slug"].as_str().expect("a slug"))
            .collect();
        assert_eq!(slugs, told);
        let text = json!(changes).to_string();
        assert_eq!(text.contains("private"), told.contains(&"private"), "{text}");
    }
}

async fn a_slug_that_is_taken_by_what_is_not_seen_cannot_be_had(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    let lake = json!({ "name": "lake" });
    // Equal to the hidden one in every field, and different: the same answer.
    for name in ["private", "something else"] {
        let input = json!({ "slug": "private", "name": name, "defaultStorageTarget": lake });
        let error = callers.writer.refused_once("createDataset", input).await;
        assert_eq!(code_and_path(&error), ("ALREADY_EXISTS", "input.slug".to_owned()));
        assert_eq!(error["message"], "the slug cannot be had");
    }
}

async fn a_draft_is_for_those_who_write(database: TestDatabase) {
    let (callers, names) = catalog(&database).await;
    let document = "query ($id: ID!) { node(id: $id) { id } }";
    for (app, found) in [
        (&callers.writer, Value::Null),
        (&callers.member, Value::Null),
        (&callers.publisher, json!({ "id": names.draft })),
        (&callers.admin, json!({ "id": names.draft })),
    ] {
        assert_eq!(
            app.query(document, json!({ "id": names.draft })).await["node"],
            found
        );
    }
}

async fn refusals_are_recorded_with_who_was_refused(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    let document =
        "mutation ($input: ArchiveDatasetInput!) { archiveDataset(input: $input) { userErrors { code } } }";
    callers
        .member
        .error(document, json!({ "input": { "dataset": slug("private") } }))
        .await;
    let document = "{ auditEvents(first: 1) { nodes { actor scopes action outcome datasetSlug detail } } }";
    let event = callers.admin.query(document, json!({})).await["auditEvents"]["nodes"][0].take();
    let expected = json!({ "actor": "member", "scopes": ["team:read"], "action": "archiveDataset", "outcome": "REFUSED",
        "datasetSlug": "private", "detail": { "errors": [{ "code": "FORBIDDEN", "scopes": ["team:write"] }] } });
    assert_eq!(event, expected);
}

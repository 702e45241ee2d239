//! What each root field needs of its caller, and how to ask for it.

use serde_json::{Value, json};
use timestore_gateway::auth::Scope;

use super::Names;
use crate::support::builders::partition;
use crate::support::client::document;

/// What a root field needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Needs {
    /// A caller who is known.
    Nothing,
    /// A global scope.
    Global(Scope),
    /// To read the dataset that it names, which does not exist for others.
    ToRead,
    /// To write the dataset that it names, which does not exist for those who may not read it.
    ToWrite,
}

/// A way to ask for a root field.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) field: &'static str,
    pub(super) needs: Needs,
    pub(super) document: String,
    pub(super) variables: Value,
}

/// Ways to ask for every root field of queries and mutations, of the dataset with these names where it is about one. What a
/// case changes leaves the others possible.
pub(super) fn cases(names: &Names) -> Vec<Case> {
    [queries(names), mutations(names)].concat()
}

fn query(field: &'static str, needs: Needs, document: &str, variables: Value) -> Case {
    let document = document.to_owned();
    Case {
        field,
        needs,
        document,
        variables,
    }
}

fn queries(names: &Names) -> Vec<Case> {
    let admin = Needs::Global(Scope::Admin);
    let dataset = "query ($by: DatasetRef!) { dataset(by: $by) { id slug name manifests { totalCount nodes { id } } } }";
    let status =
        "query ($of: DatasetRef!) { commitStatus(dataset: $of, idempotencyKey: \"first\") { __typename } }";
    let node = "query ($id: ID!) { node(id: $id) { __typename id } }";
    let mut cases = vec![
        query("rateLimit", Needs::Nothing, "{ rateLimit { limit } }", json!({})),
        query("_service", Needs::Nothing, "{ _service { sdl } }", json!({})),
        query(
            "viewer",
            Needs::Nothing,
            "{ viewer { subject scopes } }",
            json!({}),
        ),
        query(
            "datasets",
            Needs::Nothing,
            "{ datasets { totalCount nodes { slug } } }",
            json!({}),
        ),
        query(
            "changes",
            Needs::Nothing,
            "{ changes { totalCount nodes { kind } } }",
            json!({}),
        ),
        query(
            "storageTargets",
            Needs::Global(Scope::Read),
            "{ storageTargets { totalCount nodes { name } } }",
            json!({}),
        ),
        query(
            "auditEvents",
            admin,
            "{ auditEvents { totalCount nodes { action } } }",
            json!({}),
        ),
        query(
            "fileRemovals",
            admin,
            "{ fileRemovals { totalCount nodes { filePath } } }",
            json!({}),
        ),
        query(
            "lifecycleRuns",
            admin,
            "{ lifecycleRuns { totalCount nodes { kind } } }",
            json!({}),
        ),
        query(
            "apiTokens",
            admin,
            "{ apiTokens { totalCount nodes { name } } }",
            json!({}),
        ),
        query(
            "storageTarget",
            Needs::Nothing,
            "{ storageTarget(by: { name: \"lake\" }) { name } }",
            json!({}),
        ),
        query(
            "dataset",
            Needs::ToRead,
            dataset,
            json!({ "by": { "slug": names.slug } }),
        ),
        query(
            "dataset",
            Needs::ToRead,
            dataset,
            json!({ "by": { "id": names.dataset } }),
        ),
        query(
            "commitStatus",
            Needs::ToWrite,
            status,
            json!({ "of": { "slug": names.slug } }),
        ),
    ];
    let ids = [
        &names.dataset,
        &names.schema_version,
        &names.manifest,
        &names.partition,
        &names.snapshot,
    ];
    cases.extend(ids.map(|id| query("node", Needs::ToRead, node, json!({ "id": id }))));
    let entities = "query ($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Dataset { id } ... on Manifest { id } } }";
    let known = json!([
        { "__typename": "Dataset", "id": names.dataset },
        { "__typename": "Dataset", "slug": names.slug },
        { "__typename": "Manifest", "id": names.manifest },
    ]);
    cases.push(query(
        "_entities",
        Needs::ToRead,
        entities,
        json!({ "of": known }),
    ));
    let nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
    cases.push(query("nodes", Needs::ToRead, nodes, json!({ "ids": ids })));
    cases
}

fn mutations(names: &Names) -> Vec<Case> {
    let slug = json!({ "slug": names.slug });
    let on = |field, mut input: Value| {
        input["dataset"] = slug.clone();
        mutation(field, Needs::ToWrite, input)
    };
    let global = |field, scope, input| mutation(field, Needs::Global(scope), input);
    let draft = |field, mut input: Value| {
        input["draft"] = json!(names.draft);
        mutation(field, Needs::ToWrite, input)
    };
    let publish =
        json!({ "dataset": slug, "idempotencyKey": "first", "add": [partition("2020-01-01", "a")] });
    let absent = "AAAA";
    let move_ =
        json!({ "partition": { "path": { "filePath": "none" } }, "storageTarget": { "name": "lake" } });
    vec![
        global(
            "upsertStorageTarget",
            Scope::Admin,
            json!({ "name": "new", "kind": "S3", "baseUri": "s3://new/x" }),
        ),
        global(
            "upsertStorageTarget",
            Scope::Admin,
            json!({ "name": "lake", "kind": "S3", "baseUri": "s3://elsewhere/x" }),
        ),
        global(
            "createDataset",
            Scope::Write,
            json!({ "slug": "fresh", "name": "fresh" }),
        ),
        global(
            "createDataset",
            Scope::Admin,
            json!({ "slug": "ours", "name": "ours", "readScopes": ["a"] }),
        ),
        global(
            "deleteDataset",
            Scope::Admin,
            json!({ "dataset": slug, "confirmSlug": "not it" }),
        ),
        global(
            "claimFileRemovals",
            Scope::Admin,
            json!({ "owner": "me", "limit": 1 }),
        ),
        global(
            "acknowledgeFileRemovals",
            Scope::Admin,
            json!({ "leaseId": "00000000-0000-0000-0000-000000000000" }),
        ),
        global("requeueFileRemovals", Scope::Admin, json!({})),
        global(
            "triggerLifecycleRun",
            Scope::Admin,
            json!({ "kind": "RETENTION", "dataset": slug }),
        ),
        global("cancelLifecycleRun", Scope::Admin, json!({ "run": absent })),
        global(
            "createApiToken",
            Scope::Admin,
            json!({ "name": "x", "scopes": ["timestore:read"] }),
        ),
        global("revokeApiToken", Scope::Admin, json!({ "token": absent })),
        on("updateDataset", json!({ "description": "new" })),
        on(
            "createSchemaVersion",
            json!({ "fields": [{ "name": "t", "type": "DOUBLE" }] }),
        ),
        // A replay: who may not see the dataset does not learn that the key was used.
        mutation("publishManifest", Needs::ToWrite, publish.clone()),
        mutation(
            "publishManifests",
            Needs::ToWrite,
            json!({ "manifests": [publish] }),
        ),
        on("createManifestDraft", json!({})),
        draft(
            "stagePartitions",
            json!({ "add": [partition("2020-01-02", "b")] }),
        ),
        draft("publishManifestDraft", json!({})),
        draft("discardManifestDraft", json!({})),
        on("rollbackDataset", json!({ "to": 7 })),
        on("relocatePartitions", json!({ "moves": [move_] })),
        on("setRetentionPolicy", json!({ "keepVersions": 5 })),
        on("clearRetentionPolicy", json!({})),
        on("applyRetention", json!({})),
        on("expireManifests", json!({ "keepVersions": 9 })),
        on("createSnapshot", json!({ "name": "other" })),
        on("deleteSnapshot", json!({ "name": "none" })),
        on("archiveDataset", json!({})),
    ]
}

fn mutation(field: &'static str, needs: Needs, input: Value) -> Case {
    Case {
        field,
        needs,
        document: document(field),
        variables: json!({ "input": input }),
    }
}

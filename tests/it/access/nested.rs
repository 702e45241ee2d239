//! A walk over the types of the schema: who may see each, and where a field leads from what one caller sees to what is for others.

use serde_json::{Value, json};
use timestore_gateway::auth::Scope;

use super::cases::Needs;
use super::{Callers, catalog};
use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug};
use crate::support::database::TestDatabase;

both! {
    every_field_stays_with_its_audience_or_has_a_case,
    what_a_field_leads_to_is_seen_by_those_who_may,
    what_is_for_some_is_nobody_elses_by_its_id,
}

/// What one needs in order to get hold of an object of a type, other than by a mutation; none for a type that nobody has thought about.
fn audience(of: &str) -> Option<Needs> {
    let of = of
        .strip_suffix("Connection")
        .or(of.strip_suffix("Edge"))
        .unwrap_or(of);
    Some(match of {
        "Change" | "PageInfo" | "RateLimit" | "Viewer" | "_Service" => Needs::Nothing,
        "StorageTarget" => Needs::Global(Scope::Read),
        "ApiToken" | "AuditEvent" | "DeletedDataset" | "FileRemoval" | "LifecycleRun" => {
            Needs::Global(Scope::Admin)
        }
        "CommitStatus" | "ManifestDraft" => Needs::ToWrite,
        // What mutations of a dataset say.
        "CompatibilityPlan"
        | "CompatibilityReason"
        | "DuplicatePartition"
        | "ExpiredManifests"
        | "NotLivePartition"
        | "PinningSnapshot"
        | "SchemaCompatibility"
        | "SkippedPartition" => Needs::ToWrite,
        // A dataset and all that belongs to it.
        "Dataset"
        | "DatasetTotals"
        | "EffectiveRetentionPolicy"
        | "Field"
        | "Manifest"
        | "ManifestDiff"
        | "Partition"
        | "Pruning"
        | "RetentionPolicy"
        | "SchemaVersion"
        | "Snapshot"
        | "Watermark" => Needs::ToRead,
        "ColdStorageDue"
        | "FileTally"
        | "RetentionByRule"
        | "RetentionHold"
        | "RetentionPreview"
        | "RetentionPreviewFile" => Needs::ToRead,
        "Coverage" | "CoverageBucket" | "OverlapRange" | "TimeRange" => Needs::ToRead,
        _ => return None,
    })
}

/// Whether whoever has what needs the one may have what needs the other: of the same dataset, since nothing of a dataset leads to
/// another one.
fn includes(held: Needs, other: Needs) -> bool {
    other == Needs::Nothing
        || held == other
        || held == Needs::Global(Scope::Admin)
        || (held, other) == (Needs::ToWrite, Needs::ToRead)
}

/// Fields that lead from what one caller sees to what is for others, each with a way to it. The private dataset and its storage
/// targets have telling names.
const CROSSINGS: [(&str, &str); 7] = [
    // Changes show to those who may see what they happened to.
    (
        "Change.dataset",
        "{ changes(first: 100) { nodes { dataset { slug } } } }",
    ),
    (
        "Change.manifest",
        "{ changes(first: 100) { nodes { manifest { dataset { slug } } } } }",
    ),
    // Where a file lies is told with the file.
    (
        "ColdStorageDue.storageTarget",
        "{ dataset(by: { slug: \"private\" }) { coldStorageDue { storageTarget { name } } } }",
    ),
    (
        "Dataset.defaultStorageTarget",
        "{ dataset(by: { slug: \"private\" }) { defaultStorageTarget { name } } }",
    ),
    (
        "EffectiveRetentionPolicy.coldStorageTarget",
        "{ dataset(by: { slug: \"private\" }) { effectiveRetentionPolicy { coldStorageTarget { name } } } }",
    ),
    (
        "Partition.storageTarget",
        "{ dataset(by: { slug: \"private\" }) { manifest { partitions { nodes { storageTarget { name } } } } } }",
    ),
    (
        "RetentionPolicy.coldStorageTarget",
        "{ dataset(by: { slug: \"private\" }) { retentionPolicy { coldStorageTarget { name } } } }",
    ),
];

/// What only those hear who may read the private dataset.
const SECRETS: [&str; 2] = ["private", "hidden"];

const TYPES: &str = "{ __schema { types { kind name fields { name type {
    name kind ofType { name kind ofType { name kind ofType { name kind } } } } } interfaces { name } } } }";

/// The name of a type, whatever it is wrapped in; none for a scalar.
fn named(of: &Value) -> Option<&str> {
    match of["kind"].as_str()? {
        "NON_NULL" | "LIST" => named(&of["ofType"]),
        "SCALAR" | "ENUM" => None,
        _ => of["name"].as_str(),
    }
}

/// Whether the cases of mutations are about this type: a payload, or an error in one.
fn is_answer_of_mutation(of: &Value) -> bool {
    let interfaces = of["interfaces"].as_array().expect("interfaces");
    of["name"].as_str().expect("a name").ends_with("Payload")
        || interfaces
            .iter()
            .any(|interface| interface["name"] == "UserError")
}

async fn every_field_stays_with_its_audience_or_has_a_case(database: TestDatabase) {
    let app = App::new(&database).await;
    let data = app.query(TYPES, json!({})).await;
    let types = data["__schema"]["types"].as_array().expect("types");
    let mut crossing = Vec::new();
    for of in types
        .iter()
        .filter(|of| of["kind"] == "OBJECT" && !is_answer_of_mutation(of))
    {
        let name = of["name"].as_str().expect("a name");
        if name.starts_with("__") || matches!(name, "Query" | "Mutation" | "Subscription") {
            continue;
        }
        let held = audience(name).unwrap_or_else(|| panic!("{name} has no audience: say who may see it"));
        for field in of["fields"].as_array().expect("fields") {
            let Some(to) = named(&field["type"]) else { continue };
            let needed = audience(to).unwrap_or_else(|| panic!("{to} has no audience: say who may see it"));
            if !includes(held, needed) {
                crossing.push(format!("{name}.{}", field["name"].as_str().expect("a name")));
            }
        }
    }
    crossing.sort();
    assert_eq!(crossing, CROSSINGS.map(|(field, _)| field), "each needs a case");
}

/// The callers of a catalog whose private dataset has storage targets of its own.
async fn with_hidden_targets(database: &TestDatabase) -> Callers {
    let (callers, _) = catalog(database).await;
    let admin = &callers.admin;
    for target in ["hidden", "hidden-cold"] {
        admin.storage_target(target).await;
    }
    let dataset = slug("private");
    let target = json!({ "dataset": dataset, "defaultStorageTarget": { "name": "hidden" } });
    admin.granted("updateDataset", target).await;
    admin.append("private", [partition("2020-01-02", "b")]).await;
    let policy = json!({ "dataset": dataset, "coldStorageAfter": "P1D", "coldStorageTarget": { "name": "hidden-cold" } });
    admin.granted("setRetentionPolicy", policy).await;
    callers
}

fn tells(answer: &Value) -> bool {
    let text = answer.to_string();
    SECRETS.iter().any(|secret| text.contains(secret))
}

async fn what_a_field_leads_to_is_seen_by_those_who_may(database: TestDatabase) {
    let callers = with_hidden_targets(&database).await;
    for (field, document) in CROSSINGS {
        let refused = callers.anonymous.error(document, json!({})).await;
        assert_eq!(refused["extensions"]["code"], "UNAUTHENTICATED", "{field}");
        for outsider in callers.outsiders() {
            let answer = outsider.query(document, json!({})).await;
            assert!(!tells(&answer), "{field}: {answer}");
        }
        for insider in callers.able(Needs::ToRead) {
            let answer = insider.query(document, json!({})).await;
            assert!(tells(&answer), "{field}: {answer}");
        }
    }
}

async fn what_is_for_some_is_nobody_elses_by_its_id(database: TestDatabase) {
    let callers = with_hidden_targets(&database).await;
    let admin = &callers.admin;
    admin
        .granted("triggerLifecycleRun", json!({ "kind": "HISTORY" }))
        .await;
    let draft = admin.draft("private").await;
    admin.dataset("gone").await;
    admin.append("gone", [partition("2020-01-01", "a")]).await;
    let deletion = json!({ "dataset": slug("gone"), "confirmSlug": "gone" });
    admin.granted("deleteDataset", deletion).await;
    let lists = "{ apiTokens { nodes { id } } auditEvents { nodes { id } } fileRemovals { nodes { id } } lifecycleRuns { nodes { id } }
        storageTargets { nodes { id } } }";
    let found = admin.query(lists, json!({})).await;
    let first = |list: &str| found[list]["nodes"][0]["id"].clone();
    for (of, id, needs) in [
        ("ApiToken", first("apiTokens"), Needs::Global(Scope::Admin)),
        ("AuditEvent", first("auditEvents"), Needs::Global(Scope::Admin)),
        ("FileRemoval", first("fileRemovals"), Needs::Global(Scope::Admin)),
        (
            "LifecycleRun",
            first("lifecycleRuns"),
            Needs::Global(Scope::Admin),
        ),
        (
            "StorageTarget",
            first("storageTargets"),
            Needs::Global(Scope::Read),
        ),
        ("ManifestDraft", draft["id"].clone(), Needs::ToWrite),
    ] {
        assert_eq!(audience(of), Some(needs), "{of}");
        let node = async |app: &App| {
            let document = "query ($id: ID!) { node(id: $id) { __typename } }";
            app.query(document, json!({ "id": id })).await["node"].take()
        };
        for able in callers.able(needs) {
            assert_eq!(node(able).await["__typename"], of);
        }
        let unable = match needs {
            Needs::Global(scope) => callers.without(scope),
            _ => [&callers.outsiders()[..], &[&callers.member]].concat(),
        };
        for unable in unable {
            assert_eq!(node(unable).await, Value::Null, "{of}");
        }
    }
}

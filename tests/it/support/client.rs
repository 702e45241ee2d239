//! A client of the gateway: sends documents, and looks at what comes back the way a program would.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::app::App;

/// Everything that a user error says.
const USER_ERRORS: &str = "userErrors { __typename code message path
    ... on VersionConflict { currentVersion publishedBy publishedAt rebasable }
    ... on DuplicatePartitions { duplicates { filePath reason index } }
    ... on PartitionsNotLive { partitions { filePath removedIn removedBy } rebasable }
    ... on DatasetPinned { snapshots { name version expiresAt } }
    ... on SchemaIncompatible { reasons { kind column message } plan { kind reason columns steps } }
    ... on RevisionConflict { revision }
    ... on FencedOut { fencingToken } }";

const DATASET: &str =
    "id slug name description status writeFormat metadata revision compatibility createdAt updatedAt
    lastPublishedAt defaultStorageTarget { id name }";

const MANIFEST: &str = "id version status operation partitionCount addedCount removedCount totalRows totalBytes startTime endTime
    summary metadata createdAt publishedAt parent { version } schemaVersion { version } dataset { slug }
    partitions(first: 1000) { totalCount nodes { filePath } }";

const DRAFT: &str = "id operation addedCount removedCount createdAt expiresAt dataset { slug }";

const STORAGE_TARGET: &str = "id name kind baseUri description config createdAt updatedAt";

const SCHEMA_VERSION: &str = "id version description checksum createdAt dataset { slug }
    fields { name type nativeType nullable description unit }";

const POLICY: &str = "mode maxAge maxTotalBytes keepVersions maxVersionAge deleteGrace coldStorageAfter
    coldStorageTarget { name } metadata revision updatedAt updatedBy";

const FILE_REMOVAL: &str = "id dataset { slug } storageTarget { name } filePath uri fileSizeBytes state queuedAt dueAt attempts error
    leaseOwner deadAt doneAt outcome";

/// Everything that a lifecycle run says.
pub const LIFECYCLE_RUN: &str =
    "id kind status trigger coversAllDatasets dataset { slug } requestedBy attempts counters error
    worker createdAt startedAt heartbeatAt cancelledAt finishedAt";

const SNAPSHOT: &str = "id name description createdBy createdAt expiresAt manifest { version }";

/// Every table of the catalog.
pub const TABLES: [&str; 18] = [
    "api_tokens",
    "audit_events",
    "changes",
    "dataset_heads",
    "datasets",
    "file_removals",
    "idempotency_records",
    "lifecycle_runs",
    "manifest_drafts",
    "manifests",
    "partitions",
    "retention_policies",
    "schema_versions",
    "snapshots",
    "staged_partitions",
    "staged_removals",
    "storage_targets",
    "watermarks",
];

/// What readers see of a catalog.
const CATALOG: &str = "query Catalog {
    storageTargets(first: 100) { totalCount nodes { id name kind baseUri description config updatedAt } }
    datasets(first: 100, filter: {includeArchived: true}) { totalCount nodes {
      id slug name description status writeFormat metadata revision updatedAt lastPublishedAt
      defaultStorageTarget { name }
      schemaVersions(first: 100) { nodes { version checksum fields { name type } } }
      snapshots(first: 100) { nodes { name manifest { version } } }
      retentionPolicy { revision mode maxAge }
      manifests(first: 100) { totalCount nodes { version status operation partitionCount totalRows totalBytes
        partitions(first: 1000) { totalCount nodes { id filePath uri removedIn { version } } } } } } } }";

impl App {
    /// What the gateway answers to a document, errors included.
    pub async fn execute(&self, document: &str, variables: Value) -> Value {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        let request = match &self.bearer {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        let request = request.body(Body::from(body));
        // As a task of its own, as the server runs it: the batches of a request go by the turns of the runtime.
        let answering = tokio::spawn(self.router.clone().oneshot(request.expect("a request")));
        let response = answering.await.expect("no panic").expect("an answer");
        let bytes = to_bytes(response.into_body(), usize::MAX)
            .await
            .expect("a whole answer");
        serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)))
    }

    /// The data of a document that has no errors.
    pub async fn query(&self, document: &str, variables: Value) -> Value {
        let mut response = self.execute(document, variables).await;
        assert_eq!(response.get("errors"), None, "{document}");
        response["data"].take()
    }

    /// The top-level error of a document that has one.
    pub async fn error(&self, document: &str, variables: Value) -> Value {
        let mut response = self.execute(document, variables).await;
        let errors = response["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no errors: {response}"));
        assert_eq!(errors.len(), 1, "{errors:?}");
        response["errors"][0].take()
    }

    /// The payload of a mutation, refused or not.
    pub async fn mutate(&self, mutation: &str, input: Value) -> Value {
        let document = document(mutation);
        self.query(&document, json!({ "input": input })).await[mutation].take()
    }

    /// The payload of a mutation that is granted.
    pub async fn granted(&self, mutation: &str, input: Value) -> Value {
        let payload = self.mutate(mutation, input).await;
        assert_eq!(payload["userErrors"], json!([]), "{mutation}");
        payload
    }

    /// What is wrong with a mutation that is refused, and that changes nothing but the audit trail.
    pub async fn refused(&self, mutation: &str, input: Value) -> Vec<Value> {
        let recorded = match (&input["dryRun"], &input["manifests"]) {
            (Value::Bool(true), _) => 0..=0,
            (_, Value::Array(_)) => 1..=100,
            _ => 1..=1,
        };
        let before = self.catalog().await;
        let payload = self.mutate(mutation, input).await;
        let mut after = self.catalog().await;
        let events = |catalog: &Value| catalog["rows"]["audit_events"].as_i64().expect("a count");
        let more = events(&after) - events(&before);
        assert!(
            recorded.contains(&more),
            "a refused {mutation} left {more} audit events"
        );
        after["rows"]["audit_events"] = before["rows"]["audit_events"].clone();
        assert_eq!(after, before, "a refused {mutation} changed something");
        let Value::Object(mut payload) = payload else {
            panic!("a payload")
        };
        let Some(Value::Array(errors)) = payload.remove("userErrors") else {
            panic!("a list of errors")
        };
        assert!(!errors.is_empty(), "{mutation} was granted: {payload:?}");
        for (field, value) in payload {
            let empty = match field.as_str() {
                "replayed" => json!(false),
                "skipped" => json!([]),
                _ => Value::Null,
            };
            assert_eq!(value, empty, "{field} of a refused {mutation}");
        }
        errors
    }

    /// The one thing that is wrong with a mutation that is refused, and that changes nothing.
    pub async fn refused_once(&self, mutation: &str, input: Value) -> Value {
        let mut errors = self.refused(mutation, input).await;
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors.remove(0)
    }

    /// What readers see of the catalog.
    pub async fn readable(&self) -> Value {
        self.query(CATALOG, json!({})).await
    }

    /// All that the catalog holds: what readers see, and how many rows there are of what they do not.
    pub async fn catalog(&self) -> Value {
        let mut catalog = self.readable().await;
        catalog["rows"] = json!(self.row_counts().await);
        catalog
    }

    async fn row_counts(&self) -> BTreeMap<&'static str, i64> {
        let counts =
            TABLES.map(|table| format!("select '{table}' as name, count(*) as count from timestore.{table}"));
        let sql = counts.join(" union all ");
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let rows = self
            .connection
            .query_all_raw(statement)
            .await
            .expect("the counts");
        let count = |row: &QueryResult| {
            let name: String = row.try_get("", "name").expect("a name");
            let table = TABLES.into_iter().find(|table| *table == name).expect("a table");
            (table, row.try_get("", "count").expect("a count"))
        };
        rows.iter().map(count).collect()
    }
}

/// The document of a mutation that selects all of its payload.
pub fn document(mutation: &str) -> String {
    let published =
        format!("manifest {{ {MANIFEST} }} dataset {{ {DATASET} }} replayed skipped {{ filePath reason }}");
    let (input, payload) = match mutation {
        "upsertStorageTarget" => ("UpsertStorageTargetInput", format!("storageTarget {{ {STORAGE_TARGET} }}")),
        "createDataset" => ("CreateDatasetInput", format!("dataset {{ {DATASET} }}")),
        "updateDataset" => ("UpdateDatasetInput", format!("dataset {{ {DATASET} }}")),
        "deleteDataset" => (
            "DeleteDatasetInput",
            "deleted { id slug queuedFiles queuedBytes }".to_owned(),
        ),
        "archiveDataset" => ("ArchiveDatasetInput", format!("dataset {{ {DATASET} }}")),
        "createSchemaVersion" => (
            "CreateSchemaVersionInput",
            format!(
                "schemaVersion {{ {SCHEMA_VERSION} }}
                 compatibility {{ kind reasons {{ kind column message }} plan {{ kind reason columns steps }} }}"
            ),
        ),
        "publishManifest" => ("PublishManifestInput", published),
        "publishManifestDraft" => ("PublishManifestDraftInput", published),
        "rollbackDataset" => ("RollbackDatasetInput", published),
        "relocatePartitions" => ("RelocatePartitionsInput", published),
        "publishManifests" => {
            ("PublishManifestsInput", format!("manifests {{ {MANIFEST} }} replayed skipped {{ filePath reason }}"))
        }
        "createManifestDraft" => ("CreateManifestDraftInput", format!("draft {{ {DRAFT} }}")),
        "stagePartitions" => ("StagePartitionsInput", format!("draft {{ {DRAFT} }} skipped {{ filePath reason }}")),
        "discardManifestDraft" => ("DiscardManifestDraftInput", format!("draft {{ {DRAFT} }}")),
        "setRetentionPolicy" => ("SetRetentionPolicyInput", format!("policy {{ {POLICY} }}")),
        "applyRetention" => (
            "ApplyRetentionInput",
            format!("manifest {{ {MANIFEST} }} dataset {{ {DATASET} }} replayed complete"),
        ),
        "expireManifests" => (
            "ExpireManifestsInput",
            "expired { versions oldestVersion queuedFiles queuedBytes complete }".to_owned(),
        ),
        "clearRetentionPolicy" => (
            "ClearRetentionPolicyInput",
            format!("dataset {{ {DATASET} }} policy {{ {POLICY} }}"),
        ),
        "claimFileRemovals" => (
            "ClaimFileRemovalsInput",
            format!("leaseId leasedUntil removals {{ {FILE_REMOVAL} }}"),
        ),
        "acknowledgeFileRemovals" => ("AcknowledgeFileRemovalsInput", "removed retried dead released".to_owned()),
        "requeueFileRemovals" => ("RequeueFileRemovalsInput", "requeued".to_owned()),
        "triggerLifecycleRun" => ("TriggerLifecycleRunInput", format!("run {{ {LIFECYCLE_RUN} }}")),
        "cancelLifecycleRun" => ("CancelLifecycleRunInput", format!("run {{ {LIFECYCLE_RUN} }}")),
        "createApiToken" => ("CreateApiTokenInput", "secret token { id name scopes expiresAt }".to_owned()),
        "revokeApiToken" => ("RevokeApiTokenInput", "token { id revokedBy revokedAt }".to_owned()),
        "createSnapshot" => ("CreateSnapshotInput", format!("snapshot {{ {SNAPSHOT} }}")),
        "deleteSnapshot" => ("DeleteSnapshotInput", format!("snapshot {{ {SNAPSHOT} }}")),
        other => panic!("no document for {other}"),
    };
    format!("mutation ($input: {input}!) {{ {mutation}(input: $input) {{ {payload} {USER_ERRORS} }} }}")
}

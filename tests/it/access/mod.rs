//! Who may see and do what: a catalog with a dataset that is everyone's and one that is a team's, and callers of every kind.

mod cases;
mod feed;
mod lists;
mod nested;
mod targets;
mod walk;

use serde_json::{Value, json};
use timestore_entity::ids::{DatasetId, ManifestDraftId, PartitionId, SnapshotId};
use timestore_gateway::graphql::id::GlobalId;
use timestore_gateway::http::Identity;
use uuid::Uuid;

use crate::support::app::App;
use crate::support::builders::{partition, slug, with};
use crate::support::database::TestDatabase;

/// The callers of a gateway, each with a token of its own.
struct Callers {
    /// Shows nothing.
    anonymous: App,
    /// Has a scope that means nothing here.
    stranger: App,
    /// `timestore:read`.
    reader: App,
    /// `timestore:write`.
    writer: App,
    /// The read scope of the team.
    member: App,
    /// The write scope of the team.
    publisher: App,
    /// `timestore:admin`.
    admin: App,
}

/// What a dataset and what belongs to it are called.
#[derive(Clone)]
struct Names {
    slug: String,
    dataset: String,
    schema_version: String,
    manifest: String,
    partition: String,
    snapshot: String,
    draft: String,
}

impl Names {
    /// Those of a dataset that is not there.
    fn of_nothing() -> Self {
        let id = DatasetId(Uuid::now_v7());
        let encode = |id: GlobalId| id.encode().to_string();
        Self {
            slug: "absent".to_owned(),
            dataset: encode(GlobalId::Dataset(id)),
            schema_version: encode(GlobalId::SchemaVersion(id, 1)),
            manifest: encode(GlobalId::Manifest(id, 1)),
            partition: encode(GlobalId::Partition(id, PartitionId(Uuid::now_v7()))),
            snapshot: encode(GlobalId::Snapshot(id, SnapshotId(Uuid::now_v7()))),
            draft: encode(GlobalId::ManifestDraft(id, ManifestDraftId(Uuid::now_v7()))),
        }
    }

    /// `answer` with these names in place of `others`.
    fn in_place_of(&self, others: &Self, answer: &Value) -> Value {
        let mut text = answer.to_string();
        for (other, own) in others.all().into_iter().zip(self.all()) {
            text = text.replace(other, own);
        }
        serde_json::from_str(&text).expect("JSON")
    }

    fn all(&self) -> [&str; 7] {
        [
            &self.slug,
            &self.dataset,
            &self.schema_version,
            &self.manifest,
            &self.partition,
            &self.snapshot,
            &self.draft,
        ]
    }
}

/// A gateway that identifies its callers, with the dataset `common` that is everyone's and the dataset `private` that is a
/// team's; the callers, and what the private one is called.
async fn catalog(database: &TestDatabase) -> (Callers, Names) {
    let app = App::identifying(database, Identity::default()).await;
    let callers = Callers {
        stranger: app.with_scopes("stranger", &["other"]).await,
        reader: app.with_scopes("reader", &["timestore:read"]).await,
        writer: app.with_scopes("writer", &["timestore:write"]).await,
        member: app.with_scopes("member", &["team:read"]).await,
        publisher: app.with_scopes("publisher", &["team:write"]).await,
        admin: app.with_scopes("admin", &["timestore:admin"]).await,
        anonymous: app,
    };
    let admin = &callers.admin;
    for dataset in ["common", "private"] {
        admin.dataset(dataset).await;
        let fields = json!([{ "name": "t", "type": "DOUBLE" }]);
        let version = json!({ "dataset": slug(dataset), "fields": fields });
        admin.granted("createSchemaVersion", version).await;
        let publish = json!({ "dataset": slug(dataset), "add": [partition("2020-01-01", "a")], "idempotencyKey": "first" });
        admin.granted("publishManifest", publish).await;
        let snapshot = json!({ "dataset": slug(dataset), "name": "pin" });
        admin.granted("createSnapshot", snapshot).await;
        admin
            .granted(
                "setRetentionPolicy",
                json!({ "dataset": slug(dataset), "keepVersions": 3 }),
            )
            .await;
    }
    let scopes = json!({ "readScopes": ["team:read"], "writeScopes": ["team:write"] });
    admin
        .granted(
            "updateDataset",
            with(json!({ "dataset": slug("private") }), scopes),
        )
        .await;
    let names = names_of_private(admin).await;
    (callers, names)
}

async fn names_of_private(admin: &App) -> Names {
    let document = "{ dataset(by: { slug: \"private\" }) { id schemaVersion { id } manifest { id partitions { nodes { id } } }
        snapshots { nodes { id } } } }";
    let data = admin.query(document, json!({})).await;
    let text = |pointer: &str| {
        data["dataset"]
            .pointer(pointer)
            .and_then(Value::as_str)
            .expect(pointer)
            .to_owned()
    };
    Names {
        slug: "private".to_owned(),
        dataset: text("/id"),
        schema_version: text("/schemaVersion/id"),
        manifest: text("/manifest/id"),
        partition: text("/manifest/partitions/nodes/0/id"),
        snapshot: text("/snapshots/nodes/0/id"),
        draft: admin.draft("private").await["id"]
            .as_str()
            .expect("an id")
            .to_owned(),
    }
}

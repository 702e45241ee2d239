//! What is written straight as JSON is what would have been resolved, whatever a selection looks like.

use serde_json::{Value, json};
use timestore_gateway::auth::Requester;
use timestore_gateway::graphql::plain::Resolved;
use timestore_gateway::graphql::plain::json::to_json;
use timestore_gateway::graphql::{self, Executor};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug, with};
use crate::support::database::TestDatabase;
use crate::support::dice::Dice;

both! {
    any_selection_is_answered_the_same_written_and_resolved,
}

/// The fields of a type: scalars, and objects with their type.
type Fields = (&'static [&'static str], &'static [(&'static str, &'static str)]);

const PARTITION: Fields = (
    &[
        "id",
        "filePath",
        "uri",
        "fileFormat",
        "fileSizeBytes",
        "rowCount",
        "startTime",
        "endTime",
        "partitionKey",
        "checksum",
        "columnStatistics",
        "bloomFilters",
        "ingestionSignature",
        "metadata",
    ],
    &[
        ("storageTarget", "StorageTarget"),
        ("addedIn", "Manifest"),
        ("removedIn", "Manifest"),
    ],
);
const MANIFEST: Fields = (
    &[
        "id",
        "version",
        "status",
        "operation",
        "partitionCount",
        "addedCount",
        "removedCount",
        "totalRows",
        "totalBytes",
        "startTime",
        "endTime",
        "createdBy",
        "createdAt",
        "publishedAt",
        "summary",
        "metadata",
    ],
    &[
        ("schemaVersion", "SchemaVersion"),
        ("dataset", "Dataset"),
        ("partitions", "PartitionConnection"),
        ("addedPartitions", "PartitionConnection"),
        ("removedPartitions", "PartitionConnection"),
    ],
);
const SCHEMA_VERSION: Fields = (
    &[
        "id",
        "version",
        "description",
        "checksum",
        "createdBy",
        "createdAt",
    ],
    &[("fields", "Field"), ("manifests", "ManifestConnection")],
);
const STORAGE_TARGET: Fields = (
    &[
        "id",
        "name",
        "kind",
        "baseUri",
        "description",
        "config",
        "createdAt",
        "updatedAt",
    ],
    &[],
);
const RETENTION_POLICY: Fields = (
    &[
        "mode",
        "maxAge",
        "maxTotalBytes",
        "keepVersions",
        "maxVersionAge",
        "deleteGrace",
        "coldStorageAfter",
        "metadata",
        "revision",
        "updatedAt",
        "updatedBy",
    ],
    &[("coldStorageTarget", "StorageTarget")],
);
const DATASET: Fields = (
    &[
        "id",
        "slug",
        "name",
        "description",
        "status",
        "writeFormat",
        "compatibility",
        "readScopes",
        "metadata",
        "revision",
        "archiveReason",
        "createdAt",
        "updatedAt",
        "lastPublishedAt",
    ],
    &[
        ("defaultStorageTarget", "StorageTarget"),
        ("schemaVersion", "SchemaVersion"),
        ("schemaVersions", "SchemaVersionConnection"),
        ("manifest", "Manifest"),
        ("manifests", "ManifestConnection"),
        ("retentionPolicy", "RetentionPolicy"),
    ],
);

fn fields(of: &str) -> Fields {
    match of {
        "Partition" => PARTITION,
        "Manifest" => MANIFEST,
        "SchemaVersion" => SCHEMA_VERSION,
        "StorageTarget" => STORAGE_TARGET,
        "RetentionPolicy" => RETENTION_POLICY,
        "Dataset" => DATASET,
        "Field" => (&["name", "type", "nullable"], &[]),
        "PartitionConnection" => (
            &["totalCount"],
            &[("nodes", "Partition"), ("edges", "PartitionEdge")],
        ),
        "PartitionEdge" => (&["cursor"], &[("node", "Partition")]),
        "ManifestConnection" => (
            &["totalCount"],
            &[("nodes", "Manifest"), ("edges", "ManifestEdge")],
        ),
        "ManifestEdge" => (&["cursor"], &[("node", "Manifest")]),
        "SchemaVersionConnection" => (&[], &[("nodes", "SchemaVersion"), ("edges", "SchemaVersionEdge")]),
        "SchemaVersionEdge" => (&["cursor"], &[("node", "SchemaVersion")]),
        other => panic!("{other}"),
    }
}

/// A random document.
struct Author<'a> {
    dice: &'a mut Dice,
    fragments: Vec<String>,
    aliases: usize,
}

impl Author<'_> {
    /// A selection of a type, in braces, objects down to so many levels.
    fn selection(&mut self, of: &str, levels: usize) -> String {
        let (scalars, objects) = fields(of);
        let mut parts = Vec::new();
        for _ in 0..1 + self.dice.below(5) {
            parts.push(match self.dice.below(10) {
                0 => "__typename".to_owned(),
                1 if levels > 0 => format!("... {{ {} }}", self.inner(of, levels)),
                2 if levels > 0 => format!("... on {of} {{ {} }}", self.inner(of, levels)),
                3 if levels > 0 => {
                    let fragment = format!("f{}", self.fragments.len());
                    self.fragments.push(String::new());
                    let at = self.fragments.len() - 1;
                    self.fragments[at] =
                        format!("fragment {fragment} on {of} {{ {} }}", self.inner(of, levels));
                    format!("...{fragment}")
                }
                4..7 if levels > 0 && !objects.is_empty() => {
                    let (name, of) = objects[self.dice.below(objects.len())];
                    // Objects that are named alike are merged, and nothing of such a document is written by hand.
                    let alias = if self.dice.one_in(8) {
                        String::new()
                    } else {
                        self.alias()
                    };
                    format!("{alias}{name} {}", self.selection(of, levels - 1))
                }
                _ if scalars.is_empty() => "__typename".to_owned(),
                _ => {
                    let name = scalars[self.dice.below(scalars.len())];
                    let alias = if self.dice.one_in(4) {
                        self.alias()
                    } else {
                        String::new()
                    };
                    format!("{alias}{name}{}", self.directive())
                }
            });
        }
        format!("{{ {} }}", parts.join(" "))
    }

    fn inner(&mut self, of: &str, levels: usize) -> String {
        let selection = self.selection(of, levels - 1);
        selection[1..selection.len() - 1].trim().to_owned()
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("a{}: ", self.aliases)
    }

    fn directive(&mut self) -> &'static str {
        match self.dice.below(12) {
            0 => " @skip(if: $yes)",
            1 => " @include(if: $yes)",
            2 => " @skip(if: false)",
            _ => "",
        }
    }
}

fn document(dice: &mut Dice) -> String {
    let mut author = Author {
        dice,
        fragments: Vec::new(),
        aliases: 0,
    };
    let selection = author.selection("Dataset", 6);
    format!(
        "query($yes: Boolean = true) {{ dataset(by: {{ slug: \"weather\" }}) {selection} \
         __typename @skip(if: $yes) }} {}",
        author.fragments.join(" ")
    )
}

/// A catalog in which every field has a value somewhere, and none somewhere else.
async fn fill(app: &App) {
    app.dataset("weather").await;
    let odd = json!({
        "partitionKey": { "city": "Zürich \"Mitte\"\n", "n": 7, "x": 1.5, "none": null },
        "metadata": { "a": [1, { "b": "\u{1F600}" }] },
        "checksum": format!("md5:{}", "0".repeat(32)),
        "ingestionSignature": "s\\1",
        "columnStatistics": { "t": { "min": 1.0, "max": 2.0, "nullCount": 0 } },
    });
    let add = [
        with(partition("2020-01-01", "a.parquet"), odd),
        partition("2020-01-02", "b ü.parquet"),
    ];
    let field = json!({ "name": "t", "type": "DOUBLE", "nullable": true, "unit": "K" });
    let first = json!({ "dataset": slug("weather"), "add": add, "schema": { "fields": [field] }, "metadata": { "m": 1 } });
    app.granted("publishManifest", first).await;
    let remove = json!([{ "path": { "filePath": "a.parquet" } }]);
    app.granted(
        "publishManifest",
        json!({ "dataset": slug("weather"), "remove": remove, "operation": "DELETE" }),
    )
    .await;
    app.append("weather", [partition("2020-01-03", "c.parquet")])
        .await;
    let rules =
        json!({ "mode": "TIME", "maxAge": "P30D", "deleteGrace": "PT1H30M", "metadata": { "by": "ann" } });
    let input = with(json!({ "dataset": slug("weather") }), rules);
    app.granted("setRetentionPolicy", input).await;
}

async fn any_selection_is_answered_the_same_written_and_resolved(database: TestDatabase) {
    let app = App::new(&database).await;
    fill(&app).await;
    let executor = Executor::new(graphql::schema(app.store.clone()));
    let answer = async |document: &str, resolved: bool| {
        let request = async_graphql::Request::new(document).data(Requester::unrestricted(None));
        let request = if resolved { request.data(Resolved) } else { request };
        let executor = executor.clone();
        let answer = tokio::spawn(async move { executor.execute(request).await });
        let answer = answer.await.expect("no panic");
        let is_written = format!("{:?}", answer.data).contains("Binary(");
        assert!(!(resolved && is_written), "{document}");
        (String::from_utf8(to_json(&answer)).expect("UTF-8"), is_written)
    };
    let mut dice = Dice::new();
    let (mut answered, mut by_hand) = (0, 0);
    for _ in 0..300 {
        let document = document(&mut dice);
        let (written, is_written) = answer(&document, false).await;
        let (resolved, _) = answer(&document, true).await;
        assert_eq!(written, resolved, "{document}");
        let json: Value = serde_json::from_str(&written).expect("JSON");
        answered += usize::from(json.get("errors").is_none());
        by_hand += usize::from(is_written);
    }
    // Some documents select one name for two things, and are refused.
    assert!(answered > 100, "only {answered} documents were answered");
    assert!(by_hand > 20, "only {by_hand} documents were written by hand");
}

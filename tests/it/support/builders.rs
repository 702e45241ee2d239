//! Requests that state only what matters to a test.

use serde_json::{Value, json};

use super::app::App;

/// A file of one day, with 24 rows and 1,000 bytes.
pub fn partition(day: &str, path: &str) -> Value {
    json!({
        "filePath": path,
        "fileSizeBytes": "1000",
        "rowCount": 24,
        "startTime": format!("{day}T00:00:00Z"),
        "endTime": format!("{day}T23:59:59.999999Z"),
    })
}

/// A field of rows, nullable unless it says otherwise.
pub fn field(name: &str, r#type: &str) -> Value {
    json!({ "name": name, "type": r#type, "nullable": true })
}

/// Names a dataset.
pub fn slug(slug: &str) -> Value {
    json!({ "slug": slug })
}

/// Names a file on the default storage target.
pub fn path(path: &str) -> Value {
    json!({ "path": { "filePath": path } })
}

/// `changes` laid over `base`.
pub fn with(mut base: Value, changes: Value) -> Value {
    let (Value::Object(fields), Value::Object(changes)) = (&mut base, changes) else {
        panic!("two objects")
    };
    fields.extend(changes);
    base
}

impl App {
    /// A storage target.
    pub async fn storage_target(&self, name: &str) -> Value {
        let input = json!({ "name": name, "kind": "S3", "baseUri": format!("s3://{name}/timestore") });
        self.granted("upsertStorageTarget", input).await["storageTarget"].take()
    }

    /// A dataset whose files lie on the storage target `lake`.
    pub async fn dataset(&self, slug: &str) -> Value {
        self.storage_target("lake").await;
        let input = json!({ "slug": slug, "name": slug, "defaultStorageTarget": { "name": "lake" } });
        self.granted("createDataset", input).await["dataset"].take()
    }

    /// The next version of a dataset, with these files more.
    pub async fn append<const N: usize>(&self, dataset: &str, add: [Value; N]) -> Value {
        let input = json!({ "dataset": slug(dataset), "add": add.as_slice() });
        self.granted("publishManifest", input).await["manifest"].take()
    }

    /// A draft of a dataset's next version.
    pub async fn draft(&self, dataset: &str) -> Value {
        self.granted("createManifestDraft", json!({ "dataset": slug(dataset) }))
            .await["draft"]
            .take()
    }
}

/// The paths of the files of a manifest.
pub fn files(manifest: &Value) -> Vec<&str> {
    let nodes = manifest["partitions"]["nodes"].as_array().expect("files");
    nodes
        .iter()
        .map(|node| node["filePath"].as_str().expect("a path"))
        .collect()
}

/// The code and the path of a user error.
pub fn code_and_path(error: &Value) -> (&str, String) {
    let parts = error["path"].as_array().expect("a path");
    let parts: Vec<&str> = parts.iter().map(|part| part.as_str().expect("a part")).collect();
    (error["code"].as_str().expect("a code"), parts.join("."))
}

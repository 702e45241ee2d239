//! Fresh storage for each test: a directory of its own, or a bucket of its own on the server that `TIMESTORE_TEST_S3_URL`
//! names. `scripts/test` starts that server; without it the tests fail.
//!
//! Files are written and looked at without the code that is tested: with `std::fs`, and with plain HTTP requests.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use timestore_entity::Timestamp;
use timestore_entity::enums::StorageKind;
use timestore_entity::ids::StorageTargetId;
use timestore_entity::storage_target::Model as StorageTarget;
use timestore_gateway::storage::{Environment, TargetFiles};
use uuid::Uuid;

/// What the environment holds for the S3 server.
pub const S3_VARIABLES: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];

/// Storage of its own: a directory that goes when the test ends, or a bucket that goes with the server.
pub enum TestStorage {
    /// On disk.
    Disk {
        /// A directory beside which there may be others.
        directory: PathBuf,
    },
    /// In a bucket; the base is a prefix of it.
    S3 {
        /// The server.
        endpoint: String,
        /// The bucket.
        bucket: String,
    },
}

impl TestStorage {
    /// An empty directory. Its base URI names a directory in it, so that there is something outside.
    pub fn disk() -> Self {
        let directory = std::env::temp_dir().join(format!("timestore-storage-{}", Uuid::now_v7().simple()));
        fs::create_dir_all(directory.join("base")).unwrap();
        Self::Disk {
            directory: fs::canonicalize(directory).unwrap(),
        }
    }

    /// An empty bucket.
    pub async fn s3() -> Self {
        let endpoint = std::env::var("TIMESTORE_TEST_S3_URL").expect(
            "TIMESTORE_TEST_S3_URL names no S3 server: run scripts/test, which starts one, or eval \"$(scripts/s3 start)\"",
        );
        let storage = Self::S3 {
            endpoint,
            bucket: format!("test-{}", Uuid::now_v7().simple()),
        };
        storage.request("PUT", "", &[]).await;
        storage
    }

    /// Its kind; the API writes it in capitals.
    pub fn kind(&self) -> StorageKind {
        match self {
            Self::Disk { .. } => StorageKind::Local,
            Self::S3 { .. } => StorageKind::S3,
        }
    }

    /// The base URI of its storage target.
    pub fn base_uri(&self) -> String {
        match self {
            Self::Disk { directory } => directory.join("base").to_str().unwrap().to_owned(),
            Self::S3 { bucket, .. } => format!("s3://{bucket}/base"),
        }
    }

    /// The configuration of its storage target.
    pub fn config(&self) -> Value {
        match self {
            Self::Disk { .. } => json!({}),
            Self::S3 { endpoint, .. } => json!({ "endpoint": endpoint, "allowHttp": true }),
        }
    }

    /// The variables with its credentials, for a process.
    pub fn variables(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Disk { .. } => &[],
            Self::S3 { .. } => &S3_VARIABLES,
        }
    }

    /// The environment with its credentials.
    pub fn environment(&self) -> Environment {
        self.variables().iter().copied().collect()
    }

    /// Its storage target, as the catalog would hold it.
    pub fn target(&self) -> StorageTarget {
        target(self.kind(), &self.base_uri(), self.config())
    }

    /// Its files, as the code that is tested sees them.
    pub fn files(&self) -> TargetFiles {
        TargetFiles::open(&self.target(), &self.environment()).unwrap()
    }

    /// Writes a file; the path is relative to the base, and literal.
    pub async fn put(&self, path: &str, bytes: &[u8]) {
        self.put_beside(&format!("base/{path}"), bytes).await;
    }

    /// Writes a file with a path relative to what the base lies in, so that it can lie outside.
    pub async fn put_beside(&self, path: &str, bytes: &[u8]) {
        match self {
            Self::Disk { directory } => {
                let file = directory.join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, bytes).unwrap();
            }
            Self::S3 { .. } => {
                self.request("PUT", path, bytes).await;
            }
        }
    }

    /// Whether there is a file.
    pub async fn exists(&self, path: &str) -> bool {
        self.list().await.iter().any(|found| found == path)
    }

    /// The paths of all files below the base, sorted.
    pub async fn list(&self) -> Vec<String> {
        let mut found = match self {
            Self::Disk { directory } => paths_below(&directory.join("base")),
            Self::S3 { .. } => self.keys().await,
        };
        found.sort();
        found
    }

    /// The directory that the base lies in.
    pub fn directory(&self) -> &Path {
        match self {
            Self::Disk { directory } => directory,
            Self::S3 { .. } => panic!("a bucket is no directory"),
        }
    }

    async fn keys(&self) -> Vec<String> {
        let listed = self
            .request("GET", "?list-type=2&max-keys=1000&prefix=base/", &[])
            .await;
        assert!(listed.contains("<IsTruncated>false<"), "more than a page");
        let keys = listed
            .split("<Key>base/")
            .skip(1)
            .map(|rest| rest.split("</Key>").next().unwrap());
        keys.map(unescaped).collect()
    }

    /// A request to the bucket: a query, or else a literal key.
    async fn request(&self, method: &'static str, key: &str, body: &[u8]) -> String {
        let Self::S3 { endpoint, bucket } = self else {
            panic!("a directory takes no requests")
        };
        let place = if key.starts_with('?') {
            key.to_owned()
        } else {
            format!("/{}", encoded(key))
        };
        let url = format!("{endpoint}/{bucket}{}", place.trim_end_matches('/'));
        let body = body.to_vec();
        tokio::task::spawn_blocking(move || {
            let answer = if method == "GET" {
                ureq::get(&url).call()
            } else {
                ureq::put(&url)
                    .content_type("application/octet-stream")
                    .send(&body[..])
            };
            answer.unwrap().body_mut().read_to_string().unwrap()
        })
        .await
        .unwrap()
    }
}

impl Drop for TestStorage {
    fn drop(&mut self) {
        // Buckets go with the server; a directory would stay.
        if let Self::Disk { directory } = self {
            drop(fs::remove_dir_all(directory));
        }
    }
}

/// A storage target, as the catalog would hold it.
pub fn target(kind: StorageKind, base_uri: &str, config: Value) -> StorageTarget {
    StorageTarget {
        id: StorageTargetId(Uuid::now_v7()),
        name: "storage".to_owned(),
        kind,
        base_uri: base_uri.to_owned(),
        description: None,
        config,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        place: None,
    }
}

fn paths_below(base: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut directories = vec![base.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.push(path.strip_prefix(base).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

fn encoded(key: &str) -> String {
    let mut encoded = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

fn unescaped(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(text.to_owned(), |text, (entity, char)| text.replace(entity, char))
}

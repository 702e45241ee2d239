//! What makes a storage target one that can be opened, and what is said about one that cannot.

use serde_json::{Value, json};
use timestore_entity::Timestamp;
use timestore_entity::enums::StorageKind::{self, AzureBlob, Gcs, Http, Local, S3};
use timestore_entity::ids::StorageTargetId;
use uuid::Uuid;

use super::{Environment, StorageError, StorageTarget, TargetFiles};
use crate::model::naming;

const NOBODY: [(&str, &str); 0] = [];
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];

fn open<const N: usize>(
    kind: StorageKind,
    base: &str,
    config: Value,
    variables: [(&str, &str); N],
) -> Result<TargetFiles, StorageError> {
    assert_eq!(
        naming::config_secrets(&config),
        [""; 0],
        "the catalog would not hold {config}"
    );
    let target = StorageTarget {
        id: StorageTargetId(Uuid::nil()),
        name: "lake".to_owned(),
        kind,
        base_uri: base.to_owned(),
        description: None,
        config,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        place: None,
    };
    TargetFiles::open(&target, &Environment::from_iter(variables))
}

fn refusal<const N: usize>(
    kind: StorageKind,
    base: &str,
    config: Value,
    variables: [(&str, &str); N],
) -> String {
    let error = open(kind, base, config.clone(), variables).expect_err(&config.to_string());
    assert!(!error.is_transient(), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    error.to_string()
}

#[test]
fn every_base_that_the_catalog_takes_can_be_opened() {
    let account = json!({ "account": "account" });
    let bases = [
        (Local, "/", json!({})),
        (Local, "/data/a b", Value::Null),
        (Local, "file:///data/a%20b", json!({})),
        (S3, "s3://my.bucket", json!({ "region": "eu-central-1" })),
        (S3, "s3://bucket/a/b", json!({ "virtualHostedStyle": true })),
        (Gcs, "gs://bucket/a", json!({})),
        (AzureBlob, "az://container/a", account.clone()),
        (AzureBlob, "abfs://container", account.clone()),
        (
            AzureBlob,
            "abfss://container@account.dfs.core.windows.net/a",
            account,
        ),
        (
            AzureBlob,
            "https://account.blob.core.windows.net/container/a",
            json!({}),
        ),
        (Http, "http://localhost:9000/files", json!({})),
        (Http, "https://[::1]:8443", json!({})),
    ];
    for (kind, base, config) in bases {
        assert!(open(kind, base, config, NOBODY).is_ok(), "{base}");
    }
}

#[test]
fn bases_that_do_not_fit_are_refused() {
    let bases = [
        (S3, "gs://bucket", "beginning with s3://"),
        (S3, "s3://bucket/a%2F%2Fb", "no empty segments"),
        (S3, "s3://bucket/%FF", "UTF-8"),
        (Local, "file:///%FF", "UTF-8"),
        (
            AzureBlob,
            "https://account.blob.core.windows.net",
            "expected a container",
        ),
        (
            AzureBlob,
            "https://files.example.com/container",
            "account.blob.core.windows.net",
        ),
    ];
    for (kind, base, expected) in bases {
        let said = refusal(kind, base, json!({}), NOBODY);
        assert!(
            said.starts_with("base URI: ") && said.contains(expected),
            "{base}: {said}"
        );
    }
}

#[test]
fn settings_that_are_not_known_are_refused_by_name() {
    let settings = [
        (
            S3,
            "s3://b",
            json!({ "regoin": "x" }),
            "config has the unknown key \"regoin\": expected region, endpoint, allowHttp, virtualHostedStyle, credentials",
        ),
        (
            Gcs,
            "gs://b",
            json!({ "region": "x" }),
            "config has the unknown key \"region\": expected endpoint, allowHttp, credentials",
        ),
        (
            AzureBlob,
            "az://c",
            json!({ "account": "a", "region": "x" }),
            "config has the unknown key \"region\": expected account, endpoint, allowHttp, credentials",
        ),
        (
            Local,
            "/data",
            json!({ "region": "x" }),
            "config has the unknown key \"region\": expected no settings for this kind of storage",
        ),
        (
            Http,
            "http://h",
            json!({ "credentials": "x" }),
            "config has the unknown key \"credentials\": expected no settings for this kind of storage",
        ),
    ];
    for (kind, base, config, expected) in settings {
        assert_eq!(refusal(kind, base, config, NOBODY), expected);
    }
}

#[test]
fn settings_have_their_types_and_forms() {
    let s3 = |config| refusal(S3, "s3://b", config, NOBODY);
    assert_eq!(s3(json!([])), "config: expected an object");
    assert_eq!(s3(json!({ "region": 1 })), "config.region: expected text");
    assert_eq!(
        s3(json!({ "allowHttp": "true" })),
        "config.allowHttp: expected true or false"
    );
    assert_eq!(
        s3(json!({ "endpoint": "http://minio:9000" })),
        "config.endpoint: expected https://, or config.allowHttp to be true"
    );
    assert_eq!(
        s3(json!({ "endpoint": "minio:9000" })),
        "config.endpoint: expected a URL beginning with https://"
    );
    for endpoint in ["https://", "https://user@minio", "https://minio?x=1"] {
        assert_eq!(
            s3(json!({ "endpoint": endpoint })),
            "config.endpoint: expected a host, and no credentials, query or fragment"
        );
    }
    for reference in ["vault:kv/s3", "env:", "projects/x", "a b", "1x"] {
        assert_eq!(
            s3(json!({ "credentials": reference })),
            "config.credentials: expected env: and the prefix of environment variables, such as env:WAREHOUSE"
        );
    }
    assert_eq!(
        refusal(AzureBlob, "az://c", json!({}), NOBODY),
        "config.account: expected the storage account, which neither the base URI nor AZURE_STORAGE_ACCOUNT_NAME names"
    );
    let base = "abfss://c@account.dfs.core.windows.net";
    assert_eq!(
        refusal(AzureBlob, base, json!({ "account": "other" }), NOBODY),
        "config.account: expected the account that the base URI names"
    );
}

#[test]
fn named_credentials_are_looked_up_under_their_name_only() {
    let missing = |kind, base, credentials: &str, variable: &str| {
        let said = refusal(kind, base, json!({ "credentials": credentials }), KEYS);
        assert_eq!(
            said,
            format!("credentials: the environment variable {variable} is not set")
        );
    };
    missing(S3, "s3://b", "env:WAREHOUSE", "WAREHOUSE_AWS_ACCESS_KEY_ID");
    missing(S3, "s3://b", "lake-writer", "LAKE_WRITER_AWS_ACCESS_KEY_ID");
    missing(
        Gcs,
        "gs://b",
        "env:WAREHOUSE",
        "WAREHOUSE_GOOGLE_APPLICATION_CREDENTIALS",
    );
    let azure = "https://account.blob.core.windows.net/c";
    missing(
        AzureBlob,
        azure,
        "env:WAREHOUSE",
        "WAREHOUSE_AZURE_STORAGE_ACCOUNT_KEY",
    );

    let named = [
        ("LAKE_WRITER_AWS_ACCESS_KEY_ID", "id"),
        ("LAKE_WRITER_AWS_SECRET_ACCESS_KEY", "hunter2"),
    ];
    assert!(open(S3, "s3://b", json!({ "credentials": "lake-writer" }), named).is_ok());
}

#[test]
fn half_of_a_credential_is_none() {
    let s3 = |variables| refusal(S3, "s3://b", json!({}), variables);
    let azure = |variables| {
        refusal(
            AzureBlob,
            "https://a.blob.core.windows.net/c",
            json!({}),
            variables,
        )
    };
    let not_set = |name| format!("credentials: the environment variable {name} is not set");
    assert_eq!(
        s3([("AWS_ACCESS_KEY_ID", "id")]),
        not_set("AWS_SECRET_ACCESS_KEY")
    );
    assert_eq!(
        s3([("AWS_SECRET_ACCESS_KEY", "hunter2")]),
        not_set("AWS_ACCESS_KEY_ID")
    );
    assert_eq!(
        s3([("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")]),
        not_set("AWS_ROLE_ARN")
    );
    assert_eq!(
        s3([("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://x")]),
        not_set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    );
    assert_eq!(
        azure([("AZURE_CLIENT_SECRET", "hunter2")]),
        not_set("AZURE_CLIENT_ID")
    );
    assert_eq!(
        azure([("AZURE_FEDERATED_TOKEN_FILE", "/t")]),
        not_set("AZURE_CLIENT_ID")
    );
}

#[test]
fn credentials_that_cannot_be_read_are_not_repeated() {
    let google = |name, value| refusal(Gcs, "gs://b", json!({}), [(name, value)]);
    let azure = |name, value| {
        refusal(
            AzureBlob,
            "https://a.blob.core.windows.net/c",
            json!({}),
            [(name, value)],
        )
    };
    let said = [
        google("GOOGLE_SERVICE_ACCOUNT_KEY", "hunter2"),
        google("GOOGLE_SERVICE_ACCOUNT_KEY", r#"{"private_key": "hunter2"}"#),
        google("GOOGLE_SERVICE_ACCOUNT", "/no/such/file"),
        google("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file"),
        azure("AZURE_STORAGE_ACCOUNT_KEY", "hunter2"),
        azure("AZURE_STORAGE_SAS_TOKEN", "hunter2"),
    ];
    for said in said {
        assert!(said.starts_with("credentials: "), "{said}");
    }
}

#[test]
fn what_stands_for_an_environment_shows_none_of_it() {
    let files = open(S3, "s3://b", json!({}), KEYS).expect("a bucket");
    assert!(!format!("{files:?} {:?}", Environment::from_iter(KEYS)).contains("hunter2"));
}

//! Secrets that have no place in a storage target's configuration.
//!
//! The catalog names where credentials are kept, and never holds them: what it holds, everyone who may read
//! it can see. This finds what looks like a secret by name or by form. It cannot find them all.

use serde_json::Value;

/// What makes a key the name of a secret wherever it occurs in it, words run together.
const SECRET_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorization",
    "apikey",
    "accountkey",
    "privatekey",
    "sharedkey",
    "encryptionkey",
    "customerkey",
    "signingkey",
    "connectionstring",
    "sastoken",
];

/// Words that make a key the name of a secret.
const SECRET_WORDS: &[&str] = &["pwd", "sas", "token"];

/// Words that, as the last of a key, say that the value only names or describes a secret.
const REFERENCE_WORDS: &[&str] = &[
    "ref",
    "reference",
    "env",
    "name",
    "file",
    "path",
    "url",
    "uri",
    "arn",
    "id",
    "endpoint",
    "type",
    "provider",
    "ttl",
    "expires",
    "version",
];

/// Beginnings of values that name where a secret is kept.
const REFERENCE_VALUES: &[&str] = &[
    "env:",
    "file:",
    "ref:",
    "vault:",
    "secret:",
    "keychain:",
    "arn:",
    "projects/",
    "${",
];

/// The JSON paths, such as `$.s3.secret_access_key`, of what looks like a secret in `config`, in order.
///
/// By name: keys with words such as `password`, `secret`, `token`, `account_key` or `connection_string`, in
/// whatever case, whose value is not blank; `credentials` whose value is an object. By form: private keys,
/// signed URLs, user and password in a URL, an AWS key id together with its secret, JSON web tokens, account
/// keys in connection strings. Names and references pass: keys that end in a word such as `ref`, `env`,
/// `name` or `file`, values such as `env:S3_SECRET`, and plain words under `credentials`.
pub fn config_secrets(config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    search(config, "$", false, &mut found);
    found
}

/// `named`: a key above has said that what is below is secret.
fn search(value: &Value, path: &str, named: bool, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let words = words(key);
                let is_reference = words
                    .last()
                    .is_some_and(|word| REFERENCE_WORDS.contains(&word.as_str()));
                let is_credentials = matches!(
                    words.last().map(String::as_str),
                    Some("credential" | "credentials")
                );
                let named = !is_reference
                    && (named
                        || is_secret(&words)
                        || (is_credentials && (value.is_object() || value.is_array())));
                search(value, &format!("{path}.{key}"), named, found);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                search(value, &format!("{path}[{index}]"), named, found);
            }
        }
        Value::String(text) => {
            let is_reference = REFERENCE_VALUES.iter().any(|start| text.starts_with(start));
            if has_secret_form(text) || (named && !text.trim().is_empty() && !is_reference) {
                found.push(path.to_owned());
            }
        }
        Value::Number(_) if named => found.push(path.to_owned()),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn is_secret(words: &[String]) -> bool {
    let together = words.concat();
    SECRET_PARTS.iter().any(|part| together.contains(part))
        || words.iter().any(|word| SECRET_WORDS.contains(&word.as_str()))
}

/// The words of a key in lower case, whether it is written as `snake_case`, `kebab-case`, `camelCase` or
/// `SHOUTING`.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words
                .last_mut()
                .into_iter()
                .for_each(|word| word.extend(c.to_lowercase()));
        }
        after_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn has_secret_form(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let parameter = |name: &str| {
        lower
            .match_indices(name)
            .any(|(at, _)| at == 0 || matches!(lower.as_bytes()[at - 1], b'?' | b'&' | b';'))
    };
    let is_private_key = lower.contains("-----begin") && lower.contains("private key");
    let is_signed = [
        "sig=",
        "x-amz-signature=",
        "x-goog-signature=",
        "accountkey=",
        "sharedaccesskey=",
    ]
    .into_iter()
    .any(parameter);
    let is_web_token = text.starts_with("eyJ") && text.split('.').count() == 3;
    is_private_key || is_signed || is_web_token || has_userinfo(text) || has_aws_pair(text)
}

/// `scheme://user:password@…`
fn has_userinfo(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

/// An AWS key id with more behind it. Alone it is an identifier.
fn has_aws_pair(text: &str) -> bool {
    let starts = ["AKIA", "ASIA"]
        .into_iter()
        .flat_map(|start| text.match_indices(start));
    starts.map(|(at, _)| &text.as_bytes()[at..]).any(|id| {
        let length = id
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            .count();
        length == 20 && id.len() > 20 + 30
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_found_by_name_however_it_is_written() {
        let keys = [
            "password",
            "db-password",
            "PASSWORD",
            "secret",
            "secretAccessKey",
            "secret_access_key",
            "AWS_SECRET_ACCESS_KEY",
            "access_key_secret",
            "token",
            "sessionToken",
            "sas_token",
            "SASToken",
            "secretkey",
            "sas",
            "account_key",
            "accountKey",
            "private_key",
            "connection_string",
            "connectionString",
            "client_secret",
            "apiKey",
            "Authorization",
        ];
        for key in keys {
            assert_eq!(
                config_secrets(&json!({ "s3": { key: "x" } })),
                [format!("$.s3.{key}")]
            );
        }
    }

    #[test]
    fn secrets_are_found_by_form() {
        let web_token = "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IPuAllT";
        let values = [
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
            "https://a.blob.core.windows.net/c?sv=2022&sig=abc",
            "?sig=abc",
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc==",
            "postgres://user:pass@host/db",
            "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            web_token,
        ];
        for value in values {
            assert_eq!(
                config_secrets(&json!({ "a": ["b", { "note": value }] })),
                ["$.a[1].note"],
                "{value}"
            );
        }
    }

    #[test]
    fn all_are_found_at_once() {
        let config = json!({
            "region": "eu-west-1",
            "credentials": { "user": "x", "type": "static", "keys": ["y", 7] },
            "password": 1234,
            "token": ["a"],
        });
        let found = [
            "$.credentials.keys[0]",
            "$.credentials.keys[1]",
            "$.credentials.user",
            "$.password",
            "$.token[0]",
        ];
        assert_eq!(config_secrets(&config), found);
    }

    #[test]
    fn references_and_settings_pass() {
        let config = json!({
            "region": "eu-west-1",
            "endpoint": "http://minio:9000",
            "access_key_id": "AKIAIOSFODNN7EXAMPLE",
            "password_env": "S3_PASSWORD",
            "secretRef": "kv/s3",
            "secret_name": "s3-writer",
            "token_file": "/run/secrets/token",
            "tokenUrl": "https://login/token",
            "secret": "env:S3_SECRET",
            "sas_token": "${SAS}",
            "credentials": "s3-writer",
            "credential": { "env": "AWS_PROFILE", "type": "profile" },
            "credentials_ref": { "path": "kv/s3" },
            "password": "",
            "use_token": true,
            "max_tokens": 5,
            "secret_access_key": null,
            "partition_key": "day",
            "key": "value",
            "design": "x?design=1",
            "url": "https://host:80/a@b",
        });
        assert_eq!(config_secrets(&config), Vec::<String>::new());
    }
}

//! JWTs that are believed, and all kinds that are not.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::jwks::{Jwks, JwksSource};
use super::jwt::{Jwt, JwtFault, JwtSettings};

// Keys made for these tests.
const EC: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmsShEwe7XEUIyxzyUFhUeAJ8i9gIdYdDq5JOHsmoJHuhRANCAARQzd+HvDli0NsXaoGi88VUHBwX+wyQ33XlXx0zKoIQy9MTmk6trCofcXHGHwmdOLIRggeviZAhc2ubrIxhR2/j";
const OTHER_EC: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqO11MH/gnkJhsM2Oyf/HF49FqHfax2sSKmP7GYPKWf2hRANCAAQlqyXg0rjPF+SAHHYhdz35Lrogg1bDjMLt6fCSVBrhgMkiKvxsPGGz1wZ3zWZzr/L5+LkxJdq61RTjYugAdkwS";
const ED: &str = "MC4CAQAwBQYDK2VwBCIEIPlFoByT5z8OSjO6nVB8qfTE1yobMS3cDBEMKdBnxCUE";
const RSA: &[u8] = include_bytes!("jwt_tests_rsa.der");

#[expect(
    clippy::disallowed_methods,
    reason = "the library goes by the clock of the system"
)]
fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

fn ec(base64: &str) -> EncodingKey {
    EncodingKey::from_ec_der(&STANDARD.decode(base64).unwrap())
}

fn ed() -> EncodingKey {
    EncodingKey::from_ed_der(&STANDARD.decode(ED).unwrap())
}

fn rsa() -> EncodingKey {
    EncodingKey::from_rsa_der(RSA)
}

fn public(id: &str, key: &EncodingKey, algorithm: Algorithm) -> Jwk {
    let mut key = Jwk::from_encoding_key(key, algorithm).unwrap();
    key.common.key_id = Some(id.to_owned());
    key
}

/// A file with keys, which goes with the test.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(name: &str, keys: Vec<Jwk>) -> Self {
        let path = std::env::temp_dir().join(format!("timestore-{}-{name}.json", std::process::id()));
        let file = Self(path);
        file.write(keys);
        file
    }

    fn write(&self, keys: Vec<Jwk>) {
        std::fs::write(&self.0, serde_json::to_vec(&JwkSet { keys }).unwrap()).unwrap();
    }

    fn jwt(&self) -> Jwt {
        let settings = JwtSettings {
            issuer: "https://issuer".to_owned(),
            audiences: vec!["timestore".to_owned(), "metadata".to_owned()],
            algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            scope_claim: "scope".to_owned(),
            leeway: 60,
        };
        Jwt::new(settings, Jwks::new(JwksSource::File(self.0.clone())).unwrap())
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn claims() -> Value {
    json!({ "iss": "https://issuer", "aud": "timestore", "sub": "ann", "exp": now() + 600, "scope": "timestore:read team" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn token(id: Option<&str>, algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = id.map(str::to_owned);
    encode(&header, claims, key).unwrap()
}

fn good(claims: &Value) -> String {
    token(Some("ec"), Algorithm::ES256, &ec(EC), claims)
}

fn all_keys() -> Vec<Jwk> {
    let mut for_encryption = public("enc", &ec(OTHER_EC), Algorithm::ES256);
    for_encryption.common.public_key_use = Some(PublicKeyUse::Encryption);
    vec![
        public("ec", &ec(EC), Algorithm::ES256),
        public("ed", &ed(), Algorithm::EdDSA),
        public("rsa", &rsa(), Algorithm::RS256),
        public("secret", &EncodingKey::from_secret(b"secret"), Algorithm::HS256),
        for_encryption,
    ]
}

#[tokio::test]
async fn a_token_says_who_is_calling_and_until_when() {
    let keys = KeyFile::new("good", all_keys());
    let jwt = keys.jwt();
    for (id, algorithm, key) in [
        ("ec", Algorithm::ES256, ec(EC)),
        ("ed", Algorithm::EdDSA, ed()),
        ("rsa", Algorithm::RS256, rsa()),
    ] {
        let claims = claims();
        let requester = jwt
            .verify(&token(Some(id), algorithm, &key, &claims))
            .await
            .unwrap();
        assert_eq!(requester.subject.as_deref(), Some("ann"));
        assert_eq!(requester.scopes, ["timestore:read", "team"]);
        let until = requester.expires_at.map(|end| end.timestamp());
        assert_eq!(until, claims["exp"].as_i64().map(|exp| exp + 60));
    }
    for (claims, scopes) in [
        (with("scope", json!(["a", "b"])), &["a", "b"][..]),
        (without("scope"), &[]),
        (with("scope", json!(7)), &[]),
        (
            with("aud", json!(["other", "metadata"])),
            &["timestore:read", "team"],
        ),
        // Within the leeway.
        (with("exp", json!(now() - 30)), &["timestore:read", "team"]),
        (with("nbf", json!(now() + 30)), &["timestore:read", "team"]),
    ] {
        assert_eq!(
            jwt.verify(&good(&claims)).await.unwrap().scopes,
            scopes,
            "{claims}"
        );
    }
}

#[tokio::test]
async fn claims_that_do_not_hold_are_not_believed() {
    let keys = KeyFile::new("claims", all_keys());
    let jwt = keys.jwt();
    for (claims, fault) in [
        (with("exp", json!(now() - 90)), JwtFault::Expired),
        (with("nbf", json!(now() + 90)), JwtFault::Early),
        (with("iss", json!("https://other")), JwtFault::Issuer),
        (with("aud", json!("other")), JwtFault::Audience),
        (with("aud", json!([])), JwtFault::Audience),
        (without("exp"), JwtFault::Invalid),
        (without("iss"), JwtFault::Invalid),
        (without("aud"), JwtFault::Invalid),
        (without("sub"), JwtFault::Invalid),
        (with("sub", json!(7)), JwtFault::Invalid),
        (with("exp", json!("tomorrow")), JwtFault::Invalid),
    ] {
        assert_eq!(jwt.verify(&good(&claims)).await, Err(fault), "{claims}");
    }
}

#[tokio::test]
async fn signatures_of_others_are_not_believed() {
    let keys = KeyFile::new("signatures", all_keys());
    let jwt = keys.jwt();
    let claims = claims();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let genuine = good(&claims);
    let (signed, signature) = genuine.rsplit_once('.').unwrap();
    let header = signed.split_once('.').unwrap().0;
    let richer = part(&with("scope", json!("timestore:admin")));
    // The public key, as whoever confuses it with a shared secret would take it.
    let public_key = serde_json::to_vec(&all_keys()[0]).unwrap();
    for (what, token) in [
        ("nothing", String::new()),
        ("no token", "abc".to_owned()),
        ("two parts", signed.to_owned()),
        ("no signature", format!("{signed}.")),
        ("other claims", format!("{header}.{richer}.{signature}")),
        (
            "no algorithm",
            format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims)),
        ),
        (
            "no algorithm, with a key",
            format!(
                "{}.{}.",
                part(&json!({ "alg": "none", "kid": "ec" })),
                part(&claims)
            ),
        ),
        (
            "the public key as a secret",
            token(
                Some("ec"),
                Algorithm::HS256,
                &EncodingKey::from_secret(&public_key),
                &claims,
            ),
        ),
        (
            "a shared secret",
            token(
                Some("secret"),
                Algorithm::HS256,
                &EncodingKey::from_secret(b"secret"),
                &claims,
            ),
        ),
        (
            "another key",
            token(Some("ec"), Algorithm::ES256, &ec(OTHER_EC), &claims),
        ),
        (
            "a key for encryption",
            token(Some("enc"), Algorithm::ES256, &ec(OTHER_EC), &claims),
        ),
        (
            "an unknown key",
            token(Some("none"), Algorithm::ES256, &ec(EC), &claims),
        ),
        (
            "a key of another algorithm",
            token(Some("rsa"), Algorithm::ES256, &ec(EC), &claims),
        ),
        (
            "an algorithm that is not allowed",
            token(Some("rsa"), Algorithm::PS256, &rsa(), &claims),
        ),
    ] {
        assert_eq!(jwt.verify(&token).await, Err(JwtFault::Invalid), "{what}");
    }
}

#[tokio::test]
async fn a_token_that_names_no_key_means_the_only_one() {
    let keys = KeyFile::new("only", all_keys());
    let unnamed = token(None, Algorithm::ES256, &ec(EC), &claims());
    assert!(keys.jwt().verify(&unnamed).await.is_ok());
    keys.write(vec![
        public("one", &ec(EC), Algorithm::ES256),
        public("two", &ec(OTHER_EC), Algorithm::ES256),
    ]);
    assert_eq!(keys.jwt().verify(&unnamed).await, Err(JwtFault::Invalid));
}

#[tokio::test(start_paused = true)]
async fn keys_are_read_again_when_a_new_one_is_named_but_only_so_often() {
    let keys = KeyFile::new("rotation", vec![public("old", &ec(EC), Algorithm::ES256)]);
    let jwt = keys.jwt();
    let old = token(Some("old"), Algorithm::ES256, &ec(EC), &claims());
    let new = token(Some("new"), Algorithm::ES256, &ec(OTHER_EC), &claims());
    assert!(jwt.verify(&old).await.is_ok());
    keys.write(vec![public("new", &ec(OTHER_EC), Algorithm::ES256)]);
    assert_eq!(jwt.verify(&new).await, Err(JwtFault::Invalid), "too soon");
    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    assert!(jwt.verify(&new).await.is_ok());
    assert_eq!(jwt.verify(&old).await, Err(JwtFault::Invalid), "no longer a key");
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_read_again_stay() {
    let keys = KeyFile::new("gone", all_keys());
    let jwt = keys.jwt();
    assert!(jwt.verify(&good(&claims())).await.is_ok());
    std::fs::write(&keys.0, "no keys").unwrap();
    tokio::time::advance(std::time::Duration::from_secs(3_600)).await;
    assert!(jwt.verify(&good(&claims())).await.is_ok());
    let unknown = token(Some("none"), Algorithm::ES256, &ec(EC), &claims());
    assert_eq!(jwt.verify(&unknown).await, Err(JwtFault::Invalid));
    assert_eq!(
        keys.jwt().verify(&good(&claims())).await,
        Err(JwtFault::Unavailable),
        "never read"
    );
}

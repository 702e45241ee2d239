//! The public keys of an issuer, as a JSON Web Key Set (RFC 7517), from a file or a URL.
//!
//! They are kept, and read again when they are old, or when a token names a key that is not among them, since issuers change their
//! keys. Strangers can name keys that do not exist, so that this happens only so often. Keys that cannot be read again stay.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::time::Instant;

/// How long a set of keys is used before it is read again.
const FRESH: Duration = Duration::from_secs(600);

/// How often a set is read at the most.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a URL may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest set that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// A file.
    File(PathBuf),
    /// A URL: `https`, or `http` to this machine.
    Url(String),
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// The issuer has no such key.
    Unknown,
    /// The keys of the issuer cannot be had.
    Unavailable,
}

/// The keys of an issuer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jwks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: JwksSource,
    client: reqwest::Client,
    known: Mutex<Known>,
    /// Held by whoever reads them.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Option<JwkSet>,
    /// When reading them was last tried.
    tried_at: Option<Instant>,
}

impl Jwks {
    /// Keys from `source`, which are read when they are needed.
    pub fn new(source: JwksSource) -> Result<Self, String> {
        // The process has one provider of cryptography; whoever comes second finds it there.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self(Arc::new(Inner {
            source,
            client: client.map_err(|error| format!("no keys can be fetched: {error}"))?,
            known: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        })))
    }

    /// Reads the keys now; says why that fails.
    pub async fn load(&self) -> Result<(), String> {
        self.0.known().tried_at = Some(Instant::now());
        self.0.read().await
    }

    /// The key with this id that verifies this algorithm. A token that names no key can only mean the one that there is.
    pub async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, KeyFault> {
        let found = self.0.known().find(id, algorithm);
        if let Some(key) = found {
            if self.0.is_due(FRESH) {
                // Meanwhile the old ones do.
                tokio::spawn(self.clone().read_or_warn());
            }
            return Ok(key);
        }
        // Who comes while they are being read waits for that, and does not read them too.
        let _reading = self.0.reading.lock().await;
        if self.0.is_due(PAUSE) {
            self.clone().read_or_warn().await;
        }
        let known = self.0.known();
        match &known.keys {
            None => Err(KeyFault::Unavailable),
            Some(_) => known.find(id, algorithm).ok_or(KeyFault::Unknown),
        }
    }

    async fn read_or_warn(self) {
        if let Err(reason) = self.0.read().await {
            tracing::warn!(reason, "the keys that JWTs are signed with cannot be read");
        }
    }
}

impl Inner {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has tried to read the keys for so long. Whoever is told so is to do it.
    fn is_due(&self, after: Duration) -> bool {
        let mut known = self.known();
        let is_due = known.tried_at.is_none_or(|tried| tried.elapsed() >= after);
        if is_due {
            known.tried_at = Some(Instant::now());
        }
        is_due
    }

    async fn read(&self) -> Result<(), String> {
        let bytes = match &self.source {
            JwksSource::File(path) => tokio::fs::read(path)
                .await
                .map_err(|error| format!("{}: {error}", path.display()))?,
            JwksSource::Url(url) => self.fetch(url).await?,
        };
        let keys: JwkSet = serde_json::from_slice(&bytes)
            .map_err(|error| format!("expected a JSON Web Key Set: {error}"))?;
        self.known().keys = Some(keys);
        Ok(())
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, String> {
        let response = self
            .client
            .get(url)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        let mut response = response.map_err(|error| error.without_url().to_string())?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| error.without_url().to_string())?
        {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_BYTES {
                return Err(format!("expected at most {MAX_BYTES} bytes"));
            }
        }
        Ok(bytes)
    }
}

impl Known {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let keys = &self.keys.as_ref()?.keys;
        let mut fitting = keys.iter().filter(|key| fits(key, algorithm));
        let key = match id {
            Some(id) => fitting.find(|key| key.common.key_id.as_deref() == Some(id))?,
            None => {
                let only = fitting.next()?;
                if fitting.next().is_some() {
                    return None;
                }
                only
            }
        };
        DecodingKey::from_jwk(key)
            .ok()
            .filter(|key| key.family() == algorithm.family())
    }
}

/// Whether a key is a public one that is for signatures, and for this algorithm where it says for which.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_public = matches!(
        key.algorithm,
        AlgorithmParameters::EllipticCurve(_)
            | AlgorithmParameters::RSA(_)
            | AlgorithmParameters::OctetKeyPair(_)
    );
    let is_for_signatures = key
        .common
        .public_key_use
        .as_ref()
        .is_none_or(|use_| *use_ == PublicKeyUse::Signature);
    let algorithm_of_key = key.common.key_algorithm.map(|algorithm| algorithm.to_string());
    is_public && is_for_signatures && algorithm_of_key.is_none_or(|name| name == format!("{algorithm:?}"))
}

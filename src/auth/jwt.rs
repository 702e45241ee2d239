//! JWTs (RFC 7519) of one issuer, for this gateway, signed with one of its public keys.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use timestore_entity::Timestamp;

use super::Requester;
use super::jwks::{Jwks, KeyFault};

/// Which JWTs are believed.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// Who must have made them: the claim `iss`.
    pub issuer: String,
    /// For whom they must be, any one suffices: the claim `aud`.
    pub audiences: Vec<String>,
    /// How they may be signed. Public-key algorithms only: a key that verifies must not be able to sign.
    pub algorithms: Vec<Algorithm>,
    /// The claim with the scopes: a text with blanks between them, or a list.
    pub scope_claim: String,
    /// By how many seconds the clock of the issuer may be off.
    pub leeway: u64,
}

/// Why a JWT is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtFault {
    /// It is none, or was tampered with, or signed by somebody else or in another way.
    #[error("the token is not valid")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    Early,
    /// Somebody else made it.
    #[error("the token is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// The keys cannot be had at the moment.
    #[error("the keys of the issuer cannot be had")]
    Unavailable,
}

/// Verifies JWTs.
#[derive(Debug)]
pub struct Jwt {
    settings: JwtSettings,
    keys: Jwks,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Jwt {
    /// Believes what `settings` say, signed with one of `keys`.
    pub fn new(settings: JwtSettings, keys: Jwks) -> Self {
        Self { settings, keys }
    }

    /// Who `token` says is calling.
    pub async fn verify(&self, token: &str) -> Result<Requester, JwtFault> {
        let header = decode_header(token).map_err(|_| JwtFault::Invalid)?;
        // An extension that must be understood is none that is known here (RFC 7515, section 4.1.11).
        if !self.settings.algorithms.contains(&header.alg) || header.crit.is_some() {
            return Err(JwtFault::Invalid);
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await;
        let key = key.map_err(|fault| match fault {
            KeyFault::Unknown => JwtFault::Invalid,
            KeyFault::Unavailable => JwtFault::Unavailable,
        })?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = self.settings.leeway;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&self.settings.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let decoded = decode::<Claims>(token, &key, &validation);
        let claims = decoded.map_err(|error| fault(error.kind()))?.claims;
        if claims.sub.is_empty() {
            return Err(JwtFault::Invalid);
        }
        Ok(self.requester(claims))
    }

    fn requester(&self, claims: Claims) -> Requester {
        let scopes = match claims.others.get(&self.settings.scope_claim) {
            Some(Value::String(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        let expires_at = i64::try_from(claims.exp.saturating_add(self.settings.leeway)).ok();
        Requester {
            // One beyond the calendar never comes.
            expires_at: expires_at.and_then(|seconds| Timestamp::from_timestamp(seconds, 0)),
            ..Requester::new(Some(claims.sub), scopes)
        }
    }
}

fn fault(kind: &ErrorKind) -> JwtFault {
    match kind {
        ErrorKind::ExpiredSignature => JwtFault::Expired,
        ErrorKind::ImmatureSignature => JwtFault::Early,
        ErrorKind::InvalidIssuer => JwtFault::Issuer,
        ErrorKind::InvalidAudience => JwtFault::Audience,
        _ => JwtFault::Invalid,
    }
}

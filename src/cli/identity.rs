//! Who is believed to be whom.

use std::sync::Arc;

use anyhow::{Context, bail};
use axum::http::HeaderName;
use clap::Args;
use ipnet::IpNet;
use jsonwebtoken::Algorithm;

use crate::auth::jwks::{Jwks, JwksSource};
use crate::auth::jwt::{Jwt, JwtSettings};
use crate::auth::proxy::TrustedProxies;
use crate::http::{Identity, Strangers};

/// How callers are identified, beside API tokens, which always count.
#[derive(Clone, Debug, Args)]
pub struct IdentityArgs {
    /// Let callers who show nothing do everything, on other addresses than loopback too. On loopback they may unless they must
    /// identify themselves in some way that is configured.
    #[arg(long, env = "TIMESTORE_ALLOW_ANONYMOUS")]
    allow_anonymous: bool,
    /// Let nobody in who shows nothing, on loopback either.
    #[arg(long, env = "TIMESTORE_REQUIRE_IDENTITY", conflicts_with = "allow_anonymous")]
    require_identity: bool,
    /// Who makes the JWTs that are believed: their claim `iss`.
    #[arg(long, env = "TIMESTORE_JWT_ISSUER", value_name = "ISSUER", requires_all = ["jwt_audience", "jwks"])]
    jwt_issuer: Option<String>,
    /// For whom JWTs are, any one suffices: their claim `aud`.
    #[arg(
        long,
        env = "TIMESTORE_JWT_AUDIENCE",
        value_name = "AUDIENCE",
        value_delimiter = ',',
        requires = "jwt_issuer"
    )]
    jwt_audience: Vec<String>,
    /// The keys that JWTs are signed with, a JSON Web Key Set: a file, or an https URL.
    #[arg(long, env = "TIMESTORE_JWKS", value_name = "FILE|URL", requires = "jwt_issuer", value_parser = source)]
    jwks: Option<JwksSource>,
    /// How JWTs may be signed, public-key algorithms only.
    #[arg(long, env = "TIMESTORE_JWT_ALGORITHMS", value_name = "ALGORITHM", value_delimiter = ',', value_parser = algorithm,
        default_value = "RS256,ES256,EdDSA")]
    jwt_algorithms: Vec<Algorithm>,
    /// The claim of JWTs with the scopes: a text with blanks between them, or a list.
    #[arg(
        long,
        env = "TIMESTORE_JWT_SCOPE_CLAIM",
        value_name = "CLAIM",
        default_value = "scope"
    )]
    jwt_scope_claim: String,
    /// By how many seconds the clock of the issuer may be off, up to 600.
    #[arg(long, env = "TIMESTORE_JWT_LEEWAY", value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(0..=600))]
    jwt_leeway: u64,
    /// The networks of proxies that are believed when they say who is calling, such as 10.0.0.0/8.
    #[arg(
        long,
        env = "TIMESTORE_TRUSTED_PROXIES",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    trusted_proxies: Vec<IpNet>,
    /// The header in which they give the name of the caller.
    #[arg(
        long,
        env = "TIMESTORE_PROXY_SUBJECT_HEADER",
        value_name = "HEADER",
        default_value = "x-auth-subject"
    )]
    proxy_subject_header: HeaderName,
    /// The header in which they give the scopes of the caller, with blanks or commas between them.
    #[arg(
        long,
        env = "TIMESTORE_PROXY_SCOPES_HEADER",
        value_name = "HEADER",
        default_value = "x-auth-scopes"
    )]
    proxy_scopes_header: HeaderName,
}

impl IdentityArgs {
    /// Who is believed, on an address that is or is not loopback. Keys in a file must be there; those at a URL can come later.
    pub async fn identity(self, is_loopback: bool) -> anyhow::Result<Identity> {
        let proxies = (!self.trusted_proxies.is_empty()).then(|| TrustedProxies {
            networks: self.trusted_proxies,
            subject_header: self.proxy_subject_header,
            scopes_header: self.proxy_scopes_header,
        });
        let jwt = match (self.jwt_issuer, self.jwks) {
            (Some(issuer), Some(source)) => {
                let is_file = matches!(source, JwksSource::File(_));
                let keys = Jwks::new(source).map_err(anyhow::Error::msg)?;
                match keys.load().await.map_err(anyhow::Error::msg) {
                    Err(error) if is_file => return Err(error).context("--jwks"),
                    Err(error) => tracing::warn!(error = %error, "the keys at --jwks cannot be had yet"),
                    Ok(()) => {}
                }
                let settings = JwtSettings {
                    issuer,
                    audiences: self.jwt_audience,
                    algorithms: self.jwt_algorithms,
                    scope_claim: self.jwt_scope_claim,
                    leeway: self.jwt_leeway,
                };
                Some(Jwt::new(settings, keys))
            }
            _ => None,
        };
        if self.allow_anonymous && (jwt.is_some() || proxies.is_some()) {
            bail!(
                "--allow-anonymous lets everyone do everything: leave it out, or leave out --jwt-issuer and --trusted-proxies"
            );
        }
        Ok(Identity {
            strangers: if self.allow_anonymous {
                Strangers::Welcome
            } else if is_loopback && jwt.is_none() && proxies.is_none() && !self.require_identity {
                Strangers::Local
            } else {
                Strangers::Refused
            },
            jwt: jwt.map(Arc::new),
            proxies: proxies.map(Arc::new),
        })
    }
}

/// Keys that come over a network come from whom they should.
fn source(text: &str) -> Result<JwksSource, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(JwksSource::File(text.into()));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_here = ["localhost", "127.0.0.1", "[::1]"].iter().any(|here| {
        host.strip_prefix(here)
            .is_some_and(|port| port.is_empty() || port.starts_with(':'))
    });
    match scheme {
        "https" => Ok(JwksSource::Url(text.to_owned())),
        "http" if is_here => Ok(JwksSource::Url(text.to_owned())),
        _ => Err("expected a file, an https URL, or an http URL to this machine".to_owned()),
    }
}

/// A key that verifies must not be able to sign, so that no algorithm with a shared secret will do.
fn algorithm(text: &str) -> Result<Algorithm, String> {
    let algorithm: Result<Algorithm, _> = text.parse();
    let is_symmetric =
        |algorithm: &Algorithm| matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512);
    algorithm
        .ok()
        .filter(|algorithm| !is_symmetric(algorithm))
        .ok_or_else(|| "expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        identity: IdentityArgs,
    }

    async fn identity(args: &[&str], is_loopback: bool) -> Result<Identity, String> {
        let args = ["timestore"].iter().chain(args);
        let command = Command::try_parse_from(args).map_err(|error| error.to_string())?;
        let identity = command.identity.identity(is_loopback).await;
        identity.map_err(|error| format!("{error:#}"))
    }

    const JWT: [&str; 3] = [
        "--jwt-issuer=https://issuer",
        "--jwt-audience=timestore",
        "--jwks=http://127.0.0.1:1/keys",
    ];

    #[tokio::test]
    async fn only_loopback_is_open_and_only_while_nothing_is_configured() {
        for (args, is_loopback, strangers) in [
            (&[][..], true, Strangers::Local),
            (&[], false, Strangers::Refused),
            (&["--require-identity"], true, Strangers::Refused),
            (&["--allow-anonymous"], false, Strangers::Welcome),
            (
                &["--trusted-proxies=10.0.0.0/8,::1/128"],
                true,
                Strangers::Refused,
            ),
            (&JWT, true, Strangers::Refused),
        ] {
            let identity = identity(args, is_loopback).await.unwrap();
            assert_eq!(identity.strangers, strangers, "{args:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_refused_with_the_name_of_its_flag() {
        for (args, expected) in [
            (&JWT[..2], "--jwks"),
            (&JWT[1..], "--jwt-issuer"),
            (&["--trusted-proxies=10.0.0.0/33"], "--trusted-proxies"),
            (&["--jwt-algorithms=HS256"], "--jwt-algorithms"),
            (&["--jwt-algorithms=none"], "--jwt-algorithms"),
            (&["--proxy-subject-header=a b"], "--proxy-subject-header"),
            (&[JWT[0], JWT[1], "--jwks=http://issuer/keys"], "--jwks"),
            (&[JWT[0], JWT[1], "--jwks=http://127.0.0.1.evil/keys"], "--jwks"),
            (&[JWT[0], JWT[1], "--jwks=/no/such/file"], "--jwks"),
            (
                &["--allow-anonymous", "--trusted-proxies=10.0.0.0/8"],
                "--allow-anonymous",
            ),
            (&["--allow-anonymous", "--require-identity"], "--require-identity"),
        ] {
            let error = identity(args, true).await.expect_err(expected);
            assert!(error.contains(expected), "{args:?}: {error}");
        }
    }
}

//! Amazon S3 and what speaks like it. Settings: `region`, `endpoint`, `allowHttp`, `virtualHostedStyle`, `credentials`.

use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

use super::connector::Traced;
use super::remote::{self, RemoteFiles};
use super::settings::{self, Settings};
use super::variables::Variables;
use super::{Environment, StorageError, failure};

pub(super) fn open(
    base: &str,
    mut settings: Settings,
    environment: &Environment,
) -> Result<RemoteFiles, StorageError> {
    let (bucket, prefix) = remote::split_base(base)?;
    let region = settings.text("region")?;
    let endpoint = settings.text("endpoint")?;
    let allow_http = settings.flag("allowHttp")?;
    let virtual_hosted = settings.flag("virtualHostedStyle")?;
    let variables = Variables::new(&mut settings, environment)?;
    settings.finish()?;

    let region = region
        .or_else(|| variables.get("AWS_REGION"))
        .or_else(|| variables.get("AWS_DEFAULT_REGION"));
    let endpoint = endpoint
        .or_else(|| variables.get("AWS_ENDPOINT_URL_S3"))
        .or_else(|| variables.get("AWS_ENDPOINT_URL"));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_retry(remote::retries())
        .with_http_connector(Traced)
        // One request a file: its status tells what became of it, and every storage that speaks S3 knows it.
        .with_disable_bulk_delete(true)
        .with_virtual_hosted_style_request(virtual_hosted)
        .with_config(Key::Client(ClientConfigKey::AllowHttp), allow_http.to_string());
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        let endpoint = settings::check_endpoint(&endpoint, allow_http)?;
        builder = builder.with_endpoint(if virtual_hosted {
            with_bucket(&endpoint, bucket)
        } else {
            endpoint
        });
    }
    builder = with_credentials(builder, &variables)?;
    remote::choose_cryptography();
    let store = builder.build().map_err(|error| failure::build_error(&error))?;
    RemoteFiles::new(store, prefix)
}

/// The first of: a key and its secret, a web identity, a container's credentials, the machine's role.
fn with_credentials(
    builder: AmazonS3Builder,
    variables: &Variables<'_>,
) -> Result<AmazonS3Builder, StorageError> {
    let web_identity = variables.get("AWS_WEB_IDENTITY_TOKEN_FILE");
    let container_relative = variables.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let container_full = variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let has_key =
        variables.get("AWS_ACCESS_KEY_ID").is_some() || variables.get("AWS_SECRET_ACCESS_KEY").is_some();
    let has_others = web_identity.is_some() || container_relative.is_some() || container_full.is_some();

    if has_key || (variables.are_named() && !has_others) {
        let builder = builder
            .with_access_key_id(variables.require("AWS_ACCESS_KEY_ID")?)
            .with_secret_access_key(variables.require("AWS_SECRET_ACCESS_KEY")?);
        return Ok(match variables.get("AWS_SESSION_TOKEN") {
            None => builder,
            Some(token) => builder.with_token(token),
        });
    }
    if let Some(file) = web_identity {
        let builder = builder
            .with_config(Key::WebIdentityTokenFile, file)
            .with_config(Key::RoleArn, variables.require("AWS_ROLE_ARN")?);
        return Ok(match variables.get("AWS_ROLE_SESSION_NAME") {
            None => builder,
            Some(name) => builder.with_config(Key::RoleSessionName, name),
        });
    }
    if let Some(uri) = container_relative {
        return Ok(builder.with_config(Key::ContainerCredentialsRelativeUri, uri));
    }
    if let Some(uri) = container_full {
        let file = variables.require("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?;
        return Ok(builder
            .with_config(Key::ContainerCredentialsFullUri, uri)
            .with_config(Key::ContainerAuthorizationTokenFile, file));
    }
    Ok(builder)
}

/// The endpoint with the bucket in front of its host.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) if !host.starts_with(&format!("{bucket}.")) => {
            format!("{scheme}://{bucket}.{host}")
        }
        _ => endpoint.to_owned(),
    }
}

//! Google Cloud Storage. Settings: `endpoint`, `allowHttp`, `credentials`.

use object_store::ClientConfigKey;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};

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
    let endpoint = settings.text("endpoint")?;
    let allow_http = settings.flag("allowHttp")?;
    let variables = Variables::new(&mut settings, environment)?;
    settings.finish()?;

    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_retry(remote::retries())
        .with_http_connector(Traced)
        .with_config(Key::Client(ClientConfigKey::AllowHttp), allow_http.to_string());
    if let Some(endpoint) = endpoint {
        builder = builder.with_config(Key::BaseUrl, settings::check_endpoint(&endpoint, allow_http)?);
    }
    builder = with_credentials(builder, &variables)?;
    remote::choose_cryptography();
    let store = builder.build().map_err(|error| failure::build_error(&error))?;
    RemoteFiles::new(store, prefix)
}

/// The first of: a service account's key, a file with one, a credentials file, the machine's service account.
fn with_credentials(
    builder: GoogleCloudStorageBuilder,
    variables: &Variables<'_>,
) -> Result<GoogleCloudStorageBuilder, StorageError> {
    if let Some(key) = variables.get("GOOGLE_SERVICE_ACCOUNT_KEY") {
        return Ok(builder.with_service_account_key(key));
    }
    if let Some(file) = variables.get("GOOGLE_SERVICE_ACCOUNT") {
        return Ok(builder.with_service_account_path(file));
    }
    if variables.are_named() || variables.get("GOOGLE_APPLICATION_CREDENTIALS").is_some() {
        let file = variables.require("GOOGLE_APPLICATION_CREDENTIALS")?;
        return Ok(builder.with_application_credentials(file));
    }
    Ok(builder)
}

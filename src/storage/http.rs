//! Files behind a plain web server. It has no settings: whoever can reach it can read it.

use object_store::http::HttpBuilder;
use object_store::{ClientOptions, RetryConfig};

use super::connector::Traced;
use super::remote::{self, RemoteFiles};
use super::settings::Settings;
use super::{StorageError, failure};

pub(super) fn open(base: &str, settings: Settings) -> Result<RemoteFiles, StorageError> {
    settings.finish()?;
    remote::choose_cryptography();
    let options = ClientOptions::new().with_allow_http(base.starts_with("http://"));
    let retries: RetryConfig = remote::retries();
    let store = HttpBuilder::new()
        .with_url(base)
        .with_client_options(options)
        .with_retry(retries)
        .with_http_connector(Traced)
        .build()
        .map_err(|error| failure::build_error(&error))?;
    // The URL carries the path of the base.
    Ok(RemoteFiles::new(store, String::new())?.read_only())
}

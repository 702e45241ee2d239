//! Azure Blob Storage. Settings: `account`, `endpoint`, `allowHttp`, `credentials`.

use object_store::ClientConfigKey;
use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

use super::connector::Traced;
use super::remote::{self, RemoteFiles};
use super::settings::{self, Settings, invalid};
use super::variables::Variables;
use super::{Environment, StorageError, failure};

pub(super) fn open(
    base: &str,
    mut settings: Settings,
    environment: &Environment,
) -> Result<RemoteFiles, StorageError> {
    let base = Base::parse(base)?;
    let account = settings.text("account")?;
    let endpoint = settings.text("endpoint")?;
    let allow_http = settings.flag("allowHttp")?;
    let variables = Variables::new(&mut settings, environment)?;
    settings.finish()?;

    if base.account.is_some() && account.is_some() && base.account != account {
        return Err(invalid("account", "expected the account that the base URI names"));
    }
    let account = base
        .account
        .or(account)
        .or_else(|| variables.get("AZURE_STORAGE_ACCOUNT_NAME"))
        .ok_or_else(|| {
            let expected = "expected the storage account, which neither the base URI nor \
                            AZURE_STORAGE_ACCOUNT_NAME names";
            invalid("account", expected)
        })?;
    let endpoint = match endpoint {
        Some(endpoint) => Some(settings::check_endpoint(&endpoint, allow_http)?),
        None => base.endpoint,
    };
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(base.container)
        .with_retry(remote::retries())
        .with_http_connector(Traced)
        .with_config(Key::Client(ClientConfigKey::AllowHttp), allow_http.to_string());
    if let Some(endpoint) = endpoint {
        builder = builder.with_config(Key::Endpoint, endpoint);
    }
    builder = with_credentials(builder, &variables)?;
    remote::choose_cryptography();
    let store = builder.build().map_err(|error| failure::build_error(&error))?;
    RemoteFiles::new(store, base.prefix)
}

/// What a base URI says.
struct Base {
    account: Option<String>,
    endpoint: Option<String>,
    container: String,
    prefix: String,
}

impl Base {
    /// `az://container/…`, `abfs[s]://container/…`, `abfs[s]://container@account.dfs…/…` or `https://account.blob…/container/…`.
    fn parse(base: &str) -> Result<Self, StorageError> {
        let (authority, path) = remote::split_base(base)?;
        let is_web = base.starts_with("https://");
        let (container, host, prefix) = if is_web {
            let (container, prefix) = path.split_once('/').unwrap_or((&path, ""));
            (container.to_owned(), Some(authority), prefix.to_owned())
        } else {
            let (container, host) = match authority.split_once('@') {
                Some((container, host)) => (container, Some(host)),
                None => (authority, None),
            };
            (container.to_owned(), host, path)
        };
        if container.is_empty() {
            return Err(StorageError::BaseUri(
                "expected a container after the host".to_owned(),
            ));
        }
        let (account, endpoint) = host.map(account_and_endpoint).transpose()?.unzip();
        Ok(Self {
            account,
            endpoint,
            container,
            prefix,
        })
    }
}

/// The account that a host such as `account.dfs.core.windows.net` stands for, and where its blobs are served. Files written
/// through the data lake's address are blobs, too.
fn account_and_endpoint(host: &str) -> Result<(String, String), StorageError> {
    let parts = host
        .split_once('.')
        .and_then(|(account, rest)| Some((account, rest.split_once('.')?)));
    match parts {
        Some((account, ("blob" | "dfs", domain))) if !account.is_empty() => {
            Ok((account.to_owned(), format!("https://{account}.blob.{domain}")))
        }
        _ => Err(StorageError::BaseUri(
            "expected a host such as account.blob.core.windows.net; another one goes into config.endpoint, with az://container as base"
                .to_owned(),
        )),
    }
}

/// The first of: an account's key, a shared access signature, an application's secret, a workload's identity, the machine's
/// identity.
fn with_credentials(
    builder: MicrosoftAzureBuilder,
    variables: &Variables<'_>,
) -> Result<MicrosoftAzureBuilder, StorageError> {
    if let Some(key) = variables.get("AZURE_STORAGE_ACCOUNT_KEY") {
        return Ok(builder.with_access_key(key));
    }
    if let Some(signature) = variables.get("AZURE_STORAGE_SAS_TOKEN") {
        return Ok(builder.with_config(Key::SasKey, signature));
    }
    if let Some(secret) = variables.get("AZURE_CLIENT_SECRET") {
        let client = variables.require("AZURE_CLIENT_ID")?;
        let tenant = variables.require("AZURE_TENANT_ID")?;
        return Ok(builder.with_client_secret_authorization(client, secret, tenant));
    }
    if let Some(file) = variables.get("AZURE_FEDERATED_TOKEN_FILE") {
        let builder = builder
            .with_config(Key::FederatedTokenFile, file)
            .with_config(Key::ClientId, variables.require("AZURE_CLIENT_ID")?)
            .with_config(Key::AuthorityId, variables.require("AZURE_TENANT_ID")?);
        return Ok(match variables.get("AZURE_AUTHORITY_HOST") {
            None => builder,
            Some(host) => builder.with_config(Key::AuthorityHost, host),
        });
    }
    match variables.get("AZURE_CLIENT_ID") {
        Some(client) => Ok(builder.with_config(Key::ClientId, client)),
        None if variables.are_named() => variables.require("AZURE_STORAGE_ACCOUNT_KEY").map(|_| builder),
        None => Ok(builder),
    }
}

//! The environment variables of one storage target: the provider's usual ones, or those with a prefix that the target's
//! configuration names.

use super::settings::{Settings, invalid};
use super::{Environment, StorageError};

/// The variables of a target.
#[derive(Debug)]
pub(super) struct Variables<'a> {
    environment: &'a Environment,
    prefix: Option<String>,
}

impl<'a> Variables<'a> {
    /// Takes `credentials` out of the configuration: `env:WAREHOUSE` or a plain name such as `warehouse-writer`. It names the
    /// prefix of the variables, in capitals and with underscores.
    pub(super) fn new(settings: &mut Settings, environment: &'a Environment) -> Result<Self, StorageError> {
        let reference = settings.text("credentials")?;
        let prefix = reference.as_deref().map(prefix).transpose()?;
        Ok(Self { environment, prefix })
    }

    /// Whether the configuration says which credentials to use, so that no others will do.
    pub(super) fn are_named(&self) -> bool {
        self.prefix.is_some()
    }

    /// The value of the variable that `name` stands for here.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.environment.get(&self.full_name(name))
    }

    /// The value of a variable that must be set.
    pub(super) fn require(&self, name: &str) -> Result<String, StorageError> {
        self.get(name)
            .ok_or_else(|| StorageError::MissingVariable(self.full_name(name)))
    }

    fn full_name(&self, name: &str) -> String {
        match &self.prefix {
            None => name.to_owned(),
            Some(prefix) => format!("{prefix}_{name}"),
        }
    }
}

fn prefix(reference: &str) -> Result<String, StorageError> {
    let name = reference.strip_prefix("env:").unwrap_or(reference);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.bytes().all(allowed) {
        return Err(invalid(
            "credentials",
            "expected env: and the prefix of environment variables, such as env:WAREHOUSE",
        ));
    }
    Ok(name.to_ascii_uppercase().replace(['-', '.'], "_"))
}

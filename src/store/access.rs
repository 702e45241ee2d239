//! What of the catalog a caller may see, and change. What they may not see does not exist for them.

use timestore_entity::dataset::Model as Dataset;

use super::backend::{Sql, has_any};
use super::{Result, StoreError};
use crate::auth::{OwnScopes, Requester, Scope};

/// The scopes that a dataset names as its own.
pub fn own_scopes(dataset: &Dataset) -> OwnScopes<'_> {
    OwnScopes {
        read: dataset.read_scopes.as_ref(),
        write: dataset.write_scopes.as_ref(),
    }
}

/// Refuses a caller who does not hold `scope`.
pub(super) fn check_holds(by: &Requester, scope: Scope) -> Result<()> {
    if by.holds(scope) {
        return Ok(());
    }
    Err(StoreError::Forbidden(vec![scope.as_str().to_owned()]))
}

/// Refuses a caller who may not write a dataset that they may read.
pub(super) fn check_writes(by: &Requester, dataset: &Dataset) -> Result<()> {
    if by.may_write(own_scopes(dataset)) {
        return Ok(());
    }
    let own = dataset.write_scopes.as_ref().and_then(|scopes| scopes.as_array());
    Err(StoreError::Forbidden(match own {
        Some(scopes) => scopes
            .iter()
            .filter_map(|scope| scope.as_str().map(str::to_owned))
            .collect(),
        None => vec![Scope::Write.as_str().to_owned()],
    }))
}

/// A condition on datasets, called `dataset`, that holds where `by` may write them.
pub(super) fn writable(sql: &mut Sql, by: &Requester) -> String {
    let by_global = match by.holds(Scope::Write) {
        true => "dataset.write_scopes is null",
        false => "false",
    };
    let may_write = match by.holds(Scope::Admin) {
        true => "true".to_owned(),
        false => format!(
            "({by_global} or {})",
            has_any(sql, "dataset.write_scopes", &by.scopes)
        ),
    };
    let may_read = readable(sql, by, "dataset.read_scopes", "dataset.write_scopes");
    [Some(may_write), may_read]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" and ")
}

/// A condition on rows that holds where `by` may read what has the scopes in the columns `read` and `write`; none for those who
/// may read everything.
pub(super) fn readable(sql: &mut Sql, by: &Requester, read: &str, write: &str) -> Option<String> {
    if by.holds(Scope::Admin) {
        return None;
    }
    let by_global = match by.holds(Scope::Read) {
        true => format!("{read} is null or "),
        false => String::new(),
    };
    let by_read = has_any(sql, read, &by.scopes);
    let by_write = has_any(sql, write, &by.scopes);
    Some(format!("({by_global}{by_read} or {by_write})"))
}

//! What people say of a dataset, checked and compared, whether it is being created or changed.

use timestore_entity::dataset::Model as Dataset;
use timestore_entity::ids::StorageTargetId;

use crate::auth::Requester;
use crate::model::naming;
use crate::store::backend::Transaction;
use crate::store::faults::Faults;
use crate::store::storage_target::{storage_target_find_in_txn, storage_target_find_to_use_in_txn};
use crate::store::{Fault, Result, StorageTargetRef};

/// How many scopes a dataset may name for reading, or for writing.
const MAX_SCOPES: usize = 100;

/// What people configure and the two differ in, by its name in the API.
pub(super) fn changed(a: &Dataset, b: &Dataset) -> Vec<&'static str> {
    let fields = [
        ("name", a.name != b.name),
        ("description", a.description != b.description),
        ("status", a.status != b.status),
        ("writeFormat", a.write_format != b.write_format),
        (
            "defaultStorageTarget",
            a.default_storage_target_id != b.default_storage_target_id,
        ),
        ("compatibility", a.compatibility != b.compatibility),
        ("readScopes", a.read_scopes != b.read_scopes),
        ("writeScopes", a.write_scopes != b.write_scopes),
        ("metadata", a.metadata != b.metadata),
    ];
    fields
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
}

/// Adds what is wrong with a description.
pub(super) fn check_description(faults: &mut Faults, description: Option<&str>) {
    if let Some(description) = description {
        faults.check(&["description"], naming::description(description));
    }
}

/// Adds what is wrong with the scopes of a field.
pub(super) fn check_scopes(faults: &mut Faults, field: &str, scopes: Option<&[String]>) {
    if scopes.is_some_and(|scopes| scopes.len() > MAX_SCOPES) {
        return faults.invalid(&[field], format!("expected at most {MAX_SCOPES} scopes"));
    }
    for (index, scope) in scopes.unwrap_or_default().iter().enumerate() {
        faults.check(&[field, &index.to_string()], naming::scope(scope));
    }
}

/// The default target that is named, if one is; adds a fault where there is no such target for `by` to use. Whoever creates a dataset
/// may use any.
pub(super) async fn target_id_in_txn(
    transaction: &Transaction,
    by: &Requester,
    dataset: Option<&Dataset>,
    target: Option<&StorageTargetRef>,
    faults: &mut Faults,
) -> Result<Option<StorageTargetId>> {
    let Some(target) = target else { return Ok(None) };
    let found = match dataset {
        Some(dataset) => storage_target_find_to_use_in_txn(transaction, by, dataset, target).await?,
        None => storage_target_find_in_txn(transaction, target).await?,
    };
    if found.is_none() {
        faults.push(Fault::not_found(
            &["defaultStorageTarget"],
            "expected an existing storage target",
        ));
    }
    Ok(found.map(|target| target.id))
}

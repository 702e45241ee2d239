//! What a policy may say. All that is wrong with it is collected, each fault at its field.

use sea_orm::ConnectionTrait;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::{RetentionMode, StorageKind};
use timestore_entity::ids::StorageTargetId;

use super::RetentionPolicySet;
use crate::auth::Requester;
use crate::model::duration::IsoDuration;
use crate::model::retention;
use crate::store::faults::Faults;
use crate::store::storage_target::storage_target_find_to_use_in_txn;
use crate::store::{Fault, Result};

/// Checks all that can be told without the catalog.
pub(super) fn check_rules(policy: &RetentionPolicySet, faults: &mut Faults) {
    let max_age = check_age(policy, faults);
    check_size(policy, faults);
    if policy.keep_versions.is_some_and(|versions| versions < 1) {
        faults.invalid(&["keepVersions"], "expected at least 1");
    }
    checked("maxVersionAge", &policy.max_version_age, retention::age, faults);
    checked("deleteGrace", &policy.delete_grace, retention::grace, faults);
    let cold = checked(
        "coldStorageAfter",
        &policy.cold_storage_after,
        retention::age,
        faults,
    );
    if let (Some(cold), Some(max_age)) = (cold, max_age)
        && !retention::is_shorter(&cold, &max_age)
    {
        let message = format!(
            "expected a duration shorter than maxAge, {max_age}: files are gone before they would move"
        );
        faults.invalid(&["coldStorageAfter"], message);
    }
    match (&policy.cold_storage_after, &policy.cold_storage_target) {
        (Some(_), None) => {
            faults.invalid(
                &["coldStorageTarget"],
                "expected a target to go with coldStorageAfter",
            );
        }
        (None, Some(_)) => {
            faults.invalid(
                &["coldStorageAfter"],
                "expected a duration to go with coldStorageTarget",
            );
        }
        _ => {}
    }
}

/// The cold target that a policy names, if it can be one.
pub(super) async fn cold_target_in_txn(
    connection: &impl ConnectionTrait,
    by: &Requester,
    dataset: &Dataset,
    policy: &RetentionPolicySet,
    faults: &mut Faults,
) -> Result<Option<StorageTargetId>> {
    let Some(target) = &policy.cold_storage_target else {
        return Ok(None);
    };
    let found = storage_target_find_to_use_in_txn(connection, by, dataset, target).await?;
    match &found {
        None => faults.push(Fault::not_found(
            &["coldStorageTarget"],
            "expected an existing storage target",
        )),
        Some(target) if target.kind == StorageKind::Http => {
            let message = format!(
                "expected a storage target that can be written: {} is of kind HTTP",
                target.name
            );
            faults.invalid(&["coldStorageTarget"], message);
        }
        Some(_) => {}
    }
    Ok(found.map(|target| target.id))
}

/// The age at which files go, where it is one.
fn check_age(policy: &RetentionPolicySet, faults: &mut Faults) -> Option<IsoDuration> {
    match (policy.mode, &policy.max_age) {
        (RetentionMode::Size, Some(_)) => {
            faults.invalid(&["maxAge"], "expected none, since the mode SIZE ignores it");
            None
        }
        (RetentionMode::Time, None) => {
            faults.invalid(&["maxAge"], "expected a duration, since the mode is TIME");
            None
        }
        (_, max_age) => checked("maxAge", max_age, retention::age, faults),
    }
}

fn check_size(policy: &RetentionPolicySet, faults: &mut Faults) {
    let message = match (policy.mode, policy.max_total_bytes) {
        (RetentionMode::Time, Some(_)) => "expected none, since the mode TIME ignores it",
        (RetentionMode::Size, None) => "expected a number of bytes, since the mode is SIZE",
        (_, Some(..=0)) => "expected at least 1",
        _ => return,
    };
    faults.invalid(&["maxTotalBytes"], message);
}

/// The duration of a rule, where `check` finds nothing wrong with it.
fn checked(
    field: &str,
    duration: &Option<IsoDuration>,
    check: impl Fn(&IsoDuration) -> Result<(), String>,
    faults: &mut Faults,
) -> Option<IsoDuration> {
    let duration = duration.as_ref()?;
    faults.check(&[field], check(duration).map(|()| *duration))
}

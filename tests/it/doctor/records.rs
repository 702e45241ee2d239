//! The records of a dataset: healthy after whatever the gateway did, and each kind of damage is found, where it is.

use sea_orm::ConnectionTrait;

use super::Patient;
use crate::support::both;
use crate::support::database::TestDatabase;

both! {
    a_catalog_that_has_been_through_everything_is_healthy,
    each_kind_of_damage_is_found_and_nothing_else,
    a_file_under_a_lease_is_found_once_it_has_been_handed_out,
    many_findings_are_counted_and_the_first_are_said,
}

/// What is kept while it is harmed.
const TABLES: [&str; 5] = [
    "dataset_heads",
    "manifests",
    "partitions",
    "snapshots",
    "file_removals",
];

/// What is done to the catalog, and the checks that find it.
const DAMAGE: &[(&str, &[&str])] = &[
    (
        "update timestore.dataset_heads set latest_version = 12 where dataset_id = {weather}",
        &["version-gap"],
    ),
    (
        "delete from timestore.manifests where dataset_id = {weather} and version = 5",
        &["version-gap", "file-interval"],
    ),
    (
        "update timestore.manifests set parent_version = 1 where dataset_id = {weather} and version = 3",
        &["version-order"],
    ),
    (
        "update timestore.manifests set published_at = '2001-01-01T00:00:00+00:00' \
         where dataset_id = {weather} and version = 4",
        &["version-order"],
    ),
    (
        "update timestore.dataset_heads set latest_schema_version = 3 where dataset_id = {weather}",
        &["schema-version-gap"],
    ),
    (
        "update timestore.manifests set expired_at = published_at where dataset_id = {weather} and version = 11",
        &["newest-expired"],
    ),
    (
        "update timestore.dataset_heads set total_rows = 1000 where dataset_id = {weather}",
        &["head-differs"],
    ),
    (
        "delete from timestore.dataset_heads where dataset_id = {weather}",
        &["head-differs", "span-class"],
    ),
    (
        "update timestore.partitions set removed_version = 99 where dataset_id = {weather} and file_path = 'weather/long'",
        &["file-interval"],
    ),
    (
        "update timestore.partitions set removed_version = added_version \
         where dataset_id = {weather} and file_path = 'weather/long'",
        &["file-interval", "file-counts", "totals", "time-bounds"],
    ),
    (
        "update timestore.partitions set start_time = '2100-01-01T00:00:00+00:00' \
         where dataset_id = {weather} and file_path = 'weather/long'",
        &["file-interval", "span-class", "time-bounds"],
    ),
    (
        "update timestore.manifests set added_count = 5 where dataset_id = {weather} and version = 9",
        &["file-counts"],
    ),
    (
        "update timestore.manifests set removed_count = 5 where dataset_id = {weather} and version = 3",
        &["file-counts"],
    ),
    (
        "update timestore.manifests set added_count = 0 where dataset_id = {weather} and version = 1",
        &["file-counts"],
    ),
    (
        "delete from timestore.partitions where dataset_id = {weather} and file_path = 'weather/long'",
        &["file-counts", "totals", "time-bounds"],
    ),
    (
        "update timestore.partitions set span_class = 20 where dataset_id = {weather} and file_path = 'weather/long'",
        &["span-class"],
    ),
    (
        "update timestore.manifests set changed_start_time = '2999-01-01T00:00:00+00:00' where dataset_id = {weather} and version = 2",
        &["changed-times"],
    ),
    (
        "update timestore.dataset_heads set key_names = '[\"other\"]' where dataset_id = {weather}",
        &["key-names"],
    ),
    (
        "update timestore.dataset_heads set span_classes = 0 where dataset_id = {weather}",
        &["span-class"],
    ),
    (
        "update timestore.partitions set file_path = 'weather/c' where dataset_id = {weather} and file_path = 'weather/long'",
        &["path-twice"],
    ),
    (
        "update timestore.partitions set ingestion_signature = 'c' where dataset_id = {weather} and file_path = 'weather/long'",
        &["signature-twice"],
    ),
    (
        "update timestore.manifests set total_bytes = 1 where dataset_id = {weather} and version = 2",
        &["totals"],
    ),
    (
        "update timestore.manifests set end_time = '2100-01-01T00:00:00+00:00' \
         where dataset_id = {weather} and version = 2",
        &["time-bounds"],
    ),
    (
        "update timestore.snapshots set version = 1 where dataset_id = {weather} and name = 'pin-2'",
        &["pin-expired"],
    ),
    (
        "insert into timestore.file_removals (dataset_id, partition_id, storage_target_id, file_path, file_size_bytes, \
         queued_at, due_at, attempts) select dataset_id, id, storage_target_id, file_path, file_size_bytes, \
         '2100-01-01T00:00:00+00:00', '2100-01-01T00:00:00+00:00', 0 from timestore.partitions \
         where dataset_id = {weather} and file_path = 'weather/long'",
        &["removal-of-file"],
    ),
    (
        "update timestore.manifests set expired_at = published_at, swept_at = published_at \
         where dataset_id = {weather} and version = 2",
        &["pin-expired", "swept-file"],
    ),
    (
        "update timestore.manifests set swept_at = published_at where dataset_id = {weather} and version = 2",
        &["swept-file"],
    ),
    (
        "update timestore.manifests set expired_at = published_at where dataset_id = {weather} and version = 2",
        &["pin-expired", "file-unswept"],
    ),
];

async fn a_catalog_that_has_been_through_everything_is_healthy(database: TestDatabase) {
    let patient = Patient::new(&database).await;
    assert_eq!(patient.findings().await, []);
}

async fn each_kind_of_damage_is_found_and_nothing_else(database: TestDatabase) {
    let patient = Patient::new(&database).await;
    for table in TABLES {
        let keep = format!("create table timestore.kept_{table} as select * from timestore.{table}");
        patient.connection.execute_unprepared(&keep).await.unwrap();
    }
    for (damage, checks) in DAMAGE {
        patient.harm(damage).await;
        let expected: Vec<_> = checks
            .iter()
            .map(|check| ("weather".to_owned(), *check))
            .collect();
        assert_eq!(patient.findings().await, expected, "{damage}");
        for table in TABLES {
            patient.harm(&format!("delete from timestore.{table}")).await;
            let back = format!("insert into timestore.{table} select * from timestore.kept_{table}");
            patient.harm(&back).await;
        }
    }
    assert_eq!(patient.findings().await, []);
}

async fn a_file_under_a_lease_is_found_once_it_has_been_handed_out(database: TestDatabase) {
    let patient = Patient::new(&database).await;
    // A claim has put its lease on a file, and has not looked yet whether something needs it.
    patient
        .harm(
            "update timestore.file_removals set lease_owner = 'slow', file_path = 'weather/long', \
             lease_id = dataset_id where dataset_id = {weather} and lease_id is null and done_at is null \
             and partition_id = (select partition_id from timestore.file_removals where dataset_id = {weather} \
             and lease_id is null and done_at is null order by partition_id limit 1)",
        )
        .await;
    assert_eq!(patient.findings().await, []);
    // A worker has another file.
    patient
        .harm(
            "update timestore.file_removals set file_path = 'weather/long' where dataset_id = {weather} \
             and lease_owner = 'worker' and done_at is null",
        )
        .await;
    assert_eq!(patient.findings().await, [("catalog".to_owned(), "claimed-file")]);
}

async fn many_findings_are_counted_and_the_first_are_said(database: TestDatabase) {
    let patient = Patient::new(&database).await;
    patient
        .harm("update timestore.manifests set total_rows = 1000 + version where dataset_id = {weather}")
        .await;
    // Damage does not mend by itself when the dataset is archived.
    patient
        .harm("update timestore.datasets set status = 'inactive' where slug = 'weather'")
        .await;
    let findings = super::look(&patient.store, &*patient.clock, false).await;
    assert_eq!(
        super::names(&findings),
        [
            ("weather".to_owned(), "head-differs"),
            ("weather".to_owned(), "totals")
        ]
    );
    assert_eq!(findings[1].flaw.count, 4);
    assert_eq!(
        findings[1].flaw.first[0],
        "version 2 says 2 files, 1002 rows, 200 bytes, and has 2 files, 2 rows, 200 bytes"
    );
}

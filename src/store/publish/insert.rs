//! Inserting files, published or staged: on PostgreSQL in one statement, an array a column.

use sea_orm::DatabaseTransaction;
use timestore_entity::ids::{DatasetId, ManifestDraftId};
use timestore_entity::partition::Model as Partition;

use crate::store::Result;
use crate::store::backend::{Column, Relation, Sql, relations};

/// The columns that published and staged files share.
const SHARED: &str = "dataset_id, id, storage_target_id, file_path, file_format, file_size_bytes, row_count, start_time, \
     end_time, span_class, partition_key, checksum, column_statistics, bloom_filters, ingestion_signature, metadata";

/// Inserts files of version `version`, each with its own schema version; returns how many.
pub(super) async fn insert_in_txn(
    transaction: &DatabaseTransaction,
    files: Vec<Partition>,
    version: i32,
) -> Result<u64> {
    let mut inserted = 0;
    for Relation { from, mut sql, .. } in relations(transaction, columns_of(files)) {
        let version = sql.bind(version);
        let text = format!(
            "insert into timestore.partitions ({SHARED}, schema_version, added_version) \
             select {SHARED}, schema_version, {version} from {from}"
        );
        inserted += sql.execute(transaction, text).await?.rows_affected();
    }
    Ok(inserted)
}

/// Inserts files into a draft; returns how many.
pub(in crate::store) async fn stage_in_txn(
    transaction: &DatabaseTransaction,
    files: Vec<Partition>,
    draft: ManifestDraftId,
    skip_duplicate: bool,
) -> Result<u64> {
    let mut staged = 0;
    for Relation { from, mut sql, .. } in relations(transaction, columns_of(files)) {
        let (draft, skip) = (sql.bind(draft), sql.bind(skip_duplicate));
        let text = format!(
            "insert into timestore.staged_partitions ({SHARED}, draft_id, skip_duplicate) \
             select {SHARED}, {draft}, {skip} from {from}"
        );
        staged += sql.execute(transaction, text).await?.rows_affected();
    }
    Ok(staged)
}

/// Publishes the files of a draft as `version`; returns how many.
pub(super) async fn insert_staged_in_txn(
    transaction: &DatabaseTransaction,
    dataset: DatasetId,
    draft: ManifestDraftId,
    schema_version: Option<i32>,
    version: i32,
) -> Result<u64> {
    let mut sql = Sql::new(transaction);
    let (schema_version, version) = (sql.bind(schema_version), sql.bind(version));
    let (dataset, draft) = (sql.bind(dataset), sql.bind(draft));
    let text = format!(
        "insert into timestore.partitions ({SHARED}, schema_version, added_version) \
         select {SHARED}, {schema_version}, {version} from timestore.staged_partitions \
         where dataset_id = {dataset} and draft_id = {draft}"
    );
    Ok(sql.execute(transaction, text).await?.rows_affected())
}

fn columns_of(files: Vec<Partition>) -> Vec<(&'static str, Column)> {
    fn each<T>(files: &[Partition], of: impl Fn(&Partition) -> T) -> Vec<T> {
        files.iter().map(of).collect()
    }
    let files = &files[..];
    vec![
        ("dataset_id", Column::Uuid(each(files, |file| file.dataset_id.0))),
        ("id", Column::Uuid(each(files, |file| file.id.0))),
        (
            "storage_target_id",
            Column::Uuid(each(files, |file| file.storage_target_id.0)),
        ),
        (
            "file_path",
            Column::Text(each(files, |file| file.file_path.clone())),
        ),
        (
            "file_format",
            Column::Text(each(files, |file| file.file_format.as_str().to_owned())),
        ),
        (
            "file_size_bytes",
            Column::BigInt(each(files, |file| file.file_size_bytes)),
        ),
        ("row_count", Column::BigInt(each(files, |file| file.row_count))),
        ("start_time", Column::Time(each(files, |file| file.start_time))),
        ("end_time", Column::Time(each(files, |file| file.end_time))),
        (
            "span_class",
            Column::SmallInt(each(files, |file| file.span_class)),
        ),
        (
            "partition_key",
            Column::Json(each(files, |file| file.partition_key.clone())),
        ),
        (
            "checksum",
            Column::OptionalText(each(files, |file| file.checksum.clone())),
        ),
        (
            "column_statistics",
            Column::OptionalJson(each(files, |file| file.column_statistics.clone())),
        ),
        (
            "bloom_filters",
            Column::OptionalJson(each(files, |file| file.bloom_filters.clone())),
        ),
        (
            "ingestion_signature",
            Column::OptionalText(each(files, |file| file.ingestion_signature.clone())),
        ),
        (
            "metadata",
            Column::Json(each(files, |file| file.metadata.clone())),
        ),
        (
            "schema_version",
            Column::OptionalInt(each(files, |file| file.schema_version)),
        ),
    ]
}

//! Inserting files, published or staged: on PostgreSQL few of them in one statement, an array a column; many are copied.

use sea_orm::ConnectionTrait;
use timestore_entity::ids::{DatasetId, ManifestDraftId};
use timestore_entity::partition::Model as Partition;

use crate::store::backend::{Batch, Column, CopiedRow, Relation, Sql, Transaction, relations};
use crate::store::{Result, StoreError};

/// The columns that published and staged files share.
const SHARED: &str = "dataset_id, id, storage_target_id, file_path, file_format, file_size_bytes, row_count, start_time, \
     end_time, span_class, partition_key, checksum, column_statistics, bloom_filters, ingestion_signature, metadata";

const ADDED: &str = "added files";

/// More files than these are copied, where they can be.
pub(super) const FEW: usize = 100;

/// Inserts files of version `version`, each with its own schema version.
pub(super) fn add_files(
    batch: &mut Batch,
    connection: &impl ConnectionTrait,
    files: Vec<Partition>,
    version: i32,
) {
    let count = files.len() as u64;
    let insertion = |Relation { from, mut sql, .. }| {
        let version = sql.bind(version);
        let text = format!(
            "insert into timestore.partitions ({SHARED}, schema_version, added_version) \
             select {SHARED}, schema_version, {version} from {from}"
        );
        sql.statement(text)
    };
    let insertions = relations(connection, columns_of(files))
        .into_iter()
        .map(insertion);
    batch.add(ADDED, count, insertions.collect());
}

/// Adds the insertion of files of version `version` to the batch. Many are copied at once, after what the batch has so far.
pub(super) async fn insert_files_in_txn(
    batch: &mut Batch,
    transaction: &Transaction,
    files: Vec<Partition>,
    version: i32,
) -> Result<()> {
    if files.len() <= FEW || !transaction.copies() {
        add_files(batch, transaction, files, version);
        return Ok(());
    }
    batch.run(transaction).await?;
    copy_files_in_txn(transaction, &files, version).await
}

/// Copies files of version `version`, each with its own schema version.
pub(super) async fn copy_files_in_txn(
    transaction: &Transaction,
    files: &[Partition],
    version: i32,
) -> Result<()> {
    let into = format!("timestore.partitions ({SHARED}, schema_version, added_version)");
    let write = |file: &Partition, row: &mut CopiedRow<'_>| {
        write_shared(file, row);
        row.optional_int(file.schema_version);
        row.int(version);
    };
    let copied = transaction.copy(&into, files, write).await?;
    if copied != files.len() as u64 {
        let message = format!("{ADDED}: expected {}, copied {copied}", files.len());
        return Err(StoreError::Inconsistent(message));
    }
    Ok(())
}

/// Inserts files into a draft; returns how many.
pub(in crate::store) async fn stage_in_txn(
    transaction: &Transaction,
    files: Vec<Partition>,
    draft: ManifestDraftId,
    skip_duplicate: bool,
) -> Result<u64> {
    if files.len() > FEW && transaction.copies() {
        let into = format!("timestore.staged_partitions ({SHARED}, draft_id, skip_duplicate)");
        let write = |file: &Partition, row: &mut CopiedRow<'_>| {
            write_shared(file, row);
            row.uuid(draft.0);
            row.boolean(skip_duplicate);
        };
        return Ok(transaction.copy(&into, &files, write).await?);
    }
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

/// Inserts the `count` files of a draft as those of version `version`.
pub(super) fn add_staged(
    batch: &mut Batch,
    connection: &impl ConnectionTrait,
    (dataset, draft): (DatasetId, ManifestDraftId),
    count: u64,
    schema_version: Option<i32>,
    version: i32,
) {
    let mut sql = Sql::new(connection);
    let (schema_version, version) = (sql.bind(schema_version), sql.bind(version));
    let (dataset, draft) = (sql.bind(dataset), sql.bind(draft));
    let text = format!(
        "insert into timestore.partitions ({SHARED}, schema_version, added_version) \
         select {SHARED}, {schema_version}, {version} from timestore.staged_partitions \
         where dataset_id = {dataset} and draft_id = {draft}"
    );
    batch.add(ADDED, count, vec![sql.statement(text)]);
}

/// Writes the columns that published and staged files share.
fn write_shared(file: &Partition, row: &mut CopiedRow<'_>) {
    row.uuid(file.dataset_id.0);
    row.uuid(file.id.0);
    row.uuid(file.storage_target_id.0);
    row.text(&file.file_path);
    row.text(file.file_format.as_str());
    row.big_int(file.file_size_bytes);
    row.big_int(file.row_count);
    row.time(file.start_time);
    row.time(file.end_time);
    row.small_int(file.span_class);
    row.json(&file.partition_key);
    row.optional_text(file.checksum.as_ref());
    row.optional_json(file.column_statistics.as_ref());
    row.optional_json(file.bloom_filters.as_ref());
    row.optional_text(file.ingestion_signature.as_ref());
    row.json(&file.metadata);
}

fn columns_of(files: Vec<Partition>) -> Vec<(&'static str, Column)> {
    fn each<T>(files: &[Partition], of: impl Fn(&Partition) -> T) -> Vec<T> {
        files.iter().map(of).collect()
    }
    /// What is large is moved, not copied.
    fn take<T>(files: &mut [Partition], of: impl Fn(&mut Partition) -> T) -> Vec<T> {
        files.iter_mut().map(of).collect()
    }
    let mut files = files;
    let files = &mut files[..];
    vec![
        ("dataset_id", Column::Uuid(each(files, |file| file.dataset_id.0))),
        ("id", Column::Uuid(each(files, |file| file.id.0))),
        (
            "storage_target_id",
            Column::Uuid(each(files, |file| file.storage_target_id.0)),
        ),
        (
            "file_path",
            Column::Text(take(files, |file| std::mem::take(&mut file.file_path))),
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
            Column::Json(take(files, |file| file.partition_key.take())),
        ),
        (
            "checksum",
            Column::OptionalText(take(files, |file| file.checksum.take())),
        ),
        (
            "column_statistics",
            Column::OptionalJson(take(files, |file| file.column_statistics.take())),
        ),
        (
            "bloom_filters",
            Column::OptionalJson(take(files, |file| file.bloom_filters.take())),
        ),
        (
            "ingestion_signature",
            Column::OptionalText(take(files, |file| file.ingestion_signature.take())),
        ),
        ("metadata", Column::Json(take(files, |file| file.metadata.take()))),
        (
            "schema_version",
            Column::OptionalInt(each(files, |file| file.schema_version)),
        ),
    ]
}

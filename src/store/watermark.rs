//! Watermarks: how far the sources of a dataset have come. They move only with a publish.

use std::collections::HashMap;

use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use timestore_entity::Timestamp;
use timestore_entity::ids::DatasetId;
use timestore_entity::watermark::{ActiveModel, Column, Entity, Model as Watermark};

use super::backend::Batch;
use super::faults::Faults;
use super::{FaultKind, Result, Store};
use crate::model::naming;

/// How far a source has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WatermarkAdvance {
    /// The source, as it names itself.
    pub source: String,
    /// No rows before this are still to come.
    pub sealed_through: Timestamp,
    /// The publisher's fencing token.
    pub fencing_token: Option<i64>,
}

impl Store {
    /// The watermarks of these datasets, by source.
    pub async fn watermarks(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, Vec<Watermark>>> {
        let select = Entity::find().filter(Column::DatasetId.is_in(ids.iter().copied()));
        let mut watermarks: HashMap<DatasetId, Vec<Watermark>> = HashMap::new();
        for watermark in select.order_by_asc(Column::Source).all(&self.reader).await? {
            watermarks
                .entry(watermark.dataset_id)
                .or_default()
                .push(watermark);
        }
        Ok(watermarks)
    }
}

/// The watermark as it is, under the lock of the head; refuses a publisher that was fenced out.
pub(super) async fn watermark_check_in_txn(
    connection: &impl ConnectionTrait,
    id: DatasetId,
    advance: &WatermarkAdvance,
    faults: &mut Faults,
) -> Result<Option<Watermark>> {
    if faults
        .check(&["watermark", "source"], naming::source(&advance.source))
        .is_none()
    {
        return Ok(None);
    }
    let before = Entity::find_by_id((id, advance.source.clone()))
        .one(connection)
        .await?;
    let highest = before.as_ref().and_then(|watermark| watermark.fencing_token);
    // Once a source is fenced, a publisher without a token is as late as one with a lower token.
    if let Some(highest) = highest
        && advance.fencing_token.is_none_or(|token| token < highest)
    {
        let message = format!("a publisher with the fencing token {highest} has taken over");
        faults.add(
            &["watermark", "fencingToken"],
            FaultKind::FencedOut {
                fencing_token: highest,
            },
            message,
        );
    }
    Ok(before)
}

/// Moves a watermark: it only grows, as does the fencing token.
pub(super) fn add_watermark_advance(
    batch: &mut Batch,
    id: DatasetId,
    before: Option<Watermark>,
    advance: &WatermarkAdvance,
    rows: i64,
    version: Option<i32>,
    now: Timestamp,
) {
    let sealed_through = before.as_ref().map_or(advance.sealed_through, |w| {
        w.sealed_through.max(advance.sealed_through)
    });
    let watermark = Watermark {
        dataset_id: id,
        source: advance.source.clone(),
        sealed_through,
        fencing_token: advance
            .fencing_token
            .max(before.as_ref().and_then(|w| w.fencing_token)),
        records: before.as_ref().map_or(0, |w| w.records).saturating_add(rows),
        version: version.or(before.as_ref().and_then(|w| w.version)),
        updated_at: now,
    };
    let row = ActiveModel::from(watermark);
    match before {
        Some(before) => {
            let row = Entity::update_many().set(row.reset_all());
            let token = match before.fencing_token {
                Some(token) => Column::FencingToken.eq(token),
                None => Column::FencingToken.is_null(),
            };
            // As it was read: a publish at once holds no lock.
            let of_source = row
                .filter(Column::DatasetId.eq(id))
                .filter(Column::Source.eq(before.source))
                .filter(Column::SealedThrough.eq(before.sealed_through))
                .filter(Column::Records.eq(before.records))
                .filter(token);
            batch.one("the watermark", &of_source);
        }
        None => batch.one("the watermark", &Entity::insert(row)),
    }
}

//! Coverage: what of a window the files of a version cover.

use timestore_entity::Timestamp;
use timestore_entity::partition::Model as Partition;

use super::backend::Columns;
use super::manifest::ManifestKey;
use super::partition::PartitionFilter;
use super::{Fault, Page, Result, Store};
use crate::model::coverage::{Coverage, Range, Sweep};
use crate::model::duration::IsoDuration;

/// How many files are read at a time.
const BATCH: u32 = 8_192;

impl Store {
    /// What of `window` the files of a version cover, where they leave gaps and where they overlap; counted by `bucket` too.
    /// Stretches no longer than `tolerance` that no file covers are no gaps.
    pub async fn coverage(
        &self,
        key: ManifestKey,
        window: (Timestamp, Timestamp),
        bucket: Option<IsoDuration>,
        tolerance: Option<IsoDuration>,
    ) -> Result<Coverage> {
        let range = Range {
            from: window.0,
            to: window.1,
        };
        let invalid = |message| Fault::invalid(&["bucket"], message);
        let mut sweep = Sweep::new(range, bucket, tolerance).map_err(invalid)?;
        let filter = PartitionFilter {
            window: Some(window),
            ..PartitionFilter::default()
        };
        let mut page = Page::first(BATCH, None);
        loop {
            let files = self
                .page(key, &filter, &page, Columns::named::<Partition>(&["end_time"]))
                .await?;
            for file in &files.rows {
                sweep.add(file.start_time, file.end_time).map_err(invalid)?;
            }
            if !files.has_more {
                return Ok(sweep.finish());
            }
            page.after = files.rows.last().map(|file| (file.start_time, file.id));
        }
    }
}

//! Watermarks: how far the sources of a dataset have come.

use std::collections::HashMap;

use timestore_entity::ids::DatasetId;
use timestore_entity::watermark::Model as Watermark;

use super::{Result, Store};

impl Store {
    /// The watermarks of these datasets, by source.
    pub async fn watermarks(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, Vec<Watermark>>> { todo!() }
}

//! Reading from replicas, and what was written before: see docs/decisions/0008-replicas.md.

use super::backend::Position;
use super::manifest::ManifestKey;
use super::{Result, Store};

impl Store {
    /// The same catalog for one request that only reads: on a replica where one is up and has, or soon has, all that was
    /// committed before `after`; otherwise on the primary. Storage targets stay as the request sees them first.
    #[must_use]
    pub async fn for_reading(&self, after: Option<Position>) -> Self {
        let targets = self.targets.for_reading();
        match self.replicas.choose(after).await {
            Some(replica) => Self {
                reader: self.reader.on(replica),
                targets,
                ..self.clone()
            },
            None => Self {
                targets,
                ..self.clone()
            },
        }
    }

    /// A position that has everything that was committed so far; none where nothing is read from replicas.
    pub async fn position(&self) -> Result<Option<Position>> {
        if self.replicas.is_empty() {
            return Ok(None);
        }
        Ok(Some(Position::of_primary(self.reader.primary()).await?))
    }

    /// Whether the dataset has version `later`, when `key` looked like its newest one only because a replica lagged.
    pub async fn manifest_superseded(&self, key: ManifestKey, later: i32) -> Result<bool> {
        if !self.reader.may_lag() {
            return Ok(false);
        }
        let (dataset, version) = key;
        let head = self.dataset_heads(&[dataset]).await?.remove(&dataset);
        if head.is_none_or(|head| head.latest_version != version) {
            return Ok(false);
        }
        let found = self.manifests_by_key(&[(dataset, later)]).await?;
        Ok(!found.is_empty())
    }
}

//! Watermarks: how far the sources of a dataset have come.

use std::sync::Arc;

use async_graphql::{Context, Object};
use timestore_entity::watermark::Model;

use super::context::ContextExt;
use super::error::Result;
use super::keys::ManifestByKey;
use super::manifest::Manifest;
use super::scalar::{BigInt, DateTime};

/// How far one source has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Watermark(pub Model);

/// How far one source of a dataset has come.
#[Object]
impl Watermark {
    /// The source, as it names itself.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// No rows before this instant are still to come from the source. It only grows.
    async fn sealed_through(&self) -> DateTime {
        self.0.sealed_through.into()
    }

    /// The highest fencing token seen from the source. A publish with a lower one is refused.
    async fn fencing_token(&self) -> Option<BigInt> {
        self.0.fencing_token.map(Into::into)
    }

    /// The rows that the source has published.
    async fn records(&self) -> BigInt {
        self.0.records.into()
    }

    /// The version that moved it last.
    async fn manifest(&self, ctx: &Context<'_>) -> Result<Option<Arc<Manifest>>> {
        match self.0.version {
            Some(version) => {
                ctx.loaders()
                    .load(ManifestByKey((self.0.dataset_id, version)))
                    .await
            }
            None => Ok(None),
        }
    }

    /// When it was last moved.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

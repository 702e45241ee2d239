//! `upsertStorageTarget`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::graphql::context::ContextExt;
use crate::graphql::enums::StorageKind;
use crate::graphql::id::GlobalId;
use crate::graphql::scalar::Json;
use crate::graphql::storage_target::StorageTarget;
use crate::graphql::user_error::{UserError, settle};
use crate::store::storage_target::StorageTargetUpsert;

/// Mutations of storage targets.
#[derive(Default)]
pub struct StorageTargetMutation;

#[Object]
impl StorageTargetMutation {
    /// Creates a storage target, or changes the one with the same id or name to what is asked. Asking twice changes nothing the
    /// second time.
    async fn upsert_storage_target(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the target should be.")] input: UpsertStorageTargetInput,
    ) -> Result<UpsertStorageTargetPayload> {
        let result = ctx
            .store()
            .storage_target_upsert(ctx.requester(), input.into_store())
            .await;
        let (storage_target, user_errors) = settle(ctx, &[], result.map(StorageTarget::from)).await?;
        Ok(UpsertStorageTargetPayload {
            storage_target,
            user_errors,
        })
    }
}

/// What a storage target should be, as a whole: what is absent is cleared.
#[derive(Debug, InputObject)]
pub struct UpsertStorageTargetInput {
    /// The target to change. When omitted, the one with the given name is changed, or a new one is created.
    pub id: Option<ID>,
    /// Its name, unique among all targets.
    pub name: String,
    /// What kind of storage it is.
    pub kind: StorageKind,
    /// The URI that the paths of files are relative to, such as `s3://bucket/prefix` or `file:///var/lib/timestore`. It is kept in
    /// one spelling, whatever is percent-encoded here and in whichever case a host is.
    pub base_uri: String,
    /// What people should know about it.
    pub description: Option<String>,
    /// Settings for clients, an object: region, endpoint, the name of a credential and the like. Secrets are refused.
    pub config: Option<Json>,
}

/// The storage target as it is now.
#[derive(SimpleObject)]
pub struct UpsertStorageTargetPayload {
    /// The target; null when the request was refused.
    pub storage_target: Option<StorageTarget>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

impl UpsertStorageTargetInput {
    fn into_store(self) -> StorageTargetUpsert {
        StorageTargetUpsert {
            id: self.id.as_ref().map(GlobalId::storage_target),
            name: self.name,
            kind: self.kind.into(),
            base_uri: self.base_uri,
            description: self.description,
            config: self.config.map(|json| json.0),
        }
    }
}

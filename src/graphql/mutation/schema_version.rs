//! `createSchemaVersion`.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use crate::graphql::compatibility::SchemaCompatibility;
use crate::graphql::context::ContextExt;
use crate::graphql::reference::{DatasetRefInput, FieldInput};
use crate::graphql::schema_version::SchemaVersion;
use crate::graphql::user_error::{UserError, settle, settle_dry};
use crate::store::schema_version::SchemaVersionCreate;

/// Mutations of schema versions.
#[derive(Default)]
pub struct SchemaVersionMutation;

#[Object]
impl SchemaVersionMutation {
    /// Gives a dataset a schema version with these fields. One that has them already is reused.
    async fn create_schema_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The fields.")] input: CreateSchemaVersionInput,
    ) -> Result<CreateSchemaVersionPayload> {
        let is_dry = input.dry_run.unwrap_or(false);
        let named = [input.dataset.clone().into_store()];
        let result = ctx
            .store()
            .schema_version_create(ctx.requester(), input.into_store())
            .await;
        let (created, user_errors) = match is_dry {
            true => settle_dry(result)?,
            false => settle(ctx, &named, result).await?,
        };
        let (schema_version, compatibility) = created.map_or((None, None), |created| {
            (created.schema_version, created.compatibility)
        });
        Ok(CreateSchemaVersionPayload {
            schema_version: schema_version.map(Into::into),
            compatibility: compatibility.map(Into::into),
            user_errors,
        })
    }
}

/// Fields that a dataset should have.
#[derive(Debug, InputObject)]
pub struct CreateSchemaVersionInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// All the fields, in the order in which they should be listed.
    pub fields: Vec<FieldInput>,
    /// What people should know about this version.
    pub description: Option<String>,
    /// Whether only to say what would happen.
    #[graphql(default_with = "Some(false)")]
    pub dry_run: Option<bool>,
}

/// The schema version, and how it compares.
#[derive(SimpleObject)]
pub struct CreateSchemaVersionPayload {
    /// The schema version: a new one, or the one that has these fields already. Null when the request was refused, and in a dry
    /// run that would make a new one.
    pub schema_version: Option<SchemaVersion>,
    /// How the fields compare with the newest ones before them. Null for the first ones of a dataset, and when the request was
    /// refused: then the error says why.
    pub compatibility: Option<SchemaCompatibility>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

impl CreateSchemaVersionInput {
    fn into_store(self) -> SchemaVersionCreate {
        SchemaVersionCreate {
            dataset: self.dataset.into_store(),
            fields: self.fields.into_iter().map(FieldInput::into_store).collect(),
            description: self.description,
            dry_run: self.dry_run.unwrap_or(false),
        }
    }
}

//! What a document needs of datasets: their columns, and what they are read together with.

use async_graphql::Context;
use async_graphql::parser::types::Field;
use timestore_entity::dataset::Model;
use timestore_entity::dataset_head::Model as Head;

use super::context::ContextExt;
use super::dataset::Dataset;
use super::manifest::Manifest;
use super::retention_policy::RetentionPolicy;
use super::schema_version::SchemaVersion;
use super::selected::{Selected, column_of, has_no_arguments};
use crate::store::Columns;
use crate::store::dataset::DatasetParts;

impl Dataset {
    /// What is read of datasets for a field that is one.
    pub fn parts(ctx: &Context<'_>) -> DatasetParts {
        Self::parts_of(Selected::for_each, ctx)
    }

    /// What is read of datasets for a field that is a list of them.
    pub fn parts_of_list(ctx: &Context<'_>) -> DatasetParts {
        Self::parts_of(Selected::for_each_of_list, ctx)
    }

    fn parts_of<'a>(
        for_each: fn(Selected<'a>, &mut dyn FnMut(&'a Field)),
        ctx: &Context<'a>,
    ) -> DatasetParts {
        let mut parts = DatasetParts::FEWEST;
        for_each(Selected::now(ctx), &mut |field| {
            parts = parts.or(Self::part_of(field, ctx));
        });
        ctx.loaders().versions().without_kept(parts)
    }

    /// What a field is made of.
    fn part_of(field: &Field, ctx: &Context<'_>) -> DatasetParts {
        let mut parts = DatasetParts::FEWEST;
        let within = Selected::of(field, &ctx.query_env.fragments);
        let is_newest = || has_no_arguments(field, ctx);
        match field.name.node.as_str() {
            "__typename" | "schemaVersions" | "manifests" | "snapshots" | "watermarks" => {}
            "lastPublishedAt" => parts.head = const { Columns::named::<Head>(&["last_published_at"]) },
            "totals" => parts.head = Columns::ALL,
            "defaultStorageTarget" => {
                parts.dataset = const { Columns::named::<Model>(&["default_storage_target_id"]) };
            }
            "retentionPolicy" => {
                parts.policy = Some(RetentionPolicy::wanted(within));
            }
            "schemaVersion" if is_newest() => parts.schema_version = Some(SchemaVersion::wanted(within)),
            "manifest" if is_newest() => parts.manifest = Some(Manifest::wanted(within)),
            "schemaVersion" | "manifest" => {}
            name => match column_of::<Model>(name) {
                Columns::ALL => parts = DatasetParts::USUAL,
                column => parts.dataset = column,
            },
        }
        parts
    }
}

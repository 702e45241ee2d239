//! Finding datasets.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object};

use super::connection::{Connection, Count};
use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::{DatasetOrder, DatasetStatus};
use super::error::{Error, Result};
use super::keys::DatasetAsked;
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::reference::{DatasetRefInput, StorageTargetRefInput, is_text};
use crate::model::naming;
use crate::store::{self, DatasetRef};

/// Which datasets a list holds. Everything stated must hold.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "DatasetFilter")]
pub struct DatasetFilterInput {
    /// Only those with this status.
    pub status: Option<DatasetStatus>,
    /// Archived ones too. Not needed where `status` asks for them.
    #[graphql(default_with = "Some(false)")]
    pub include_archived: Option<bool>,
    /// Only those whose slug, name or description contains this text, in any case; SQLite folds the letters a to z only.
    pub search: Option<String>,
    /// Only those whose default storage target this is.
    pub storage_target: Option<StorageTargetRefInput>,
}

impl DatasetFilterInput {
    fn into_store(self) -> Result<store::dataset::DatasetFilter> {
        if self.search.as_deref().is_some_and(|search| !is_text(search)) {
            return Err(Error::bad_input(
                &["filter", "search"],
                "expected a text without NUL characters",
            ));
        }
        Ok(store::dataset::DatasetFilter {
            status: self.status.map(Into::into),
            include_archived: self.include_archived.unwrap_or(false),
            search: self.search,
            storage_target: self.storage_target.map(StorageTargetRefInput::into_store),
        })
    }
}

/// The dataset that `by` names; what can be neither an id nor a slug names none.
pub async fn named(ctx: &Context<'_>, by: DatasetRef) -> Result<Option<Arc<Dataset>>> {
    let by = match by {
        DatasetRef::Slug(slug) => match naming::slug(&slug) {
            Ok(slug) => DatasetRef::Slug(slug),
            Err(_) => return Ok(None),
        },
        by => by,
    };
    ctx.loaders().load(DatasetAsked(by, Dataset::parts(ctx))).await
}

/// Queries of datasets.
#[derive(Debug, Default)]
pub struct DatasetQuery;

#[Object]
impl DatasetQuery {
    /// The dataset that `by` names, archived or not; null when there is none.
    async fn dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] by: DatasetRefInput,
    ) -> Result<Option<Arc<Dataset>>> {
        named(ctx, by.into_store()).await
    }

    /// The datasets, by slug. Archived ones are left out unless the filter asks for them.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn datasets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the front, up to 100; 50 when `last` is omitted too.")]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the back, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<DatasetFilterInput>,
        #[graphql(desc = "The order; SLUG_ASC when omitted.")] order_by: Option<DatasetOrder>,
    ) -> Result<Connection<Dataset>> {
        let list = List::of_all("datasets");
        let page = PageArgs {
            first,
            after,
            last,
            before,
        }
        .page(&list, MAX_LIMIT)?;
        let filter = filter.unwrap_or_default().into_store()?;
        let descending = order_by.unwrap_or_default() == DatasetOrder::SlugDesc;
        let parts = Dataset::parts_of_list(ctx);
        let rows = ctx
            .store()
            .dataset_page(&filter, descending, &page, parts)
            .await?;
        let rows = rows.map(Dataset::from);
        let versions = ctx.loaders().versions();
        rows.rows
            .iter()
            .for_each(|dataset| dataset.remember_newest(versions));
        Ok(Connection::new(
            list,
            page,
            Arc::new(rows),
            Count::Datasets(filter),
        ))
    }
}

//! The roots of the graph: a noun each.

use async_graphql::MergedObject;

use super::api_token::ApiTokenQuery;
use super::audit_event::AuditEventQuery;
use super::change::ChangeQuery;
use super::commit_status::CommitStatusQuery;
use super::datasets::DatasetQuery;
use super::federation::EntityQuery;
use super::file_removal::FileRemovalQuery;
use super::lifecycle_run::LifecycleRunQuery;
use super::node::NodeQuery;
use super::rate_limit::RateLimitQuery;
use super::storage_target::StorageTargetQuery;

/// Both roots from one list.
macro_rules! roots {
    ($($root:ident),+ $(,)?) => {
        /// What can be asked, with what a router of a larger graph asks beside it.
        #[derive(Debug, Default, MergedObject)]
        pub struct Query($($root,)+ EntityQuery);

        /// What can be asked.
        #[derive(Debug, Default, MergedObject)]
        #[graphql(name = "Query")]
        pub struct Questions($($root),+);
    };
}

roots!(
    NodeQuery,
    DatasetQuery,
    StorageTargetQuery,
    CommitStatusQuery,
    FileRemovalQuery,
    LifecycleRunQuery,
    ChangeQuery,
    AuditEventQuery,
    ApiTokenQuery,
    RateLimitQuery,
);

//! The graph: what of the catalog clients see, and by which names.
//!
//! A resolver parses, authorises, calls one method of the store or one loader, and wraps. Nothing here knows SQL.

// In reading order; the blank lines keep rustfmt from sorting them.

pub mod capacity;
mod classify;
pub mod context;
pub mod error;
pub mod executor;
pub mod limits;
pub mod nul;
pub mod numbers;
mod observed;
pub mod persisted;
pub mod prepare;
pub mod rate;
pub mod reading;
mod session;
pub mod unique;

pub mod query;

pub mod storage_target;

pub mod dataset;
pub mod datasets;

pub mod schema_version;

pub mod manifest;

pub mod partition;

pub mod partitions;

pub mod predicate;

pub mod diff;

pub mod coverage;

pub mod snapshot;

pub mod retention_policy;
mod retention_preview;

mod cold_storage;

pub mod file_removal;

pub mod lifecycle_run;

pub mod watermark;

pub mod draft;

pub mod change;

pub mod feed;

pub mod audit_event;

pub mod api_token;

pub mod commit_status;

pub mod rate_limit;

pub mod node;

mod federation;

pub mod compatibility;
pub mod mutation;
pub mod user_error;

pub mod reference;

pub mod enums;
pub mod id;
pub mod scalar;

pub mod connection;
pub mod pagination;

pub mod batched;
pub mod keys;
pub mod loader;
pub mod pages;

use async_graphql::{SDLExportOptions, SchemaBuilder};

pub use self::change::Subscription;
pub use self::executor::{Execution, Executor};
use self::feed::Feed;
use self::limits::Limits;
pub use self::mutation::Mutation;
pub use self::query::Query;
use self::query::Questions;
use crate::store::Store;

/// The graph. Cheap to clone.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The graph on top of a catalog. Where the schema may not be asked for, no error suggests a name out of it either.
pub fn schema(store: Store, limits: &Limits) -> Schema {
    let builder = builder().data(Feed::new(store.clone())).data(store);
    match limits.introspection {
        true => builder.finish(),
        false => builder.disable_suggestions().finish(),
    }
}

/// The graph in the schema definition language, the same text every time. What only routers ask is left out: clients have no use
/// for it.
pub fn sdl() -> String {
    let schema = async_graphql::Schema::build(Questions::default(), Mutation::default(), Subscription);
    schema.finish().sdl_with_options(options())
}

/// The same as a subgraph of an Apollo Federation 2 graph: with the keys of its entities.
pub fn federation_sdl() -> String {
    builder().finish().sdl_with_options(options().federation())
}

fn options() -> SDLExportOptions {
    SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by()
        .use_space_ident()
}

/// The graph without a catalog: enough to describe itself.
pub(crate) fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription)
}

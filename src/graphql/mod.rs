//! The graph: what of the catalog clients see, and by which names.
//!
//! A resolver parses, authorises, calls one method of the store or one loader, and wraps. Nothing here knows SQL.

// In reading order; the blank lines keep rustfmt from sorting them.

pub mod capacity;
mod carried;
mod classify;
pub mod context;
pub mod error;
pub mod executor;
mod fitting;
pub mod limits;
pub mod listed;
pub mod nul;
pub mod numbers;
mod observed;
mod parsed;
pub mod persisted;
pub mod plain;
pub mod prepare;
pub mod rate;
pub mod reading;
pub mod selected;
mod session;
mod turns;
pub mod unique;
pub mod versions;

pub mod query;

pub mod storage_target;

pub mod dataset;
mod dataset_parts;
pub mod datasets;

pub mod schema_version;

pub mod manifest;

pub mod partition;

pub mod partitions;

pub mod predicate;

mod pruning;

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

use async_graphql::{SDLExportOptions, SchemaBuilder, ValidationMode};

pub use self::change::Subscription;
pub use self::executor::{Execution, Executor};
use self::feed::Feed;
pub use self::mutation::Mutation;
pub use self::query::Query;
use self::query::Questions;
use self::versions::Versions;
use crate::store::Store;

/// The graph. Cheap to clone.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The graph on top of a catalog.
pub fn schema(store: Store) -> Schema {
    schema_with(store, versions::MEMORY)
}

/// The graph on top of a catalog, of which it keeps pages in memory, up to so many bytes.
pub fn schema_with(store: Store, version_cache: u64) -> Schema {
    let versions = Versions::new(version_cache, store.metrics().cache("versions"));
    let feed = Feed::new(store.clone());
    builder().data(feed).data(versions).data(store).finish()
}

/// The same graph, which validates no more of a document than what executing it needs.
fn trusting(schema: &Schema) -> Schema {
    let mut builder = builder().validation_mode(ValidationMode::Fast);
    if let (Some(feed), Some(versions), Some(store)) = (
        schema.data::<Feed>(),
        schema.data::<Versions>(),
        schema.data::<Store>(),
    ) {
        builder = builder
            .data(feed.clone())
            .data(versions.clone())
            .data(store.clone());
    }
    builder.finish()
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
    // Suggestions tell the schema where it may not be asked for, and take seconds where a document names thousands of fields
    // that are not there.
    Schema::build(Query::default(), Mutation::default(), Subscription).disable_suggestions()
}

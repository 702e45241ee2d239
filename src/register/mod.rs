//! `timestore register`: from paths on disk to published manifests.
//!
//! Owns reading files (finding them, their footers and headers, checksums, partition keys), comparing them with the
//! catalog, and publishing what is new. It speaks to the catalog through the gateway's own API alone, so that one code
//! path serves in this process and over HTTP; it must not know the database or the store, and never guesses what a file
//! does not say.

pub mod args;
pub mod command;
pub mod event;
pub mod progress;

mod place;
mod plan;
mod publish;

mod catalog;
mod documents;
pub mod endpoint;
pub mod error;
pub mod http_endpoint;
mod payload;

pub mod digest;
pub mod discover;
pub mod duckdb_header;
pub mod facts;
pub mod fault;
mod file_format;
pub mod hive;
pub mod parquet_footer;
mod parquet_guard;
mod parquet_schema;
mod parquet_statistics;
mod parquet_time;

#[cfg(test)]
mod fake_catalog;
#[cfg(test)]
mod testing;

//! Registering: from paths on disk to published manifests.
//!
//! Owns the order of the steps. Nothing is changed in the catalog before all files are read and found fit.

use std::collections::HashSet;
use std::path::PathBuf;

use timestore_entity::Timestamp;
use timestore_entity::enums::FileFormat;

use super::catalog::{Catalog, DatasetState};
use super::discover::discover;
use super::endpoint::{Endpoint, EndpointError};
use super::error::RegisterError;
use super::event::{Event, Summary};
use super::facts::{self, SchemaGroup, gather};
use super::fault::Fault;
use super::place::{self, Place};
use super::plan::{Plan, plan, window};
use super::publish::Publisher;

/// How many files go into one request; the API takes no more than 10,000.
pub const DEFAULT_BATCH: usize = 5_000;

/// What to register, and how.
#[derive(Clone, Debug)]
pub struct RegisterOptions {
    /// Files and directories.
    pub paths: Vec<PathBuf>,
    /// The slug of the dataset, which is made when there is none.
    pub dataset: String,
    /// The name that a new dataset gets; its slug if absent.
    pub name: Option<String>,
    /// The column that places the rows of Parquet files in time.
    pub time_column: Option<String>,
    /// The name of the storage target; `<dataset>-files` if absent.
    pub storage_target: Option<String>,
    /// The directory that the storage target stands for; found from the paths if absent.
    pub root: Option<PathBuf>,
    /// Whether files that are registered with another content are replaced.
    pub replace: bool,
    /// How many rows a DuckDB file has.
    pub rows: Option<i64>,
    /// The time of its earliest row.
    pub start: Option<Timestamp>,
    /// The time of its latest row.
    pub end: Option<Timestamp>,
    /// How many files go into one request; more of them are published through a draft.
    pub batch: usize,
}

/// Registers the files that `options` name with the catalog behind `endpoint`, and tells `report` what happens.
///
/// Files that the catalog knows as they are stay as they are, so that it can be run again at any time. Files with
/// different columns are published one manifest after the other, in the order of time.
///
/// Reads files on the thread that polls it: it is made for a process that does nothing else meanwhile.
///
/// # Errors
///
/// When files cannot be read or are not fit, when they have changed and are not to be replaced, and when the catalog
/// cannot be reached or refuses them. What was published before that stays, and is not published again.
pub async fn register(
    endpoint: &impl Endpoint,
    options: &RegisterOptions,
    report: &mut impl FnMut(Event<'_>),
) -> Result<Summary, RegisterError> {
    let catalog = Catalog::new(endpoint);
    let place = place::find(&catalog, options).await?;
    let groups = read(options, &place, report)?;
    if !place.exists {
        catalog.target_create(&place.target, &place.base_uri).await?;
        report(Event::TargetCreated {
            name: &place.target,
            base_uri: &place.base_uri,
        });
    }
    let dataset = ensure_dataset(&catalog, options, &place, &groups, report).await?;
    let version = dataset.version;
    let plan = compare(&catalog, options, &place, groups, dataset).await?;
    let publisher = Publisher {
        catalog: &catalog,
        dataset: &options.dataset,
        target: &place.target,
        batch: options.batch.max(1),
        replace: options.replace,
    };
    publish(&publisher, plan, version, report).await
}

fn read(
    options: &RegisterOptions,
    place: &Place,
    report: &mut impl FnMut(Event<'_>),
) -> Result<Vec<SchemaGroup>, RegisterError> {
    let found = discover(&options.paths, Some(&place.root))?;
    if found.files.is_empty() {
        return Err(Fault::NoPaths.into());
    }
    report(Event::Found {
        files: found.files.len(),
        ignored: found.ignored,
    });
    let told = facts::Options {
        target_name: place.target.clone(),
        time_column: options.time_column.clone(),
        rows: options.rows,
        start: options.start,
        end: options.end,
    };
    let groups = gather(&found.files, &told, |progress| {
        report(Event::Read {
            done: progress.done,
            total: progress.total,
            file: progress.relative,
        });
    })?;
    Ok(groups)
}

/// The dataset as it is, or a new one. One that exists is not changed, whatever its attributes are.
async fn ensure_dataset(
    catalog: &Catalog<'_, impl Endpoint>,
    options: &RegisterOptions,
    place: &Place,
    groups: &[SchemaGroup],
    report: &mut impl FnMut(Event<'_>),
) -> Result<DatasetState, RegisterError> {
    let slug = &options.dataset;
    if let Some(dataset) = catalog.dataset(slug).await? {
        return Ok(dataset);
    }
    let mut files = groups.iter().flat_map(|group| &group.files);
    let format = match files.all(|file| file.format == FileFormat::Duckdb) {
        true => FileFormat::Duckdb,
        false => FileFormat::Parquet,
    };
    let name = options.name.as_deref().unwrap_or(slug);
    if catalog.dataset_create(slug, name, format, &place.target).await? {
        report(Event::DatasetCreated { slug });
        return Ok(DatasetState::default());
    }
    let dataset = catalog.dataset(slug).await?;
    dataset.ok_or_else(|| {
        EndpointError::Unexpected(format!("dataset '{slug}' exists, but must not be seen")).into()
    })
}

/// Compares the files with what the catalog knows at the dataset's current version.
async fn compare(
    catalog: &Catalog<'_, impl Endpoint>,
    options: &RegisterOptions,
    place: &Place,
    groups: Vec<SchemaGroup>,
    dataset: DatasetState,
) -> Result<Plan, RegisterError> {
    let live = match window(&groups) {
        Some(window) if dataset.version > 0 => {
            let files = groups.iter().flat_map(|group| &group.files);
            let paths = files.map(|file| file.relative.as_str()).collect::<HashSet<_>>();
            let wanted = |path: &str| paths.contains(path);
            catalog
                .live_files(&options.dataset, dataset.version, &place.target, window, wanted)
                .await?
        }
        _ => Default::default(),
    };
    plan(groups, &live, dataset.schemas, options.replace)
}

async fn publish(
    publisher: &Publisher<'_, impl Endpoint>,
    plan: Plan,
    mut version: i32,
    report: &mut impl FnMut(Event<'_>),
) -> Result<Summary, RegisterError> {
    let mut summary = Summary {
        unchanged: plan.unchanged,
        ..Summary::default()
    };
    for mut publication in plan.publications {
        version = publisher.publish(&mut publication, version, report).await?;
        let files = &publication.files;
        report(Event::Published {
            version,
            files: files.len(),
        });
        summary.versions.push(version);
        summary.replaced += publication.replaced.len();
        summary.added += files.len() - publication.replaced.len();
        summary.rows = files
            .iter()
            .fold(summary.rows, |rows, file| rows.saturating_add(file.rows));
        summary.bytes = files
            .iter()
            .fold(summary.bytes, |bytes, file| bytes.saturating_add(file.bytes));
    }
    Ok(summary)
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;

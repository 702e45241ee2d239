//! `timestore doctor`: whether the catalog is sound, and what to do where it is not.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::DatabaseArgs;
use crate::doctor::{Doctor, Finding, Subject};
use crate::model::duration::IsoDuration;
use crate::storage::Environment;
use crate::store::clock::SystemClock;
use crate::store::{DatasetRef, StorageTargetRef};

/// Look whether the catalog is sound. Exits with 0 when nothing was found or everything was mended, with 1 when something was
/// found, and with 2 when it could not look.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this dataset, by slug, and nothing that belongs to many.
    #[arg(long, value_name = "SLUG")]
    dataset: Option<String>,
    /// Also list the files of storage targets, and compare them with the records, both ways.
    #[arg(long)]
    storage: bool,
    /// Only the files of this storage target, by name.
    #[arg(long, value_name = "NAME", requires = "storage")]
    storage_target: Option<String>,
    /// Files that no record names count when they were last written longer ago than this, an ISO 8601 duration: publishers write
    /// files before they publish them.
    #[arg(long, value_name = "DURATION", default_value = "P1D", requires = "storage")]
    orphans_older_than: IsoDuration,
    /// Mend what can be mended safely: clear away drafts past their time, end runs whose workers are silent, delete leases that
    /// have ended.
    #[arg(long, conflicts_with = "dataset")]
    fix: bool,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// Runs the command.
pub async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let store = args.database.open_as_it_is().await?;
    let dataset = match args.dataset {
        None => None,
        Some(slug) => store.dataset_find(&DatasetRef::Slug(slug)).await?.map_or_else(
            || bail!("--dataset: expected the slug of an existing dataset"),
            |dataset| Ok(Some(dataset)),
        )?,
    };
    let target = match args.storage_target {
        None => None,
        Some(name) => store
            .storage_target_find(&StorageTargetRef::Name(name))
            .await?
            .map_or_else(
                || bail!("--storage-target: expected the name of an existing storage target"),
                |target| Ok(Some(target)),
            )?,
    };
    let doctor = Doctor {
        store: &store,
        clock: &SystemClock,
        environment: &Environment::process(),
        orphans_older_than: args.orphans_older_than,
        fix: args.fix,
    };
    let (mut found, mut mended) = (0, 0);
    let mut report = |finding: Finding| {
        found += finding.flaw.count;
        mended += if finding.mended { finding.flaw.count } else { 0 };
        print(&finding, args.format);
    };
    let datasets = doctor.look_at_records(dataset.as_ref(), &mut report).await?;
    let mut notes = Vec::new();
    if args.storage {
        notes = doctor
            .look_at_storage(dataset.as_ref(), target.as_ref(), &mut report)
            .await?;
    }
    for note in notes {
        eprintln!("note: {note}");
    }
    store.close().await?;
    if args.format == Format::Text {
        println!("{datasets} dataset(s) looked at, {found} thing(s) found, {mended} mended");
    }
    Ok(ExitCode::from(u8::from(found > mended)))
}

fn print(finding: &Finding, format: Format) {
    let Finding {
        subject,
        flaw,
        mended,
    } = finding;
    let (check, mend) = (flaw.check.name(), flaw.check.mend());
    if format == Format::Json {
        let mut object = json!({
            "check": check, "found": flaw.first, "count": flaw.count, "mend": mend, "mended": mended,
        });
        match subject {
            Subject::Dataset(slug) => object["dataset"] = json!(slug),
            Subject::Target(name) => object["storageTarget"] = json!(name),
            Subject::Catalog => {}
        }
        println!("{object}");
        return;
    }
    match subject {
        Subject::Dataset(slug) => println!("{check}, dataset {slug}"),
        Subject::Target(name) => println!("{check}, storage target {name}"),
        Subject::Catalog => println!("{check}"),
    }
    for found in &flaw.first {
        println!("  {found}");
    }
    let more = flaw.count - flaw.first.len() as u64;
    if more > 0 {
        println!("  and {more} more");
    }
    match mended {
        true => println!("  mended"),
        false => println!("  to mend: {mend}"),
    }
}

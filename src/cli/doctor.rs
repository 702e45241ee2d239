//! `timestore doctor`: whether the catalog is sound, and what to do where it is not.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::DatabaseArgs;
use crate::doctor::{Doctor, Finding, Subject};
use crate::store::DatasetRef;

/// Look whether the catalog is sound. Exits with 0 when nothing was found or everything was mended, with 1 when something was
/// found, and with 2 when it could not look.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this dataset, by slug, and nothing that belongs to many.
    #[arg(long, value_name = "SLUG")]
    dataset: Option<String>,
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
    let doctor = Doctor {
        store: &store,
        fix: args.fix,
    };
    let (mut found, mut mended) = (0, 0);
    let mut report = |finding: Finding| {
        found += finding.flaw.count;
        mended += if finding.mended { finding.flaw.count } else { 0 };
        print(&finding, args.format);
    };
    let datasets = doctor.look_at_records(dataset.as_ref(), &mut report).await?;
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
            Subject::Catalog => {}
        }
        println!("{object}");
        return;
    }
    match subject {
        Subject::Dataset(slug) => println!("{check}, dataset {slug}"),
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

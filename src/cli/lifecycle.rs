//! `timestore lifecycle run`: one pass over the catalog.

use anyhow::bail;
use clap::{Args, Subcommand};

use super::DatabaseArgs;
use super::retention::RetentionArgs;
use super::schedule::{KeepArgs, process_name};
use super::serve::stopped;
use crate::auth::Requester;
use crate::halt::Halt;
use crate::lifecycle::{Lifecycle, Report};
use crate::storage::Environment;
use crate::store::clock::SystemClock;
use crate::store::dataset::{DatasetFilter, DatasetParts};
use crate::store::file_removal::{FileRemovalFilter, FileRemovalState};
use crate::store::retention::RetentionPreview;
use crate::store::{DatasetRef, Page, Store};

/// Retention, history and the removal of files.
#[derive(Debug, Args)]
pub struct LifecycleArgs {
    #[command(subcommand)]
    command: LifecycleCommand,
}

#[derive(Debug, Subcommand)]
enum LifecycleCommand {
    /// Make one pass: apply retention policies, expire old versions, delete the files that no version needs any more, and clear
    /// away what has served.
    Run(RunArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    #[command(flatten)]
    keep: KeepArgs,
    /// Only this dataset, by slug. Files of others that are due are deleted all the same.
    #[arg(long, value_name = "SLUG")]
    dataset: Option<String>,
    /// Change nothing: show what would go.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command; fails when something went wrong on the way.
pub async fn run(args: LifecycleArgs) -> anyhow::Result<()> {
    let LifecycleCommand::Run(args) = args.command;
    // What only looks makes no database.
    let store = if args.dry_run {
        args.database.open_as_it_is().await?
    } else {
        args.database.open(false).await?
    };
    let store = store
        .with_retention_defaults(args.retention.defaults())
        .with_read_grace(args.keep.read_grace);
    let only = args.dataset.map(DatasetRef::Slug);
    if let Some(dataset) = &only
        && store.dataset_find(dataset).await?.is_none()
    {
        bail!("--dataset: expected the slug of an existing dataset");
    }
    if args.dry_run {
        return dry_run(&store, only.as_ref()).await;
    }
    let lifecycle = Lifecycle {
        store: &store,
        clock: &SystemClock,
        environment: &Environment::process(),
        memory: args.keep.memory(),
        by: Requester::unrestricted(Some("timestore lifecycle".to_owned())),
        name: process_name(),
    };
    // The first interrupt finishes the step under way, the second one does not.
    let halt = Halt::default();
    let interrupt = tokio::spawn(tell_on_interrupt(halt.clone()));
    let report = lifecycle.pass(only.as_ref(), &halt).await?;
    interrupt.abort();
    store.close().await?;
    print(&report);
    if halt.is_told() {
        bail!("interrupted: the next pass goes on");
    }
    if report.failures() > 0 {
        bail!("{} thing(s) went wrong: see above", report.failures());
    }
    Ok(())
}

async fn tell_on_interrupt(halt: Halt) {
    stopped().await;
    halt.tell();
    stopped().await;
    std::process::exit(130);
}

fn print(report: &Report) {
    let lines = [
        ("datasets", report.datasets),
        ("files dropped by policy", report.dropped_files),
        ("versions expired", report.expired_versions),
        ("files queued for removal", report.queued_files),
        ("files deleted", report.removed_files),
        ("files not deleted", report.failed_files),
        ("rows cleared away", report.cleared_rows),
    ];
    for (what, count) in lines {
        println!("{what:>24}  {count}");
    }
    for error in &report.errors {
        println!("{error}");
    }
    if report.more_errors > 0 {
        println!("and {} more", report.more_errors);
    }
}

fn print_preview(slug: &str, preview: &RetentionPreview) {
    let (going, freed) = (preview.going_total(), preview.freed);
    if going.files == 0 {
        return;
    }
    println!(
        "{slug}: {} files of {} bytes would go, {} of {} bytes would remain",
        going.files, going.bytes, preview.remaining.files, preview.remaining.bytes
    );
    println!(
        "  {} files of {} bytes would be deleted, after their grace",
        freed.files, freed.bytes
    );
    for hold in preview.holds.iter().filter(|hold| hold.held.files > 0) {
        let by = match &hold.snapshot {
            Some(name) => format!("snapshot {name}"),
            None => format!("versions from {} on", hold.version),
        };
        println!("  {} files would be held by {by}", hold.held.files);
    }
}

/// Shows what policies would let go, and which files are due.
async fn dry_run(store: &Store, only: Option<&DatasetRef>) -> anyhow::Result<()> {
    let mut page = Page::first(100, None);
    loop {
        let mut datasets = store
            .dataset_page(&DatasetFilter::default(), false, &page, DatasetParts::USUAL)
            .await?
            .map(|state| state.dataset);
        page.after = datasets.rows.last().map(|dataset| dataset.slug.clone());
        datasets.rows.retain(|dataset| {
            only.is_none_or(
                |only| matches!(only, DatasetRef::Slug(slug) if slug.eq_ignore_ascii_case(&dataset.slug)),
            )
        });
        for dataset in datasets.rows {
            let preview = store.retention_preview(dataset.id, None, None).await?;
            print_preview(&dataset.slug, &preview);
        }
        if !datasets.has_more {
            break;
        }
    }
    let filter = FileRemovalFilter {
        dataset: only.cloned(),
        state: Some(FileRemovalState::Due),
        storage_target: None,
    };
    let due = store.file_removal_count(&filter).await?;
    println!("{due} files are due to be deleted now");
    let mut page = Page::first(100, None);
    loop {
        let rows = store.file_removal_page(&filter, &page).await?;
        let ids: Vec<_> = rows
            .rows
            .iter()
            .map(|(removal, _)| removal.storage_target_id)
            .collect();
        let targets = store.storage_targets_by_id(&ids).await?;
        for (removal, _) in &rows.rows {
            let target = targets.get(&removal.storage_target_id);
            let name = target.map_or("?", |target| target.name.as_str());
            println!("  {name}: {}", removal.file_path);
        }
        page.after = rows
            .rows
            .last()
            .map(|(removal, _)| (removal.dataset_id, removal.partition_id));
        if !rows.has_more {
            return Ok(());
        }
    }
}

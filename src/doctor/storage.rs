//! The files of storage targets against the records, both ways.
//!
//! Neither side is held in memory: of each path that the records name, and of each path and size that a listing has, there are
//! eight bytes, its hash. That is 160 MB for ten million files, and no request a file, neither to the database nor to the storage.
//! Since the listing and the records are not read at one instant, whatever does not fit is looked at again, the file itself and
//! the records as they are by then, before it is said.

use std::time::Duration;

use futures_util::StreamExt;
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::StorageKind;
use timestore_entity::storage_target::Model as StorageTarget;

use super::hashes::{Hashes, Strangers};
use super::{Doctor, Finding, PAGE, Report, Subject};
use crate::model::check::Check;
use crate::model::span;
use crate::storage::{StorageError, TargetFiles};
use crate::store::doctor::{FileKey, Flaw, NeededFile};
use crate::store::{Page, Result};

/// How long a storage may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many files are looked at again at the same time.
const CONCURRENCY: usize = 8;

impl Doctor<'_> {
    /// Compares the files of storage targets with the records: of all targets, or of those that have files of a dataset, or of
    /// the one given. Returns what could not be looked at, a sentence each.
    pub async fn look_at_storage(
        &self,
        only: Option<&Dataset>,
        target: Option<&StorageTarget>,
        report: &mut Report<'_>,
    ) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        let chosen = match (target, only) {
            (Some(target), _) => Some(vec![target.clone()]),
            (None, Some(dataset)) => Some(self.store.dataset_storage_targets(dataset.id).await?),
            (None, None) => None,
        };
        if let Some(targets) = chosen {
            for target in targets {
                self.target(&target, only, report, &mut notes).await?;
            }
            return Ok(notes);
        }
        let mut page = Page::first(PAGE, None);
        loop {
            let targets = self.store.storage_target_page(None, &page).await?;
            for target in &targets.rows {
                self.target(target, only, report, &mut notes).await?;
            }
            page.after = targets.rows.last().map(|target| target.name.clone());
            if !targets.has_more {
                return Ok(notes);
            }
        }
    }

    /// What goes wrong with one target keeps no other from its turn.
    async fn target(
        &self,
        target: &StorageTarget,
        only: Option<&Dataset>,
        report: &mut Report<'_>,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        if target.kind == StorageKind::Http {
            notes.push(format!(
                "target {} was left out: files behind http cannot be listed",
                target.name
            ));
            return Ok(());
        }
        let mut flaws = match TargetFiles::open(target, self.environment) {
            Ok(files) => self.compare(target, &files, only).await?,
            Err(error) => vec![unreachable(&error)],
        };
        flaws.retain(|flaw| flaw.count > 0);
        flaws.sort_by_key(|flaw| flaw.check);
        for flaw in flaws {
            report(Finding {
                subject: Subject::Target(target.name.clone()),
                flaw,
                mended: false,
            });
        }
        Ok(())
    }

    async fn compare(
        &self,
        target: &StorageTarget,
        files: &TargetFiles,
        only: Option<&Dataset>,
    ) -> Result<Vec<Flaw>> {
        let mut named = Hashes::default();
        self.store
            .storage_target_names(target.id, |path| named.add(path))
            .await?;
        named.sort();
        let old = self.orphans_older_than.before(self.clock.now());
        let (mut listed, mut strangers) = match list(files, &named, old.unwrap_or(span::EARLIEST)).await {
            Ok(listing) => listing,
            Err(error) => return Ok(vec![unreachable(&error)]),
        };
        drop(named);
        listed.sort();
        // Somebody may have published one of them since.
        self.store
            .storage_target_names(target.id, |path| strangers.forget(path))
            .await?;
        let mut flaws = self.needed(target, files, only, &listed).await?;
        flaws.push(
            orphans(strangers, files)
                .await
                .unwrap_or_else(|error| unreachable(&error)),
        );
        Ok(flaws)
    }

    /// The files of versions that are not there, or are there with another size.
    async fn needed(
        &self,
        target: &StorageTarget,
        files: &TargetFiles,
        only: Option<&Dataset>,
        listed: &Hashes,
    ) -> Result<Vec<Flaw>> {
        let mut missing = Flaw::none(Check::FileMissing);
        let mut resized = Flaw::none(Check::FileSize);
        let mut unknown = Flaw::none(Check::TargetUnreachable);
        let mut after = None;
        loop {
            let only = only.map(|dataset| dataset.id);
            let page = self.store.storage_target_needs(target.id, only, after).await?;
            let Some(last) = page.last() else {
                return Ok(vec![missing, resized, unknown]);
            };
            after = Some(key(last));
            let doubtful = page
                .into_iter()
                .filter(|file| !listed.contains(&(&file.file_path[..], file.file_size_bytes.unsigned_abs())));
            let mut looks = futures_util::stream::iter(doubtful)
                .map(|file| async move {
                    let found = files.head(&file.file_path, TIMEOUT).await;
                    (file, found)
                })
                .buffer_unordered(CONCURRENCY);
            let mut wrong = Vec::new();
            while let Some((file, found)) = looks.next().await {
                match found {
                    Ok(found) => wrong.push((file, found.map(|found| found.bytes))),
                    Err(error) => {
                        unknown.add(|| format!("{}: {}: {error}", file.slug, file.file_path));
                        if error.is_transient() {
                            return Ok(vec![missing, resized, unknown]);
                        }
                    }
                }
            }
            drop(looks);
            wrong.retain(|(file, bytes)| *bytes != Some(file.file_size_bytes.unsigned_abs()));
            let keys: Vec<FileKey> = wrong.iter().map(|(file, _)| key(file)).collect();
            let needed = self.store.files_needed(&keys).await?;
            wrong.retain(|(file, _)| needed.contains(&key(file)));
            for (file, bytes) in wrong {
                let NeededFile {
                    slug,
                    file_path,
                    file_size_bytes,
                    ..
                } = file;
                match bytes {
                    None => missing.add(|| format!("{slug}: {file_path} is not there")),
                    Some(bytes) => resized.add(|| {
                        format!("{slug}: {file_path} has {bytes} bytes instead of {file_size_bytes}")
                    }),
                }
            }
        }
    }
}

fn unreachable(error: &StorageError) -> Flaw {
    let mut flaw = Flaw::none(Check::TargetUnreachable);
    flaw.add(|| error.to_string());
    flaw
}

fn key(file: &NeededFile) -> FileKey {
    (file.dataset_id, file.id)
}

/// Reads the listing: what there is, and what of it is older than `old` and not among `named`.
async fn list(
    files: &TargetFiles,
    named: &Hashes,
    old: Timestamp,
) -> Result<(Hashes, Strangers), StorageError> {
    let mut listed = Hashes::default();
    let mut strangers = Strangers::default();
    let mut listing = files.list(TIMEOUT);
    while let Some(file) = listing.next().await {
        let file = file?;
        listed.add(&(&file.path[..], file.bytes));
        if file.modified <= old && !named.contains(&file.path) {
            strangers.add(file.path);
        }
    }
    Ok((listed, strangers))
}

/// Those of the files that no record names that are still there.
async fn orphans(strangers: Strangers, files: &TargetFiles) -> Result<Flaw, StorageError> {
    let mut flaw = Flaw::none(Check::FileOrphan);
    let (mut paths, unnamed) = strangers.paths();
    paths.sort();
    let mut looks = futures_util::stream::iter(paths)
        .map(|path| async move {
            let found = files.head(&path, TIMEOUT).await;
            (path, found)
        })
        .buffered(CONCURRENCY);
    while let Some((path, found)) = looks.next().await {
        if let Some(found) = found? {
            flaw.add(|| format!("{path}, {} bytes, is in no record", found.bytes));
        }
    }
    flaw.count += unnamed;
    Ok(flaw)
}

//! What `timestore doctor` checks: the name of each check, and how to mend what it finds. Both are for people and for scripts
//! that read them, so that a name never changes.

/// What all of these have in common: the catalog holds what no version of the gateway writes.
const RESTORE: &str = "somebody wrote to the tables by hand, or the database lost writes: archive the dataset, so that nothing \
                       builds on it, and compare it with a backup";

/// Something that must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Versions are 1, 2, 3 … up to the head's.
    VersionGap,
    /// Each version follows the one before it, in time too.
    VersionOrder,
    /// Schema versions are 1, 2, 3 … up to the head's.
    SchemaVersionGap,
    /// The newest version can be read.
    NewestExpired,
    /// The head says what the newest manifest says.
    HeadDiffers,
    /// Files belong to an interval of versions that exist, and end no earlier than they start.
    FileInterval,
    /// As many files came and went with a version as its manifest says.
    FileCounts,
    /// Files are found by their span class.
    SpanClass,
    /// Files are found by their partition key.
    KeyNames,
    /// What a version changed was at the times that its manifest says.
    ChangedTimes,
    /// In any version a path occurs once.
    PathTwice,
    /// In any version an ingestion signature occurs once.
    SignatureTwice,
    /// The totals of a manifest are the sums over its files.
    Totals,
    /// The time bounds of a manifest are those of its files.
    TimeBounds,
    /// What a snapshot pins can be read.
    PinExpired,
    /// A file that is on its way out is in no version.
    RemovalOfFile,
    /// A file that a worker may be deleting is in no version of any dataset.
    ClaimedFile,
    /// Nothing is left of versions that were swept.
    SweptFile,
    /// Files that no version needs any more are queued for removal.
    FileUnswept,
    /// Drafts are published, discarded or cleared away.
    DraftOverdue,
    /// Removals that a worker has claimed are acknowledged.
    RemovalLeaseEnded,
    /// Removals that are due are claimed.
    RemovalOverdue,
    /// Removals are not given up.
    RemovalDead,
    /// Runs that have begun show signs of life.
    RunSilent,
    /// Runs that were asked for begin.
    RunWaiting,
    /// Leases on work are renewed or given back.
    LeaseEnded,
    /// Storage targets can be listed.
    TargetUnreachable,
    /// The files of versions are on their target.
    FileMissing,
    /// The files of versions have the size that the catalog says.
    FileSize,
    /// The catalog names what is on its targets.
    FileOrphan,
}

impl Check {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 30] = [
        Self::VersionGap,
        Self::VersionOrder,
        Self::SchemaVersionGap,
        Self::NewestExpired,
        Self::HeadDiffers,
        Self::FileInterval,
        Self::FileCounts,
        Self::SpanClass,
        Self::KeyNames,
        Self::ChangedTimes,
        Self::PathTwice,
        Self::SignatureTwice,
        Self::Totals,
        Self::TimeBounds,
        Self::PinExpired,
        Self::RemovalOfFile,
        Self::ClaimedFile,
        Self::SweptFile,
        Self::FileUnswept,
        Self::DraftOverdue,
        Self::RemovalLeaseEnded,
        Self::RemovalOverdue,
        Self::RemovalDead,
        Self::RunSilent,
        Self::RunWaiting,
        Self::LeaseEnded,
        Self::TargetUnreachable,
        Self::FileMissing,
        Self::FileSize,
        Self::FileOrphan,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VersionGap => "version-gap",
            Self::VersionOrder => "version-order",
            Self::SchemaVersionGap => "schema-version-gap",
            Self::NewestExpired => "newest-expired",
            Self::HeadDiffers => "head-differs",
            Self::FileInterval => "file-interval",
            Self::FileCounts => "file-counts",
            Self::SpanClass => "span-class",
            Self::KeyNames => "key-names",
            Self::ChangedTimes => "changed-times",
            Self::PathTwice => "path-twice",
            Self::SignatureTwice => "signature-twice",
            Self::Totals => "totals",
            Self::TimeBounds => "time-bounds",
            Self::PinExpired => "pin-expired",
            Self::RemovalOfFile => "removal-of-file",
            Self::ClaimedFile => "claimed-file",
            Self::SweptFile => "swept-file",
            Self::FileUnswept => "file-unswept",
            Self::DraftOverdue => "draft-overdue",
            Self::RemovalLeaseEnded => "removal-lease-ended",
            Self::RemovalOverdue => "removal-overdue",
            Self::RemovalDead => "removal-dead",
            Self::RunSilent => "run-silent",
            Self::RunWaiting => "run-waiting",
            Self::LeaseEnded => "lease-ended",
            Self::TargetUnreachable => "target-unreachable",
            Self::FileMissing => "file-missing",
            Self::FileSize => "file-size",
            Self::FileOrphan => "file-orphan",
        }
    }

    /// How to mend what it finds.
    pub const fn mend(self) -> &'static str {
        match self {
            Self::VersionGap
            | Self::VersionOrder
            | Self::SchemaVersionGap
            | Self::NewestExpired
            | Self::HeadDiffers
            | Self::FileInterval
            | Self::FileCounts
            | Self::Totals
            | Self::TimeBounds => RESTORE,
            Self::ChangedTimes => {
                "gateways may remember pages without these files: set changed_start_time and changed_end_time of the manifest to null, \
                 and restart them"
            }
            Self::KeyNames => {
                "predicates on keys miss these files: set key_names of the head of the dataset to null, and they are found"
            }
            Self::SpanClass => {
                "windows miss these files until they are published again: replace each by the same file"
            }
            Self::PathTwice | Self::SignatureTwice => {
                "readers count these rows twice: publish a replacement without one of the two files"
            }
            Self::PinExpired => {
                "the snapshot's files may be gone: drop it, and create it again at a version that can be read"
            }
            Self::RemovalOfFile => {
                "delete the row of file_removals before a worker claims it; the file is in use"
            }
            Self::ClaimedFile => {
                "stop the workers at once: one of them may delete a file that is in use; then restore what is missing"
            }
            Self::SweptFile => {
                "no pass looks at these versions again: set swept_at to null for them, and make a pass"
            }
            Self::FileUnswept => {
                "make a pass, `timestore lifecycle run`; where passes are made, read what they say of this dataset"
            }
            Self::DraftOverdue => "make a pass, `timestore lifecycle run`, or run doctor with --fix",
            Self::RemovalLeaseEnded | Self::RemovalOverdue => {
                "no worker deletes files: make a pass, `timestore lifecycle run`, and see that one is made every day"
            }
            Self::RemovalDead => {
                "mend what the error says, and ask for them again with the mutation `requeueFileRemovals`"
            }
            Self::RunSilent => "its worker was killed: run doctor with --fix, which ends the run as failed",
            Self::RunWaiting => "no worker takes runs: see that a gateway with a lifecycle worker is up",
            Self::LeaseEnded => "whoever held it is gone: run doctor with --fix, which deletes the lease",
            Self::TargetUnreachable => {
                "mend what the error says, and look again: not all files of the target could be looked at"
            }
            Self::FileMissing => {
                "put the file back from a backup, or publish without it; readers of these versions fail"
            }
            Self::FileSize => {
                "somebody wrote over the file: put the one that was published back, or publish a replacement"
            }
            Self::FileOrphan => {
                "delete the file, once you are sure that neither a publisher nor anything else needs it"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_is_listed_once_under_a_name_of_its_own() {
        let names: BTreeSet<&str> = Check::ALL.iter().map(|check| check.name()).collect();
        assert_eq!(names.len(), Check::ALL.len());
        assert!(Check::ALL.is_sorted(), "in the order of the declaration");
        let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(names.iter().all(|name| name.chars().all(kebab)));
    }
}

//! The steps, in order. A step is added at the end; one that has been applied anywhere is never edited.

mod m20261123_000001_datasets;
mod m20261123_000002_manifests;
mod m20261123_000003_drafts;
mod m20261123_000004_publishing;
mod m20261123_000005_lifecycle;
mod m20261123_000006_trail;
mod m20261124_000007_file_life;
mod m20261126_000008_removal_indexes;
mod m20261126_000009_dataset_delete;
mod m20261126_000010_places;
mod m20261127_000011_identity;
mod m20261127_000020_cleared_changes;
mod m20261127_000021_statistics;
mod m20261128_000022_revisions;
mod m20261128_000023_keys;
mod m20261128_000024_changed_times;
mod m20261128_000025_publishing;
mod m20261128_000026_leases;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// One step: the SQL that applies it, and the SQL that takes it back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) up: &'static [&'static str],
    pub(crate) down: &'static [&'static str],
}

/// All steps, oldest first.
pub(crate) const STEPS: &[Step] = &[
    m20261123_000001_datasets::STEP,
    m20261123_000002_manifests::STEP,
    m20261123_000003_drafts::STEP,
    m20261123_000004_publishing::STEP,
    m20261123_000005_lifecycle::STEP,
    m20261123_000006_trail::STEP,
    m20261124_000007_file_life::STEP,
    m20261126_000008_removal_indexes::STEP,
    m20261126_000009_dataset_delete::STEP,
    m20261126_000010_places::STEP,
    m20261127_000011_identity::STEP,
    m20261127_000020_cleared_changes::STEP,
    m20261127_000021_statistics::STEP,
    m20261128_000022_revisions::STEP,
    m20261128_000023_keys::STEP,
    m20261128_000024_changed_times::STEP,
    m20261128_000025_publishing::STEP,
    m20261128_000026_leases::STEP,
];

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, self.up).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, self.down).await
    }
}

async fn execute(manager: &SchemaManager<'_>, scripts: &[&str]) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for statement in dialect::statements(manager.get_database_backend(), &scripts.concat()) {
        connection.execute_unprepared(&statement).await?;
    }
    Ok(())
}

//! Lifecycle runs: what the lifecycle worker is asked to do, does and did.
//!
//! A run waits until a worker begins it (`work`); a worker that falls silent loses it. It is asked for by the schedule, by a
//! request or by the command line (`request`). Nothing here does the work of a run.

mod request;
mod work;

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use timestore_entity::Timestamp;
use timestore_entity::enums::{RunKind, RunStatus, RunTrigger};
use timestore_entity::ids::LifecycleRunId;
use timestore_entity::lifecycle_run::{Column, Entity, Model as LifecycleRun};

pub use request::{LifecycleRunOpen, LifecycleRunRequest, takes_dataset};
pub use work::{Heartbeat, MAX_ATTEMPTS, RunEnd};

use super::access::check_holds;
use super::backend::Sql;
use super::dataset::of_dataset;
use super::{DatasetRef, Page, Result, Rows, Store};
use crate::auth::Scope;

/// Where a run stands in the list: when it was asked for, then its id.
pub type LifecycleRunPosition = (Timestamp, LifecycleRunId);

/// Which runs a list holds. Everything stated must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LifecycleRunFilter {
    /// Only those of this dataset alone, which may be gone when it is named by id.
    pub dataset: Option<DatasetRef>,
    /// Only those that do this.
    pub kind: Option<RunKind>,
    /// Only those that stand here.
    pub status: Option<RunStatus>,
    /// Only those that were started so.
    pub trigger: Option<RunTrigger>,
}

impl Store {
    /// A page of the runs that `filter` lets through, newest first.
    pub async fn lifecycle_run_page(
        &self,
        filter: &LifecycleRunFilter,
        page: &Page<LifecycleRunPosition>,
    ) -> Result<Rows<LifecycleRun>> {
        let mut sql = Sql::new(&self.reader);
        let mut conditions = self.run_conditions(filter, &mut sql).await?;
        let keyset = page.newest_first(&mut sql, "created_at");
        conditions.extend(keyset.conditions);
        let text = format!(
            "select * from timestore.lifecycle_runs where {} {}",
            conditions.join(" and "),
            keyset.order
        );
        Ok(Rows::from_query(page, sql.all(&self.reader, text).await?))
    }

    /// How many runs `filter` lets through.
    pub async fn lifecycle_run_count(&self, filter: &LifecycleRunFilter) -> Result<u64> {
        let mut sql = Sql::new(&self.reader);
        let conditions = self.run_conditions(filter, &mut sql).await?;
        let text = format!(
            "select count(*) from timestore.lifecycle_runs where {}",
            conditions.join(" and ")
        );
        Ok(sql.count(&self.reader, text).await?)
    }

    /// The runs with these ids.
    pub async fn lifecycle_runs_by_id(
        &self,
        ids: &[LifecycleRunId],
    ) -> Result<HashMap<LifecycleRunId, LifecycleRun>> {
        if !self.viewer.holds(Scope::Admin) {
            return Ok(HashMap::new());
        }
        let select = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
        let runs = select.all(&self.reader).await?;
        Ok(runs.into_iter().map(|run| (run.id, run)).collect())
    }

    async fn run_conditions(&self, filter: &LifecycleRunFilter, sql: &mut Sql) -> Result<Vec<String>> {
        check_holds(&self.viewer, Scope::Admin)?;
        let mut conditions = vec!["true".to_owned()];
        if let Some(dataset) = &filter.dataset {
            conditions.push(of_dataset(&self.reader, &self.viewer, dataset, sql).await?);
        }
        let texts = [
            ("kind", filter.kind.map(RunKind::as_str)),
            ("status", filter.status.map(RunStatus::as_str)),
            ("trigger", filter.trigger.map(RunTrigger::as_str)),
        ];
        for (column, text) in texts {
            conditions.extend(text.map(|text| format!("{column} = {}", sql.bind(text))));
        }
        Ok(conditions)
    }
}

//! What `timestore doctor` asks the database: whether the invariants of the catalog hold, and what is stuck. A file a subject.
//!
//! All questions about a dataset are asked in one transaction that sees one state, so that nothing that happens meanwhile looks
//! like damage. Each is one pass over the dataset's rows, whatever they are. Nothing is locked, and nothing is written but what
//! [`Store::stuck_mend`] says.

mod bounds;
mod claims;
mod files;
mod history;
mod intervals;
mod stuck;
mod totals;
mod versions;
mod walk;

pub use files::{FileKey, NeededFile};

use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::ids::DatasetId;

use super::backend::{self, Sql, Transaction};
use super::{Result, Store};
use crate::model::check::Check;

/// How many of the sentences of a check are kept.
const FIRST: usize = 20;

/// What a check found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The check.
    pub check: Check,
    /// The first things that it found, a sentence each.
    pub first: Vec<String>,
    /// How many there are in all.
    pub count: u64,
}

impl Flaw {
    /// A check that has found nothing yet.
    pub fn none(check: Check) -> Self {
        Self {
            check,
            first: Vec::new(),
            count: 0,
        }
    }

    /// One thing more.
    pub fn add(&mut self, found: impl FnOnce() -> String) {
        if self.first.len() < FIRST {
            self.first.push(found());
        }
        self.count += 1;
    }
}

impl Store {
    /// What is wrong with the records of a dataset, in the order of the checks.
    pub async fn dataset_flaws(&self, dataset: &Dataset) -> Result<Vec<Flaw>> {
        let now = self.clock.now();
        let transaction = backend::begin_snapshot(self.reader.primary()).await?;
        let mut examination = Examination::new(&transaction, dataset.id, now);
        versions::examine_in_txn(&mut examination).await?;
        intervals::examine_in_txn(&mut examination).await?;
        totals::examine_in_txn(&mut examination).await?;
        walk::examine_in_txn(&mut examination).await?;
        history::examine_in_txn(&mut examination).await?;
        let flaws = examination.in_order();
        transaction.commit().await?;
        Ok(flaws)
    }
}

/// Questions about a dataset, or about the catalog, as a transaction sees it, and what came of them.
struct Examination<'a> {
    transaction: &'a Transaction,
    dataset: DatasetId,
    now: Timestamp,
    flaws: Vec<Flaw>,
}

impl<'a> Examination<'a> {
    fn new(transaction: &'a Transaction, dataset: DatasetId, now: Timestamp) -> Self {
        Self {
            transaction,
            dataset,
            now,
            flaws: Vec::new(),
        }
    }

    /// Asks about the dataset, which `text` is told the name of.
    async fn look(&mut self, check: Check, text: impl FnOnce(&mut Sql, &str) -> String) -> Result<()> {
        let mut sql = Sql::new(self.transaction);
        let dataset = sql.bind(self.dataset);
        let text = text(&mut sql, &dataset);
        self.keep(look_in_txn(self.transaction, check, sql, text).await?);
        Ok(())
    }

    fn keep(&mut self, flaw: Flaw) {
        if flaw.count > 0 {
            self.flaws.push(flaw);
        }
    }

    fn in_order(mut self) -> Vec<Flaw> {
        self.flaws.sort_by_key(|flaw| flaw.check);
        self.flaws
    }
}

/// Asks a question. `text` selects a sentence, `found`, for each thing that is wrong, and `place`, what they are ordered by.
async fn look_in_txn(transaction: &Transaction, check: Check, sql: Sql, text: String) -> Result<Flaw> {
    let text = format!(
        "select found, count(*) over () as flaws from ({text}) as flaw order by place, found limit {FIRST}"
    );
    let mut flaw = Flaw::none(check);
    for row in sql.rows(transaction, text).await? {
        flaw.first.push(row.try_get_by("found")?);
        let count: i64 = row.try_get_by("flaws")?;
        flaw.count = count.unsigned_abs();
    }
    Ok(flaw)
}

//! Clearing the feed from its front, with a memory of how far.

use timestore_entity::Timestamp;
use timestore_entity::change::Model as Change;

use crate::store::backend::{Others, Sql, change_horizon, for_update};
use crate::store::{Result, Store, StoreError};

impl Store {
    /// Deletes at most `limit` changes from before `older_than`, oldest first. What stands behind a younger change stays as long
    /// as that one, so that the feed has one beginning.
    pub async fn changes_forget(&self, older_than: Timestamp, limit: u32) -> Result<u64> {
        let transaction = self.begin().await?;
        let sql = Sql::new(&transaction);
        let lock = for_update(&sql, Others::Skip);
        let text = format!("select id from timestore.cleared_changes{lock}");
        if sql.rows(&transaction, text).await?.is_empty() {
            // Somebody else is at it.
            return Ok(0);
        }
        let sql = Sql::new(&transaction);
        // What readers have not been shown is not cleared either: a change could still come to stand before it.
        let text = format!(
            "select * from timestore.changes where {} order by transaction_id, sequence limit {}",
            change_horizon(&sql),
            limit
        );
        let changes: Vec<Change> = sql.all(&transaction, text).await?;
        let old: Vec<&Change> = changes
            .iter()
            .take_while(|change| change.occurred_at < older_than)
            .collect();
        let Some(last) = old.last() else {
            // At once: whoever comes next finds the row unlocked.
            transaction.rollback().await?;
            return Ok(0);
        };
        let mut sql = Sql::new(&transaction);
        let position = format!("({}, {})", sql.bind(last.transaction_id), sql.bind(last.sequence));
        let text = format!("delete from timestore.changes where (transaction_id, sequence) <= {position}");
        let deleted = sql.execute(&transaction, text).await?.rows_affected();
        if deleted != old.len() as u64 {
            let message = format!("{} changes were old, and {deleted} were deleted", old.len());
            return Err(StoreError::Inconsistent(message));
        }
        let mut sql = Sql::new(&transaction);
        let text = format!(
            "update timestore.cleared_changes set transaction_id = {}, sequence = {}",
            sql.bind(last.transaction_id),
            sql.bind(last.sequence)
        );
        let remembered = sql.execute(&transaction, text).await?.rows_affected();
        if remembered != 1 {
            let message = format!("cleared_changes has {remembered} rows");
            return Err(StoreError::Inconsistent(message));
        }
        transaction.commit().await?;
        Ok(deleted)
    }
}

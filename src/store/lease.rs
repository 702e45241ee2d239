//! Leases: work that one worker at a time does. Who holds one renews it while at work; when the holder dies, it runs out.
//!
//! Whatever is done under a lease is safe beside another worker all the same: the clocks of machines differ.

use timestore_entity::ids::LeaseId;

use super::backend::Sql;
use super::{Result, Store};

/// A claim on a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHold {
    /// The work.
    pub name: &'static str,
    /// The claim, the same at every renewal.
    pub id: LeaseId,
    /// Who makes it, for people.
    pub holder: String,
    /// How long it lasts unless it is renewed.
    pub lasts: chrono::Duration,
}

impl Store {
    /// Takes a lease that nobody has, or renews it; whether the claim holds now.
    pub async fn lease_hold(&self, hold: &LeaseHold) -> Result<bool> {
        let transaction = self.begin().await?;
        let now = self.clock.now();
        let mut sql = Sql::new(&transaction);
        let (name, id) = (sql.bind(hold.name), sql.bind(hold.id));
        let (holder, at) = (sql.bind(hold.holder.as_str()), sql.bind(now));
        let until = sql.bind(now + hold.lasts);
        let text = format!(
            "insert into timestore.leases as lease (name, id, holder, acquired_at, expires_at) \
             values ({name}, {id}, {holder}, {at}, {until}) on conflict (name) do update set \
             acquired_at = case when lease.id = excluded.id then lease.acquired_at else excluded.acquired_at end, \
             id = excluded.id, holder = excluded.holder, expires_at = excluded.expires_at \
             where lease.id = excluded.id or lease.expires_at <= excluded.acquired_at"
        );
        let held = sql.execute(&transaction, text).await?.rows_affected() == 1;
        transaction.commit().await?;
        Ok(held)
    }

    /// Gives a lease back; whether it was still held.
    pub async fn lease_release(&self, name: &'static str, id: LeaseId) -> Result<bool> {
        let transaction = self.begin().await?;
        let mut sql = Sql::new(&transaction);
        let text = format!(
            "delete from timestore.leases where name = {} and id = {}",
            sql.bind(name),
            sql.bind(id)
        );
        let released = sql.execute(&transaction, text).await?.rows_affected() == 1;
        transaction.commit().await?;
        Ok(released)
    }
}

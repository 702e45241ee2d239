//! Leases: held by one, until they run out or are given back.

use std::sync::Arc;

use chrono::Duration;
use timestore_entity::ids::LeaseId;
use timestore_gateway::store::lease::LeaseHold;
use uuid::Uuid;

use crate::support::catalog::minute;
use crate::support::clock::StillClock;
use crate::support::database::TestDatabase;
use crate::support::everywhere;

everywhere! { a_lease_is_held_by_one_until_it_runs_out_or_is_given_back }

async fn a_lease_is_held_by_one_until_it_runs_out_or_is_given_back(database: TestDatabase) {
    let clock = Arc::new(StillClock::at(minute(0)));
    let store = database.store_at(clock.clone()).await;
    let hold = |holder: &str| LeaseHold {
        name: "work",
        id: LeaseId(Uuid::now_v7()),
        holder: holder.to_owned(),
        lasts: Duration::minutes(1),
    };
    let (ann, bob) = (hold("ann"), hold("bob"));
    let holds = async |hold: &LeaseHold| store.lease_hold(hold).await.unwrap();
    assert!(holds(&ann).await && !holds(&bob).await);
    clock.advance(Duration::seconds(59));
    assert!(holds(&ann).await, "renewed");
    clock.advance(Duration::seconds(59));
    assert!(!holds(&bob).await);
    clock.advance(Duration::seconds(1));
    assert!(holds(&bob).await && !holds(&ann).await, "it ran out");
    assert!(
        !store.lease_release("work", ann.id).await.unwrap(),
        "it is hers no more"
    );
    assert!(store.lease_release("work", bob.id).await.unwrap());
    assert!(holds(&ann).await);
    let claims = (0..8).map(|n| {
        let (store, hold) = (
            store.clone(),
            LeaseHold {
                name: "other",
                ..hold(&n.to_string())
            },
        );
        tokio::spawn(async move { store.lease_hold(&hold).await.unwrap() })
    });
    let held = futures_util::future::join_all(claims).await;
    assert_eq!(held.into_iter().filter(|held| *held.as_ref().unwrap()).count(), 1);
}

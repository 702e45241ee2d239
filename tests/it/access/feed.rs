//! Subscriptions: each caller hears of what they may see, and only for as long as they are identified.

use std::time::Duration;

use chrono::Utc;
use futures_util::StreamExt;
use serde_json::json;
use timestore_gateway::auth::Requester;

use super::catalog;
use crate::support::both;
use crate::support::builders::{partition, slug};
use crate::support::database::TestDatabase;
use crate::support::feed::{json_of, responses_to};

both! {
    a_subscriber_hears_of_what_they_may_see,
    a_subscription_ends_with_what_identified_the_caller,
}

const CHANGES: &str =
    "subscription ($after: String) { changes(after: $after) { dataset { slug } manifest { version } } }";

fn with(scopes: &[&str]) -> Requester {
    Requester::new(None, scopes.iter().map(|&scope| scope.to_owned()).collect())
}

async fn a_subscriber_hears_of_what_they_may_see(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    let after = callers.admin.feed(12).await.pop().expect("a change")["cursor"].take();
    let open = async |scopes: &[&str]| {
        responses_to(&with(scopes), &database, CHANGES, json!({ "after": after })).await
    };
    let (mut of_reader, mut of_member) = (open(&["timestore:read"]).await, open(&["team:read"]).await);
    let mut of_nobody = open(&[]).await;
    for day in ["2020-01-02", "2020-01-03"] {
        for dataset in ["private", "common"] {
            let publish = json!({ "dataset": slug(dataset), "add": [partition(day, day)] });
            callers.admin.granted("publishManifest", publish).await;
        }
    }
    for (responses, dataset) in [(&mut of_reader, "common"), (&mut of_member, "private")] {
        for version in [2, 3] {
            let change = json_of(responses.next().await.expect("a change"));
            let expected = json!({ "dataset": { "slug": dataset }, "manifest": { "version": version } });
            assert_eq!(change["data"]["changes"], expected, "{change}");
        }
    }
    // Both have heard of the last one; whoever may see nothing has not heard of the first.
    let silence = tokio::time::timeout(Duration::from_millis(500), of_nobody.next()).await;
    assert!(
        silence.is_err(),
        "{:?}",
        silence.map(|response| response.map(json_of))
    );
}

async fn a_subscription_ends_with_what_identified_the_caller(database: TestDatabase) {
    let (callers, _) = catalog(&database).await;
    let reader = Requester {
        expires_at: Some(Utc::now() + Duration::from_secs(1)),
        ..with(&["timestore:read"])
    };
    let revoked = callers.reader.bearer.clone().expect("a token");
    let revoked = callers
        .reader
        .store
        .api_token_holder(&revoked)
        .await
        .unwrap()
        .expect("a caller");
    callers
        .admin
        .store
        .api_token_revoke(&Requester::unrestricted(None), revoked.token)
        .await
        .unwrap();
    for requester in [reader, revoked] {
        let mut responses = responses_to(&requester, &database, CHANGES, json!({})).await;
        let last = json_of(responses.next().await.expect("an error"));
        assert_eq!(
            last["errors"][0]["extensions"]["code"], "UNAUTHENTICATED",
            "{last}"
        );
        assert!(responses.next().await.is_none());
    }
}

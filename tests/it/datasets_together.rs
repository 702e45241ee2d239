//! Requests that look datasets up at the same time: each sees what it would see alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};
use timestore_gateway::http::Identity;

use crate::support::app::App;
use crate::support::builders::{partition, slug, with};
use crate::support::database::TestDatabase;
use crate::support::everywhere;

everywhere! {
    everyone_finds_what_they_may_read,
    everyone_finds_what_they_have_published,
}

const NEWEST: &str = "query ($by: DatasetRef!) { dataset(by: $by) { slug manifest { version } } }";

async fn everyone_finds_what_they_may_read(database: TestDatabase) {
    let app = App::identifying(&database, Identity::default()).await;
    let admin = app.with_scopes("admin", &["timestore:admin"]).await;
    let reader = app.with_scopes("reader", &["timestore:read"]).await;
    let member = app.with_scopes("member", &["team:read"]).await;
    for n in 0..6 {
        admin.dataset(&format!("common-{n}")).await;
        admin.dataset(&format!("team-{n}")).await;
        let scopes = json!({ "readScopes": ["team:read"] });
        let update = with(json!({ "dataset": slug(&format!("team-{n}")) }), scopes);
        admin.granted("updateDataset", update).await;
    }
    let ask = async |caller: App, name: String, may: bool| {
        let found = caller.query(NEWEST, json!({ "by": slug(&name) })).await;
        let expected = match may {
            true => json!({ "slug": name, "manifest": null }),
            false => Value::Null,
        };
        assert_eq!(found["dataset"], expected, "{name}");
    };
    let mut asked = Vec::new();
    for n in (0..6).cycle().take(60) {
        for (caller, common, team) in [
            (&admin, true, true),
            (&reader, true, false),
            (&member, false, true),
        ] {
            for (name, may) in [("common", common), ("team", team), ("none", false)] {
                asked.push(ask(caller.clone(), format!("{name}-{n}"), may));
            }
        }
    }
    join_all(asked).await;
}

async fn everyone_finds_what_they_have_published(database: TestDatabase) {
    let app = App::new(&database).await;
    let names: Vec<String> = (0..6).map(|n| format!("dataset-{n}")).collect();
    for name in &names {
        app.dataset(name).await;
    }
    let find = async |app: App, name: String| {
        let found = app.query(NEWEST, json!({ "by": slug(&name) })).await;
        assert_eq!(found["dataset"]["slug"], name);
        found["dataset"]["manifest"]["version"]
            .as_i64()
            .unwrap_or_default()
    };
    let done = Arc::new(AtomicBool::new(false));
    let reading: Vec<_> = (0..4)
        .map(|_| {
            let (app, names, done) = (app.clone(), names.clone(), done.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    join_all(names.iter().map(|name| find(app.clone(), name.clone()))).await;
                }
            })
        })
        .collect();
    let publishing = names.iter().map(|name| {
        let (app, name) = (app.clone(), name.clone());
        tokio::spawn(async move {
            for version in 1..=12 {
                app.append(&name, [partition("2020-01-01", &format!("{version}"))])
                    .await;
                assert_eq!(find(app.clone(), name.clone()).await, version);
            }
        })
    });
    for published in join_all(publishing).await {
        published.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for read in join_all(reading).await {
        read.unwrap();
    }
}

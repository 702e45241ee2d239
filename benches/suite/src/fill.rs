//! Fills an empty catalog through the API of a gateway, as publishers would.
//!
//! | datasets | what they hold |
//! |---|---|
//! | `series-1000` and so on | versions of a day of hour files each, days in mixed order, three schema versions, a retention policy |
//! | `window-100`, `window-10000`, `window-many`, `window-most` | minute files, 10,000 a version |
//! | `window-mixed` | files of years, days and minutes; half of the minutes were compacted into hours at the end |
//! | `window-keyed`, `window-keyed-few` | twenty day files for each of many values of a partition key, and of a hundred |

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::Result;
use serde_json::{Value, json};

use crate::scale::{DAY, HOUR, MINUTE, Scale, file, series};
use crate::server::Server;

/// Counts changes of what is filled in, so that catalogs that were kept are made anew.
pub const EDITION: u32 = 1;

/// Publishers at once.
const PUBLISHERS: u64 = 4;

/// Files a request.
const BATCH: u64 = 10_000;

/// Years of the mixed dataset, each of which has a file of its own, as has each of their days.
const YEARS: u64 = 10;

/// The version of the mixed dataset from which on minutes are compacted.
pub fn mixed_version(scale: Scale) -> u64 {
    2 + scale.mixed.div_ceil(BATCH)
}

/// Days of each partition key.
pub const KEYED_DAYS: u64 = 20;

const REGIONS: [&str; 3] = ["eu", "us", "asia"];

const TARGET: &str = "mutation ($input: UpsertStorageTargetInput!) { upsertStorageTarget(input: $input) {
    userErrors { message path } } }";
const CREATE: &str = "mutation ($input: CreateDatasetInput!) { createDataset(input: $input) {
    userErrors { message path } } }";
const POLICY: &str = "mutation ($input: SetRetentionPolicyInput!) { setRetentionPolicy(input: $input) {
    userErrors { message path } } }";
/// Publishes.
pub const PUBLISH: &str = "mutation Publish($input: PublishManifestInput!) { publishManifest(input: $input) {
    manifest { version publishedAt partitionCount } userErrors { message path } } }";

/// Fills a catalog.
pub fn fill(gateway: &Server, scale: Scale) -> Result<()> {
    for n in 0..4 {
        target(
            gateway,
            &format!("disk-{n}"),
            "LOCAL",
            &format!("file:///srv/disk-{n}"),
        )?;
    }
    target(gateway, "archive", "S3", "s3://archive/timestore")?;
    in_parallel(scale.series, |n| browsed(gateway, scale, n))?;
    let mut minutes = vec![
        ("window-100", 100),
        ("window-10000", 10_000),
        ("window-many", scale.minutes),
    ];
    minutes.extend(scale.most.map(|most| ("window-most", most)));
    for (slug, n) in minutes {
        create(gateway, slug, 0)?;
        append_all(gateway, slug, n, |n| {
            file(
                format!("{slug}/{n:08}.parquet"),
                n * MINUTE,
                MINUTE,
                json!({ "region": "eu" }),
            )
        })?;
    }
    mixed(gateway, "window-mixed", scale.mixed)?;
    for (slug, keys) in [("window-keyed", scale.keys), ("window-keyed-few", 100)] {
        create(gateway, slug, 0)?;
        append_all(gateway, slug, keys * KEYED_DAYS, |n| {
            let (day, key) = (n / keys, n % keys);
            file(
                format!("{slug}/s{key}/{day}.parquet"),
                day * DAY,
                DAY,
                json!({ "series": format!("s{key}") }),
            )
        })?;
    }
    Ok(())
}

/// Makes a dataset without files.
pub fn create(gateway: &Server, slug: &str, n: u64) -> Result<Value> {
    let disk = json!({ "name": format!("disk-{}", n % 4) });
    let input = json!({ "slug": slug, "name": format!("Dataset {slug}"), "defaultStorageTarget": disk });
    gateway.ask(CREATE, json!({ "input": input }))
}

/// Appends files to a dataset.
pub fn append(gateway: &Server, slug: &str, add: Vec<Value>) -> Result<Value> {
    let input = json!({ "dataset": { "slug": slug }, "add": add });
    gateway.ask(PUBLISH, json!({ "input": input }))
}

fn target(gateway: &Server, name: &str, kind: &str, base: &str) -> Result<()> {
    let input = json!({ "name": name, "kind": kind, "baseUri": base });
    gateway.ask(TARGET, json!({ "input": input })).map(drop)
}

fn append_all(gateway: &Server, slug: &str, files: u64, file: impl Fn(u64) -> Value) -> Result<()> {
    let mut from = 0;
    while from < files {
        let to = files.min(from + BATCH);
        append(gateway, slug, (from..to).map(&file).collect())?;
        from = to;
    }
    Ok(())
}

/// A dataset of the kind that is browsed: days arrive late and early, and twice it gets a column more.
fn browsed(gateway: &Server, scale: Scale, n: u64) -> Result<()> {
    let slug = series(n);
    create(gateway, &slug, n)?;
    for version in 0..scale.versions {
        let day = version * 7 % scale.versions;
        let add: Vec<Value> = (0..scale.files)
            .map(|hour| {
                let region = REGIONS[usize::try_from(hour).unwrap_or_default() % REGIONS.len()];
                let key = json!({ "region": region, "sensor": n });
                file(
                    format!("{slug}/day={day:03}/{hour:02}.parquet"),
                    day * DAY + hour * HOUR,
                    HOUR,
                    key,
                )
            })
            .collect();
        let fields = fields(3 + 3 * version / scale.versions);
        let input = json!({ "dataset": { "slug": slug }, "add": add, "schema": { "fields": fields } });
        gateway.ask(PUBLISH, json!({ "input": input }))?;
    }
    let policy = json!({ "dataset": { "slug": slug }, "mode": "TIME", "maxAge": format!("P{}D", 30 + n % 300), "deleteGrace": "P3D" });
    gateway.ask(POLICY, json!({ "input": policy })).map(drop)
}

fn fields(n: u64) -> Vec<Value> {
    let all = [
        json!({ "name": "time", "type": "TIMESTAMP", "nullable": false }),
        json!({ "name": "value", "type": "DOUBLE", "unit": "°C" }),
        json!({ "name": "station", "type": "STRING" }),
        json!({ "name": "quality", "type": "INTEGER" }),
        json!({ "name": "humidity", "type": "DOUBLE", "unit": "%" }),
    ];
    all.into_iter()
        .take(usize::try_from(n).unwrap_or_default())
        .collect()
}

/// The half of the minutes that comes first is compacted into hours, a hundred of them a version.
fn mixed(gateway: &Server, slug: &str, minutes: u64) -> Result<()> {
    create(gateway, slug, 0)?;
    let key = || json!({ "region": "eu" });
    append_all(gateway, slug, YEARS, |n| {
        file(
            format!("{slug}/year/{n}.parquet"),
            n * 365 * DAY,
            365 * DAY,
            key(),
        )
    })?;
    append_all(gateway, slug, YEARS * 365, |n| {
        file(format!("{slug}/day/{n}.parquet"), n * DAY, DAY, key())
    })?;
    append_all(gateway, slug, minutes, |n| {
        file(format!("{slug}/minute/{n}.parquet"), n * MINUTE, MINUTE, key())
    })?;
    for from in (0..minutes / 2).step_by(6_000) {
        let remove: Vec<Value> = (from..from + 6_000)
            .map(|n| {
                let target = if n % 8 == 7 { json!({ "name": "archive" }) } else { Value::Null };
                json!({ "path": { "filePath": format!("{slug}/minute/{n}.parquet"), "storageTarget": target } })
            })
            .collect();
        let add: Vec<Value> = (from / 60..from / 60 + 100)
            .map(|n| file(format!("{slug}/hour/{n}.parquet"), n * HOUR, HOUR, key()))
            .collect();
        let input =
            json!({ "dataset": { "slug": slug }, "operation": "REPLACE", "add": add, "remove": remove });
        gateway.ask(PUBLISH, json!({ "input": input }))?;
    }
    Ok(())
}

fn in_parallel(n: u64, work: impl Fn(u64) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicU64::new(0);
    let run = || {
        loop {
            match next.fetch_add(1, Ordering::Relaxed) {
                taken if taken < n => work(taken)?,
                _ => return Ok(()),
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..PUBLISHERS).map(|_| scope.spawn(run)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().expect("a publisher panicked"))
    })
}

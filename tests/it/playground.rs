//! The examples of the playground, on the sample data that they are about.

use std::fs;
use std::path::Path;

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::with;
use crate::support::database::TestDatabase;
use crate::support::feed::{json_of, responses};
use crate::support::registration::{Sample, register};

both! {
    every_example_of_the_playground_works_on_the_sample_data,
}

/// The name, the document and the variables of each example, in order.
fn examples() -> Vec<(String, String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground/examples");
    let files = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut documents: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "graphql"))
        .collect();
    documents.sort();
    let example = |path: std::path::PathBuf| {
        let variables = path.with_extension("json");
        let variables = match variables.exists() {
            true => serde_json::from_str(&fs::read_to_string(variables).unwrap()).unwrap(),
            false => json!({}),
        };
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap(), variables)
    };
    documents.into_iter().map(example).collect()
}

async fn every_example_of_the_playground_works_on_the_sample_data(database: TestDatabase) {
    let app = App::new(&database).await;
    let sample = Sample::copy();
    let catalog = ["--database-url", database.url()];
    let time = ["--time-column", "time"];
    for (dataset, paths) in [
        ("hourly-temperatures", vec![sample.path("hourly-temperatures")]),
        ("daily-weather", sample.years(2012..=2013)),
        ("daily-weather", sample.years(2014..=2015)),
    ] {
        register(catalog, dataset, &paths, &time).unwrap();
    }
    let mut run = Vec::new();
    for (name, document, variables) in examples() {
        if document.contains("subscription ") {
            let cursor = &app.feed(1).await[0]["cursor"];
            let variables = with(variables, json!({ "after": cursor, "first": 1 }));
            let stream = responses(&database, &document, variables).await;
            let delivered: Vec<Value> = stream.map(json_of).collect().await;
            assert_eq!(delivered.len(), 1, "{name}");
            assert_eq!(delivered[0].get("errors"), None, "{name}");
            assert_eq!(
                delivered[0]["data"]["changes"]["kind"], "DATASET_CREATED",
                "{name}"
            );
        } else {
            let data = app.query(&document, variables).await;
            for (field, value) in data.as_object().unwrap() {
                assert!(!value.is_null(), "{field} of {name} is null");
                if let Some(errors) = value.get("userErrors") {
                    assert_eq!(errors, &json!([]), "{name}");
                }
            }
        }
        run.push(name);
    }
    assert_eq!(run.len(), 10, "{run:?}");
}

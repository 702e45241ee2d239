//! `timestore register`: publishes files, on the database itself or through a running gateway.

use std::time::Duration;

use async_graphql::{Request, Variables};
use clap::Args;
use serde_json::Value;

use super::DatabaseArgs;
use crate::auth::Requester;
use crate::graphql::capacity::Capacity;
use crate::graphql::plain::json::to_json;
use crate::graphql::{self, Execution, Executor};
use crate::model::naming;
use crate::register::args::RegisterArgs;
use crate::register::command::register;
use crate::register::endpoint::{Endpoint, EndpointError, data};
use crate::register::progress::Progress;

/// What to register, and where.
#[derive(Debug, Args)]
pub struct RegisterCommand {
    #[command(flatten)]
    files: RegisterArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// How long a request may take here, where nobody else waits for its place.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Registers the files and says what came of it.
pub async fn run(args: RegisterCommand) -> anyhow::Result<()> {
    let options = args.files.options();
    // Before anything is made for a dataset that cannot be.
    naming::slug(&options.dataset).map_err(|message| anyhow::anyhow!("--dataset: {message}"))?;
    let mut progress = Progress::stderr();
    let summary = match args.files.endpoint()? {
        Some(gateway) => register(&gateway, &options, &mut |event| progress.show(event)).await?,
        None => {
            let store = args.database.open(false).await?;
            let execution = Execution {
                capacity: Capacity {
                    timeout: PATIENCE,
                    ..Capacity::default()
                },
                ..Execution::default()
            };
            let here = InProcess(Executor::with(graphql::schema(store.clone()), execution));
            let summary = register(&here, &options, &mut |event| progress.show(event)).await;
            store.close().await?;
            summary?
        }
    };
    drop(progress);
    println!("{}", summary.line(&options.dataset));
    Ok(())
}

/// Executes documents in this process, on the database.
struct InProcess(Executor);

impl Endpoint for InProcess {
    async fn execute(&self, document: &str, variables: Value) -> Result<Value, EndpointError> {
        let by = Requester::unrestricted(Some("timestore register".to_owned()));
        let request = Request::new(document)
            .variables(Variables::from_json(variables))
            .data(by);
        let response = serde_json::from_slice(&to_json(&self.0.execute(request).await));
        data(response.map_err(|error| EndpointError::Unexpected(error.to_string()))?)
    }
}

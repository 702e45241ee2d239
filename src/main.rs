//! The binary `timestore`: parse, start the logs, dispatch.

use std::process::ExitCode;

use clap::Parser;
use timestore_gateway::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let failure = cli.failure();
    run(cli).await.unwrap_or_else(|error| {
        eprintln!("error: {}", story(&error));
        failure
    })
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let telemetry = cli.telemetry().start()?;
    let done = cli.run().await;
    telemetry.finish();
    done
}

/// An error with its causes. Many libraries repeat the cause in what they say themselves: that is said once.
fn story(error: &anyhow::Error) -> String {
    let mut story = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if story.is_empty() {
            story = cause;
        } else if !story.contains(&cause) {
            story = format!("{story}: {cause}");
        }
    }
    story
}

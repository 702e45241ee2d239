//! The binary `timestore`: parse, start the logs, dispatch.

use std::process::ExitCode;

use clap::Parser;
use timestore_gateway::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    timestore_gateway::telemetry::init(cli.log);
    let failure = cli.failure();
    match cli.run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", story(&error));
            failure
        }
    }
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

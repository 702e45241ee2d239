//! `timestore schema`: prints the API's schema.

use clap::Args;

use crate::graphql;

/// Which schema.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// As a subgraph of an Apollo Federation 2 graph: with the keys of its entities, and without subscriptions.
    #[arg(long)]
    federation: bool,
}

/// Prints the SDL.
pub fn run(args: &SchemaArgs) -> anyhow::Result<()> {
    let sdl = if args.federation {
        graphql::federation_sdl()
    } else {
        graphql::sdl()
    };
    print!("{sdl}");
    Ok(())
}

//! `timestore schema`: prints the API's schema.

/// Prints the SDL.
pub fn run() -> anyhow::Result<()> {
    print!("{}", crate::graphql::sdl());
    Ok(())
}

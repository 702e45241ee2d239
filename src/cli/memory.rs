//! How much memory is kept for what was read before.

use clap::Args;

use crate::graphql::versions;

/// How much is kept in memory.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Memory")]
pub struct MemoryArgs {
    /// Bytes that pages of files of published versions may take, so that they are read from the database once; 0 keeps none.
    #[arg(long, env = "TIMESTORE_VERSION_CACHE_BYTES", value_name = "BYTES", default_value_t = versions::MEMORY)]
    pub version_cache_bytes: u64,
}

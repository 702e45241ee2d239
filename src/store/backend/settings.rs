//! What the gateway asks of each of its connections to PostgreSQL. Behind PgBouncer the role has to say it: see
//! `docs/operations.md`.

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::{Executor, Postgres};

/// The settings, each with what happens where the server does not take it.
const SETTINGS: [(&str, &str); 3] = [
    (
        "set client_connection_check_interval = '500ms'",
        "the server does not look for closed connections: abandoned statements end by themselves",
    ),
    // Every statement finds its rows by an index, whatever the values, so that planning it for its values, which the server does
    // each time by itself, finds the same plan and takes longer than executing it.
    (
        "set plan_cache_mode = force_generic_plan",
        "the server plans statements each time",
    ),
    // What a statement is about is named once: remembering what was found for it, in case it comes again, is in vain.
    (
        "set enable_memoize = off",
        "the server remembers what a statement does not ask again",
    ),
];

/// A pool whose connections have the settings.
pub(super) fn with_settings(options: PoolOptions<Postgres>) -> PoolOptions<Postgres> {
    options.after_connect(|connection, _| {
        Box::pin(async move {
            for (setting, otherwise) in SETTINGS {
                if let Err(error) = connection.execute(setting).await {
                    tracing::debug!(error = %error, "{otherwise}");
                }
            }
            Ok(())
        })
    })
}

//! `timestore token`: API tokens, for whoever reaches the database.

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use timestore_entity::Timestamp;
use timestore_entity::api_token::Model as ApiToken;
use timestore_entity::ids::ApiTokenId;
use uuid::Uuid;

use super::DatabaseArgs;
use crate::auth::Requester;
use crate::model::duration::IsoDuration;
use crate::store::api_token::ApiTokenCreate;
use crate::store::clock::SystemClock;
use crate::store::{Clock, Page, Store};

/// How many tokens are read at once.
const BATCH: u32 = 100;

/// API tokens.
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Create a token, and print it. It cannot be shown again.
    Create(CreateArgs),
    /// List all tokens, newest first: the id, the state, the name, the scopes, until when it lasts, when it was last used.
    List,
    /// Revoke a token, from the next request on.
    Revoke {
        /// The id of the token, as `list` shows it.
        id: Uuid,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Who uses it, as the audit trail is to call them.
    name: String,
    /// The scopes that it gives: timestore:read, timestore:write, timestore:admin, and those that datasets name as their own.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// How long it lasts: an ISO 8601 duration.
    #[arg(long, value_name = "DURATION", default_value = "P90D")]
    expires_in: IsoDuration,
    /// Let it last until it is revoked.
    #[arg(long, conflicts_with = "expires_in")]
    never_expires: bool,
}

/// Runs the command.
pub async fn run(args: TokenArgs) -> anyhow::Result<()> {
    let store = args.database.open(false).await?;
    let by = Requester::unrestricted(Some("timestore token".to_owned()));
    match args.command {
        TokenCommand::Create(args) => {
            let create = ApiTokenCreate {
                name: args.name,
                scopes: args.scopes,
                expires_in: (!args.never_expires).then_some(args.expires_in),
            };
            let (token, secret) = store.api_token_create(&by, create).await?;
            let until = token.expires_at.map_or("until it is revoked".to_owned(), |end| {
                format!("until {}", end.to_rfc3339_opts(SecondsFormat::Secs, true))
            });
            eprintln!(
                "token {} of {} lasts {until}; it is not shown again:",
                token.id, token.name
            );
            println!("{}", secret.reveal());
        }
        TokenCommand::List => list(&store).await?,
        TokenCommand::Revoke { id } => {
            let token = store.api_token_revoke(&by, Some(ApiTokenId(id))).await?;
            eprintln!("token {} of {} is revoked", token.id, token.name);
        }
    }
    Ok(store.close().await?)
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let mut page = Page::first(BATCH, None);
    loop {
        let tokens = store.api_token_page(&page).await?;
        for token in &tokens.rows {
            println!("{}", line(token, now));
        }
        page.after = tokens.rows.last().map(|token| (token.created_at, token.id));
        if !tokens.has_more {
            return Ok(());
        }
    }
}

/// A token in a line: columns with tabs between them.
fn line(token: &ApiToken, now: Timestamp) -> String {
    let state = match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "expired",
        _ => "active",
    };
    let scopes = token
        .scopes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|scope| scope.as_str());
    let time = |time: Option<Timestamp>| {
        time.map_or("never".to_owned(), |time| {
            time.to_rfc3339_opts(SecondsFormat::Secs, true)
        })
    };
    let (expires, used) = (time(token.expires_at), time(token.last_used_at));
    let columns = [
        &token.id.to_string(),
        state,
        &token.name,
        &scopes.collect::<Vec<_>>().join(" "),
        &expires,
        &used,
    ];
    columns.join("\t")
}

//! Which replicas of the database answer queries.

use anyhow::{Context, bail};
use clap::Args;

use super::database::describe;
use crate::store::backend::{self, Connections, Database};

/// Which replicas.
#[derive(Clone, Debug, Args)]
pub struct ReplicaArgs {
    /// Let queries be answered by this streaming replica of the PostgreSQL database, too. Several are given one by one, or with
    /// commas between.
    #[arg(
        long = "replica-url",
        env = "TIMESTORE_REPLICA_URLS",
        value_name = "URL",
        value_delimiter = ',',
        hide_env_values = true
    )]
    urls: Vec<String>,
    /// How many connections to each replica are kept at the most.
    #[arg(long, env = "TIMESTORE_REPLICA_CONNECTIONS", value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    replica_connections: u32,
}

impl ReplicaArgs {
    /// Adds the replicas to the connections of `primary`. They need not be up.
    pub async fn add(&self, primary: &Database, connections: &mut Connections) -> anyhow::Result<()> {
        for url in self.urls.iter().filter(|url| !url.is_empty()) {
            // What a parser says of a URL can repeat it, password and all.
            let replica = url.parse().ok();
            let (Database::Postgres(_), Some(replica @ Database::Postgres(_))) = (primary, replica) else {
                bail!(
                    "--replica-url: expected postgres://user@host/database, of a replica of a PostgreSQL database"
                );
            };
            let pool = backend::connect_replica(&replica, self.replica_connections).await;
            let pool = pool
                .ok()
                .with_context(|| format!("--replica-url: {} cannot be used", describe(&replica)))?;
            connections.add_replica(pool);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        replicas: ReplicaArgs,
    }

    #[test]
    fn several_replicas_are_given_one_by_one_or_with_commas_between() {
        let parse = |args: &[&str]| Command::try_parse_from(args).unwrap().replicas.urls;
        assert!(parse(&["timestore"]).is_empty());
        let several = [
            "timestore",
            "--replica-url=postgres://a/x,postgres://b/x",
            "--replica-url=postgres://c/x",
        ];
        assert_eq!(
            parse(&several),
            ["postgres://a/x", "postgres://b/x", "postgres://c/x"]
        );
    }

    #[tokio::test]
    async fn what_is_no_replica_is_refused_without_its_password() {
        let sqlite = Database::Sqlite("a.db".into());
        let postgres = Database::Postgres("postgres://a/x".to_owned());
        for (primary, url) in [
            (&sqlite, "postgres://ann:hidden@b/x"),
            (&postgres, "sqlite:hidden.db"),
            (&postgres, "hidden"),
        ] {
            let replicas = Command::try_parse_from(["timestore", "--replica-url", url])
                .unwrap()
                .replicas;
            let mut connections = Connections::new(Default::default(), Default::default());
            let error = replicas
                .add(primary, &mut connections)
                .await
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("--replica-url") && !error.contains("hidden"),
                "{error}"
            );
        }
    }
}

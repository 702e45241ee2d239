//! Who may use the API from a browser, and which documents requests may name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use async_graphql::parser::parse_query;
use clap::Args;

use crate::graphql::persisted::{Documents, MEMORY};
use crate::http::{Origin, Origins};

/// What is served over HTTP, and to which pages.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// Let pages of this origin use the API from a browser, such as https://app.example.com; `*` for any. May be repeated; in the
    /// environment, separated by commas.
    #[arg(
        long,
        env = "TIMESTORE_CORS_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    cors_origin: Vec<Origin>,
    /// How many bytes of documents are remembered, so that clients need not send them again (automatic persisted queries); 0
    /// remembers none.
    #[arg(long, env = "TIMESTORE_PERSISTED_QUERIES", value_name = "BYTES", default_value_t = MEMORY)]
    persisted_queries: u64,
    /// Execute only the documents of this file, and only by their hash: a JSON object from hash to document, such as
    /// graphql-codegen's persisted-documents.json.
    #[arg(long, env = "TIMESTORE_TRUSTED_DOCUMENTS", value_name = "FILE")]
    trusted_documents: Option<PathBuf>,
}

impl HttpArgs {
    /// The origins whose pages may use the API.
    pub fn origins(&self) -> Origins {
        Origins(self.cors_origin.clone())
    }

    /// The documents that requests may name.
    pub fn documents(&self) -> anyhow::Result<Documents> {
        match &self.trusted_documents {
            Some(file) => {
                let context = || format!("--trusted-documents: {} cannot be used", file.display());
                Ok(Documents::trusted(read(file).with_context(context)?))
            }
            None => Ok(Documents::automatic(self.persisted_queries)),
        }
    }
}

/// The documents of a file. One that is not GraphQL is told now rather than to a client.
fn read(file: &Path) -> anyhow::Result<HashMap<String, String>> {
    let documents: HashMap<String, String> = serde_json::from_slice(&std::fs::read(file)?)
        .context("expected a JSON object from hash to document")?;
    for (hash, document) in &documents {
        if let Err(error) = parse_query(document) {
            bail!("the document {hash} is not GraphQL: {error}");
        }
    }
    let documents = documents.into_iter();
    Ok(documents
        .map(|(hash, document)| (hash.to_ascii_lowercase(), document))
        .collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        http: HttpArgs,
    }

    fn parse(args: &[&str]) -> Result<HttpArgs, clap::Error> {
        let args = ["timestore"].iter().chain(args);
        Command::try_parse_from(args).map(|command| command.http)
    }

    #[test]
    fn no_page_of_another_origin_is_let_in_unless_told() {
        assert_eq!(parse(&[]).unwrap().cors_origin, []);
        let args = parse(&[
            "--cors-origin=https://a.example,https://b.example",
            "--cors-origin=http://c",
        ]);
        assert_eq!(args.unwrap().cors_origin.len(), 3);
        let error = parse(&["--cors-origin=a.example"]).unwrap_err().to_string();
        assert!(
            error.contains("--cors-origin") && error.contains("https://app.example.com"),
            "{error}"
        );
    }

    #[test]
    fn a_file_of_trusted_documents_that_is_no_such_thing_is_refused_by_name() {
        let file = std::env::temp_dir().join(format!("timestore-trusted-{}.json", std::process::id()));
        let flag = format!("--trusted-documents={}", file.display());
        let documents = || {
            parse(&[&flag])
                .unwrap()
                .documents()
                .map_err(|error| format!("{error:#}"))
        };
        assert!(documents().unwrap_err().contains(&file.display().to_string()));
        std::fs::write(&file, "[]").unwrap();
        assert!(documents().unwrap_err().contains("expected a JSON object"));
        std::fs::write(&file, r#"{"abc": "{"}"#).unwrap();
        assert!(
            documents()
                .unwrap_err()
                .contains("the document abc is not GraphQL")
        );
        std::fs::write(&file, r#"{"ABC": "{ __typename }"}"#).unwrap();
        let Ok(Documents::Trusted(trusted)) = documents() else {
            panic!("trusted documents")
        };
        assert_eq!(trusted["abc"], "{ __typename }");
        std::fs::remove_file(&file).unwrap();
    }
}

//! Publishing one manifest: in one request, or through a draft when it is large.
//!
//! Owns repeating what may be repeated, and giving up what cannot be finished.

use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog::{Catalog, Created, Outcome, refused};
use super::endpoint::Endpoint;
use super::error::{RegisterError, UserError};
use super::event::Event;
use super::facts::FileFacts;
use super::plan::Publication;
use super::{documents, payload};

/// What all manifests of a run have in common.
pub(super) struct Publisher<'a, E> {
    pub(super) catalog: &'a Catalog<'a, E>,
    /// The dataset's slug.
    pub(super) dataset: &'a str,
    /// The name of the storage target.
    pub(super) target: &'a str,
    /// How many files go into one request.
    pub(super) batch: usize,
    /// Whether files with other content are replaced.
    pub(super) replace: bool,
}

/// The parts of a manifest, in requests of a size that the API takes.
struct Requests {
    remove: Vec<Vec<Value>>,
    add: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Manifest {
    version: i32,
}

impl<E: Endpoint> Publisher<'_, E> {
    /// Publishes a manifest after `version`, and returns its version. Where files turn out to be live although they were
    /// not found, they are replaced if that is wanted, and noted in the publication.
    pub(super) async fn publish(
        &self,
        publication: &mut Publication,
        version: i32,
        report: &mut impl FnMut(Event<'_>),
    ) -> Result<i32, RegisterError> {
        loop {
            let errors = match self.attempt(publication, version, report).await? {
                Ok(manifest) => return Ok(manifest.version),
                Err(errors) => errors,
            };
            let duplicates = duplicates(&errors, publication);
            if duplicates.is_empty() || !errors.iter().all(UserError::is_duplicate) {
                return Err(refused(
                    format!("publishing to dataset '{}'", self.dataset),
                    errors,
                ));
            }
            if !self.replace {
                return Err(RegisterError::AlreadyLive(duplicates));
            }
            // Each round adds paths, so that there is an end.
            publication.replaced.extend(duplicates);
        }
    }

    async fn attempt(
        &self,
        publication: &Publication,
        version: i32,
        report: &mut impl FnMut(Event<'_>),
    ) -> Result<Outcome<Manifest>, RegisterError> {
        let add = publication
            .files
            .iter()
            .map(|file| payload::partition(file, self.target));
        let remove = publication
            .replaced
            .iter()
            .map(|path| payload::removal(path, self.target));
        let mut requests = Requests {
            remove: payload::requests(remove.collect(), self.batch),
            add: payload::requests(add.collect(), self.batch),
        };
        let mut input = json!({
            "dataset": { "slug": self.dataset },
            "operation": payload::operation(publication),
        });
        if let Some(fields) = &publication.fields {
            input["schema"] = payload::schema(fields);
        }
        if requests.add.len() > 1 || requests.remove.len() > 1 {
            return self
                .through_draft(input, publication, version, requests, report)
                .await;
        }
        input["add"] = Value::Array(requests.add.pop().unwrap_or_default());
        input["remove"] = Value::Array(requests.remove.pop().unwrap_or_default());
        input["idempotencyKey"] = payload::idempotency_key(self.dataset, version, None, publication).into();
        let mut outcome = self.catalog.mutate_safely(documents::PUBLISH, input).await?;
        if let Err(errors) = &mut outcome {
            name_files(errors, &publication.files);
        }
        Ok(outcome)
    }

    async fn through_draft(
        &self,
        input: Value,
        publication: &Publication,
        version: i32,
        requests: Requests,
        report: &mut impl FnMut(Event<'_>),
    ) -> Result<Outcome<Manifest>, RegisterError> {
        let draft = match self
            .catalog
            .mutate::<Created>(documents::CREATE_DRAFT, input)
            .await?
        {
            Ok(draft) => draft.id,
            Err(errors) => return Ok(Err(errors)),
        };
        let outcome = match self.stage(&draft, publication, requests, report).await {
            Ok(errors) if errors.is_empty() => {
                let key = payload::idempotency_key(self.dataset, version, Some(&draft), publication);
                let input = json!({ "draft": draft, "idempotencyKey": key });
                self.catalog.mutate_safely(documents::PUBLISH_DRAFT, input).await
            }
            Ok(errors) => Ok(Err(errors)),
            Err(error) => Err(error),
        };
        if !matches!(outcome, Ok(Ok(_))) {
            // Nobody will finish it. It would expire, too: what comes of this does not matter.
            let input = json!({ "draft": draft });
            let _ = self
                .catalog
                .mutate::<Created>(documents::DISCARD_DRAFT, input)
                .await;
        }
        outcome
    }

    /// Stages what goes, then what comes in its place; returns all that is wrong with any of it.
    async fn stage(
        &self,
        draft: &str,
        publication: &Publication,
        requests: Requests,
        report: &mut impl FnMut(Event<'_>),
    ) -> Result<Vec<UserError>, RegisterError> {
        let total = publication.files.len();
        let mut errors = Vec::new();
        for remove in requests.remove {
            let input = json!({ "draft": draft, "remove": remove });
            let outcome: Outcome<Created> = self.catalog.mutate(documents::STAGE, input).await?;
            errors.extend(outcome.err().unwrap_or_default());
        }
        let mut done = 0;
        for add in requests.add {
            let count = add.len();
            let input = json!({ "draft": draft, "add": add });
            let outcome: Outcome<Created> = self.catalog.mutate(documents::STAGE, input).await?;
            let mut found = outcome.err().unwrap_or_default();
            // Their indexes count from the beginning of this request.
            name_files(&mut found, &publication.files[done..]);
            errors.extend(found);
            done += count;
            report(Event::Staged { done, total });
        }
        Ok(errors)
    }
}

/// Says of refusals that speak of an addition by its index which of `files` it is.
fn name_files(errors: &mut [UserError], files: &[FileFacts]) {
    for error in errors {
        let file = error.index().and_then(|index| files.get(index));
        error.file = file.map(|file| file.relative.clone());
    }
}

/// The publication's own paths that are said to be live, and are not yet known to be.
fn duplicates(errors: &[UserError], publication: &Publication) -> Vec<String> {
    let named = errors.iter().flat_map(|error| &error.duplicates);
    let named = named
        .map(|file| file.file_path.as_str())
        .collect::<std::collections::HashSet<_>>();
    publication
        .files
        .iter()
        .map(|file| &file.relative)
        .filter(|path| named.contains(path.as_str()) && !publication.replaced.contains(*path))
        .cloned()
        .collect()
}

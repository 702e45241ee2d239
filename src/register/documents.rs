//! The GraphQL documents that registering sends.
//!
//! Owns their text, one operation each. A mutation answers `payload { result userErrors }`, whatever the API calls its
//! result, so that one piece of code reads them all.

/// A mutation, with the fragment that reads what was refused.
macro_rules! mutation {
    ($file:literal) => {
        concat!(
            include_str!(concat!("documents/", $file)),
            include_str!("documents/refusal.graphql")
        )
    };
}

pub(super) const STORAGE_TARGET: &str = include_str!("documents/storage_target.graphql");
pub(super) const CREATE_STORAGE_TARGET: &str = mutation!("create_storage_target.graphql");
pub(super) const DATASET: &str = include_str!("documents/dataset.graphql");
pub(super) const CREATE_DATASET: &str = mutation!("create_dataset.graphql");
pub(super) const LIVE_FILES: &str = include_str!("documents/live_files.graphql");
pub(super) const PUBLISH: &str = mutation!("publish.graphql");
pub(super) const CREATE_DRAFT: &str = mutation!("create_draft.graphql");
pub(super) const STAGE: &str = mutation!("stage.graphql");
pub(super) const PUBLISH_DRAFT: &str = mutation!("publish_draft.graphql");
pub(super) const DISCARD_DRAFT: &str = mutation!("discard_draft.graphql");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_one_named_operation() {
        let documents = [
            STORAGE_TARGET,
            CREATE_STORAGE_TARGET,
            DATASET,
            CREATE_DATASET,
            LIVE_FILES,
            PUBLISH,
            CREATE_DRAFT,
            STAGE,
            PUBLISH_DRAFT,
            DISCARD_DRAFT,
        ];
        for document in documents {
            let parsed = async_graphql::parser::parse_query(document).expect(document);
            let names = parsed.operations.iter().filter_map(|(name, _)| name);
            assert_eq!(names.count(), 1, "{document}");
        }
    }
}

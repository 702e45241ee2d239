//! Global ids: opaque text that says what it names.
//!
//! An id is base64url of a tag and the key. Only the text that [`GlobalId::encode`] writes is read, so that equal things have
//! equal ids.

use async_graphql::ID;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use timestore_entity::ids::{
    ApiTokenId, AuditEventId, DatasetId, LifecycleRunId, ManifestDraftId, PartitionId, SnapshotId,
    StorageTargetId,
};
use uuid::Uuid;

use crate::store;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GlobalId {
    /// A dataset.
    Dataset(DatasetId),
    /// A storage target.
    StorageTarget(StorageTargetId),
    /// A schema version of a dataset.
    SchemaVersion(DatasetId, i32),
    /// A version of a dataset.
    Manifest(DatasetId, i32),
    /// A file of a dataset.
    Partition(DatasetId, PartitionId),
    /// A snapshot of a dataset.
    Snapshot(DatasetId, SnapshotId),
    /// A draft of a manifest.
    ManifestDraft(DatasetId, ManifestDraftId),
    /// A file that no version needs any more.
    FileRemoval(DatasetId, PartitionId),
    /// An audit event.
    AuditEvent(AuditEventId),
    /// A lifecycle run.
    LifecycleRun(LifecycleRunId),
    /// An API token.
    ApiToken(ApiTokenId),
}

/// The length of the longest id: 33 bytes are 44 characters.
const LONGEST: usize = 44;

const DATASET: u8 = 1;
const STORAGE_TARGET: u8 = 2;
const SCHEMA_VERSION: u8 = 3;
const MANIFEST: u8 = 4;
const PARTITION: u8 = 5;
const SNAPSHOT: u8 = 6;
const MANIFEST_DRAFT: u8 = 7;
const AUDIT_EVENT: u8 = 8;
const FILE_REMOVAL: u8 = 9;
const LIFECYCLE_RUN: u8 = 10;
const API_TOKEN: u8 = 11;

impl GlobalId {
    /// The id as clients see it.
    pub fn encode(self) -> ID {
        let mut text = Vec::with_capacity(LONGEST);
        self.write(&mut text);
        // Base64 is ASCII.
        ID(String::from_utf8(text).unwrap_or_default())
    }

    /// Adds the id to a text.
    pub fn write(self, text: &mut Vec<u8>) {
        let (tag, owner, rest) = match self {
            Self::Dataset(id) => (DATASET, id.0, Rest::None),
            Self::StorageTarget(id) => (STORAGE_TARGET, id.0, Rest::None),
            Self::SchemaVersion(id, version) => (SCHEMA_VERSION, id.0, Rest::Version(version)),
            Self::Manifest(id, version) => (MANIFEST, id.0, Rest::Version(version)),
            Self::Partition(id, partition) => (PARTITION, id.0, Rest::Uuid(partition.0)),
            Self::Snapshot(id, snapshot) => (SNAPSHOT, id.0, Rest::Uuid(snapshot.0)),
            Self::ManifestDraft(id, draft) => (MANIFEST_DRAFT, id.0, Rest::Uuid(draft.0)),
            Self::FileRemoval(id, partition) => (FILE_REMOVAL, id.0, Rest::Uuid(partition.0)),
            Self::AuditEvent(id) => (AUDIT_EVENT, id.0, Rest::None),
            Self::LifecycleRun(id) => (LIFECYCLE_RUN, id.0, Rest::None),
            Self::ApiToken(id) => (API_TOKEN, id.0, Rest::None),
        };
        let mut bytes = [0; 33];
        bytes[0] = tag;
        bytes[1..17].copy_from_slice(owner.as_bytes());
        let length = match rest {
            Rest::None => 17,
            Rest::Version(version) => {
                bytes[17..21].copy_from_slice(&version.to_be_bytes());
                21
            }
            Rest::Uuid(uuid) => {
                bytes[17..].copy_from_slice(uuid.as_bytes());
                33
            }
        };
        let mut encoded = [0; LONGEST];
        // The buffer has room for the longest.
        let written = URL_SAFE_NO_PAD.encode_slice(&bytes[..length], &mut encoded);
        text.extend_from_slice(&encoded[..written.unwrap_or_default()]);
    }

    /// What a text names; none for a text that is no id.
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&tag, bytes) = bytes.split_first()?;
        let (owner, bytes) = bytes.split_at_checked(16)?;
        let owner = Uuid::from_slice(owner).ok()?;
        let dataset = DatasetId(owner);
        let version = || <[u8; 4]>::try_from(bytes).ok().map(i32::from_be_bytes);
        let uuid = || Uuid::from_slice(bytes).ok();
        match tag {
            DATASET if bytes.is_empty() => Some(Self::Dataset(dataset)),
            STORAGE_TARGET if bytes.is_empty() => Some(Self::StorageTarget(StorageTargetId(owner))),
            SCHEMA_VERSION => version().map(|version| Self::SchemaVersion(dataset, version)),
            MANIFEST => version().map(|version| Self::Manifest(dataset, version)),
            PARTITION => uuid().map(|id| Self::Partition(dataset, PartitionId(id))),
            SNAPSHOT => uuid().map(|id| Self::Snapshot(dataset, SnapshotId(id))),
            FILE_REMOVAL => uuid().map(|id| Self::FileRemoval(dataset, PartitionId(id))),
            MANIFEST_DRAFT => uuid().map(|id| Self::ManifestDraft(dataset, ManifestDraftId(id))),
            AUDIT_EVENT if bytes.is_empty() => Some(Self::AuditEvent(AuditEventId(owner))),
            LIFECYCLE_RUN if bytes.is_empty() => Some(Self::LifecycleRun(LifecycleRunId(owner))),
            API_TOKEN if bytes.is_empty() => Some(Self::ApiToken(ApiTokenId(owner))),
            _ => None,
        }
    }

    /// The dataset that an id names.
    pub fn dataset(id: &ID) -> store::DatasetRef {
        match Self::decode(id) {
            Some(Self::Dataset(dataset)) => store::DatasetRef::Id(dataset),
            _ => store::DatasetRef::Unknown(id.to_string()),
        }
    }

    /// The storage target that an id names.
    pub fn storage_target(id: &ID) -> store::StorageTargetRef {
        match Self::decode(id) {
            Some(Self::StorageTarget(target)) => store::StorageTargetRef::Id(target),
            _ => store::StorageTargetRef::Unknown(id.to_string()),
        }
    }

    /// The file that an id names.
    pub fn partition(id: &ID) -> store::PartitionRef {
        match Self::decode(id) {
            Some(Self::Partition(dataset, partition)) => store::PartitionRef::Id(dataset, partition),
            _ => store::PartitionRef::Unknown(id.to_string()),
        }
    }

    /// The file removal that an id names.
    pub fn file_removal(id: &ID) -> Option<store::file_removal::FileRemovalKey> {
        match Self::decode(id) {
            Some(Self::FileRemoval(dataset, partition)) => Some((dataset, partition)),
            _ => None,
        }
    }

    /// The lifecycle run that an id names.
    pub fn lifecycle_run(id: &ID) -> Option<LifecycleRunId> {
        match Self::decode(id) {
            Some(Self::LifecycleRun(run)) => Some(run),
            _ => None,
        }
    }

    /// The API token that an id names.
    pub fn api_token(id: &ID) -> Option<ApiTokenId> {
        match Self::decode(id) {
            Some(Self::ApiToken(token)) => Some(token),
            _ => None,
        }
    }

    /// The draft that an id names.
    pub fn draft(id: &ID) -> store::draft::DraftRef {
        match Self::decode(id) {
            Some(Self::ManifestDraft(dataset, draft)) => store::draft::DraftRef::Id(dataset, draft),
            _ => store::draft::DraftRef::Unknown(id.to_string()),
        }
    }
}

/// What follows the first uuid of a key.
enum Rest {
    None,
    Version(i32),
    Uuid(Uuid),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_id() -> impl Strategy<Value = GlobalId> {
        let uuid = || any::<u128>().prop_map(Uuid::from_u128);
        let dataset = || uuid().prop_map(DatasetId);
        prop_oneof![
            dataset().prop_map(GlobalId::Dataset),
            uuid().prop_map(|id| GlobalId::StorageTarget(StorageTargetId(id))),
            (dataset(), any::<i32>()).prop_map(|(id, version)| GlobalId::SchemaVersion(id, version)),
            (dataset(), any::<i32>()).prop_map(|(id, version)| GlobalId::Manifest(id, version)),
            (dataset(), uuid()).prop_map(|(id, other)| GlobalId::Partition(id, PartitionId(other))),
            (dataset(), uuid()).prop_map(|(id, other)| GlobalId::FileRemoval(id, PartitionId(other))),
            (dataset(), uuid()).prop_map(|(id, other)| GlobalId::Snapshot(id, SnapshotId(other))),
            (dataset(), uuid()).prop_map(|(id, other)| GlobalId::ManifestDraft(id, ManifestDraftId(other))),
            uuid().prop_map(|id| GlobalId::AuditEvent(AuditEventId(id))),
            uuid().prop_map(|id| GlobalId::LifecycleRun(LifecycleRunId(id))),
            uuid().prop_map(|id| GlobalId::ApiToken(ApiTokenId(id))),
        ]
    }

    proptest! {
        #[test]
        fn an_id_comes_back(id in any_id()) {
            prop_assert_eq!(GlobalId::decode(&id.encode()), Some(id));
        }

        #[test]
        fn only_canonical_text_is_read(id in any_id(), at in 0_usize..44, other in "[A-Za-z0-9_=+/ -]{0,2}") {
            let text = id.encode().to_string();
            let at = at.min(text.len() - 1);
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            if let Some(decoded) = GlobalId::decode(&changed) {
                prop_assert_eq!(decoded.encode().to_string(), changed);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Some(id) = GlobalId::decode(&text) {
                prop_assert_eq!(id.encode().to_string(), text);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            if let Some(id) = GlobalId::decode(&text) {
                prop_assert_eq!(id.encode().to_string(), text);
            }
        }
    }

    #[test]
    fn an_id_of_another_type_names_nothing() {
        let dataset = DatasetId(Uuid::from_u128(7));
        let id = GlobalId::Manifest(dataset, 1).encode();
        assert_eq!(GlobalId::dataset(&id), store::DatasetRef::Unknown(id.to_string()));
        assert_eq!(
            GlobalId::dataset(&GlobalId::Dataset(dataset).encode()),
            store::DatasetRef::Id(dataset)
        );
    }
}

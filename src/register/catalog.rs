//! What registering asks of the catalog, and tells it, in terms of the API's documents.
//!
//! Owns reading answers. Decides nothing: what to publish is [`plan`](super::plan)'s business.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use timestore_entity::enums::{FieldType, FileFormat};
use timestore_entity::schema_version::Field;

use super::documents;
use super::endpoint::{Endpoint, EndpointError};
use super::error::{RegisterError, UserError};
use super::payload;
use super::plan::Window;

/// The catalog behind an endpoint.
pub(super) struct Catalog<'a, E> {
    endpoint: &'a E,
}

/// A dataset as far as registering depends on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct DatasetState {
    /// Its current version; 0 before the first.
    pub(super) version: i32,
    /// The fields of its schema versions, newest first.
    pub(super) schemas: Vec<Vec<Field>>,
}

/// What a mutation came to: its result, or all that is wrong with the request.
pub(super) type Outcome<T> = Result<T, Vec<UserError>>;

impl<'a, E: Endpoint> Catalog<'a, E> {
    pub(super) fn new(endpoint: &'a E) -> Self {
        Self { endpoint }
    }

    /// What the storage target stands for, if there is one of that name.
    pub(super) async fn target_base(&self, name: &str) -> Result<Option<String>, RegisterError> {
        let data: TargetData = self
            .query(documents::STORAGE_TARGET, json!({ "name": name }))
            .await?;
        Ok(data.storage_target.map(|target| target.base_uri))
    }

    /// Makes a local storage target.
    pub(super) async fn target_create(&self, name: &str, base_uri: &str) -> Result<(), RegisterError> {
        let input = json!({ "name": name, "kind": "LOCAL", "baseUri": base_uri });
        let outcome: Outcome<Created> = self.mutate(documents::CREATE_STORAGE_TARGET, input).await?;
        match outcome {
            Ok(_) => Ok(()),
            Err(errors) => Err(refused(format!("making storage target '{name}'"), errors)),
        }
    }

    /// The dataset, if there is one.
    pub(super) async fn dataset(&self, slug: &str) -> Result<Option<DatasetState>, RegisterError> {
        let data: DatasetData = self.query(documents::DATASET, json!({ "slug": slug })).await?;
        let Some(node) = data.dataset else { return Ok(None) };
        let mut versions = node.schema_versions.nodes;
        versions.sort_by_key(|node| std::cmp::Reverse(node.version));
        let schemas = versions
            .into_iter()
            .map(|version| version.fields.into_iter().map(field).collect())
            .collect::<Result<_, _>>()?;
        Ok(Some(DatasetState {
            version: node.manifest.map_or(0, |manifest| manifest.version),
            schemas,
        }))
    }

    /// Makes a dataset; false when somebody else has done so just now.
    pub(super) async fn dataset_create(
        &self,
        slug: &str,
        name: &str,
        format: FileFormat,
        target: &str,
    ) -> Result<bool, RegisterError> {
        let input = json!({
            "slug": slug,
            "name": name,
            "writeFormat": payload::spelled(format.as_str()),
            "defaultStorageTarget": { "name": target },
        });
        let outcome: Outcome<Created> = self.mutate(documents::CREATE_DATASET, input).await?;
        match outcome {
            Ok(_) => Ok(true),
            Err(errors) if errors.iter().all(UserError::is_taken) => Ok(false),
            Err(errors) => Err(refused(format!("making dataset '{slug}'"), errors)),
        }
    }

    /// The live files of `target` in the window, at a version: their checksums by path, of those that `wanted` names.
    pub(super) async fn live_files(
        &self,
        slug: &str,
        version: i32,
        target: &str,
        window: Window,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<HashMap<String, Option<String>>, RegisterError> {
        let mut files = HashMap::new();
        let mut variables = json!({ "slug": slug, "version": version, "window": payload::window(window) });
        loop {
            let data: LiveData = self.query(documents::LIVE_FILES, variables.clone()).await?;
            let manifest = data.dataset.and_then(|dataset| dataset.manifest);
            let page = manifest
                .ok_or_else(|| unexpected(format!("version {version} is gone")))?
                .partitions;
            let own = page
                .nodes
                .into_iter()
                .filter(|node| node.storage_target.name == target && wanted(&node.file_path));
            files.extend(own.map(|node| (node.file_path, node.checksum)));
            match page.page_info {
                PageInfo {
                    has_next_page: false, ..
                } => return Ok(files),
                PageInfo { end_cursor: None, .. } => return Err(unexpected("a next page without a cursor")),
                PageInfo {
                    end_cursor: Some(cursor),
                    ..
                } => variables["after"] = Value::String(cursor),
            }
        }
    }

    /// Executes a mutation of one `input`.
    pub(super) async fn mutate<T: DeserializeOwned>(
        &self,
        document: &str,
        input: Value,
    ) -> Result<Outcome<T>, RegisterError> {
        let data: MutationData<T> = self.query(document, json!({ "input": input })).await?;
        match data.payload {
            Payload { user_errors, .. } if !user_errors.is_empty() => Ok(Err(user_errors)),
            Payload {
                result: Some(result), ..
            } => Ok(Ok(result)),
            Payload { result: None, .. } => {
                Err(unexpected("neither a result nor what is wrong with the request"))
            }
        }
    }

    /// Executes a mutation that may be repeated, and does so once if its answer is lost.
    pub(super) async fn mutate_safely<T: DeserializeOwned>(
        &self,
        document: &str,
        input: Value,
    ) -> Result<Outcome<T>, RegisterError> {
        match self.mutate(document, input.clone()).await {
            Err(RegisterError::Endpoint(error)) if error.is_lost() => self.mutate(document, input).await,
            outcome => outcome,
        }
    }

    async fn query<T: DeserializeOwned>(&self, document: &str, variables: Value) -> Result<T, RegisterError> {
        let data = self.endpoint.execute(document, variables).await?;
        serde_json::from_value(data).map_err(|error| unexpected(error.to_string()))
    }
}

/// Something that was made, of which nothing more is needed.
#[derive(Deserialize)]
pub(super) struct Created {
    /// Its id.
    pub(super) id: String,
}

pub(super) fn refused(what: String, errors: Vec<UserError>) -> RegisterError {
    RegisterError::Refused { what, errors }
}

fn unexpected(what: impl Into<String>) -> RegisterError {
    EndpointError::Unexpected(what.into()).into()
}

fn field(node: FieldNode) -> Result<Field, RegisterError> {
    let named = |kind: &&FieldType| node.r#type.eq_ignore_ascii_case(kind.as_str());
    let Some(&r#type) = FieldType::ALL.iter().find(named) else {
        return Err(unexpected(format!(
            "field '{}' of type {}",
            node.name, node.r#type
        )));
    };
    Ok(Field {
        name: node.name,
        r#type,
        native_type: node.native_type,
        nullable: node.nullable,
        description: node.description,
        unit: node.unit,
    })
}

/// Declares what answers look like.
macro_rules! answers {
    ($($name:ident $(<$T:ident>)? { $($field:ident: $type:ty),+ })+) => {
        $(
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct $name $(<$T>)? { $($field: $type),+ }
        )+
    };
}

answers! {
    TargetData { storage_target: Option<TargetNode> }
    TargetNode { base_uri: String }
    DatasetData { dataset: Option<DatasetNode> }
    DatasetNode { schema_versions: SchemaVersions, manifest: Option<ManifestNode> }
    ManifestNode { version: i32 }
    SchemaVersions { nodes: Vec<SchemaVersionNode> }
    SchemaVersionNode { version: i32, fields: Vec<FieldNode> }
    FieldNode {
        name: String, r#type: String, native_type: Option<String>, nullable: bool, description: Option<String>,
        unit: Option<String>
    }
    LiveData { dataset: Option<LiveDataset> }
    LiveDataset { manifest: Option<LiveManifest> }
    LiveManifest { partitions: Partitions }
    Partitions { nodes: Vec<PartitionNode>, page_info: PageInfo }
    PartitionNode { file_path: String, checksum: Option<String>, storage_target: TargetName }
    TargetName { name: String }
    PageInfo { has_next_page: bool, end_cursor: Option<String> }
    MutationData<T> { payload: Payload<T> }
    Payload<T> { result: Option<T>, user_errors: Vec<UserError> }
}

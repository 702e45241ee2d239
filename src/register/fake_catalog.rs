//! A catalog in memory that answers the documents of this module, for its tests.
//!
//! Owns just enough of the API's rules to tell whether registering keeps to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::endpoint::{Endpoint, EndpointError};

#[derive(Default)]
pub(crate) struct FakeCatalog {
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Base URIs by target.
    pub(crate) targets: BTreeMap<String, String>,
    /// The input that made the dataset.
    pub(crate) dataset: Option<Value>,
    /// Schema versions, oldest first.
    pub(crate) schemas: Vec<Value>,
    /// Live files by target and path.
    pub(crate) live: BTreeMap<(String, String), Value>,
    /// What was published, with all that was staged.
    pub(crate) manifests: Vec<Value>,
    /// The operations that were asked for.
    pub(crate) asked: Vec<String>,
    /// Live files that no window finds.
    pub(crate) hidden: Vec<String>,
    /// What the next publish is refused for.
    pub(crate) refusal: Option<Value>,
    /// Whether the answer of the next publish is lost.
    pub(crate) lose: bool,
    keys: HashMap<String, usize>,
    drafts: BTreeMap<String, Value>,
}

impl FakeCatalog {
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().expect("no panic"))
    }

    /// How often an operation was asked for.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.with(|state| state.asked.iter().filter(|asked| *asked == operation).count())
    }
}

impl Endpoint for FakeCatalog {
    async fn execute(&self, document: &str, variables: Value) -> Result<Value, EndpointError> {
        self.with(|state| state.answer(document, &variables))
    }
}

impl State {
    fn answer(&mut self, document: &str, variables: &Value) -> Result<Value, EndpointError> {
        let operation = document.split([' ', '(']).nth(1).expect("a name");
        self.asked.push(operation.to_owned());
        let input = &variables["input"];
        let payload = match operation {
            "RegisterStorageTarget" => {
                let base = self.targets.get(text(&variables["name"]));
                return Ok(json!({ "storageTarget": base.map(|base| json!({ "baseUri": base })) }));
            }
            "RegisterDataset" => return Ok(json!({ "dataset": self.dataset() })),
            "RegisterLiveFiles" => return Ok(self.page(variables)),
            "RegisterCreateStorageTarget" => {
                self.targets.insert(
                    text(&input["name"]).to_owned(),
                    text(&input["baseUri"]).to_owned(),
                );
                done(json!({ "id": "target" }))
            }
            "RegisterCreateDataset" => {
                self.dataset = Some(input.clone());
                done(json!({ "id": "dataset" }))
            }
            "RegisterPublish" => self.publish(input),
            "RegisterCreateDraft" => {
                let id = format!("draft-{}", self.asked.len());
                let mut draft = input.clone();
                (draft["add"], draft["remove"]) = (json!([]), json!([]));
                self.drafts.insert(id.clone(), draft);
                done(json!({ "id": id }))
            }
            "RegisterStage" => self.stage(input),
            "RegisterPublishDraft" => {
                let mut whole = self.drafts[text(&input["draft"])].clone();
                whole["idempotencyKey"] = input["idempotencyKey"].clone();
                self.publish(&whole)
            }
            "RegisterDiscardDraft" => {
                self.drafts.remove(text(&input["draft"])).expect("a draft");
                done(json!({ "id": input["draft"] }))
            }
            other => panic!("{other} is not known"),
        };
        if operation.starts_with("RegisterPublish") && std::mem::take(&mut self.lose) {
            let (url, reason) = ("fake".to_owned(), "timeout".to_owned());
            return Err(EndpointError::Lost { url, reason });
        }
        Ok(json!({ "payload": payload }))
    }

    fn dataset(&self) -> Option<Value> {
        self.dataset.as_ref()?;
        let version = self.manifests.len();
        let schemas = self.schemas.iter().enumerate().rev();
        let schemas = schemas.map(|(index, fields)| json!({ "version": index + 1, "fields": fields }));
        Some(json!({
            "schemaVersions": { "nodes": schemas.collect::<Vec<_>>() },
            "manifest": (version > 0).then(|| json!({ "version": version })),
        }))
    }

    /// A page of two files, so that paging is part of every test.
    fn page(&self, variables: &Value) -> Value {
        assert_eq!(variables["version"], self.manifests.len());
        let window = &variables["window"];
        let found = self.live.values().filter(|file| {
            text(&file["startTime"]) <= text(&window["to"])
                && text(&file["endTime"]) >= text(&window["from"])
                && !self.hidden.iter().any(|path| path == text(&file["filePath"]))
        });
        let after = variables["after"]
            .as_str()
            .map_or(0, |after| after.parse().expect("a cursor"));
        let page = found.clone().skip(after).take(2).collect::<Vec<_>>();
        let end = after + page.len();
        let info = json!({ "hasNextPage": end < found.count(), "endCursor": end.to_string() });
        json!({ "dataset": { "manifest": { "partitions": { "nodes": page, "pageInfo": info } } } })
    }

    fn stage(&mut self, input: &Value) -> Value {
        let id = text(&input["draft"]);
        let mut draft = self.drafts[id].clone();
        for list in ["remove", "add"] {
            list_mut(&mut draft[list]).extend(list_of(&input[list]).iter().cloned());
        }
        let mut request = input.clone();
        request["remove"] = draft["remove"].clone();
        if let Some(refused) = self.duplicates(&request) {
            return refused;
        }
        self.drafts.insert(id.to_owned(), draft);
        done(json!({ "id": id }))
    }

    fn publish(&mut self, input: &Value) -> Value {
        let key = text(&input["idempotencyKey"]).to_owned();
        if let Some(&version) = self.keys.get(&key) {
            return done(json!({ "version": version }));
        }
        if let Some(error) = self.refusal.take() {
            return json!({ "result": null, "userErrors": [error] });
        }
        if let Some(refused) = self.duplicates(input) {
            return refused;
        }
        let removes = !list_of(&input["remove"]).is_empty();
        assert_eq!(input["operation"], if removes { "REPLACE" } else { "APPEND" });
        for gone in list_of(&input["remove"]) {
            let path = &gone["path"];
            let key = key_of(&path["storageTarget"], &path["filePath"]);
            self.live.remove(&key).expect("a live file");
        }
        for file in list_of(&input["add"]) {
            self.live
                .insert(key_of(&file["storageTarget"], &file["filePath"]), file.clone());
        }
        let fields = &input["schema"]["fields"];
        if fields.is_array() && !self.schemas.contains(fields) {
            self.schemas.push(fields.clone());
        }
        self.manifests.push(input.clone());
        self.keys.insert(key, self.manifests.len());
        done(json!({ "version": self.manifests.len() }))
    }

    fn duplicates(&self, input: &Value) -> Option<Value> {
        let removed = |path: &Value| {
            list_of(&input["remove"])
                .iter()
                .any(|gone| gone["path"]["filePath"] == *path)
        };
        let is_live = |file: &&Value| {
            self.live
                .contains_key(&key_of(&file["storageTarget"], &file["filePath"]))
        };
        let found = list_of(&input["add"])
            .iter()
            .filter(is_live)
            .filter(|file| !removed(&file["filePath"]));
        let found = found
            .map(|file| json!({ "filePath": file["filePath"] }))
            .collect::<Vec<_>>();
        let error = json!({
            "kind": "DuplicatePartitions", "message": "files are there already", "path": ["add"], "duplicates": found,
        });
        (!found.is_empty()).then(|| json!({ "result": null, "userErrors": [error] }))
    }
}

fn done(result: Value) -> Value {
    json!({ "result": result, "userErrors": [] })
}

fn key_of(target: &Value, path: &Value) -> (String, String) {
    (text(&target["name"]).to_owned(), text(path).to_owned())
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn list_of(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn list_mut(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().expect("a list")
}

/// The names of the columns of a manifest's schema.
pub(crate) fn columns(manifest: &Value) -> Vec<&str> {
    list_of(&manifest["schema"]["fields"])
        .iter()
        .map(|field| text(&field["name"]))
        .collect()
}

/// The paths that a manifest adds.
pub(crate) fn added(manifest: &Value) -> Vec<&str> {
    list_of(&manifest["add"])
        .iter()
        .map(|file| text(&file["filePath"]))
        .collect()
}

/// The members of an object that are null.
pub(crate) fn nulls(object: &Value) -> Vec<&str> {
    let members = object.as_object().into_iter().flat_map(Map::iter);
    members
        .filter(|(_, value)| value.is_null())
        .map(|(name, _)| name.as_str())
        .collect()
}

//! Schema versions: what the rows of a dataset look like, and since when.

use std::sync::Arc;

use async_graphql::parser::types;
use async_graphql::{Context, ID, Object};
use timestore_entity::schema_version::{self as entity, Model};

use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::FieldType;
use super::error::Result;
use super::id::GlobalId;
use super::keys::DatasetById;
use super::manifest::Manifest;
use super::pages::{Asked, ManifestsUsing};
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::plain::{Plain, Planner, Step, WrittenList};
use super::scalar::DateTime;
use super::selected::{Selected, column_of};
use super::versions::Standing;
use crate::store::Columns;

/// One version of a dataset's fields.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaVersion {
    /// Its row.
    pub model: Model,
    /// Where its dataset stands, where it was found by that.
    standing: Option<Standing>,
}

impl From<Model> for SchemaVersion {
    fn from(model: Model) -> Self {
        Self::at(model, None)
    }
}

impl Listed for SchemaVersion {
    const NAME: &'static str = "SchemaVersion";
    type Position = i32;

    fn position(&self) -> i32 {
        self.model.version
    }
}

impl SchemaVersion {
    /// One of a dataset that stands like that.
    pub fn at(model: Model, standing: Option<Standing>) -> Self {
        Self { model, standing }
    }

    /// The columns that what is selected of it is made of.
    pub fn wanted(selected: Selected<'_>) -> Columns {
        selected.columns::<Model>(Self::columns_of)
    }

    /// The same where a list of them is selected.
    pub fn wanted_in_list(selected: Selected<'_>) -> Columns {
        selected.columns_of_list::<Model>(Self::columns_of)
    }

    /// The columns that a field is made of.
    fn columns_of(field: &str) -> Columns {
        match field {
            "__typename" | "id" | "dataset" | "manifests" => const { Columns::named::<Model>(&[]) },
            field => column_of::<Model>(field),
        }
    }

    fn global_id(&self) -> GlobalId {
        GlobalId::SchemaVersion(self.model.dataset_id, self.model.version)
    }
}

impl Plain for SchemaVersion {
    fn step<'p>(field: &'p types::Field, _: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        Some(Step::Scalar(match field.name.node.as_str() {
            "id" => |schema, json| json.id(schema.global_id()),
            "version" => |schema, json| json.value(&schema.model.version),
            "description" => |schema, json| json.value(&schema.model.description),
            "checksum" => |schema, json| json.text(&schema.model.checksum),
            "createdBy" => |schema, json| json.value(&schema.model.created_by),
            "createdAt" => |schema, json| json.instant(schema.model.created_at),
            _ => return None,
        }))
    }
}

/// One version of a dataset's fields. It never changes; fields that were stated before are the same schema version again.
#[Object]
impl SchemaVersion {
    /// The global id.
    pub async fn id(&self) -> ID {
        self.global_id().encode()
    }

    /// Counts from 1 within the dataset, without gaps.
    async fn version(&self) -> i32 {
        self.model.version
    }

    /// What people should know about it.
    async fn description(&self) -> Option<&str> {
        self.model.description.as_deref()
    }

    /// The fields, in the order in which they were declared.
    async fn fields(&self) -> WrittenList<'_, Vec<Field<'_>>> {
        WrittenList::new(self.model.fields.0.iter().map(Field).collect())
    }

    /// SHA-256, in hexadecimal, over the names, types, nullability and units of the fields, whatever their order. Unique within
    /// the dataset.
    async fn checksum(&self) -> &str {
        &self.model.checksum
    }

    /// Who created it.
    async fn created_by(&self) -> Option<&str> {
        self.model.created_by.as_deref()
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.model.created_at.into()
    }

    /// The dataset.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Arc<Dataset>> {
        ctx.loaders().expect(DatasetById(self.model.dataset_id)).await
    }

    /// The manifests that added files of this schema version, newest first.
    async fn manifests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the front, up to 100; 50 when `last` is omitted too.")]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the back, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Manifest>> {
        let key = (self.model.dataset_id, self.model.version);
        let list = List::of("schemaVersionManifests", format!("{}/{}", key.0, key.1));
        let page = PageArgs {
            first,
            after,
            last,
            before,
        }
        .page(&list, MAX_LIMIT)?;
        let columns = Manifest::wanted_in_list(Selected::now(ctx));
        let asked = Asked::new((key, self.standing), ManifestsUsing(page.clone(), columns));
        let rows = ctx.loaders().load(asked).await?.unwrap_or_default();
        Ok(Connection::new(list, page, rows, Count::ManifestsUsing(key)))
    }
}

/// A column of the rows.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a>(&'a entity::Field);

impl Plain for Field<'_> {
    fn step<'p>(field: &'p types::Field, _: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        Some(Step::Scalar(match field.name.node.as_str() {
            "name" => |field, json| json.text(&field.0.name),
            "type" => |field, json| json.one_of(FieldType::from(field.0.r#type)),
            "nativeType" => |field, json| json.value(&field.0.native_type),
            "nullable" => |field, json| json.value(&field.0.nullable),
            "description" => |field, json| json.value(&field.0.description),
            "unit" => |field, json| json.value(&field.0.unit),
            _ => return None,
        }))
    }
}

/// A column of the rows.
#[Object]
impl Field<'_> {
    /// The name, unique within the schema version.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The type.
    #[graphql(name = "type")]
    async fn field_type(&self) -> FieldType {
        self.0.r#type.into()
    }

    /// The type as the files spell it, such as `DECIMAL(18,2)`.
    async fn native_type(&self) -> Option<&str> {
        self.0.native_type.as_deref()
    }

    /// Whether a row may lack a value.
    async fn nullable(&self) -> bool {
        self.0.nullable
    }

    /// What people should know about it.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The unit of its values, such as `°C`.
    async fn unit(&self) -> Option<&str> {
        self.0.unit.as_deref()
    }
}

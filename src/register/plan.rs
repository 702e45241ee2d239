//! What has to be published so that the catalog knows the files as they are.
//!
//! Owns telling new, unchanged and changed files apart, and which fields their manifest has. Asks nothing and nobody.

use std::collections::{BTreeSet, HashMap};

use timestore_entity::Timestamp;
use timestore_entity::schema_version::Field;

use super::error::RegisterError;
use super::facts::{FileFacts, SchemaGroup, evolve, shape};

/// A range of time, closed on both sides.
pub(super) type Window = (Timestamp, Timestamp);

/// What to publish.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// The manifests, in order.
    pub(super) publications: Vec<Publication>,
    /// How many files are in the catalog as they are.
    pub(super) unchanged: usize,
}

/// A manifest to publish.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Publication {
    /// Its fields; the dataset's newest where the files do not tell them.
    pub(super) fields: Option<Vec<Field>>,
    /// The files to add.
    pub(super) files: Vec<FileFacts>,
    /// The paths, among those of the files, at which something else is live and goes.
    pub(super) replaced: BTreeSet<String>,
}

/// The earliest and the latest time of all files; none where there are no files.
pub(super) fn window(groups: &[SchemaGroup]) -> Option<Window> {
    let files = || groups.iter().flat_map(|group| &group.files);
    let start = files().map(|file| file.start).min()?;
    let end = files().map(|file| file.end).max()?;
    Some((start, end))
}

/// What to publish of `groups`, given the checksums of `live` files by path and the fields of the dataset's `schemas`,
/// newest first.
///
/// # Errors
///
/// When files are live with another checksum, and are not to be replaced.
pub(super) fn plan(
    groups: Vec<SchemaGroup>,
    live: &HashMap<String, Option<String>>,
    mut schemas: Vec<Vec<Field>>,
    replace: bool,
) -> Result<Plan, RegisterError> {
    let mut plan = Plan::default();
    for group in groups {
        let mut publication = Publication::default();
        for file in group.files {
            match live.get(&file.relative) {
                Some(checksum) if checksum.as_deref() == Some(&file.checksum) => {
                    plan.unchanged += 1;
                    continue;
                }
                Some(_) => {
                    publication.replaced.insert(file.relative.clone());
                }
                None => {}
            }
            publication.files.push(file);
        }
        if publication.files.is_empty() {
            continue;
        }
        if let Some(fields) = group.fields {
            publication.fields = Some(successor(&mut schemas, &fields));
        }
        plan.publications.push(publication);
    }
    let changed = plan
        .publications
        .iter()
        .flat_map(|publication| &publication.replaced);
    let changed = changed.cloned().collect::<Vec<_>>();
    match changed.is_empty() || replace {
        true => Ok(plan),
        false => Err(RegisterError::Changed(changed)),
    }
}

/// The fields under which files with `fields` go: those of the newest schema version that describes them, else the
/// newest evolved, which is added to `schemas`.
///
/// An older version serves as well as the newest: files of before a column was added may come late.
fn successor(schemas: &mut Vec<Vec<Field>>, fields: &[Field]) -> Vec<Field> {
    if let Some(schema) = schemas.iter().find(|schema| describes(schema, fields)) {
        return schema.clone();
    }
    let evolved = match schemas.first() {
        Some(newest) => evolve(newest, fields),
        None => fields.to_vec(),
    };
    schemas.insert(0, evolved.clone());
    evolved
}

/// Whether `schema` has the same columns as `fields`, and lets a value be absent wherever those do.
fn describes(schema: &[Field], fields: &[Field]) -> bool {
    let allows = |field: &Field| schema.iter().any(|own| own.name == field.name && own.nullable);
    shape(Some(schema)) == shape(Some(fields)) && fields.iter().all(|field| !field.nullable || allows(field))
}

#[cfg(test)]
mod tests {
    use timestore_entity::enums::FieldType;

    use super::*;

    fn fields(names: &[&str]) -> Vec<Field> {
        names
            .iter()
            .map(|name| Field {
                name: name.trim_end_matches('?').to_owned(),
                r#type: FieldType::Double,
                native_type: None,
                nullable: name.ends_with('?'),
                description: None,
                unit: None,
            })
            .collect()
    }

    #[test]
    fn an_older_schema_version_is_used_again_by_files_that_come_late() {
        let mut schemas = vec![fields(&["t", "x", "y?"]), fields(&["t", "x"])];
        assert_eq!(successor(&mut schemas, &fields(&["x", "t"])), fields(&["t", "x"]));
        assert_eq!(
            successor(&mut schemas, &fields(&["t", "x", "y"])),
            fields(&["t", "x", "y?"])
        );
        assert_eq!(schemas.len(), 2);
    }

    #[test]
    fn what_no_version_describes_evolves_from_the_newest() {
        let mut schemas = vec![fields(&["t", "x"])];
        schemas[0][1].unit = Some("°C".to_owned());
        let evolved = successor(&mut schemas, &fields(&["t", "x", "z"]));
        assert!(evolved[2].nullable && !evolved[1].nullable);
        assert_eq!(evolved[1].unit.as_deref(), Some("°C"));
        assert_eq!(schemas[0], evolved);
        assert_eq!(successor(&mut Vec::new(), &fields(&["t"])), fields(&["t"]));
    }
}

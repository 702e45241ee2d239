//! Conditions on what is in a column of JSON.

use sea_orm::Value;
use sea_orm::sea_query::ArrayType;
use serde_json::{Value as Json, json};

use super::Sql;

/// A condition: the JSON list in `column` has any of `texts`. It does not hold where the column is null.
pub(in crate::store) fn has_any(sql: &mut Sql, column: &str, texts: &[String]) -> String {
    if sql.is_postgres() {
        let texts = texts.iter().map(|text| Value::from(text.as_str())).collect();
        let texts = sql.bind(Value::Array(ArrayType::String, Some(Box::new(texts))));
        format!("coalesce(jsonb_exists_any({column}, {texts}), false)")
    } else {
        let texts = sql.bind(json!(texts).to_string());
        format!(
            "exists (select 1 from json_each({column}) as held where held.value in (select value from json_each({texts})))"
        )
    }
}

/// A condition: the JSON object in `column` of `partitions`, called `child`, is this one, which is not empty. An index finds it among live
/// files.
pub(in crate::store) fn is_key(sql: &mut Sql, key: &Json) -> String {
    let column = "child.partition_key";
    if sql.is_postgres() {
        let key = sql.bind(key.clone());
        format!(
            "jsonb_hash_extended({column}, 0) = jsonb_hash_extended({key}, 0) and {column} = {key} and {column} <> '{{}}'"
        )
    } else {
        let key = sql.bind(key.to_string());
        format!("{column} = {key} and {column} <> '{{}}'")
    }
}

/// An expression: the names in the JSON object in `column` as a list, where all its values are texts; else null.
pub(in crate::store) fn text_names(sql: &Sql, column: &str) -> String {
    let (any_other, names) = match sql.is_postgres() {
        true => (
            format!("select from jsonb_each({column}) as entry where jsonb_typeof(entry.value) <> 'string'"),
            format!(
                "coalesce((select jsonb_agg(name order by name collate \"C\") from jsonb_object_keys({column}) as name), '[]')"
            ),
        ),
        false => (
            format!("select 1 from json_each({column}) as entry where entry.type <> 'text'"),
            format!("(select json_group_array(key) from (select key from json_each({column}) order by key))"),
        ),
    };
    format!("case when not exists ({any_other}) then {names} end")
}

/// A condition: the value of `key` in the JSON object in `column` is one of `texts`, or no text. It may hold for an object that has no
/// such key.
pub(in crate::store) fn text_among(sql: &mut Sql, column: &str, key: &str, texts: &[&str]) -> String {
    let key = sql.bind(key);
    if sql.is_postgres() {
        let texts = texts.iter().map(|&text| Value::from(text)).collect();
        let texts = sql.bind(Value::Array(ArrayType::String, Some(Box::new(texts))));
        format!(
            "({column} ->> {key} = any({texts}) or jsonb_typeof({column} -> {key}) is distinct from 'string')"
        )
    } else {
        let texts = sql.bind(json!(texts).to_string());
        format!(
            "not exists (select 1 from json_each({column}) as entry where entry.key = {key} and entry.type = 'text' \
             and entry.value not in (select value from json_each({texts})))"
        )
    }
}

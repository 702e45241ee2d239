//! Conditions on what is in a column of JSON.

use sea_orm::Value;
use sea_orm::sea_query::ArrayType;
use serde_json::json;

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

//! What the audit trail says of a mutation that was refused.

use async_graphql::{Context, Value};
use serde_json::{Value as Json, json};

use super::UserErrorCode;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{self, Code};
use crate::store::{DatasetRef, Fault, Refusal};

/// The most errors that an event lists.
const MAX_ERRORS: usize = 20;

/// The most characters that it keeps of a text.
const MAX_CHARACTERS: usize = 1_000;

/// Records that the mutation of `ctx`, which named these datasets, was refused. The caller gets the same answer whether or not
/// this succeeds.
pub(super) async fn record(ctx: &Context<'_>, datasets: &[DatasetRef], refusal: &Refusal) {
    record_as(ctx, datasets, &detail(refusal)).await;
}

/// Records that the caller of the mutation had none of the `scopes` that it needs.
pub(super) async fn record_forbidden(ctx: &Context<'_>, datasets: &[DatasetRef], scopes: &[String]) {
    let detail = json!({ "errors": [{ "code": Code::Forbidden.as_str(), "scopes": scopes }] });
    record_as(ctx, datasets, &detail).await;
}

async fn record_as(ctx: &Context<'_>, datasets: &[DatasetRef], detail: &Json) {
    let field = ctx.field();
    let action = field.name();
    let recorded = ctx
        .store()
        .audit_event_refused(ctx.requester(), action, datasets, detail)
        .await;
    if let Err(error) = recorded {
        tracing::error!(action, error = error::chain(&error), "refusal not recorded");
    }
}

/// Counts what the mutation was refused for.
pub(super) fn count(ctx: &Context<'_>, Refusal(faults): &Refusal) {
    for fault in faults {
        if let Value::Enum(code) = UserErrorCode::from(&fault.kind).into() {
            ctx.store().metrics().refused(&code);
        }
    }
}

fn detail(Refusal(faults): &Refusal) -> Json {
    let errors: Vec<Json> = faults.iter().take(MAX_ERRORS).map(entry).collect();
    match faults.len() - errors.len() {
        0 => json!({ "errors": errors }),
        omitted => json!({ "errors": errors, "omitted": omitted }),
    }
}

/// An error as the caller sees it, without what its kind adds.
fn entry(fault: &Fault) -> Json {
    let fault = fault.clone().within(&["input"]);
    json!({
        "code": Value::from(UserErrorCode::from(&fault.kind)),
        "path": fault.path.iter().map(|part| storable(part)).collect::<Vec<_>>(),
        "message": storable(&fault.message),
    })
}

/// The text as the catalog can hold it: the names and values of a request could be of any length, and have NUL characters.
fn storable(text: &str) -> String {
    text.chars()
        .take(MAX_CHARACTERS)
        .map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_says_cannot_break_its_event() {
        let fault = Fault::invalid(&["fields", "a\0"], "x\0".repeat(1_000));
        let detail = detail(&Refusal(vec![fault; 23]));
        assert_eq!(detail["errors"].as_array().map(Vec::len), Some(20));
        assert_eq!(detail["omitted"], 3);
        let first = &detail["errors"][0];
        assert_eq!(first["code"], "INVALID_INPUT");
        assert_eq!(first["path"], json!(["input", "fields", "a\u{fffd}"]));
        assert_eq!(first["message"], "x\u{fffd}".repeat(500));
    }
}

//! What is measured of an operation: how long it took, how many statements, which errors it has.

use std::time::Instant;

use async_graphql::parser::types::{DocumentOperations, OperationDefinition, OperationType, Selection};
use async_graphql::{Request, Response, Value};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, poll_fn};

use super::executor::is_request_error;
use crate::metrics::{Metrics, Operation, OperationKind, Tally};

/// An operation that is measured. Nothing is counted for one whose client left before it was answered.
pub(super) struct Observed {
    metrics: Metrics,
    start: Instant,
    tally: Tally,
    operation: Option<Operation>,
}

impl Observed {
    /// Begins to measure.
    pub(super) fn begin(metrics: Metrics) -> Self {
        Self {
            metrics,
            start: Instant::now(),
            tally: Tally::default(),
            operation: None,
        }
    }

    /// Says what is measured, once the document has been parsed and measured.
    pub(super) fn name(&mut self, request: &mut Request) {
        self.operation = operation(request);
    }

    /// Lets the statements of `work` count.
    pub(super) async fn over<T>(&self, work: impl Future<Output = T>) -> T {
        self.tally.clone().over(work).await
    }

    /// The same for an operation with many responses, each of which is counted.
    pub(super) fn over_stream(
        self,
        mut responses: BoxStream<'static, Response>,
    ) -> BoxStream<'static, Response> {
        let subscribed = self.is_subscription().then(|| self.metrics.subscribed());
        let tally = self.tally.clone();
        poll_fn(move |context| tally.over_poll(|| responses.poll_next_unpin(context)))
            .inspect(move |response| {
                let _open = &subscribed;
                self.count(response);
            })
            .boxed()
    }

    /// Counts a response. What was not executed was not valid, so that its field may be no field of the schema. Subscriptions
    /// last as long as their clients like.
    pub(super) fn count(&self, response: &Response) {
        count_errors(&self.metrics, response);
        let executed = self.operation.as_ref().filter(|_| !is_request_error(response));
        if let Some(operation) = executed.filter(|_| !self.is_subscription()) {
            self.metrics
                .executed(operation, self.start.elapsed(), self.tally.statements());
        }
    }

    fn is_subscription(&self) -> bool {
        let kind = self.operation.as_ref().map(|operation| operation.kind);
        kind == Some(OperationKind::Subscription)
    }
}

/// Counts the errors of a response by their codes.
fn count_errors(metrics: &Metrics, response: &Response) {
    for error in &response.errors {
        let code = error.extensions.as_ref().and_then(|values| values.get("code"));
        // Only `error::Code` makes codes.
        if let Some(Value::String(code)) = code {
            metrics.failed(code);
        }
    }
}

/// What the document of `request` does; none where it does not say.
fn operation(request: &mut Request) -> Option<Operation> {
    let name = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name.as_str())?,
        (DocumentOperations::Multiple(operations), None) => operations.values().next()?,
    };
    Some(Operation {
        kind: match operation.node.ty {
            OperationType::Query => OperationKind::Query,
            OperationType::Mutation => OperationKind::Mutation,
            OperationType::Subscription => OperationKind::Subscription,
        },
        field: root_field(&operation.node),
    })
}

fn root_field(operation: &OperationDefinition) -> String {
    match &operation.selection_set.node.items[..] {
        [only] => match &only.node {
            Selection::Field(field) => field.node.name.node.to_string(),
            _ => "several".to_owned(),
        },
        _ => "several".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_by_its_root_field() {
        for (document, expected) in [
            ("{ datasets { totalCount } }", Some(("query", "datasets"))),
            (
                "query Free($text: Int) { alias: dataset(by: {}) { id } }",
                Some(("query", "dataset")),
            ),
            (
                "{ a: node(id: 1) { id } b: node(id: 2) { id } }",
                Some(("query", "several")),
            ),
            (
                "{ ...f } fragment f on Query { datasets { totalCount } }",
                Some(("query", "several")),
            ),
            (
                "mutation { createDataset(input: {}) { dataset { id } } }",
                Some(("mutation", "createDataset")),
            ),
            (
                "subscription { changes { cursor } }",
                Some(("subscription", "changes")),
            ),
            ("{", None),
        ] {
            let operation = operation(&mut Request::new(document));
            let found = operation
                .as_ref()
                .map(|operation| (operation.kind.as_str(), operation.field.as_str()));
            assert_eq!(found, expected, "{document}");
        }
    }
}

//! What is measured of an operation: how long it took, how many statements, which errors it has.

use std::time::Instant;

use async_graphql::parser::types::{DocumentOperations, OperationDefinition, OperationType, Selection};
use async_graphql::{Request, Response, Value};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, poll_fn};
use tracing::{Instrument, Span, info_span};

use super::executor::is_request_error;
use crate::metrics::{Metrics, Operation, OperationKind, Tally};

/// An operation that is measured. Nothing is counted for one whose client left before it was answered.
pub(super) struct Observed {
    metrics: Metrics,
    start: Instant,
    tally: Tally,
    operation: Option<Operation>,
    span: Span,
}

impl Observed {
    /// Begins to measure.
    pub(super) fn begin(metrics: Metrics) -> Self {
        Self {
            metrics,
            start: Instant::now(),
            tally: Tally::default(),
            operation: None,
            span: Span::none(),
        }
    }

    /// Says what is measured, once the document has been parsed and measured.
    pub(super) fn name(&mut self, request: &mut Request) {
        if let Some((operation, name)) = operation(request) {
            self.span = span(&operation, name.as_deref());
            self.operation = Some(operation);
        }
    }

    /// Lets the statements of `work` count, as what is done for the operation.
    pub(super) async fn over<T>(&self, work: impl Future<Output = T>) -> T {
        let work = work.instrument(self.span.clone());
        self.tally.clone().over(work).await
    }

    /// The same for an operation with many responses, each of which is counted.
    pub(super) fn over_stream(
        self,
        mut responses: BoxStream<'static, Response>,
    ) -> BoxStream<'static, Response> {
        let subscribed = self.is_subscription().then(|| self.metrics.subscribed());
        let (tally, span) = (self.tally.clone(), self.span.clone());
        poll_fn(move |context| span.in_scope(|| tally.over_poll(|| responses.poll_next_unpin(context))))
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

/// What the document of `request` does, and what the client calls it; none where it does not say.
fn operation(request: &mut Request) -> Option<(Operation, Option<String>)> {
    let asked = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    let (name, operation) = match (&document.operations, asked) {
        (DocumentOperations::Single(operation), _) => (None, operation),
        (DocumentOperations::Multiple(operations), Some(name)) => {
            let operation = operations.get(name.as_str())?;
            (Some(name), operation)
        }
        (DocumentOperations::Multiple(operations), None) => {
            let (name, operation) = operations.iter().next()?;
            (Some(name.to_string()), operation)
        }
    };
    let what = Operation {
        kind: match operation.node.ty {
            OperationType::Query => OperationKind::Query,
            OperationType::Mutation => OperationKind::Mutation,
            OperationType::Subscription => OperationKind::Subscription,
        },
        field: root_field(&operation.node),
    };
    Some((what, name))
}

/// By OpenTelemetry's conventions a span is called by the type alone: names come from clients.
fn span(operation: &Operation, name: Option<&str>) -> Span {
    let field = operation.field.as_str();
    match operation.kind {
        OperationKind::Query => info_span!("query", graphql.field = field, graphql.operation.name = name),
        OperationKind::Mutation => {
            info_span!("mutation", graphql.field = field, graphql.operation.name = name)
        }
        OperationKind::Subscription => {
            info_span!(
                "subscription",
                graphql.field = field,
                graphql.operation.name = name
            )
        }
    }
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
                .map(|(operation, _)| (operation.kind.as_str(), operation.field.as_str()));
            assert_eq!(found, expected, "{document}");
        }
    }
}

//! Connections to object storage, whose requests say which trace they belong to.

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

use crate::telemetry::trace;

/// Adds `traceparent` to requests. Signatures of requests do not cover it.
#[derive(Debug)]
pub(super) struct Traced;

impl HttpConnector for Traced {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(TracedService(inner)))
    }
}

#[derive(Debug)]
struct TracedService(HttpClient);

#[async_trait]
impl HttpService for TracedService {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        trace::propagate(request.headers_mut());
        self.0.execute(request).await
    }
}

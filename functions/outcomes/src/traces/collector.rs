//! Sends spans to a collector: OTLP over HTTP with protobuf ("OTLP Specification", "OTLP/HTTP").

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::uri::Scheme;
use http::{Request, StatusCode, Uri};
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::time::timeout;

use super::authentication::Authentication;
use super::refusal::Refusal;

/// Timeout of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// A collector.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) connector: SharedHttpConnector,
    pub(super) endpoint: Uri,
    pub(super) authentication: Authentication,
}

impl Collector {
    /// Sends an encoded request once; returns the number of spans that the collector rejected.
    pub(super) async fn send(&self, body: &[u8], now: Timestamp) -> Result<u64, Refusal> {
        let sent = timeout(REQUEST_TIMEOUT, self.exchange(body, now)).await.unwrap_or(Err(Refusal::Late));
        if let Err(Refusal::Status { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. }) = sent {
            self.authentication.refused();
        }
        sent
    }

    async fn exchange(&self, body: &[u8], now: Timestamp) -> Result<u64, Refusal> {
        if matches!(self.authentication, Authentication::Secret(_)) && self.is_in_the_clear() {
            return Err(Refusal::Plain);
        }
        let mut request = Request::new(SdkBody::from(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        request.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/x-protobuf"));
        self.authentication.add(&mut request, now).await?;
        let request = HttpRequest::try_from(request).expect("a request of the crate http is one of the SDK");
        let response = self.connector.call(request).await.map_err(Refusal::Unreached)?;
        let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
        // OTLP names 200 alone; collectors answer 202 or 204, too.
        if !status.is_success() {
            let seconds = response.headers().get(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
            return Err(Refusal::Status { status, retry_after: seconds.map(Duration::from_secs) });
        }
        Ok(rejected(response.body().bytes().unwrap_or_default()))
    }

    /// Says whether what is sent can be read on its way. What this machine sends to itself cannot.
    fn is_in_the_clear(&self) -> bool {
        let is_here = matches!(self.endpoint.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        self.endpoint.scheme() != Some(&Scheme::HTTPS) && !is_here
    }
}

/// Returns how many spans an answer rejects ("Partial Success"). A collector that answers in another format took all.
fn rejected(body: &[u8]) -> u64 {
    let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
    answer.partial_success.and_then(|partial| u64::try_from(partial.rejected_spans).ok()).unwrap_or_default()
}

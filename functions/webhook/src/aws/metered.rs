//! Counts the requests to AWS at their HTTP layer, where each of the SDK's tries is one: AWS asks money for all of them.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::telemetry::{Meter, Usage};

/// Has every request that this sends counted.
pub fn metered(inner: SharedHttpConnector, meter: &Meter) -> SharedHttpConnector {
    SharedHttpConnector::new(Metered { inner, meter: meter.clone() })
}

#[derive(Debug)]
struct Metered {
    inner: SharedHttpConnector,
    meter: Meter,
}

impl HttpConnector for Metered {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        self.meter.add(Usage::of_request(target), 1);
        self.inner.call(request)
    }
}

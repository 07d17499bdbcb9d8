//! Counts the requests of the SDK at its HTTP layer, where each of its tries is one: AWS asks money for all of them.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

use crate::telemetry::{Meter, Usage};

/// Has every request of the clients that are made of this configuration counted.
pub fn metered(sdk: &SdkConfig, meter: &Meter) -> SdkConfig {
    let Some(inner) = sdk.http_client() else { return sdk.clone() };
    let client = Client { inner, meter: meter.clone(), connector: OnceLock::new() };
    sdk.to_builder().http_client(SharedHttpClient::new(client)).build()
}

#[derive(Debug)]
struct Client {
    inner: SharedHttpClient,
    meter: Meter,
    /// The SDK asks for a connector with each request, nearly always with the same settings: that one is made once.
    connector: OnceLock<(Timeouts, SharedHttpConnector)>,
}

/// To connect, and to read.
type Timeouts = [Option<Duration>; 2];

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let timeouts = [settings.connect_timeout(), settings.read_timeout()];
        let make = || {
            let (inner, meter) = (self.inner.http_connector(settings, components), self.meter.clone());
            SharedHttpConnector::new(Connector { inner, meter })
        };
        let (of, connector) = self.connector.get_or_init(|| (timeouts, make()));
        if *of == timeouts { connector.clone() } else { make() }
    }

    /// The client below reads its certificates here, at the start and not with the first request.
    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        HttpClient::validate_base_client_config(&self.inner, components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        HttpClient::validate_final_config(&self.inner, components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    meter: Meter,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        self.meter.add(Usage::of_request(target), 1);
        self.inner.call(request)
    }
}

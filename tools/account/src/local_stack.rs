//! A running stack on loopback: its address, its outputs, and calls to it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use http::Method;
use tokio::time::timeout;

use crate::aws_http::{ApiAnswer, Caller, call_with_token, http_client};
use crate::logs;
use crate::state::StackState;
use crate::token::Token;

/// The region of a local stack.
pub const REGION: &str = "us-east-1";

/// The access key and the secret: MiniStack checks neither.
pub const CREDENTIAL: &str = "test";

/// Timeout of one readiness check.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// A stack on loopback, which outlives this value.
#[derive(Clone, Debug)]
pub struct LocalStack {
    port: u16,
    outputs: BTreeMap<String, String>,
}

impl LocalStack {
    /// Creates a handle for the stack on this port, with the outputs of its template.
    pub fn new(port: u16, outputs: BTreeMap<String, String>) -> Self {
        Self { port, outputs }
    }

    /// Finds the stack that an earlier command recorded in this folder, if it still runs.
    pub async fn find(state_dir: &Path) -> Result<Option<Self>> {
        let Some(StackState { ministack, port, outputs }) = StackState::read(state_dir)? else {
            return Ok(None);
        };
        let runs = ministack.is_alive() && is_ready(port).await;
        Ok(runs.then(|| Self::new(port, outputs)))
    }

    /// Returns its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the endpoint of all its AWS services: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// Returns the functions' log, each line after the name of its log group, for troubleshooting.
    pub async fn function_logs(&self) -> Result<String> {
        let caller = Caller::new(http_client(None)?, credentials(), REGION, "logs");
        logs::read(&caller, &self.endpoint()).await
    }

    /// Returns the outputs of the template.
    pub fn outputs(&self) -> &BTreeMap<String, String> {
        &self.outputs
    }

    /// Returns one output of the template.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.outputs.get(name).map(String::as_str).with_context(|| {
            let known: Vec<&str> = self.outputs.keys().map(String::as_str).collect();
            format!("the template has no output {name}, only {}", known.join(", "))
        })
    }

    /// Returns settings for the clients of the AWS SDK.
    pub fn sdk_config(&self) -> SdkConfig {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials()))
            .endpoint_url(self.endpoint())
            .http_client(http)
            .build()
    }

    /// Calls the API with a signature, as the bank's systems do.
    pub async fn call_api(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<ApiAnswer> {
        let api = self.api()?;
        api.caller.call(method, &format!("{}{path}", api.url), content_type, body).await
    }

    /// Calls the API without a signature, as a stranger would.
    pub async fn call_api_unsigned(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<ApiAnswer> {
        let api = self.api()?;
        api.caller.call_unsigned(method, &format!("{}{path}", api.url), content_type, body).await
    }

    /// Calls the API with a bearer token, as a stack with `ApiAuthorization=JWT` wants it.
    pub async fn call_api_with_token(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        token: &Token,
    ) -> Result<ApiAnswer> {
        let Api { http, url, .. } = self.api()?;
        call_with_token(&http, method, &format!("{url}{path}"), content_type, body, token).await
    }

    /// MiniStack distinguishes APIs by `Host`, whose name is never looked up.
    fn api(&self) -> Result<Api> {
        let host = format!("{}.execute-api.localhost", self.output("ApiId")?);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let http = http_client(Some((&host, address)))?;
        let caller = Caller::new(http.clone(), credentials(), REGION, "execute-api");
        Ok(Api { http, caller, url: format!("http://{host}:{}", self.port) })
    }
}

struct Api {
    http: reqwest::Client,
    caller: Caller,
    url: String,
}

/// Returns the credentials that sign calls to a local stack.
pub fn credentials() -> Credentials {
    Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "the local stack")
}

/// Says whether a MiniStack answers at this port.
pub async fn is_ready(port: u16) -> bool {
    let answer = async {
        let client = http_client(None).ok()?;
        let url = format!("http://{}:{port}/_ministack/ready", Ipv4Addr::LOCALHOST);
        let answer = client.get(url).send().await.ok()?;
        answer.status().is_success().then_some(())
    };
    matches!(timeout(ANSWER_MARGIN, answer).await, Ok(Some(())))
}

/// Returns the endpoint of the MiniStack at this port.
fn endpoint(port: u16) -> String {
    format!("http://{}:{port}", Ipv4Addr::LOCALHOST)
}

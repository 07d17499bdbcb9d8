//! HTTP requests signed with AWS Signature Version 4, to the real AWS or to the local stack.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderMap, Method};

use crate::token::Token;

/// Timeout of a request: longer than API Gateway's 30 s for its integration with Lambda.
const WITHIN: Duration = Duration::from_secs(35);

/// Maximum size of an answer in bytes; API Gateway's own limit is 10 MB.
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// A complete answer.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl ApiAnswer {
    /// Returns the body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Signs requests to one service in one region, and sends them.
#[derive(Clone, Debug)]
pub struct Caller {
    http: reqwest::Client,
    credentials: Credentials,
    region: String,
    service: String,
}

impl Caller {
    /// Creates a caller; `service` is the signing name, such as `execute-api`.
    pub fn new(http: reqwest::Client, credentials: Credentials, region: &str, service: &str) -> Self {
        Self { http, credentials, region: region.to_owned(), service: service.to_owned() }
    }

    /// Sends a signed request and reads the answer, whatever its status.
    pub async fn call(
        &self,
        method: Method,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<ApiAnswer> {
        self.call_with(method, url, &[("content-type", content_type)], body).await
    }

    /// Sends a signed request with these headers, all of them signed.
    pub async fn call_with(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<ApiAnswer> {
        let signature =
            signature(&method, url, headers, &body, &self.credentials, &self.region, &self.service, now())?;
        let mut request = self.http.request(method, url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in signature {
            request = request.header(name, value);
        }
        read_answer(request, url).await
    }

    /// Sends the same request without a signature.
    pub async fn call_unsigned(
        &self,
        method: Method,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<ApiAnswer> {
        read_answer(self.http.request(method, url).header("content-type", content_type).body(body), url).await
    }
}

/// Creates a client without proxy and redirects; `only` overrides the look-up of a host's name with one address.
pub fn http_client(only: Option<(&str, SocketAddr)>) -> Result<reqwest::Client> {
    // A failure means that a provider is already installed, which is fine.
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap_or_default();
    let mut builder =
        reqwest::Client::builder().timeout(WITHIN).redirect(reqwest::redirect::Policy::none()).no_proxy();
    if let Some((host, address)) = only {
        builder = builder.resolve(host, address);
    }
    builder.build().context("cannot set up an HTTP client")
}

/// Returns the headers that sign the request at this time.
#[expect(clippy::too_many_arguments, reason = "all that goes into a signature")]
fn signature(
    method: &Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    service: &str,
    at: SystemTime,
) -> Result<Vec<(String, String)>> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(at)
        .settings(SigningSettings::default())
        .build()
        .context("cannot set up the signature")?
        .into();
    let request =
        SignableRequest::new(method.as_str(), url, headers.iter().copied(), SignableBody::Bytes(body))
            .with_context(|| format!("cannot sign a request to {url}"))?;
    let output = sign(request, &params).with_context(|| format!("cannot sign a request to {url}"))?;
    let (instructions, _) = output.into_parts();
    let pairs = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(pairs.collect())
}

/// Sends a request with a bearer token and reads the answer, whatever its status.
pub(crate) async fn call_with_token(
    http: &reqwest::Client,
    method: Method,
    url: &str,
    content_type: &str,
    body: Vec<u8>,
    token: &Token,
) -> Result<ApiAnswer> {
    let request = http.request(method, url).header("content-type", content_type).body(body);
    read_answer(request.bearer_auth(token.expose()), url).await
}

/// Sends a request and reads its answer, whatever its status.
pub async fn read_answer(request: reqwest::RequestBuilder, url: &str) -> Result<ApiAnswer> {
    let mut answer = request.send().await.with_context(|| format!("no answer from {url}"))?;
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.with_context(|| format!("the answer of {url} broke off"))? {
        ensure!(
            body.len() + chunk.len() <= MAX_BYTES,
            "the answer of {url} is longer than {MAX_BYTES} bytes"
        );
        body.extend_from_slice(&chunk);
    }
    Ok(ApiAnswer { status, headers, body })
}

#[expect(clippy::disallowed_methods, reason = "the edge: a signature states the time it was made")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `post-vanilla` example of AWS's own Signature Version 4 test suite.
    #[test]
    fn a_request_is_signed_as_the_test_suite_of_aws_says() {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "the test suite",
        );
        let at = SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636);
        let headers = signature(
            &Method::POST,
            "https://example.amazonaws.com/",
            &[],
            b"",
            &credentials,
            "us-east-1",
            "service",
            at,
        )
        .unwrap();
        let authorization = headers.iter().find(|(name, _)| name == "authorization").unwrap();
        assert_eq!(
            authorization.1,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }
}

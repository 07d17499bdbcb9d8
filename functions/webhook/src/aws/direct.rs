//! Writes of `DynamoDB` that are made without the SDK's clients: signed here, sent by its connector, and nothing around them.
//!
//! The SDK's own way to send takes several times the processor time of the request itself, and each notification makes two
//! (`docs/decisions.md`, "the ledger's writes are first tried directly"). What is not done at once is left to the SDK, which
//! tries again and tells errors apart.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use sigv4::{Headers, Signer};
use tokio::time::timeout;

use super::clients::TRY_TIMEOUT;
use super::http::{Http, TARGET};
use super::update::Update;
use crate::edge::Clock;

const HEADERS: Headers<'_> =
    Headers { content_type: "application/x-amz-json-1.0", target: "DynamoDB_20120810.UpdateItem" };
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// Credentials that end are asked for anew this long before.
const BEFORE_EXPIRY: Duration = Duration::from_mins(1);

/// Makes writes directly.
#[derive(Debug)]
pub struct Direct {
    http: Http,
    credentials: SharedCredentialsProvider,
    signed: Mutex<Option<Signed>>,
    region: String,
    uri: Uri,
    clock: Clock,
}

/// What signs requests, and the headers that are the same for all that it signs.
#[derive(Debug)]
struct Signed {
    signer: Signer,
    headers: HeaderMap,
}

impl Direct {
    /// Uses the endpoint and the credentials of this configuration; `None` where its endpoint is none that this can name.
    pub fn new(sdk: &SdkConfig, http: Http, clock: Clock) -> Option<Self> {
        let region = sdk.region()?.to_string();
        let is_named_otherwise = region.starts_with("cn-") || region.contains("-iso");
        let is_special = sdk.use_fips() == Some(true) || sdk.use_dual_stack() == Some(true);
        let uri = match sdk.endpoint_url() {
            Some(url) => format!("{}/", url.trim_end_matches('/')),
            None if is_named_otherwise || is_special => return None,
            None => format!("https://dynamodb.{region}.amazonaws.com/"),
        };
        let (uri, credentials): (Uri, _) = (uri.parse().ok()?, sdk.credentials_provider()?);
        Some(Self { http, credentials, signed: Mutex::default(), region, uri, clock })
    }

    /// Makes an update; `false` if it is not known to be done, for whatever reason.
    pub(super) async fn update(&self, update: &Update<'_>) -> bool {
        // Pinned where it is made: a future that is handed over is copied, and this one has thousands of bytes.
        timeout(TRY_TIMEOUT, pin!(self.attempt(update))).await.ok().flatten().is_some()
    }

    async fn attempt(&self, update: &Update<'_>) -> Option<()> {
        let request = self.request(update.to_json()).await?;
        let answer = self.http.exchange(request).await.ok()?;
        answer.status().is_success().then_some(())
    }

    async fn request(&self, body: Vec<u8>) -> Option<Request<SdkBody>> {
        let now = self.clock.now();
        if !self.lasts(now.into()) {
            Box::pin(self.renew()).await?;
        }
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let Signed { signer, headers } = signed.as_mut()?;
        let added = signer.sign(&HEADERS, &body, now);
        let mut headers = headers.clone();
        headers.insert(DATE, HeaderValue::from_str(&added.date).ok()?);
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&added.authorization).ok()?);
        let mut request = Request::new(SdkBody::from(Bytes::from(body)));
        *request.headers_mut() = headers;
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        Some(request)
    }

    /// Says whether there are credentials, and ones that last.
    fn lasts(&self, now: SystemTime) -> bool {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        signed.as_ref().is_some_and(|signed| {
            signed.signer.credentials().expiry().is_none_or(|expiry| now + BEFORE_EXPIRY < expiry)
        })
    }

    /// Asks for credentials: those of a function are the same for as long as its process lives.
    async fn renew(&self) -> Option<()> {
        let fresh = self.credentials.provide_credentials().await.ok()?;
        let host = self.uri.authority()?.as_str();
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::HOST, HeaderValue::from_str(host).ok()?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(HEADERS.content_type));
        headers.insert(TARGET, HeaderValue::from_static(HEADERS.target));
        if let Some(token) = fresh.session_token() {
            let mut token = HeaderValue::from_str(token).ok()?;
            token.set_sensitive(true);
            headers.insert(TOKEN, token);
        }
        let signer = Signer::new(fresh, &self.region, "dynamodb", host);
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Signed { signer, headers });
        Some(())
    }
}

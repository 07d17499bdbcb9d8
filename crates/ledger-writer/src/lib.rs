#![doc = include_str!("../README.md")]

mod sign;
mod update;

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_types::body::SdkBody;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use jiff::Timestamp;
use tokio::time::timeout;

pub use sign::{Headers, Signed, Signer};
pub use update::{Update, Value};

const HEADERS: Headers<'_> =
    Headers { content_type: "application/x-amz-json-1.0", target: "DynamoDB_20120810.UpdateItem" };
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// Credentials are renewed this long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_mins(1);
/// Length of a body that holds nearly every update, in bytes.
const USUAL_LENGTH: usize = 1536;

/// Sends the requests of a [`Writer`]. The SDK's interface for this copies all headers into a form of its own.
pub trait HttpClient {
    /// Sends a request to the service that its URI names; returns the status of the answer, if there is one.
    fn send(&self, request: Request<SdkBody>) -> impl Future<Output = Option<StatusCode>> + Send;
}

/// Sends updates.
pub struct Writer<C> {
    http: C,
    credentials: SharedCredentialsProvider,
    signing: Mutex<Option<Signing>>,
    region: String,
    uri: Uri,
    host: HeaderValue,
    /// Timeout of one update.
    within: Duration,
}

/// The state shared by requests with one set of credentials.
struct Signing {
    signer: Signer,
    security_token: Option<HeaderValue>,
}

impl<C: HttpClient> Writer<C> {
    /// Uses the endpoint and credentials of this configuration, with this timeout for an update; `None` if the
    /// endpoint's name cannot be derived.
    pub fn new(sdk: &SdkConfig, http: C, within: Duration) -> Option<Self> {
        let region = sdk.region()?.to_string();
        let is_named_otherwise = region.starts_with("cn-") || region.contains("-iso");
        let is_special = sdk.use_fips() == Some(true) || sdk.use_dual_stack() == Some(true);
        let uri = match sdk.endpoint_url() {
            Some(url) => format!("{}/", url.trim_end_matches('/')),
            None if is_named_otherwise || is_special => return None,
            None => format!("https://dynamodb.{region}.amazonaws.com/"),
        };
        let (uri, credentials): (Uri, _) = (uri.parse().ok()?, sdk.credentials_provider()?);
        // The signature is for the path `/`.
        (uri.path() == "/").then_some(())?;
        let host = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
        Some(Self { http, credentials, signing: Mutex::default(), region, uri, host, within })
    }

    /// Makes an update; `false` if it is not known to be done, for any reason.
    pub async fn update(&self, update: &Update<'_>, now: Timestamp) -> bool {
        timeout(self.within, self.attempt(update, now)).await.ok().flatten().is_some()
    }

    async fn attempt(&self, update: &Update<'_>, now: Timestamp) -> Option<()> {
        if !self.lasts(now.try_into().ok()?) {
            // Boxed, because most environments do this once.
            Box::pin(self.renew()).await?;
        }
        let mut body = Vec::with_capacity(USUAL_LENGTH);
        serde_json::to_writer(&mut body, update).ok()?;
        let status = self.http.send(self.request(body, now)?).await?;
        status.is_success().then_some(())
    }

    /// Creates a request with this body, signed now.
    fn request(&self, body: Vec<u8>, now: Timestamp) -> Option<Request<SdkBody>> {
        let (signed, security_token) = {
            let mut signing = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
            let Signing { signer, security_token } = signing.as_mut()?;
            (signer.sign(&HEADERS, &body, now)?, security_token.clone())
        };
        let mut request = Request::new(SdkBody::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.reserve(8);
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(HEADERS.content_type));
        headers.insert(TARGET, HeaderValue::from_static(HEADERS.target));
        headers.insert(DATE, signed.date.try_into().ok()?);
        headers.insert(AUTHORIZATION, signed.authorization.try_into().ok()?);
        if let Some(token) = security_token {
            headers.insert(SECURITY_TOKEN, token);
        }
        Some(request)
    }

    /// Says whether there are credentials that do not expire soon.
    fn lasts(&self, now: SystemTime) -> bool {
        let signing = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        signing.as_ref().is_some_and(|signing| {
            signing.signer.credentials().expiry().is_none_or(|expiry| now + BEFORE_EXPIRY < expiry)
        })
    }

    /// Loads credentials. Those of a function stay the same while its process lives.
    async fn renew(&self) -> Option<()> {
        let credentials: Credentials = self.credentials.provide_credentials().await.ok()?;
        let security_token = credentials.session_token().map(HeaderValue::from_str).transpose().ok()?;
        let signer = Signer::new(credentials, &self.region, "dynamodb", self.uri.authority()?.as_str());
        *self.signing.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Signing { signer, security_token });
        Some(())
    }
}

impl<C> fmt::Debug for Writer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("uri", &self.uri).finish_non_exhaustive()
    }
}

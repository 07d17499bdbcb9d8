//! How the function authenticates at a collector.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::body::SdkBody;
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};
use platform::aws::Secrets;

use super::headers;
use super::limits::{Limits, XRAY_LIMITS};
use super::refusal::Refusal;

/// A changed secret is used after at most this time.
const REFRESH_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// The name of X-Ray in a signature.
const XRAY: &str = "xray";

/// How the function authenticates.
#[derive(Debug)]
pub(super) enum Authentication {
    /// It does not.
    None,
    /// By headers of a secret.
    Secret(Box<Secret>),
    /// By Signature Version 4, as AWS services ask for.
    Signature {
        /// The credentials.
        credentials: SharedCredentialsProvider,
        /// The region of the service.
        region: String,
    },
}

/// A secret with headers.
#[derive(Debug)]
pub(super) struct Secret {
    secrets: Secrets,
    arn: String,
    /// What was read, and when.
    cached: Mutex<Option<(HeaderMap, Timestamp)>>,
}

impl Secret {
    /// Uses the headers of this secret.
    pub(super) fn new(secrets: Secrets, arn: String) -> Self {
        Self { secrets, arn, cached: Mutex::default() }
    }

    /// Returns the headers. They are read again every five minutes.
    async fn headers(&self, now: Timestamp) -> Result<HeaderMap, Refusal> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((headers, _)) = cached.filter(|(_, read)| now.duration_since(*read) < REFRESH_INTERVAL) {
            return Ok(headers);
        }
        let text = self.secrets.text(&self.arn).await.map_err(Refusal::Secret)?;
        let headers = headers::read(&text).ok_or(Refusal::NoHeaders)?;
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = Some((headers.clone(), now));
        Ok(headers)
    }

    fn forget(&self) {
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Authentication {
    /// Adds to a request what authenticates it.
    pub(super) async fn add(&self, request: &mut Request<SdkBody>, now: Timestamp) -> Result<(), Refusal> {
        match self {
            Self::None => {}
            Self::Secret(secret) => request.headers_mut().extend(secret.headers(now).await?),
            Self::Signature { credentials, region } => {
                let credentials = credentials.provide_credentials().await;
                let identity = credentials.map_err(|error| Refusal::Unsigned(error.into()))?.into();
                let params = SigningParams::builder()
                    .identity(&identity)
                    .region(region)
                    .name(XRAY)
                    .time(SystemTime::try_from(now).map_err(|error| Refusal::Unsigned(error.into()))?)
                    .settings(SigningSettings::default())
                    .build()
                    .map_err(|error| Refusal::Unsigned(error.into()))?
                    .into();
                let headers = request.headers().iter();
                let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
                let body = SignableBody::Bytes(request.body().bytes().unwrap_or_default());
                let signed = SignableRequest::new("POST", request.uri().to_string(), headers, body)
                    .and_then(|signable| sign(signable, &params));
                let (instructions, _) = signed.map_err(|error| Refusal::Unsigned(error.into()))?.into_parts();
                instructions.apply_to_request_http1x(request);
            }
        }
        Ok(())
    }

    /// Returns what the service takes in one request; `None` if it does not say.
    pub(super) fn limits(&self) -> Option<Limits> {
        matches!(self, Self::Signature { .. }).then_some(XRAY_LIMITS)
    }

    /// Notes that the collector refused what was added: a secret is read again.
    pub(super) fn refused(&self) {
        if let Self::Secret(secret) = self {
            secret.forget();
        }
    }
}

//! Writes of `DynamoDB` that are made without the SDK's clients: signed and written out here, and nothing around them.
//!
//! The SDK's own way to send takes several times the processor time of the request itself, and each notification
//! makes two (`docs/adr/0031-ledger-fast-path.md`). What is not done at once is left to the SDK, which tries again
//! and tells errors apart.

use std::fmt;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use http::{HeaderValue, Uri};
use sigv4::{Headers, Signer};
use tokio::time::timeout;

use super::clients::TRY_TIMEOUT;
use super::http::Http;
use super::update::Update;
use crate::clock::Clock;
use crate::telemetry::Usage;

const HEADERS: Headers<'_> =
    Headers { content_type: "application/x-amz-json-1.0", target: "DynamoDB_20120810.UpdateItem" };
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

/// What signs requests, and what all that it signs begin with.
struct Signed {
    signer: Signer,
    /// Request line and headers, the session token among them.
    head: String,
    /// What is signed is written here first, so that no memory is asked for.
    body: Vec<u8>,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
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
        // What is signed is a request for `/`.
        (uri.path() == "/").then_some(())?;
        Some(Self { http, credentials, signed: Mutex::default(), region, uri, clock })
    }

    /// Makes an update; `false` if it is not known to be done, for whatever reason.
    pub(super) async fn update(&self, update: &Update<'_>) -> bool {
        // Pinned where it is made: a future that is handed over is copied, and this one has thousands of bytes.
        timeout(TRY_TIMEOUT, pin!(self.attempt(update))).await.ok().flatten().is_some()
    }

    async fn attempt(&self, update: &Update<'_>) -> Option<()> {
        if !self.lasts(self.clock.now().try_into().ok()?) {
            Box::pin(self.renew()).await?;
        }
        let write = |request: &mut Vec<u8>| self.write(update, request);
        let status = self.http.send(&self.uri, Usage::TableWrites, write).await.ok()?;
        (200..300).contains(&status).then_some(())
    }

    /// Writes a request out. Without credentials it is empty, which nothing answers.
    fn write(&self, update: &Update<'_>, request: &mut Vec<u8>) {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Signed { signer, head, body }) = signed.as_mut() else { return };
        body.clear();
        update.write_json(body);
        let added = signer.sign(&HEADERS, body, self.clock.now());
        let length = body.len().to_string();
        for part in [
            head.as_str(),
            "x-amz-date: ",
            &added.date,
            "\r\nauthorization: ",
            &added.authorization,
            "\r\ncontent-length: ",
            &length,
            "\r\n\r\n",
        ] {
            request.extend_from_slice(part.as_bytes());
        }
        request.extend_from_slice(body);
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
        let Headers { content_type, target } = HEADERS;
        let mut head = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: {content_type}\r\nx-amz-target: {target}\r\n"
        );
        // What is no value of a header would end this one and begin another.
        for text in [&self.region, fresh.access_key_id(), fresh.session_token().unwrap_or_default()] {
            HeaderValue::from_str(text).ok()?;
        }
        if let Some(token) = fresh.session_token() {
            head.extend(["x-amz-security-token: ", token, "\r\n"]);
        }
        let signer = Signer::new(fresh, &self.region, "dynamodb", host);
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Signed { signer, head, body: Vec::new() });
        Some(())
    }
}

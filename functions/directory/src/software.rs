//! Software statements in the Directory's protected API, over mutual TLS with a client-credentials token.
//!
//! Sources: OpenBanking-Brasil/specs-directory, `openapi.yaml` 1.3.7; the token endpoint, `tpp-user-guide` of
//! specs-seguranca.

use std::sync::Arc;
use std::time::Duration;

use convention::address::AddressPolicy;
use convention::directory::{Environment, Software, SoftwareView};
use jiff::{SignedDuration, Timestamp};
use mtls::pem::{Certificates, PemError, certificates_to_pem, private_key, private_key_to_pem};
use mtls::{Expiry, chain_valid_until};
use platform::aws::{DirectoryTable, DirectoryTableError, Document, SecretError, Secrets};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, Metrics};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, IF_NONE_MATCH};
use reqwest::{Certificate, Identity, Method};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Mutex;

use crate::fetch::{FetchError, Fetched, Fetcher, renew};

/// Maximum size in bytes of a token or a software statement; both have a few kilobytes.
const LIMIT: usize = 256 * 1024;
/// Retention of a stored answer after it was last asked for.
const TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(24 * 30);
/// A token is not used in its last minute, so that it does not expire on the way.
const TOKEN_MARGIN: SignedDuration = SignedDuration::from_mins(1);
/// After a failed login, no other is tried for this long; otherwise all requests of a run would repeat it.
const LOGGED_OUT: SignedDuration = SignedDuration::from_mins(1);
/// The absence of a software at the Directory seldom changes, so it is checked less often.
const HIDDEN_FOR: Duration = Duration::from_mins(30);
/// How long the identity is used before its secret is read again.
const IDENTITY_REFRESH_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// Asks the Directory's API.
#[derive(Debug)]
pub struct SoftwareStatements {
    /// Where answers are stored.
    pub table: DirectoryTable,
    /// The secrets.
    pub secrets: Secrets,
    /// The secret with the identity.
    pub identity_secret: String,
    /// The environment of the Directory.
    pub environment: Environment,
    /// The policy for addresses.
    pub policy: AddressPolicy,
    /// The clock.
    pub clock: Clock,
    /// The current login: connection and token.
    pub session: Mutex<LogIn>,
}

/// The result of the last login.
#[derive(Debug, Default)]
pub enum LogIn {
    /// There was none, or its session is over.
    #[default]
    Needed,
    /// No identity was stored at that time.
    NoIdentity(Timestamp),
    /// It failed at that time.
    Failed(Timestamp),
    /// It succeeded with this session.
    Done(Session),
}

/// A connection that presents the sender's certificate, and a token bound to it.
#[derive(Clone, Debug)]
pub struct Session {
    fetcher: Arc<Fetcher>,
    authorization: HeaderValue,
    until: Timestamp,
}

/// The stored secret: the identity of the sender's software at the Directory. No `Debug`: it holds a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    certificate_chain: String,
    private_key: String,
    client_id: String,
    /// Authorities of the Directory's servers, if they are not public ones.
    trust_anchors: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SoftwareAnswer {
    status: Option<String>,
    api_webhook_uri: Option<Vec<String>>,
}

/// Why the Directory could not be asked about a software.
#[derive(Debug, Error)]
pub enum SoftwareError {
    /// The secret holds no identity.
    #[error("no identity for the Directory is stored")]
    NoIdentity,
    /// The secret cannot be read.
    #[error("the identity for the Directory cannot be read")]
    Secret(#[from] SecretError),
    /// The secret has another format.
    #[error("the identity for the Directory is not JSON with certificate_chain, private_key and client_id")]
    Identity,
    /// Its PEM cannot be read.
    #[error("the identity for the Directory holds PEM that cannot be used")]
    Pem(#[from] PemError),
    /// The last login failed less than a minute ago.
    #[error("the last login at the Directory failed less than a minute ago")]
    LoggedOut,
    /// The directory table does not work.
    #[error("the directory table does not work")]
    Table(#[from] DirectoryTableError),
    /// The Directory did not answer as expected.
    #[error("the Directory's API does not answer as it should")]
    Fetch(#[from] FetchError),
    /// The Directory's answer cannot be read.
    #[error("the answer of the Directory's API does not match its specification")]
    Answer,
}

impl SoftwareStatements {
    /// Returns the Directory's view of a software; a stored answer that is no longer fresh is requested anew.
    ///
    /// That the Directory shows nothing (403, 404) is an answer too: another participant's software is not generally
    /// readable.
    pub async fn shown(&self, software: &Software) -> Result<SoftwareView, SoftwareError> {
        let name = format!("software#{}", software.software_id);
        let known = self.table.get(&name).await?;
        if let Some(document) = &known
            && self.clock.now() < document.fresh_until
        {
            return serde_json::from_slice(&document.bytes).map_err(|_| SoftwareError::Answer);
        }
        let document = self.ask(software, known).await?;
        self.table.put(&name, &document, TIME_TO_LIVE).await?;
        serde_json::from_slice(&document.bytes).map_err(|_| SoftwareError::Answer)
    }

    /// Writes how long the certificate of the sender's software in the Directory is still good, where one is stored.
    pub(crate) async fn measure(&self, metrics: &Metrics) {
        let Ok(text) = self.secrets.text(&self.identity_secret).await else { return };
        let credentials = serde_json::from_str(&text).map_err(|_| SoftwareError::Identity);
        let valid_until = credentials.and_then(|credentials: Credentials| {
            chain_valid_until(&credentials.certificate_chain).map_err(|_| SoftwareError::Identity)
        });
        let now = self.clock.now();
        match valid_until {
            Ok(valid_until) => Expiry::at(valid_until, now).measure(metrics, now, &[]),
            Err(error) => tracing::error!(
                code = "directory_identity_unusable",
                error = %ErrorChain(&error),
                "The certificate for the Directory's API cannot be read."
            ),
        }
    }

    async fn ask(&self, software: &Software, known: Option<Document>) -> Result<Document, SoftwareError> {
        let Session { fetcher, authorization, .. } = self.session().await?;
        let Software { software_id, organisation_id } = software;
        let api = &self.environment.api_url;
        let url = format!("{api}/organisations/{organisation_id}/softwarestatements/{software_id}");
        let mut request = fetcher
            .request(Method::GET, &url)?
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json");
        if let Some(etag) = known.as_ref().and_then(|document| document.etag.as_deref()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let (fetched, hidden) = match fetcher.send(request, LIMIT).await {
            Ok(fetched) => (fetched, false),
            Err(FetchError::Status(403 | 404)) => {
                (Fetched::Document { bytes: Vec::new(), etag: None, fresh_for: Some(HIDDEN_FOR) }, true)
            }
            Err(FetchError::Status(401)) => {
                // The token was revoked early; the next request gets a new one.
                *self.session.lock().await = LogIn::Needed;
                return Err(FetchError::Status(401).into());
            }
            Err(error) => return Err(error.into()),
        };
        renew(known, fetched, self.clock.now(), |bytes| {
            let shown = if hidden { SoftwareView::default() } else { read(&bytes)? };
            serde_json::to_vec(&shown).map_err(|_| SoftwareError::Answer)
        })
    }

    /// Returns the connection and its token. Locked during a login, so that all requests of a run share one.
    async fn session(&self) -> Result<Session, SoftwareError> {
        let mut last = self.session.lock().await;
        let now = self.clock.now();
        match &*last {
            LogIn::Done(session) if now < session.until => return Ok(session.clone()),
            LogIn::NoIdentity(at) if now.duration_since(*at) < LOGGED_OUT => {
                return Err(SoftwareError::NoIdentity);
            }
            LogIn::Failed(at) if now.duration_since(*at) < LOGGED_OUT => {
                return Err(SoftwareError::LoggedOut);
            }
            LogIn::Done(_) | LogIn::NoIdentity(_) | LogIn::Failed(_) | LogIn::Needed => {}
        }
        let made = self.log_in().await;
        *last = match &made {
            Ok(session) => LogIn::Done(session.clone()),
            Err(SoftwareError::NoIdentity) => LogIn::NoIdentity(now),
            Err(_) => LogIn::Failed(now),
        };
        made
    }

    async fn log_in(&self) -> Result<Session, SoftwareError> {
        let text = match self.secrets.text(&self.identity_secret).await {
            Ok(text) => text,
            Err(SecretError::Empty { .. }) => return Err(SoftwareError::NoIdentity),
            Err(error) => return Err(error.into()),
        };
        let credentials: Credentials = serde_json::from_str(&text).map_err(|_| SoftwareError::Identity)?;
        let identity = identity(&credentials)?;
        let anchors = anchors(credentials.trust_anchors.as_deref().unwrap_or_default())?;
        let fetcher = Fetcher::new(self.policy, |client| client.identity(identity).tls_certs_merge(anchors))?;
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "directory:software"),
            ("client_id", &credentials.client_id),
        ];
        let request = fetcher.request(Method::POST, &self.environment.token_url)?.form(&form);
        let Fetched::Document { bytes, .. } = fetcher.send(request, LIMIT).await? else {
            return Err(SoftwareError::Answer);
        };
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| SoftwareError::Answer)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.access_token))
            .map_err(|_| SoftwareError::Answer)?;
        authorization.set_sensitive(true);
        let lives = SignedDuration::from_secs(token.expires_in.unwrap_or(0).max(0)) - TOKEN_MARGIN;
        let until = self.clock.now() + lives.clamp(SignedDuration::ZERO, IDENTITY_REFRESH_INTERVAL);
        Ok(Session { fetcher: Arc::new(fetcher), authorization, until })
    }
}

/// Reads the identity with the shared PEM reader, and passes it to reqwest re-encoded.
fn identity(credentials: &Credentials) -> Result<Identity, SoftwareError> {
    let chain = Certificates::from_pem(credentials.certificate_chain.as_bytes())?.into_der();
    let key = private_key(credentials.private_key.as_bytes())?;
    let pem = certificates_to_pem(&chain) + &private_key_to_pem(&key);
    Identity::from_pem(pem.as_bytes()).map_err(|_| SoftwareError::Identity)
}

fn anchors(bundle: &str) -> Result<Vec<Certificate>, SoftwareError> {
    if bundle.trim().is_empty() {
        return Ok(Vec::new());
    }
    let bundle = Certificates::from_pem(bundle.as_bytes())?;
    if let Some(other) = bundle.others.first() {
        return Err(PemError::NotCertificate { line: other.line, what: other.what }.into());
    }
    if let Some(authority) = bundle.certificates.iter().find(|authority| authority.distrusted) {
        return Err(PemError::Distrusted { line: authority.line }.into());
    }
    let read = bundle.into_der().into_iter().map(|der| Certificate::from_der(&der));
    read.collect::<Result<_, _>>().map_err(|_| SoftwareError::Identity)
}

fn read(bytes: &[u8]) -> Result<SoftwareView, SoftwareError> {
    let shown: SoftwareAnswer = serde_json::from_slice(bytes).map_err(|_| SoftwareError::Answer)?;
    // `Active`, `Suspended`, `Inactive` (openapi.yaml 1.3.7).
    Ok(SoftwareView {
        active: shown.status.map(|status| status == "Active"),
        webhook_uris: shown.api_webhook_uri,
    })
}

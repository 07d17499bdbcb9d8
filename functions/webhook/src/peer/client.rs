//! One exchange: POST a notification, read what matters of the answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::classify;
use super::connect::{Connector, Handshake};
use super::identity::{Identity, TrustAnchors};
use super::kms_key::SigningUnavailable;
use super::network::{Network, Transport};
use crate::delivery::{Answer, BODY_LIMIT, EXCHANGE_DEADLINE, Failure, Finding, HEADER_LIMIT, Outcome};
use crate::directory::Settings;
use crate::edge::Clock;
use crate::notification::{InteractionId, Notification};
use crate::revocation::Revocation;

/// A connection idle for longer is not used again: many servers close theirs after five seconds, and one that closes under
/// a request leaves us not knowing whether it arrived.
const IDLE: Duration = Duration::from_secs(4);
/// How long an answer's body may take once its status is known. It should be empty, and it changes nothing.
const BODY_BUDGET: Duration = Duration::from_secs(1);

/// Sends notifications to receivers. Cannot be made without an identity.
#[derive(Clone)]
pub struct Client {
    connector: Connector,
    pool: Arc<Mutex<Pool>>,
    clock: Clock,
}

/// The connections that are kept, and when they were last used by our clock.
struct Pool {
    http: Http,
    used: Timestamp,
}

type Http = HttpClient<Connector, Full<Bytes>>;

/// What an attempt showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// What the receiver answered, or why it did not.
    pub answer: Result<Answer, Failure>,
    /// The connection used, where there was an answer on it.
    pub handshake: Option<Handshake>,
}

impl Exchange {
    /// Decides what came of an attempt at a receiver with these settings.
    pub fn outcome(&self, sent: InteractionId, settings: &Settings) -> Outcome {
        let mut outcome = match &self.answer {
            Ok(answer) => Outcome::of(answer, &sent.to_string(), settings),
            Err(failure) => Outcome::Failed(*failure),
        };
        let without_mtls = self.handshake.as_ref().is_some_and(|handshake| !handshake.certificate_requested);
        if let Outcome::Delivered { findings, .. } = &mut outcome
            && without_mtls
        {
            findings.push(Finding::ReceiverWithoutMtls);
        }
        outcome
    }
}

impl Client {
    /// Makes a client that presents `identity`, trusts `trust` as far as `revocation` does not object, and connects to what
    /// `network` allows.
    pub fn new(
        identity: &Identity,
        trust: &TrustAnchors,
        network: Network,
        revocation: &Arc<Revocation>,
    ) -> Result<Self, rustls::Error> {
        let connector = Connector::new(identity, trust, network, revocation)?;
        let clock = revocation.clock();
        let pool = Arc::new(Mutex::new(Pool { http: http(connector.clone()), used: clock.now() }));
        Ok(Self { connector, pool, clock })
    }

    /// Returns the connections to use now, none of them kept over a freeze.
    ///
    /// hyper's own limit goes by a clock that may stand still while the environment is frozen; ours goes by the time of day.
    /// A clock that was set back tells nothing, so then none is used again.
    fn http(&self, now: Timestamp) -> Http {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_warm(pool.used, now) {
            pool.http = http(self.connector.clone());
        }
        pool.used = now;
        pool.http.clone()
    }

    /// Notes that an exchange ended that began at `started`. One that a freeze may have gone through says nothing about the
    /// other connections.
    fn used(&self, started: Timestamp) {
        let now = self.clock.now();
        if is_warm(started, now) {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).used = now;
        }
    }

    /// POSTs a notification once, with so much time for the whole exchange. Follows no redirection.
    ///
    /// An error is our own fault, and nothing was sent.
    pub async fn post(
        &self,
        notification: &Notification,
        id: InteractionId,
        within: Duration,
    ) -> Result<Exchange, SigningUnavailable> {
        let mut request = Request::builder().method(Notification::METHOD).uri(&notification.url);
        for (name, value) in notification.headers_of_attempt(id) {
            request = request.header(name, value);
        }
        let failed = |failure| Exchange { answer: Err(failure), handshake: None };
        let Ok(request) = request.body(Full::new(Bytes::from(notification.body.clone()))) else {
            return Ok(failed(Failure::InvalidUrl));
        };
        let (started, deadline) = (self.clock.now(), Instant::now() + within);
        let response = match timeout_at(deadline, self.http(started).request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return match classify::signing(&error) {
                    Some(unavailable) => Err(unavailable.clone()),
                    None => Ok(failed(classify::exchange(&error))),
                };
            }
            Err(_) => return Ok(failed(Failure::Timeout)),
        };
        let handshake = response.extensions().get::<Handshake>().cloned();
        let answer = read(response, deadline).await;
        self.used(started);
        Ok(Exchange { answer, handshake })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

fn http(connector: Connector) -> Http {
    HttpClient::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        // Sends again only what hyper knows was never sent: a reused connection that was closed already.
        .retry_canceled_requests(true)
        .http1_max_buf_size(HEADER_LIMIT)
        .build(connector)
}

/// Sends a request without a body over a connection that is there already, and reads what comes as [`Client::post`] does.
///
/// For tests that play the receiver byte by byte. Notifications go over TLS, which only [`Client`] speaks.
pub async fn read_answer(connection: impl Transport + 'static) -> Result<Answer, Failure> {
    let failed = |error: hyper::Error| classify::exchange(&error);
    let mut http = hyper::client::conn::http1::Builder::new();
    let (mut sender, connection) =
        http.max_buf_size(HEADER_LIMIT).handshake(TokioIo::new(connection)).await.map_err(failed)?;
    let exchange = async {
        let request = Request::post("/").body(Full::<Bytes>::default()).expect("a path is a target");
        let response = sender.send_request(request).await.map_err(failed)?;
        read(response, Instant::now() + EXCHANGE_DEADLINE).await
    };
    let driven = async {
        // How it ends is told to the exchange.
        connection.await.ok();
        std::future::pending().await
    };
    tokio::select! {
        answer = exchange => answer,
        answer = driven => answer,
    }
}

/// Reads what matters of an answer.
async fn read(response: Response<Incoming>, deadline: Instant) -> Result<Answer, Failure> {
    if head_size(response.headers()) > HEADER_LIMIT {
        return Err(Failure::AnswerTooLong);
    }
    let status = response.status().as_u16();
    let interaction_id = echoed_id(response.headers());
    // The status is known: a body that stalls does not undo it, it only costs the connection.
    let until = deadline.min(Instant::now() + BODY_BUDGET);
    let body_cut = !timeout_at(until, read_to_end(response)).await.unwrap_or(false);
    Ok(Answer { status, interaction_id, body_cut })
}

/// How long a head was without its first line. hyper's limit is one of its buffer, and depends on how the bytes arrived.
fn head_size(headers: &HeaderMap) -> usize {
    let separators = ": \r\n".len();
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + separators).sum()
}

fn is_warm(used: Timestamp, now: Timestamp) -> bool {
    u128::try_from(now.duration_since(used).as_millis()).is_ok_and(|idle| idle <= IDLE.as_millis())
}

fn echoed_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-webhook-interaction-id")?;
    // A value of odd bytes is no id of ours; what it is goes into no log.
    Some(value.to_str().unwrap_or_default().to_owned())
}

/// Reads a body to its end so that the connection can be used again; `false` if it is too long or breaks.
async fn read_to_end(response: Response<Incoming>) -> bool {
    let mut body = response.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > BODY_LIMIT {
            return false;
        }
    }
    true
}

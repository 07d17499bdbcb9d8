//! One exchange: POST a notification and read the answer.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use convention::delivery::{Answer, BODY_LIMIT, EXCHANGE_DEADLINE, Failure, Finding, HEADER_LIMIT, Outcome};
use convention::directory::Settings;
use convention::notification::{InteractionId, Notification, ReceiverKey};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use http1::{Pool, PooledConnection, Stream, settings};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use platform::clock::Clock;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use super::classify;
use super::connect::{Connector, Handshake, PeerStream};
use super::connect_error::ConnectError;
use super::egress::Egress;
use super::fault::LocalFault;
use super::identity::{Identity, TrustAnchors};
use super::network::Network;
use super::transport::Transport;
use crate::revocation::Revocation;

/// Maximum idle time of a reused connection. Many servers close theirs after five seconds, and if one closes during a
/// request we do not know whether the request arrived.
pub(super) const IDLE: SignedDuration = SignedDuration::from_secs(4);
/// Maximum time for the body of an answer after its status. The body should be empty, and its content is not used.
const BODY_BUDGET: Duration = Duration::from_secs(1);

/// A connection to a receiver.
type Connection = PooledConnection<PeerStream, Full<Bytes>, Arc<Handshake>>;

/// Sends notifications to receivers. Requires an identity.
#[derive(Clone)]
pub struct Client {
    connector: Connector,
    pool: Arc<Pool<Connection>>,
    egress: Egress,
    clock: Clock,
}

/// The result of an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// The receiver's answer, or why there was none.
    pub answer: Result<Answer, Failure>,
    /// The connection, if it gave an answer.
    pub handshake: Option<Arc<Handshake>>,
}

impl Exchange {
    /// Decides the outcome of an attempt at a receiver with these settings.
    pub fn outcome(&self, sent: InteractionId, settings: &Settings) -> Outcome {
        let mut outcome = match &self.answer {
            Ok(answer) => Outcome::of(answer, sent.as_str(), settings),
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
    /// Creates a client that presents `identity`, accepts certificates under `trust` unless `revocation` refuses
    /// them, and connects to the addresses that `network` allows.
    pub fn new(
        identity: &Identity,
        trust: &TrustAnchors,
        network: Network,
        revocation: &Arc<Revocation>,
    ) -> Result<Self, rustls::Error> {
        let (clock, egress) = (revocation.clock(), network.egress().clone());
        let pool = Arc::new(Pool::new(IDLE, clock.clone().into_fn(), network.idle_budget()));
        Ok(Self { connector: Connector::new(identity, trust, network, revocation)?, pool, egress, clock })
    }

    /// Says whether both are copies of one client, with the same connections.
    pub fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pool, &other.pool)
    }

    /// POSTs a notification once, with this timeout for the whole exchange. Follows no redirection.
    ///
    /// An error is a fault of ours; nothing was sent.
    pub async fn post(
        &self,
        notification: &Notification,
        id: InteractionId,
        within: Duration,
    ) -> Result<Exchange, LocalFault> {
        let failed = |failure| Exchange { answer: Err(failure), handshake: None };
        let Some((authority, request)) = request(notification, id) else {
            return Ok(failed(Failure::InvalidUrl));
        };
        let deadline = Instant::now() + within;
        // Boxed, because most requests need no new connection and the future is large.
        let connect = || Box::pin(self.connect(&notification.receiver, &authority, deadline));
        // Pinned in place, because moving it would copy it.
        let answered = pin!(self.pool.answered(authority.as_str(), request, connect));
        let (mut exchanges, response) = match timeout_at(deadline, answered).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) => {
                return match classify::local(&error) {
                    Some(fault) => Err(fault),
                    None => Ok(failed(classify::exchange(&error))),
                };
            }
            Err(_) => return Ok(failed(Failure::Timeout)),
        };
        self.egress.reached();
        let answer = read(&mut exchanges, response, deadline).await;
        let handshake = Some(Arc::clone(&exchanges.facts));
        if answer.as_ref().is_ok_and(|answer| !answer.body_cut) {
            self.pool.keep(authority.as_str(), exchanges).await;
        }
        Ok(Exchange { answer, handshake })
    }

    async fn connect(
        &self,
        receiver: &ReceiverKey,
        authority: &Authority,
        deadline: Instant,
    ) -> Result<Connection, PostError> {
        let (stream, handshake) = self.connector.connect(receiver, authority, &self.clock, deadline).await?;
        let settings = settings().max_buf_size(HEADER_LIMIT).clone();
        Ok(PooledConnection::over(stream, &settings, Arc::new(handshake)).await?)
    }
}

/// Why an attempt has no answer.
#[derive(Debug, Error)]
enum PostError {
    #[error("the receiver cannot be reached")]
    Connect(#[from] ConnectError),
    #[error("the exchange with the receiver failed")]
    Http(#[from] hyper::Error),
}

/// Creates the request of an attempt and its authority; `None` if the URL is invalid.
pub(super) fn request(
    notification: &Notification,
    id: InteractionId,
) -> Option<(Authority, Request<Full<Bytes>>)> {
    let url = notification.url.parse::<Uri>().ok()?.into_parts();
    let (authority, target) = (url.authority?, url.path_and_query.unwrap_or(PathAndQuery::from_static("/")));
    // The default port is left out (RFC 9110, sections 7.2 and 4.2.2).
    let host = if authority.port_u16() == Some(443) { authority.host() } else { authority.as_str() };
    let host = HeaderValue::from_str(host).ok()?;
    let mut request = Request::new(Full::new(Bytes::from(notification.body.clone())));
    *request.method_mut() = Notification::METHOD.parse().ok()?;
    *request.uri_mut() = target.into();
    let headers = request.headers_mut();
    headers.reserve(8);
    headers.insert(header::HOST, host);
    for (name, value) in notification.headers_of_attempt(id) {
        headers.insert(name, HeaderValue::try_from(value.into_owned()).ok()?);
    }
    Some((authority, request))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Sends a request without a body over an open connection and reads the answer as [`Client::post`] does.
///
/// For tests that write the receiver's bytes. Notifications go over TLS, which only [`Client`] provides.
pub async fn read_answer(connection: impl Transport + 'static) -> Result<Answer, Failure> {
    let failed = |error: hyper::Error| classify::exchange(&error);
    let settings = settings().max_buf_size(HEADER_LIMIT).clone();
    let mut exchanges =
        PooledConnection::over(TokioIo::new(connection), &settings, ()).await.map_err(failed)?;
    let request = Request::post("/").body(Full::<Bytes>::default()).expect("a path is a target");
    let response = exchanges.send(request).await.map_err(failed)?;
    read(&mut exchanges, response, Instant::now() + EXCHANGE_DEADLINE).await
}

/// Reads an answer.
pub(super) async fn read<S: Stream, F>(
    exchanges: &mut PooledConnection<S, Full<Bytes>, F>,
    response: Response<Incoming>,
    deadline: Instant,
) -> Result<Answer, Failure> {
    if head_size(response.headers()) > HEADER_LIMIT {
        return Err(Failure::AnswerTooLong);
    }
    let status = response.status().as_u16();
    let interaction_id = echoed_id(response.headers());
    // The status is known: a stalled body does not change it but prevents reuse of the connection.
    let until = deadline.min(Instant::now() + BODY_BUDGET);
    let body = timeout_at(until, exchanges.read(response.into_body(), BODY_LIMIT)).await;
    Ok(Answer { status, interaction_id, body_cut: !matches!(body, Ok(Ok(Some(_)))) })
}

/// Returns the size of a head without its first line. hyper limits its buffer instead, so its limit depends on how
/// the bytes arrive.
fn head_size(headers: &HeaderMap) -> usize {
    let separators = ": \r\n".len();
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + separators).sum()
}

fn echoed_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-webhook-interaction-id")?;
    // A value with other bytes is not one of our ids, and is not logged.
    Some(value.to_str().unwrap_or_default().to_owned())
}

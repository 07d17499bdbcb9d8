//! One exchange: POST a notification, read what matters of the answer.

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

/// A connection idle for longer is not used again: many servers close theirs after five seconds, and one that closes under
/// a request leaves us not knowing whether it arrived.
const IDLE: SignedDuration = SignedDuration::from_secs(4);
/// How long an answer's body may take once its status is known. It should be empty, and it changes nothing.
const BODY_BUDGET: Duration = Duration::from_secs(1);

/// A connection to a receiver.
type Connection = PooledConnection<PeerStream, Full<Bytes>, Arc<Handshake>>;

/// Sends notifications to receivers. Cannot be made without an identity.
#[derive(Clone)]
pub struct Client {
    connector: Connector,
    pool: Arc<Pool<Connection>>,
    egress: Egress,
    clock: Clock,
}

/// What an attempt showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// What the receiver answered, or why it did not.
    pub answer: Result<Answer, Failure>,
    /// The connection used, where there was an answer on it.
    pub handshake: Option<Arc<Handshake>>,
}

impl Exchange {
    /// Decides what came of an attempt at a receiver with these settings.
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
    /// Makes a client that presents `identity`, trusts `trust` as far as `revocation` does not object, and connects to what
    /// `network` allows.
    pub fn new(
        identity: &Identity,
        trust: &TrustAnchors,
        network: Network,
        revocation: &Arc<Revocation>,
    ) -> Result<Self, rustls::Error> {
        let (clock, egress) = (revocation.clock(), network.egress().clone());
        let pool = Arc::new(Pool::new(IDLE, clock.clone().teller(), network.idle_budget()));
        Ok(Self { connector: Connector::new(identity, trust, network, revocation)?, pool, egress, clock })
    }

    /// Says whether this is a copy of another client, with the same connections.
    pub fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pool, &other.pool)
    }

    /// POSTs a notification once, with so much time for the whole exchange. Follows no redirection.
    ///
    /// An error is our own fault, and nothing was sent.
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
        // In a box, as most requests need no new connection.
        let connect = || Box::pin(self.connect(&notification.receiver, &authority, deadline));
        // Pinned where it is made, as what is handed over is copied.
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

/// An attempt that nobody answered.
#[derive(Debug, Error)]
enum PostError {
    #[error("the receiver cannot be reached")]
    Connect(#[from] ConnectError),
    #[error("the exchange with the receiver failed")]
    Http(#[from] hyper::Error),
}

/// Makes the request of an attempt, and says where it goes; `None` if the URL is none.
fn request(notification: &Notification, id: InteractionId) -> Option<(Authority, Request<Full<Bytes>>)> {
    let url = notification.url.parse::<Uri>().ok()?.into_parts();
    let (authority, target) = (url.authority?, url.path_and_query.unwrap_or(PathAndQuery::from_static("/")));
    // The port of the scheme goes without saying (RFC 9110, section 7.2 and 4.2.2).
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

/// Sends a request without a body over a connection that is there already, and reads what comes as [`Client::post`] does.
///
/// For tests that play the receiver byte by byte. Notifications go over TLS, which only [`Client`] speaks.
pub async fn read_answer(connection: impl Transport + 'static) -> Result<Answer, Failure> {
    let failed = |error: hyper::Error| classify::exchange(&error);
    let settings = settings().max_buf_size(HEADER_LIMIT).clone();
    let mut exchanges =
        PooledConnection::over(TokioIo::new(connection), &settings, ()).await.map_err(failed)?;
    let request = Request::post("/").body(Full::<Bytes>::default()).expect("a path is a target");
    let response = exchanges.send(request).await.map_err(failed)?;
    read(&mut exchanges, response, Instant::now() + EXCHANGE_DEADLINE).await
}

/// Reads what matters of an answer.
async fn read<S: Stream, F>(
    exchanges: &mut PooledConnection<S, Full<Bytes>, F>,
    response: Response<Incoming>,
    deadline: Instant,
) -> Result<Answer, Failure> {
    if head_size(response.headers()) > HEADER_LIMIT {
        return Err(Failure::AnswerTooLong);
    }
    let status = response.status().as_u16();
    let interaction_id = echoed_id(response.headers());
    // The status is known: a body that stalls does not undo it, it only costs the connection.
    let until = deadline.min(Instant::now() + BODY_BUDGET);
    let body = timeout_at(until, exchanges.read(response.into_body(), BODY_LIMIT)).await;
    Ok(Answer { status, interaction_id, body_cut: !matches!(body, Ok(Ok(Some(_)))) })
}

/// How long a head was without its first line. hyper's limit is one of its buffer, and depends on how the bytes arrived.
fn head_size(headers: &HeaderMap) -> usize {
    let separators = ": \r\n".len();
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + separators).sum()
}

fn echoed_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-webhook-interaction-id")?;
    // A value of odd bytes is no id of ours; what it is goes into no log.
    Some(value.to_str().unwrap_or_default().to_owned())
}

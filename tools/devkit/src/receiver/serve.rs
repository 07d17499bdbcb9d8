//! The HTTPS side of the mock.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::answer::{Answer, Deed, Echo};
use super::body::Filler;
use super::event::{ClientCertificate, Received, Tls};
use super::finding::{self, Contract, Reading};
use super::http::{self, ENDLESS_PAUSE, Reply, Seizure};
use super::journal::{Journal, Refusal};
use super::message::{Body, Header};
use crate::accept::accept;

/// A caller that has not finished its handshake by then has failed it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The contract's bodies have under 100 bytes; this is enough to see what else came.
const MAX_REQUEST_BODY: usize = 1024 * 1024;
const TRICKLE_PAUSE: Duration = Duration::from_secs(1);

const INTERACTION_ID: &str = "x-webhook-interaction-id";

/// The head of an answer and half of its body.
const HALF: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\nxxxxx";

type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// All that a connection needs to know.
pub(super) struct Service {
    pub(super) acceptor: TlsAcceptor,
    pub(super) contract: Contract,
    pub(super) journal: Arc<Journal>,
    pub(super) idle: Option<Duration>,
    pub(super) clock: fn() -> Timestamp,
}

/// What all requests of one connection have in common.
struct Peer {
    connection: u64,
    certificate: Option<ClientCertificate>,
    tls: Tls,
}

impl Service {
    /// Accepts connections until the task is aborted, and all connections with it.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        accept(listener, |stream: TcpStream, peer| {
            stream.set_nodelay(true).ok();
            Arc::clone(&self).serve_stream(stream, peer)
        })
        .await;
    }

    /// Serves one connection, whatever carries it, until it ends.
    pub(super) async fn serve_stream<S>(self: Arc<Self>, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let number = self.journal.connection_accepted();
        let error = match timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                self.journal.handshake_completed();
                return self.serve_http(stream, number).await;
            }
            Ok(Err(error)) => chain(&error),
            Err(_) => format!("no handshake within {} s", HANDSHAKE_TIMEOUT.as_secs()),
        };
        self.journal.handshake_failed(Refusal { at: (self.clock)(), peer, connection: number, error });
    }

    async fn serve_http<S>(self: Arc<Self>, stream: TlsStream<S>, number: u64)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let session = stream.get_ref().1;
        let peer =
            Peer { connection: number, certificate: ClientCertificate::of(session), tls: Tls::of(session) };
        http::serve(stream, self.idle, |request| self.answer(request, &peer)).await;
    }

    /// Reads, records and answers one request.
    async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Reply<ResponseBody> {
        let received_at = (self.clock)();
        let (head, body) = request.into_parts();
        let body = read(body).await;
        let headers: Vec<Header> = head
            .headers
            .iter()
            .map(|(name, value)| Header {
                name: name.as_str().to_owned(),
                value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            })
            .collect();
        let reading = self.contract.read(finding::Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            headers: &headers,
            body: &body,
            received_at,
        });
        let Reading { endpoint, api_version, resource_id, interaction_id, authorization_server_id, findings } =
            reading;
        let answer = self.journal.record(Received {
            sequence: 0,
            received_at,
            method: head.method.to_string(),
            path: head.uri.path_and_query().map_or_else(|| head.uri.to_string(), ToString::to_string),
            endpoint,
            api_version,
            resource_id,
            interaction_id,
            authorization_server_id,
            headers,
            body,
            findings,
            answered: String::new(),
            client_certificate: peer.certificate.clone(),
            tls: peer.tls.clone(),
            connection: peer.connection,
        });
        if let Some(delay) = answer.delay {
            sleep(delay).await;
        }
        match &answer.deed {
            Deed::Hang => pending().await,
            Deed::Reset => Reply::Seizure(Seizure::Reset),
            Deed::Close => Reply::Seizure(Seizure::Send(Bytes::new())),
            Deed::Raw(bytes) => Reply::Seizure(Seizure::Send(bytes.clone())),
            Deed::Truncate => Reply::Seizure(Seizure::Truncate(Bytes::from_static(HALF))),
            Deed::Informational => Reply::Seizure(Seizure::Informational),
            Deed::Status(_) | Deed::Redirect(_) | Deed::Endless | Deed::Trickle => {
                Reply::Response(response(&answer, &head.headers))
            }
        }
    }
}

async fn read(body: Incoming) -> Body {
    match Limited::new(body, MAX_REQUEST_BODY).collect().await {
        Ok(collected) => Body::parse(&collected.to_bytes()),
        Err(error) => Body::Unreadable(chain(error.as_ref())),
    }
}

fn response(answer: &Answer, asked: &HeaderMap) -> Response<ResponseBody> {
    let status = match &answer.deed {
        Deed::Status(status) => *status,
        Deed::Redirect(_) => StatusCode::FOUND,
        _ => StatusCode::ACCEPTED,
    };
    let body = match &answer.deed {
        Deed::Endless => endless(&[b'x'; 8192], ENDLESS_PAUSE),
        Deed::Trickle => endless(b"x", TRICKLE_PAUSE),
        _ => Filler::new(answer.text.clone(), answer.body).boxed_unsync(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(id) = echoed(answer.echo, asked) {
        headers.insert(INTERACTION_ID, id);
    }
    if let Deed::Redirect(to) = &answer.deed
        && let Ok(to) = HeaderValue::from_str(to)
    {
        headers.insert(LOCATION, to);
    }
    if answer.padding > 0
        && let Ok(padding) = HeaderValue::from_str(&"x".repeat(answer.padding))
    {
        headers.insert("x-padding", padding);
    }
    headers.extend(answer.headers.iter().cloned());
    if answer.is_last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn echoed(echo: Echo, asked: &HeaderMap) -> Option<HeaderValue> {
    match echo {
        Echo::Right => asked.get(INTERACTION_ID).cloned(),
        Echo::Wrong => Some(HeaderValue::from_static("00000000-0000-4000-8000-000000000000")),
        Echo::None => None,
    }
}

fn endless(piece: &'static [u8], pause: Duration) -> ResponseBody {
    let pieces = stream::unfold((), move |()| async move {
        sleep(pause).await;
        Some((Ok(Frame::data(Bytes::from_static(piece))), ()))
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// Writes an error with all its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
        cause = error.source();
    }
    text
}

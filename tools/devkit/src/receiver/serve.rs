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
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::answer::{Answer, Deed, Echo};
use super::event::{ClientCertificate, Received, Tls};
use super::finding::{self, Contract, Reading};
use super::journal::{Journal, Refusal};
use super::message::{Body, Header};
use crate::accept::accept;

/// A caller that has not finished its handshake by then has failed it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The contract's bodies have under 100 bytes; this is enough to see what else came.
const MAX_REQUEST_BODY: usize = 1024 * 1024;
/// Between two pieces of an endless answer, so that it costs little.
const ENDLESS_PAUSE: Duration = Duration::from_millis(10);
const TRICKLE_PAUSE: Duration = Duration::from_secs(1);

const INTERACTION_ID: &str = "x-webhook-interaction-id";

type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// All that a connection needs to know.
pub(super) struct Service {
    pub(super) acceptor: TlsAcceptor,
    pub(super) contract: Contract,
    pub(super) journal: Arc<Journal>,
    pub(super) idle: Option<Duration>,
    pub(super) clock: fn() -> Timestamp,
}

/// What is done to a connection when HTTP is not enough.
enum Seizure {
    Reset,
    Close,
    Informational,
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
        accept(listener, |stream, peer| Arc::clone(&self).serve_connection(stream, peer)).await;
    }

    async fn serve_connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let number = self.journal.connection_accepted();
        stream.set_nodelay(true).ok();
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

    async fn serve_http(self: Arc<Self>, stream: TlsStream<TcpStream>, number: u64) {
        let session = stream.get_ref().1;
        let peer = Arc::new(Peer {
            connection: number,
            certificate: ClientCertificate::of(session),
            tls: Tls::of(session),
        });
        let idle = self.idle;
        let (seize, mut seized) = mpsc::channel(1);
        let service = service_fn(move |request| {
            let (service, peer, seize) = (Arc::clone(&self), Arc::clone(&peer), seize.clone());
            // Boxed so that the connection can be moved, which `into_parts` needs.
            Box::pin(async move { Ok::<_, Infallible>(service.answer(request, &peer, &seize).await) })
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // It runs from the end of one request to the header of the next, so it bounds idleness as well.
            .header_read_timeout(idle)
            .serve_connection(TokioIo::new(stream), service);
        let seizure = tokio::select! {
            // How a connection ends is its caller's business: what it asked is in the journal.
            _ = &mut connection => return,
            Some(seizure) = seized.recv() => seizure,
        };
        seizure.carry_out(connection.into_parts().io.into_inner()).await;
    }

    /// Reads, records and answers one request.
    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        seize: &mpsc::Sender<Seizure>,
    ) -> Response<ResponseBody> {
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
        match answer.deed {
            Deed::Hang => pending().await,
            Deed::Reset => Seizure::Reset.request(seize).await,
            Deed::Close => Seizure::Close.request(seize).await,
            Deed::Informational => Seizure::Informational.request(seize).await,
            Deed::Status(_) | Deed::Redirect(_) | Deed::Endless | Deed::Trickle => {
                response(&answer, &head.headers)
            }
        }
    }
}

impl Seizure {
    /// Asks for the connection, and waits for it to be taken away.
    async fn request(self, seize: &mpsc::Sender<Self>) -> Response<ResponseBody> {
        seize.send(self).await.ok();
        pending().await
    }

    async fn carry_out(self, mut stream: TlsStream<TcpStream>) {
        match self {
            // With no time to linger, closing sends RST.
            Self::Reset => {
                stream.get_ref().0.set_zero_linger().ok();
            }
            Self::Close => {
                stream.shutdown().await.ok();
            }
            Self::Informational => {
                while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok()
                    && stream.flush().await.is_ok()
                {
                    sleep(ENDLESS_PAUSE).await;
                }
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
        _ => Full::new(Bytes::from(vec![b'x'; answer.body])).boxed_unsync(),
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
    if answer.header > 0
        && let Ok(padding) = HeaderValue::from_str(&"x".repeat(answer.header))
    {
        headers.insert("x-padding", padding);
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

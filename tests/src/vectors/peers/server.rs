//! A receiver that answers as it is told, and remembers what it saw.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::{CipherSuite, HandshakeKind, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::pki::{Signer, pki};

/// What a receiver offers.
pub(in crate::vectors) struct Offer {
    /// Who signed its certificate.
    pub(in crate::vectors) signer: Signer,
    /// Whom its certificate is for.
    pub(in crate::vectors) name: &'static str,
    /// Whether its certificate ended with the year 2025.
    pub(in crate::vectors) expired: bool,
    /// Whether it asks for a client certificate.
    pub(in crate::vectors) asks: bool,
    /// The only version of TLS it speaks, where it speaks one only.
    pub(in crate::vectors) version: Option<&'static SupportedProtocolVersion>,
    /// The only cipher suite it speaks, where it speaks one only.
    pub(in crate::vectors) suite: Option<CipherSuite>,
    /// Whether it closes the connection after each answer.
    pub(in crate::vectors) closes: bool,
    /// What it answers.
    pub(in crate::vectors) reply: Reply,
}

impl Default for Offer {
    fn default() -> Self {
        let (signer, name, reply) = (Signer::Trusted, "127.0.0.1", Reply::default());
        Self { signer, name, expired: false, asks: true, version: None, suite: None, closes: false, reply }
    }
}

/// What a receiver answers.
#[derive(Clone)]
pub(in crate::vectors) struct Reply {
    pub(in crate::vectors) status: u16,
    pub(in crate::vectors) headers: Vec<(&'static str, String)>,
    pub(in crate::vectors) body: String,
    /// How long the body is; it is filled up to that.
    pub(in crate::vectors) body_bytes: u64,
    pub(in crate::vectors) after: Duration,
}

impl Default for Reply {
    fn default() -> Self {
        Self { status: 202, headers: Vec::new(), body: String::new(), body_bytes: 0, after: Duration::ZERO }
    }
}

/// A request that a receiver saw.
#[derive(Clone, Debug)]
pub(in crate::vectors) struct Seen {
    /// When.
    pub(in crate::vectors) at: Instant,
    /// Where.
    pub(in crate::vectors) path: String,
    /// How many certificates the sender presented.
    pub(in crate::vectors) certificates: usize,
    /// The certificate itself, in DER; empty where there was none.
    pub(in crate::vectors) certificate: Vec<u8>,
    /// Whether the connection's session was resumed.
    pub(in crate::vectors) resumed: bool,
}

/// A receiver on a socket, until its runtime ends.
pub(in crate::vectors) struct Server {
    pub(in crate::vectors) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts a receiver.
    pub(in crate::vectors) async fn start(offer: Offer) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let config = Arc::new(config(&offer).map_err(|error| format!("no receiver: {error}"))?);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (offer, log) = (Arc::new(offer), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = Connection { offer: Arc::clone(&offer), log: Arc::clone(&log) };
                tokio::spawn(connection.serve(TlsAcceptor::from(Arc::clone(&config)), stream));
            }
        });
        Ok(Self { address, seen })
    }

    /// Returns the requests seen so far.
    pub(in crate::vectors) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Connection {
    offer: Arc<Offer>,
    log: Arc<Mutex<Vec<Seen>>>,
}

impl Connection {
    async fn serve(self, acceptor: TlsAcceptor, stream: TcpStream) {
        let Ok(stream) = acceptor.accept(stream).await else { return };
        let (_, tls) = stream.get_ref();
        let chain = tls.peer_certificates().unwrap_or_default();
        let certificates = chain.len();
        let certificate = chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default();
        let resumed = tls.handshake_kind() == Some(HandshakeKind::Resumed);
        let answer = |request: Request<Incoming>| async {
            let path = request.uri().path().to_owned();
            let certificate = certificate.clone();
            let seen = Seen { at: Instant::now(), path, certificates, certificate, resumed };
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
            let headers = request.headers().clone();
            drop(request.into_body().collect().await);
            tokio::time::sleep(self.offer.reply.after).await;
            Ok::<_, Infallible>(self.answer(&headers))
        };
        let mut builder = http1::Builder::new();
        builder.keep_alive(!self.offer.closes);
        // A sender that goes away before it has read everything is what some tests are about.
        drop(builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await);
    }

    fn answer(&self, asked: &HeaderMap) -> Response<Filler> {
        let Reply { status, headers, body, body_bytes, .. } = &self.offer.reply;
        let mut response = Response::builder().status(*status);
        if let Some(id) = asked.get("x-webhook-interaction-id") {
            response = response.header("x-webhook-interaction-id", id);
        }
        for (name, value) in headers {
            response = response.header(*name, value);
        }
        let filler = Filler { start: Some(Bytes::from(body.clone())), left: *body_bytes };
        response.body(filler).expect("the answer is valid")
    }
}

/// A body of a given length: its start, and zeros.
struct Filler {
    start: Option<Bytes>,
    left: u64,
}

impl Body for Filler {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const ZEROS: &[u8] = &[b'0'; 16 * 1024];
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = match self.start.take() {
            Some(start) if !start.is_empty() => start,
            _ => Bytes::from_static(ZEROS),
        };
        chunk.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= chunk.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn config(offer: &Offer) -> Result<ServerConfig, rustls::Error> {
    let mut provider: CryptoProvider = aws_lc_rs::default_provider();
    if let Some(only) = offer.suite {
        provider.cipher_suites.retain(|suite| suite.suite() == only);
    }
    let provider = Arc::new(provider);
    let versions: &[&SupportedProtocolVersion] = match &offer.version {
        Some(version) => std::slice::from_ref(version),
        None => rustls::ALL_VERSIONS,
    };
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
    let builder = if offer.asks {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(pki().roots()), provider);
        builder.with_client_cert_verifier(verifier.build().expect("there is a root"))
    } else {
        builder.with_no_client_auth()
    };
    let (certificate, _) = pki().server_certificate(offer.signer, offer.name, offer.expired);
    builder.with_single_cert(vec![certificate], pki().server_key())
}

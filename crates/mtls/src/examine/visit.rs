//! One connection to one address of a receiver, as far as an errand needs it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use convention::codes::Code;
use convention::delivery::{Failure, Finding, HEADER_LIMIT, Outcome};
use http::{HeaderMap, HeaderName, Request, header};
use http_body_util::Full;
use http1::{Poolable as _, PooledConnection, settings};
use platform::telemetry::ErrorChain;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::examiner::Examiner;
use super::facts::{Answered, Failed, Stage, Tls, Visit};
use super::first_flight::FirstFlight;
use super::letter::Letter;
use super::look::Look;
use super::text::clean;
use crate::classify;
use crate::client::read;
use crate::connect::{BOTH_VERSIONS, PeerStream, beside, configured};
use crate::fault::{Blame, blame};
use crate::identity::{Identity, KeyExchange, provider};
use crate::reach::{CONNECT_BUDGET, open};
use crate::renegotiation::Watching;
use crate::revocation::Path;
use crate::transport::Transport;

/// How long nothing is sent after a handshake: in TLS 1.3 a receiver refuses our certificate only then.
const QUIET: Duration = Duration::from_millis(500);
/// Timeout for telling the other side that a connection is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// What a handshake offers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    /// The only suite, with its version; all if `None`.
    pub(super) suite: Option<CipherSuite>,
    /// The groups.
    pub(super) key_exchange: KeyExchange,
    /// Whether our certificate is presented if it is asked for.
    pub(super) presents: bool,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Errand {
    /// The handshake alone.
    Handshake,
    /// The handshake and what the receiver does after it.
    Wait,
    /// A request that notifies of nothing.
    Head,
    /// The notification.
    Post,
}

/// An open connection after an answer.
pub(super) struct Held {
    pub(super) connection: PooledConnection<PeerStream, Full<Bytes>, ()>,
    pub(super) since: Instant,
}

/// Visits one receiver.
pub(super) struct Visitor<'a> {
    pub(super) examiner: Examiner<'a>,
    pub(super) name: ServerName<'static>,
    pub(super) letter: Letter,
    /// When the examination must be over.
    pub(super) until: Instant,
    pub(super) opened: AtomicUsize,
}

impl Visitor<'_> {
    /// Returns what a notification offers.
    pub(super) fn usual(&self) -> Offer {
        Offer { suite: None, key_exchange: self.examiner.network.key_exchange(), presents: true }
    }
}

type Connected = TlsStream<Watching<Box<dyn Transport>>>;

impl Visitor<'_> {
    /// Visits an address within this time. Returns what was found, the verified path and the open connection, if any.
    pub(super) async fn visit(
        &self,
        address: SocketAddr,
        offer: Offer,
        errand: Errand,
        within: Duration,
    ) -> (Visit, Option<Path>, Option<Held>) {
        let Examiner { identity, trust, revocation, .. } = self.examiner;
        let identity = identity.filter(|_| offer.presents);
        let mut visit = Visit { presents_certificate: identity.is_some(), ..Visit::default() };
        let mut provider = provider(offer.key_exchange);
        if let Some(suite) = offer.suite {
            provider.cipher_suites.retain(|one| one.suite() == suite);
        }
        let certified = identity.map(|identity| Arc::clone(&identity.certified));
        let (anchors, revocation) = (Arc::clone(&trust.roots), revocation.cloned());
        let look = Arc::new(Look::new(anchors, Arc::new(provider), revocation, certified));
        self.opened.fetch_add(1, Ordering::Relaxed);
        let own = Instant::now() + within;
        let done =
            timeout_at(self.until.min(own), Box::pin(self.go(&mut visit, &look, address, errand))).await;
        let held = match done {
            Ok(Ok(held)) => held,
            Ok(Err(failed)) => {
                visit.renegotiates = failed.code == Failure::RenegotiationRefused.code();
                visit.failed = Some(failed);
                None
            }
            // That the examination's own time was over says nothing of the receiver.
            Err(_) if self.until < own => None,
            Err(_) => {
                let failure =
                    if visit.stage == Stage::Connecting { Failure::ConnectTimeout } else { Failure::Timeout };
                visit.failed = Some(failed(failure, &format!("nothing came within {} s", within.as_secs())));
                None
            }
        };
        let path = look.tell(&mut visit);
        (visit, path, held)
    }

    async fn go(
        &self,
        visit: &mut Visit,
        look: &Arc<Look>,
        address: SocketAddr,
        errand: Errand,
    ) -> Result<Option<Held>, Failed> {
        let mut stream = self.shake_hands(visit, look, address).await?;
        if errand == Errand::Handshake {
            timeout(CLOSE_TIMEOUT, stream.shutdown()).await.ok();
            return Ok(None);
        }
        wait(&mut stream).await?;
        match errand {
            Errand::Handshake | Errand::Wait => {
                timeout(CLOSE_TIMEOUT, stream.shutdown()).await.ok();
                Ok(None)
            }
            Errand::Head => self.ask(visit, stream, self.letter.head()).await.map(Some),
            Errand::Post => {
                // The pool keeps no connection of an examination.
                self.ask(visit, stream, self.letter.post()).await?.connection.close();
                Ok(None)
            }
        }
    }

    async fn shake_hands(
        &self,
        visit: &mut Visit,
        look: &Arc<Look>,
        address: SocketAddr,
    ) -> Result<Connected, Failed> {
        let started = Instant::now();
        let transport = match timeout(CONNECT_BUDGET, open(address, self.examiner.network)).await {
            Ok(Ok(transport)) => transport,
            Ok(Err((error, Blame::Receiver))) => {
                return Err(failed(classify::connecting(&error), &error.to_string()));
            }
            Ok(Err((error, whose))) => {
                visit.routeless = whose == Blame::NoRoute;
                return Err(ours(Code::NetworkUnavailable, &error.to_string()));
            }
            Err(_) => {
                let within = CONNECT_BUDGET.as_secs();
                return Err(failed(Failure::ConnectTimeout, &format!("no connection within {within} s")));
            }
        };
        visit.connect_ms = millis(started);
        visit.stage = Stage::Handshake;
        let config = self.config(look).map_err(|error| failed(Failure::TlsHandshake, &error.to_string()))?;
        let (transport, hello) = FirstFlight::of(transport);
        let transport = Watching::new(Box::new(transport) as Box<dyn Transport>);
        let started = Instant::now();
        let handshake = TlsConnector::from(Arc::new(config)).connect(self.name.clone(), transport);
        let signs_in_kms = self.examiner.identity.is_some_and(Identity::signs_in_kms);
        // What is sent of it is known even if nobody answers.
        let done =
            if signs_in_kms && look.identity.is_some() { beside(handshake).await } else { handshake.await };
        visit.handshake_ms = millis(started);
        visit.hello_bytes = hello.load(Ordering::Relaxed);
        let stream =
            done.map_err(|error| broken(&error, &address, classify::handshake(&error, look.requested())))?;
        visit.tls = Some(agreed(&stream));
        visit.stage = Stage::Waiting;
        Ok(stream)
    }

    fn config(&self, look: &Arc<Look>) -> Result<ClientConfig, rustls::Error> {
        let suites = &look.provider.cipher_suites;
        let versions = match suites.as_slice() {
            [only] if only.tls13().is_some() => &[&rustls::version::TLS13][..],
            [_] => &[&rustls::version::TLS12],
            _ => BOTH_VERSIONS,
        };
        let verifier = Arc::clone(look) as Arc<dyn ServerCertVerifier>;
        let (clock, provider) = (self.examiner.clock.clone(), Arc::clone(&look.provider));
        configured(clock, provider, versions, verifier, Arc::clone(look) as _)
    }

    async fn ask(
        &self,
        visit: &mut Visit,
        stream: Connected,
        request: Option<Request<Full<Bytes>>>,
    ) -> Result<Held, Failed> {
        let request = request.ok_or_else(|| failed(Failure::InvalidUrl, "no request can be made of it"))?;
        let method = request.method().to_string();
        visit.stage = Stage::Request;
        let started = Instant::now();
        let broken = |error: &hyper::Error| failed(classify::exchange(error), &ErrorChain(error).to_string());
        let settings = settings().max_buf_size(HEADER_LIMIT).clone();
        let mut connection = PooledConnection::over(PeerStream::over(stream), &settings, ())
            .await
            .map_err(|error| broken(&error))?;
        let response = connection.send(request).await.map_err(|error| broken(&error))?;
        visit.stage = Stage::Answered;
        let mut answered = Answered::of(response.headers());
        answered.took_ms = millis(started);
        let answer = read(&mut connection, response, self.until).await;
        let answer = answer.map_err(|failure| failed(failure, "the head of the answer is too long"))?;
        answered.status = answer.status;
        if method == convention::notification::Notification::METHOD {
            let outcome = Outcome::of(&answer, self.letter.id.as_str(), self.examiner.settings);
            answered.outcome = Some(outcome.code().to_owned());
            if let Outcome::Delivered { findings, .. } = &outcome {
                answered.findings = findings.iter().map(|finding| finding.code().to_owned()).collect();
            }
        }
        answered.method = method;
        visit.answer = Some(answered);
        Ok(Held { connection, since: Instant::now() })
    }
}

/// The code of a success without a request for our certificate.
pub(super) fn without_mtls() -> String {
    Finding::ReceiverWithoutMtls.code().to_owned()
}

/// Waits for what a receiver does before it gets a request.
async fn wait(stream: &mut Connected) -> Result<(), Failed> {
    let mut byte = [0];
    let error = match timeout(QUIET, stream.read(&mut byte)).await {
        Err(_) => return Ok(()),
        Ok(Ok(0)) => {
            return Err(failed(Failure::ConnectionReset, "closed after the handshake, before a request"));
        }
        Ok(Ok(_)) => return Err(failed(Failure::InvalidResponse, "an answer came before a request")),
        Ok(Err(error)) => error,
    };
    let wants_renegotiation = stream.get_ref().0.wants_renegotiation();
    let failure =
        if wants_renegotiation { Failure::RenegotiationRefused } else { classify::exchange(&error) };
    Err(failed(failure, &error.to_string()))
}

fn agreed(stream: &Connected) -> Tls {
    let (_, connection) = stream.get_ref();
    let protocol = connection.alpn_protocol().map(|name| clean(&String::from_utf8_lossy(name)));
    let group = connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
    let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    Tls {
        version: connection.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default(),
        suite: suite.unwrap_or_default(),
        group: group.unwrap_or_default(),
        protocol: protocol.unwrap_or_default(),
    }
}

impl Answered {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| {
            headers.get(name).map(|value| clean(&String::from_utf8_lossy(value.as_bytes())))
        };
        Self {
            location: text(header::LOCATION),
            keep_alive: text(HeaderName::from_static("keep-alive")),
            connection: text(header::CONNECTION),
            ..Self::default()
        }
    }
}

/// Reports a handshake that broke, by whose fault it is.
fn broken(error: &io::Error, address: &SocketAddr, failure: Failure) -> Failed {
    let dynamic: &(dyn Error + 'static) = error;
    if let Some(fault) = classify::local(dynamic) {
        return ours(fault.code(), &error.to_string());
    }
    if blame(error, address, false) == Blame::Ours {
        return ours(Code::NetworkUnavailable, &error.to_string());
    }
    failed(failure, &error.to_string())
}

/// Reports a failure of the receiver.
pub(super) fn failed(failure: Failure, detail: &str) -> Failed {
    Failed { code: failure.code().to_owned(), ours: false, detail: clean(detail) }
}

/// Reports a fault of ours.
pub(super) fn ours(code: Code, detail: &str) -> Failed {
    Failed { code: code.as_str().to_owned(), ours: true, detail: clean(detail) }
}

/// Returns the milliseconds since an instant.
pub(super) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

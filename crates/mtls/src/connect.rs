//! One connection: TCP to a checked address of the receiver, then TLS under the registered name.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use convention::delivery::Failure;
use convention::notification::ReceiverKey;
use http::uri::Authority;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use platform::clock::Clock;
use rustls::client::ResolvesClientCert;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::classify;
use super::connect_error::ConnectError;
use super::identity::{Identity, TrustAnchors, provider};
use super::network::Network;
use super::reach::{bare, reach};
use super::renegotiation::{WantsRenegotiation, Watching};
use super::transport::Transport;
use crate::revocation::{Mechanism, Revocation, Verification, Verifier};

/// Facts about a connection after its handshake.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Handshake {
    /// The address connected to.
    pub address: Arc<str>,
    /// TLS version and cipher suite, for example `TLSv1_3 TLS13_AES_128_GCM_SHA256`.
    pub tls: Arc<str>,
    /// Whether the receiver asked for our certificate.
    pub certificate_requested: bool,
    /// How the receiver's chain passed the revocation check.
    pub revocation: Mechanism,
}

/// Creates the handshake parameters for receivers, without a client certificate.
pub(super) fn receiver_config(
    clock: Clock,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    certificate: Arc<dyn ResolvesClientCert>,
) -> Result<ClientConfig, rustls::Error> {
    configured(clock, provider, BOTH_VERSIONS, verifier, certificate)
}

/// The versions of TLS that notifications offer.
pub(super) const BOTH_VERSIONS: &[&SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Creates the handshake parameters with these versions alone.
pub(super) fn configured(
    clock: Clock,
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    verifier: Arc<dyn ServerCertVerifier>,
    certificate: Arc<dyn ResolvesClientCert>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(Time(clock)))
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(certificate);
    // FAPI-BR 2.2.1, section 6.4: session resumption is off. rustls has no renegotiation.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Opens connections to receivers.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
    network: Network,
    /// Whether handshakes are signed by KMS.
    signs_in_kms: bool,
}

impl Connector {
    pub(super) fn new(
        identity: &Identity,
        trust: &TrustAnchors,
        network: Network,
        revocation: &Arc<Revocation>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(provider(network.key_exchange()));
        let (anchors, revocation) = (Arc::clone(&trust.roots), Arc::clone(revocation));
        let clock = revocation.clock();
        let verifier = Arc::new(Verifier::new(anchors, Arc::clone(&provider), revocation));
        let verification = Arc::new(Verification::new(Arc::clone(&verifier)));
        let certificate = Arc::new(Always(Arc::clone(&identity.certified)));
        let config = Arc::new(receiver_config(clock, provider, verification, certificate)?);
        Ok(Self { config, verifier, network, signs_in_kms: identity.signs_in_kms() })
    }

    /// Connects to a receiver, with this instant as the deadline.
    pub(super) async fn connect(
        &self,
        receiver: &ReceiverKey,
        to: &Authority,
        clock: &Clock,
        deadline: Instant,
    ) -> Result<(PeerStream, Handshake), ConnectError> {
        let host = bare(to.host());
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::new(Failure::InvalidUrl))?;
        let to = (host, to.port_u16().unwrap_or(443));
        let (transport, peer) = reach(receiver, to, &self.network, clock, deadline).await?;
        self.handshake(transport, peer, host, name).await.map_err(|error| error.attributed(&peer))
    }

    async fn handshake(
        &self,
        transport: Box<dyn Transport>,
        peer: SocketAddr,
        host: &str,
        name: ServerName<'static>,
    ) -> Result<(PeerStream, Handshake), ConnectError> {
        let asked = Arc::new(AtomicBool::new(false));
        let mut config = ClientConfig::clone(&self.config);
        let resolver = Arc::clone(&self.config.client_auth_cert_resolver);
        config.client_auth_cert_resolver = Arc::new(Watched { resolver, asked: Arc::clone(&asked) });
        let verification = Arc::new(Verification::new(Arc::clone(&self.verifier)));
        config.dangerous().set_certificate_verifier(Arc::clone(&verification) as Arc<dyn ServerCertVerifier>);
        let transport = Watching::new(transport);
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, transport);
        let stream = if self.signs_in_kms { beside(handshake).await } else { handshake.await };
        let stream = stream.map_err(|error| {
            ConnectError::because(classify::handshake(&error, asked.load(Ordering::Relaxed)), error)
        })?;
        let (_, connection) = stream.get_ref();
        let version = connection.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default();
        let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let tls = format!("{version} {}", suite.unwrap_or_default()).into();
        // A completed handshake has verified a certificate.
        let checked = verification.checked().ok_or_else(|| ConnectError::new(Failure::TlsHandshake))?;
        self.verifier.report(host, checked);
        let certificate_requested = asked.load(Ordering::Relaxed);
        let address = peer.to_string().into();
        let handshake = Handshake { address, tls, certificate_requested, revocation: checked.mechanism };
        Ok((PeerStream::over(stream), handshake))
    }
}

/// Runs a handshake on a thread of its own. rustls signs synchronously, so a signature by KMS blocks the thread for
/// the whole call. The runtime's only thread stays free for the call to KMS and for other attempts.
pub(super) async fn beside<T: Send + 'static>(
    handshake: impl Future<Output = io::Result<T>> + Send + 'static,
) -> io::Result<T> {
    let runtime = Handle::current();
    // The thread's work ends when this future is dropped.
    let (wanted, given_up) = oneshot::channel::<()>();
    let thread = spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                done = handshake => done,
                _ = given_up => Err(io::ErrorKind::Interrupted.into()),
            }
        })
    });
    let done = thread.await;
    drop(wanted);
    match done {
        Ok(done) => done,
        // A panic of ours must not count as a fault of the receiver.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(io::Error::other(error)),
        },
    }
}

/// Presents our certificate whatever authorities the receiver names: some receivers name none, some the wrong ones.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Gives rustls the time of our clock, so that all checks use the same time.
#[derive(Debug)]
struct Time(Clock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(since_epoch)))
    }
}

/// Records whether a certificate was asked for.
#[derive(Debug)]
struct Watched {
    resolver: Arc<dyn ResolvesClientCert>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Watched {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.resolver.resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        self.resolver.has_certs()
    }
}

/// A connection to a receiver.
pub(super) struct PeerStream(TokioIo<TlsStream<Watching<Box<dyn Transport>>>>);

impl PeerStream {
    /// Carries HTTP over a connection whose handshake is complete.
    pub(super) fn over(stream: TlsStream<Watching<Box<dyn Transport>>>) -> Self {
        Self(TokioIo::new(stream))
    }
}

impl Read for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.0).poll_read(cx, buf));
        // A receiver that wants a second handshake may break the connection with any alert.
        let asked = self.0.inner().get_ref().0.wants_renegotiation();
        Poll::Ready(read.map_err(|error| if asked { io::Error::other(WantsRenegotiation) } else { error }))
    }
}

impl Write for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.inner_mut().get_mut().0.expect_answer();
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.inner_mut().get_mut().0.expect_answer();
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}

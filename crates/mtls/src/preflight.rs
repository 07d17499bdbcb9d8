//! A preflight check of a receiver: a TLS handshake with each of its addresses and no request, so that its
//! certificates are known before the first notification.
//!
//! The handshake offers the same as a notification's but presents no certificate. A receiver that demands one breaks
//! the handshake off only after it has proved possession of its key, which is enough.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use convention::delivery::Failure;
use convention::directory::BaseUri;
use futures_util::future::join_all;
use http::Uri;
use platform::clock::Clock;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::classify;
use super::connect::receiver_config;
use super::fault::{Blame, blame, is_ipv6};
use super::identity::{TrustAnchors, provider};
use super::network::Network;
use super::reach::{bare, open, resolve};
use super::unseen::Unseen;
use crate::revocation::{Path, verified_path};

/// Maximum number of addresses of a host that are checked.
const MAX_ADDRESSES: usize = 4;

/// What a receiver showed at one address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sight {
    /// The verified path of its certificate.
    pub path: Path,
    /// Whether it asked for a client certificate in the handshake.
    pub certificate_requested: bool,
}

/// The result of a preflight check.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Preflight {
    /// The receiver's host.
    pub host: String,
    /// The result at each address; empty if the name was not resolved.
    pub addresses: Vec<(SocketAddr, Result<Sight, Unseen>)>,
    /// Why no address was checked.
    pub unvisited: Option<Unseen>,
}

impl Preflight {
    /// Returns the results of the addresses that were reached.
    pub fn sights(&self) -> impl Iterator<Item = &Sight> {
        self.addresses.iter().filter_map(|(_, sight)| sight.as_ref().ok())
    }

    /// Returns the failures of the receiver as a whole or of single addresses; empty if all is well.
    pub fn failures(&self) -> impl Iterator<Item = Unseen> {
        let of_addresses = self.addresses.iter().filter_map(|(_, sight)| sight.as_ref().err().copied());
        self.unvisited.into_iter().chain(of_addresses)
    }
}

/// Checks all addresses of a receiver concurrently within this timeout. Presents no certificate and sends no request.
pub async fn preflight(
    base: &BaseUri,
    trust: &TrustAnchors,
    network: &Network,
    clock: &Clock,
    within: Duration,
) -> Preflight {
    let until = Instant::now() + within;
    let uri = base.as_str().parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).map(bare).unwrap_or_default().to_owned();
    let unvisited = |unseen| Preflight { host: host.clone(), addresses: Vec::new(), unvisited: Some(unseen) };
    let port = uri.as_ref().and_then(Uri::port_u16).unwrap_or(443);
    let Ok(name) = ServerName::try_from(host.clone()) else {
        return unvisited(Unseen::Receiver(Failure::InvalidUrl));
    };
    let addresses = match resolve(&host, port, network, until).await {
        Ok(addresses) => addresses,
        Err(error) => return unvisited(Unseen::by(error.failure, error.ours.is_some())),
    };
    let visits = addresses.into_iter().take(MAX_ADDRESSES).map(async |address| {
        let visit = visit(address, name.clone(), trust, network, clock);
        let seen = timeout_at(until, visit).await.unwrap_or(Err(Unseen::Receiver(Failure::Timeout)));
        (address, seen)
    });
    let mut addresses = join_all(visits).await;
    // A machine without IPv6 notifies the receiver at its other addresses.
    if addresses.iter().any(|(address, _)| !is_ipv6(address.ip())) {
        addresses.retain(|(address, seen)| !is_ipv6(address.ip()) || *seen != Err(Unseen::Ours));
    }
    Preflight { host: host.clone(), addresses, unvisited: None }
}

async fn visit(
    address: SocketAddr,
    name: ServerName<'static>,
    trust: &TrustAnchors,
    network: &Network,
    clock: &Clock,
) -> Result<Sight, Unseen> {
    let transport = open(address, network)
        .await
        .map_err(|(error, whose)| Unseen::by(classify::connecting(&error), whose != Blame::Receiver))?;
    let (verifier, asked) = (Arc::new(Verifier::new(trust, network)), Arc::new(Asked::default()));
    let (check, certificate) = (Arc::clone(&verifier), Arc::clone(&asked));
    let config = receiver_config(clock.clone(), Arc::clone(&verifier.provider), check, certificate);
    let config = config.map_err(|_| Unseen::Ours)?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, transport).await;
    let certificate_requested = asked.0.load(Ordering::Relaxed);
    // After its proof of possession, the receiver may refuse a client without a certificate. That is expected.
    match (verifier.proven(), handshake) {
        (Some(path), _) => Ok(Sight { path, certificate_requested }),
        (None, Err(error)) => {
            let is_ours = blame(&error, &address, false) == Blame::Ours;
            Err(Unseen::by(classify::handshake(&error, certificate_requested), is_ours))
        }
        (None, Ok(_)) => Err(Unseen::Receiver(Failure::TlsHandshake)),
    }
}

/// Finds a verified path without checking revocation, as nothing is sent.
#[derive(Debug)]
struct Verifier {
    anchors: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    path: OnceLock<Path>,
    has_proved: AtomicBool,
}

impl Verifier {
    fn new(trust: &TrustAnchors, network: &Network) -> Self {
        let provider = Arc::new(provider(network.key_exchange()));
        let (path, has_proved) = (OnceLock::new(), AtomicBool::new(false));
        Self { anchors: Arc::clone(&trust.roots), provider, path, has_proved }
    }

    /// Returns the path once the receiver has proved possession of its certificate's key.
    fn proven(&self) -> Option<Path> {
        self.path.get().filter(|_| self.has_proved.load(Ordering::Relaxed)).cloned()
    }

    fn proves(
        &self,
        valid: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.has_proved.fetch_or(valid.is_ok(), Ordering::Relaxed);
        valid
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let presented = (end_entity, intermediates);
        let anchors = &self.anchors.roots;
        let path = verified_path(presented, server_name, anchors, algorithms, now, &|_| true)?;
        self.path.get_or_init(|| path);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.proves(verify_tls12_signature(message, certificate, signed, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.proves(verify_tls13_signature(message, certificate, signed, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Presents no certificate, and records whether one was asked for.
#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        // Otherwise rustls would not call `resolve`.
        true
    }
}

//! What receivers present in their handshakes.

use std::sync::{Arc, OnceLock};

use mtls::{Identity, TrustAnchors};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{CipherSuite, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tests::certificates::authority;
use tokio_rustls::TlsAcceptor;

/// The host of every receiver whose row says nothing else.
pub(crate) const HOST: &str = "receiver.example";

/// A receiver's certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Certificate {
    Good,
    OtherName,
    /// `*.example` for a name two labels below.
    WildcardTooHigh,
    Expired,
    NotYetValid,
    SelfSigned,
    UnknownCa,
    IntermediateMissing,
    ForClients,
    Authority,
}

/// What a receiver asks of us.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asks {
    Certificate,
    Nothing,
    /// It trusts other authorities than ours.
    CertificateOfOthers,
}

/// What a receiver offers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) certificate: Certificate,
    pub(crate) asks: Asks,
    pub(crate) tls12: bool,
    pub(crate) suite: Option<CipherSuite>,
    pub(crate) alpn: &'static str,
}

impl Default for Offer {
    fn default() -> Self {
        let (certificate, asks) = (Certificate::Good, Asks::Certificate);
        Self { certificate, asks, tls12: false, suite: None, alpn: "http/1.1" }
    }
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

struct Pki {
    root: Issuer,
    stranger: Issuer,
    intermediate: Issuer,
    server_key: KeyPair,
    client_key: KeyPair,
}

fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let key = || KeyPair::generate().unwrap();
        let root = Issuer::self_signed(authority("Root"), key()).unwrap();
        let stranger = Issuer::self_signed(authority("Stranger"), key()).unwrap();
        let intermediate = Issuer::signed_by(authority("Intermediate"), key(), &root).unwrap();
        // The suites that the convention allows with TLS 1.2 authenticate with RSA.
        let rsa = || KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        Pki { root, stranger, intermediate, server_key: rsa(), client_key: rsa() }
    })
}

pub(crate) fn identity() -> Identity {
    let mut params = CertificateParams::new(vec!["sender.example".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = params.signed_by(&pki().client_key, &pki().root).unwrap();
    Identity::from_pem(&leaf.pem(), &pki().client_key.serialize_pem()).unwrap()
}

pub(crate) fn anchors() -> TrustAnchors {
    TrustAnchors::from_pem(&pki().root.pem()).unwrap()
}

impl Offer {
    pub(crate) fn acceptor(self) -> TlsAcceptor {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|suite| self.suite.is_none_or(|only| suite.suite() == only));
        let provider = Arc::new(provider);
        let versions = if self.tls12 { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let trusting = |issuer: &Issuer| {
            let mut roots = RootCertStore::empty();
            roots.add(issuer.der().clone()).unwrap();
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap()
        };
        let builder = match self.asks {
            Asks::Certificate => builder.with_client_cert_verifier(trusting(&pki().root)),
            Asks::CertificateOfOthers => builder.with_client_cert_verifier(trusting(&pki().stranger)),
            Asks::Nothing => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::try_from(pki().server_key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![self.certificate.issue()], key).unwrap();
        config.alpn_protocols = vec![self.alpn.as_bytes().to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Certificate {
    fn issue(self) -> CertificateDer<'static> {
        let of = |certificate| self == certificate;
        let name = if of(Self::OtherName) {
            "other.example"
        } else if of(Self::WildcardTooHigh) {
            "*.example"
        } else {
            HOST
        };
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let (client, server) = (ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth);
        params.extended_key_usages = vec![if of(Self::ForClients) { client } else { server }];
        if of(Self::Expired) {
            (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        }
        if of(Self::NotYetValid) {
            params.not_before = date_time_ymd(2090, 1, 1);
        }
        if of(Self::Authority) {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let Pki { root, stranger, intermediate, server_key, .. } = pki();
        let certificate = if of(Self::SelfSigned) {
            params.self_signed(server_key)
        } else if of(Self::UnknownCa) {
            params.signed_by(server_key, stranger)
        } else if of(Self::IntermediateMissing) {
            params.signed_by(server_key, intermediate)
        } else {
            params.signed_by(server_key, root)
        };
        certificate.unwrap().der().clone()
    }
}

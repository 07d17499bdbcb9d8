//! The server's side of TLS, right or wrong.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{CipherSuite, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::pem;
use crate::pki::Identity;

/// What a receiver presents in its handshakes. Copies are the same one, so that it can be changed from outside.
#[derive(Clone, Debug)]
pub struct Presented(Arc<Mutex<Arc<CertifiedKey>>>);

/// How a receiver does its handshakes.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Its certificates.
    pub presents: Presented,
    /// Who issues client certificates, PEM; none is asked for if this is `None`.
    pub client_ca_pem: Option<String>,
    /// The versions of TLS on offer.
    pub versions: &'static [&'static SupportedProtocolVersion],
    /// The only cipher suite on offer; all that rustls has, if `None`.
    pub cipher_suite: Option<CipherSuite>,
    /// The application protocol on offer (ALPN).
    pub protocol: &'static str,
    /// Whether sessions can be resumed.
    pub resumption: bool,
    /// By what time client certificates are judged.
    pub time: Arc<dyn TimeProvider>,
}

impl Presented {
    /// A chain and its key, which must belong together.
    pub fn new(identity: &Identity) -> Result<Self> {
        let (chain, key) = (pem::certificates(&identity.chain_pem)?, pem::private_key(&identity.key_pem)?);
        let key = CertifiedKey::from_der(chain, key, &default_provider())
            .context("the server certificate and its key cannot be used together")?;
        Ok(Self(Arc::new(Mutex::new(Arc::new(key)))))
    }

    /// Any certificates in any order, with a key that need not be theirs: nobody looks them over.
    pub fn unchecked(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<Self> {
        let key = any_supported_type(key).context("the private key cannot be used")?;
        Ok(Self(Arc::new(Mutex::new(Arc::new(CertifiedKey::new(chain, key))))))
    }

    /// Presents other certificates from now on, with the same key.
    pub fn change(&self, chain: Vec<CertificateDer<'static>>) {
        let mut presented = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *presented = Arc::new(CertifiedKey::new(chain, Arc::clone(&presented.key)));
    }
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl ServerTls {
    /// Demands a client certificate of this authority, and resumes nothing.
    pub fn new(presents: Presented, client_ca_pem: &str) -> Self {
        Self {
            presents,
            client_ca_pem: Some(client_ca_pem.to_owned()),
            versions: rustls::ALL_VERSIONS,
            cipher_suite: None,
            protocol: "http/1.1",
            resumption: false,
            time: Arc::new(DefaultTimeProvider),
        }
    }

    /// Builds it, on a provider of its own rather than the process's default.
    pub fn acceptor(&self) -> Result<TlsAcceptor> {
        let mut provider = default_provider();
        provider.cipher_suites.retain(|suite| self.cipher_suite.is_none_or(|only| suite.suite() == only));
        let provider = Arc::new(provider);
        let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::clone(&self.time))
            .with_protocol_versions(self.versions)
            .context("the TLS versions do not fit the cipher suites")?;
        let builder = match &self.client_ca_pem {
            Some(pem) => {
                let roots = pem::roots(pem).context("failed to read the certificate authority of clients")?;
                builder.with_client_cert_verifier(
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .context("the certificate authority of clients cannot be used")?,
                )
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(self.presents.clone()));
        if !self.resumption {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        config.alpn_protocols = vec![self.protocol.as_bytes().to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

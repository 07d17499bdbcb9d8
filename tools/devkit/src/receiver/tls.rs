use std::sync::Arc;

use anyhow::{Context as _, Result};
use mtls::pem::{Certificates, private_key};
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::settings::Settings;

/// Builds the server side of TLS, on a provider of its own rather than the process's default.
pub(super) fn acceptor(settings: &Settings) -> Result<TlsAcceptor> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(settings.tls_versions)
        .context("the TLS versions do not fit the cipher suites")?;
    let builder = match &settings.client_ca_pem {
        Some(pem) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)?), provider)
                .build()
                .context("the certificate authority of clients cannot be used")?,
        ),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates(&settings.identity.chain_pem)?, key(&settings.identity.key_pem)?)
        .context("the server certificate and its key cannot be used together")?;
    if !settings.resumption {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn roots(pem: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).context("failed to read the certificate authority of clients")? {
        roots.add(certificate).context("the certificate authority of clients has a certificate of no use")?;
    }
    Ok(roots)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read = Certificates::from_pem(pem.as_bytes()).context("failed to read PEM certificates")?;
    Ok(read.into_der())
}

fn key(pem: &str) -> Result<PrivateKeyDer<'static>> {
    private_key(pem.as_bytes()).context("failed to read the PEM private key")
}

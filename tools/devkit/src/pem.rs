//! PEM as the test tools read it: with rustls's own reader, so that a mock shares no code with the sender.

use anyhow::{Context as _, Result, ensure};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates of a PEM text, at least one.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let certificates = read.context("failed to read PEM certificates")?;
    ensure!(!certificates.is_empty(), "no certificate: expected -----BEGIN CERTIFICATE-----");
    Ok(certificates)
}

/// The first private key of a PEM text: PKCS#8, PKCS#1 or SEC1.
pub(crate) fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .context("no private key can be read: expected -----BEGIN PRIVATE KEY-----")
}

/// The authorities of a PEM text.
pub(crate) fn roots(pem: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).context("a certificate is not that of an authority")?;
    }
    Ok(roots)
}

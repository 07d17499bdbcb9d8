//! Requests that nobody but a test sends.

use std::sync::Arc;

use devkit::pki::Identity;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tests::aws::PKI;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Sends bytes to nginx with this client certificate, and returns the status and what else came.
pub(super) async fn ask(base_uri: &str, identity: Option<&Identity>, request: &str) -> (u16, String) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(PKI.receiver_authority.root_pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let config = match identity {
        Some(identity) => {
            config.with_client_auth_cert(identity.chain().unwrap(), identity.private_key().unwrap()).unwrap()
        }
        None => config.with_no_client_auth(),
    };
    let authority = base_uri.strip_prefix("https://").unwrap().split('/').next().unwrap();
    let stream = TcpStream::connect(authority.replace("localhost", "127.0.0.1")).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // nginx may close without a word to TLS.
    stream.read_to_end(&mut answer).await.map(drop).unwrap_or_default();
    let answer = String::from_utf8(answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

pub(super) const PATH: &str = "/kong3/open-banking/webhook/v1/payments/v5/pix/payments/p-9";
pub(super) const BODY: &str = r#"{"data":{"timestamp":"2026-11-30T14:00:00Z"}}"#;

/// A request with this interaction id, or none where it is empty.
pub(super) fn post(path: &str, id: &str, body: &str) -> String {
    let id = if id.is_empty() { String::new() } else { format!("x-webhook-interaction-id: {id}\r\n") };
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{id}content-length: {length}\r\n\r\n{body}"
    )
}

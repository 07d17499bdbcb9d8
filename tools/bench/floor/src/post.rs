//! The receivers, and the POSTs to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::setup::{Setup, head};

/// The suites of TLS 1.2 that FAPI-BR 2.2.1, section 6.4, allows, as dispatch has them.
const TLS12: [CipherSuite; 2] =
    [CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384];

type Connection = SendRequest<Full<Bytes>>;

/// The receivers, each with the connections to it that are idle.
pub(crate) struct Receivers {
    connector: TlsConnector,
    urls: Vec<String>,
    headers: Vec<(String, String)>,
    body: Bytes,
    idle: Mutex<HashMap<usize, Vec<Connection>>>,
}

impl Receivers {
    pub(crate) fn new(setup: &Setup) -> Result<Self> {
        let mut trust = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&setup.trust)? {
            trust.add(certificate?)?;
        }
        let chain = CertificateDer::pem_file_iter(&setup.chain)?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&setup.key)?;
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|suite| suite.tls13().is_some() || TLS12.contains(&suite.suite()));
        // The same handshake as dispatch's.
        provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_root_certificates(trust)
            .with_client_auth_cert(chain, key)?;
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            urls: setup.receivers.clone(),
            headers: setup.headers.clone(),
            body: Bytes::from(setup.body.clone()),
            idle: Mutex::default(),
        })
    }

    /// POSTs one notification and reads the answer.
    pub(crate) async fn post(&self, number: usize) -> Result<()> {
        let receiver = number % self.urls.len();
        let uri: Uri = format!("{}{number}", self.urls[receiver]).parse()?;
        let mut connection = match self.kept(receiver).await {
            Some(connection) => connection,
            None => self.connect(&uri).await?,
        };
        let parts = head(&uri, &self.headers)?;
        let answer =
            connection.send_request(Request::from_parts(parts, Full::new(self.body.clone()))).await?;
        let closes = answer.headers().get(header::CONNECTION).is_some_and(|value| value == "close");
        answer.into_body().collect().await?;
        if !closes {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(receiver)
                .or_default()
                .push(connection);
        }
        Ok(())
    }

    /// Takes an idle connection that the receiver has not closed meanwhile.
    async fn kept(&self, receiver: usize) -> Option<Connection> {
        loop {
            let mut connection =
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&receiver)?.pop()?;
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<Connection> {
        let host = uri.host().context("a receiver has a host")?.to_owned();
        let port = uri.port_u16().context("a receiver has a port")?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(ServerName::try_from(host)?, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

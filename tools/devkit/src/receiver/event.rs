//! What the mock keeps of a request.

use std::fmt;

use certificates::{printable, subject_of};
use jiff::Timestamp;
use rustls::{ProtocolVersion, ServerConnection};
use rustls_pki_types::CertificateDer;
use serde::{Serialize, Serializer};

use super::contract::Endpoint;
use super::finding::Finding;
use super::message::{Body, Header};

/// A notification has under 100 characters; a line on a terminal need not hold much more.
const SHOWN_OF_BODY: usize = 200;

/// A request that the mock received.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Received {
    /// Counts from 1.
    pub sequence: u64,
    /// When its header was complete, by the mock's clock.
    #[serde(serialize_with = "with_milliseconds")]
    pub received_at: Timestamp,
    /// The method.
    pub method: String,
    /// The path as sent, query included.
    pub path: String,
    /// Which endpoint of the contract the path is.
    pub endpoint: Option<Endpoint>,
    /// The API version in the path.
    pub api_version: Option<String>,
    /// The resource id in the path, decoded.
    pub resource_id: Option<String>,
    /// The first `x-webhook-interaction-id`.
    pub interaction_id: Option<String>,
    /// The first `x-authorization-server-id`.
    pub authorization_server_id: Option<String>,
    /// All headers, names in lower case.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Body,
    /// Everything that is wrong with the request.
    pub findings: Vec<Finding>,
    /// What the mock did, in the syntax of `--answer`.
    pub answered: String,
    /// Who sent it.
    pub client_certificate: Option<ClientCertificate>,
    /// How it was protected.
    pub tls: Tls,
    /// Which TCP connection brought it, counting from 1.
    pub connection: u64,
}

/// The client certificate of a request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ClientCertificate {
    /// The distinguished name.
    pub subject: String,
    /// The serial number, in hexadecimal.
    pub serial: String,
    /// The last instant of its validity.
    #[serde(serialize_with = "as_text")]
    pub not_after: Timestamp,
    /// All that was presented, the certificate first, each in DER.
    #[serde(skip)]
    pub chain: Vec<CertificateDer<'static>>,
}

/// What was negotiated on a connection.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Tls {
    /// `TLS 1.2` or `TLS 1.3`.
    pub protocol: String,
    /// The cipher suite, as IANA names it.
    pub cipher_suite: String,
    /// Whether an earlier session was resumed, which FAPI-BR forbids.
    pub resumed: bool,
}

impl Received {
    /// The first value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
    }
}

/// One line, and one more for each finding. What the caller chose is escaped.
impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |text: &Option<String>| printable(text.as_deref().unwrap_or("-"));
        write!(f, "#{} {:.3} {}", self.sequence, self.received_at, printable(&self.method))?;
        match self.endpoint {
            Some(endpoint) => {
                let endpoint = endpoint.as_str();
                write!(f, " {endpoint} {} {}", named(&self.api_version), named(&self.resource_id))?;
            }
            None => write!(f, " {}", printable(&self.path))?,
        }
        let body = match &self.body {
            Body::Empty => "(no body)".to_owned(),
            Body::Json(value) => shortened(&value.to_string()),
            Body::Text(text) => shortened(text),
            Body::Unreadable(reason) => format!("({reason})"),
        };
        write!(f, " {body} -> {} interaction {}", self.answered, named(&self.interaction_id))?;
        write!(f, " connection {} {}", self.connection, self.tls.protocol)?;
        for finding in &self.findings {
            write!(f, "\n    ! {}", printable(&finding.to_string()))?;
        }
        Ok(())
    }
}

impl ClientCertificate {
    /// Reads the certificate that the peer of a connection presented.
    pub(super) fn of(connection: &ServerConnection) -> Option<Self> {
        let chain = connection.peer_certificates()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
        Some(Self {
            subject: subject_of(certificate.subject()),
            serial: certificate.raw_serial_as_string(),
            not_after: Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?,
            chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
        })
    }
}

impl Tls {
    /// Reads what a connection negotiated.
    pub(super) fn of(connection: &ServerConnection) -> Self {
        let protocol = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            other => format!("{other:?}"),
        };
        // rustls marks the suites of TLS 1.3 in its own way.
        let cipher_suite = connection.negotiated_cipher_suite().map_or_else(String::new, |suite| {
            suite.suite().as_str().unwrap_or_default().replace("TLS13_", "TLS_")
        });
        let resumed = connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        Self { protocol, cipher_suite, resumed }
    }
}

fn shortened(body: &str) -> String {
    let shown: String = body.chars().take(SHOWN_OF_BODY).collect();
    printable(&shown) + if shown.len() < body.len() { "..." } else { "" }
}

fn with_milliseconds<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{instant:.3}"))
}

fn as_text<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_safe_from_what_the_caller_sends() {
        let received = Received {
            sequence: 1,
            received_at: "2026-11-23T12:00:00.0019Z".parse().unwrap(),
            method: "POST".to_owned(),
            path: "/\u{1b}[31m".to_owned(),
            endpoint: None,
            api_version: None,
            resource_id: None,
            interaction_id: Some("it's".to_owned()),
            authorization_server_id: None,
            headers: Vec::new(),
            body: Body::Text("x\n".repeat(101)),
            findings: Vec::new(),
            answered: "202".to_owned(),
            client_certificate: None,
            tls: Tls { protocol: "TLS 1.3".to_owned(), ..Tls::default() },
            connection: 2,
        };
        let body = "x\\n".repeat(100);
        let expected = format!(
            "#1 2026-11-23T12:00:00.001Z POST /\\u{{1b}}[31m {body}... -> 202 interaction it's connection 2 TLS 1.3"
        );
        assert_eq!(received.to_string(), expected);
    }
}

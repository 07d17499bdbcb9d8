//! The outcome of an attempt and its classification.

use std::fmt;

use crate::codes::{Code, FailureClass};
use crate::directory::Settings;

/// The parts of a receiver's answer that decide the outcome.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `x-webhook-interaction-id` of the answer.
    pub interaction_id: Option<String>,
    /// Whether part of the body was left unread because it exceeded a limit of size or time.
    pub body_cut: bool,
}

/// The outcome of an attempt that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The receiver accepted the notification.
    Delivered {
        /// The HTTP status.
        status: u16,
        /// What the receiver should fix nevertheless.
        findings: Vec<Finding>,
    },
    /// The receiver did not accept it.
    Failed(Failure),
}

impl Outcome {
    /// Decides the outcome of an answer under a receiver's settings.
    ///
    /// Only 202 is documented; other successes count if the receiver's settings list them. A missing or wrong
    /// echo of the interaction id is reported but is not a failure: a retry would notify twice.
    pub fn of(answer: &Answer, sent_id: &str, settings: &Settings) -> Self {
        let status = answer.status;
        if settings.success_statuses.contains(&status) {
            let mut findings = Vec::new();
            match answer.interaction_id.as_deref() {
                None => findings.push(Finding::MissingResponseInteractionId),
                // RFC 9562, section 4: UUIDs are compared without regard to case.
                Some(id) if !id.eq_ignore_ascii_case(sent_id) => {
                    findings.push(Finding::MismatchedResponseInteractionId);
                }
                Some(_) => {}
            }
            if answer.body_cut {
                findings.push(Finding::BodyCut);
            }
            return Self::Delivered { status, findings };
        }
        Self::Failed(match status {
            200..300 => Failure::Nonconformant2xx(status),
            300..400 => Failure::Redirect(status),
            400..500 => Failure::ClientError(status),
            500..600 => Failure::ServerError(status),
            _ => Failure::UnknownStatus(status),
        })
    }

    /// Returns the outcome's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Delivered { .. } => Code::Delivered.as_str(),
            Self::Failed(failure) => failure.code(),
        }
    }

    /// Returns the HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Delivered { status, .. } => Some(*status),
            Self::Failed(failure) => failure.status(),
        }
    }
}

/// A defect that the receiver should fix although the notification arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding {
    /// A success without `x-webhook-interaction-id`, which the answer must have.
    MissingResponseInteractionId,
    /// A success with another id than the one sent.
    MismatchedResponseInteractionId,
    /// The receiver did not ask for a client certificate.
    ReceiverWithoutMtls,
    /// A body that was not read to its end because it was too long or too slow. It should be empty.
    BodyCut,
}

impl Finding {
    /// Returns the finding's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingResponseInteractionId => "missing_response_interaction_id",
            Self::MismatchedResponseInteractionId => "mismatched_response_interaction_id",
            Self::ReceiverWithoutMtls => "receiver_without_mtls",
            Self::BodyCut => "body_cut",
        }
    }
}

/// Why an attempt failed. Each of them consumes one of the three attempts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// A success that the convention does not document.
    Nonconformant2xx(u16),
    /// A redirection; never followed (webhook guides: it counts as an error).
    Redirect(u16),
    /// A status 400 to 499.
    ClientError(u16),
    /// A status 500 to 599.
    ServerError(u16),
    /// A status outside 200 to 599.
    UnknownStatus(u16),
    /// The exchange did not end within 15 s.
    Timeout,
    /// Something that is not HTTP.
    InvalidResponse,
    /// An answer whose head exceeds the limits.
    AnswerTooLong,
    /// The connection broke before the answer's head was complete.
    ConnectionReset,
    /// The connection was refused.
    ConnectionRefused,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The host has no address.
    DnsError,
    /// The host's address is not public; nothing was connected to.
    BlockedAddress,
    /// The base URI cannot be connected to.
    InvalidUrl,
    /// The receiver's certificate chain ends outside the trust store.
    UnknownCa,
    /// The receiver's certificate is for another name.
    HostnameMismatch,
    /// The receiver's certificate is expired.
    CertificateExpired,
    /// The receiver's certificate is not valid yet.
    CertificateNotYetValid,
    /// The receiver's certificate is revoked.
    CertificateRevoked,
    /// No current information says that the receiver's certificate is not revoked, and the period in which
    /// this is tolerated is over.
    RevocationUnknown,
    /// The receiver's certificate is not a server certificate.
    CertificatePurpose,
    /// The receiver's certificate cannot be used for another reason.
    CertificateInvalid,
    /// The receiver presented more certificates than are verified.
    ChainTooLarge,
    /// The receiver offers no TLS 1.2 or newer.
    ProtocolVersion,
    /// No cipher suite in common.
    NoCommonSuite,
    /// The receiver refused our client certificate.
    ClientCertificateRefused,
    /// The receiver asked for a second handshake on the connection, which the norm forbids, and ended it without one.
    RenegotiationRefused,
    /// The receiver speaks no HTTP/1.1.
    NoCommonProtocol,
    /// The receiver's server does not recognise the registered name.
    NameNotServed,
    /// The server at the receiver's port does not speak TLS.
    NotTls,
    /// The connection was closed during the handshake, without a reason.
    HandshakeClosed,
    /// The handshake failed for another reason.
    TlsHandshake,
    /// Our process stopped between beginning the attempt and recording its outcome.
    Interrupted,
}

impl Failure {
    /// Returns the failure's row of the table of codes.
    pub fn as_code(self) -> Code {
        match self {
            Self::Nonconformant2xx(_) => Code::Nonconformant2xx,
            Self::Redirect(_) => Code::Redirect,
            Self::ClientError(_) => Code::ClientError,
            Self::ServerError(_) => Code::ServerError,
            Self::UnknownStatus(_) => Code::UnknownStatus,
            Self::Timeout => Code::Timeout,
            Self::InvalidResponse => Code::InvalidResponse,
            Self::AnswerTooLong => Code::AnswerTooLong,
            Self::ConnectionReset => Code::ConnectionReset,
            Self::ConnectionRefused => Code::ConnectionRefused,
            Self::ConnectTimeout => Code::ConnectTimeout,
            Self::DnsError => Code::DnsError,
            Self::BlockedAddress => Code::BlockedAddress,
            Self::InvalidUrl => Code::InvalidUrl,
            Self::UnknownCa => Code::UnknownCa,
            Self::HostnameMismatch => Code::HostnameMismatch,
            Self::CertificateExpired => Code::CertificateExpired,
            Self::CertificateNotYetValid => Code::CertificateNotYetValid,
            Self::CertificateRevoked => Code::CertificateRevoked,
            Self::RevocationUnknown => Code::RevocationUnknown,
            Self::CertificatePurpose => Code::CertificatePurpose,
            Self::CertificateInvalid => Code::CertificateInvalid,
            Self::ChainTooLarge => Code::ChainTooLarge,
            Self::ProtocolVersion => Code::ProtocolVersion,
            Self::NoCommonSuite => Code::NoCommonSuite,
            Self::ClientCertificateRefused => Code::ClientCertificateRefused,
            Self::RenegotiationRefused => Code::RenegotiationRefused,
            Self::NoCommonProtocol => Code::NoCommonProtocol,
            Self::NameNotServed => Code::NameNotServed,
            Self::NotTls => Code::NotTls,
            Self::HandshakeClosed => Code::HandshakeClosed,
            Self::TlsHandshake => Code::TlsHandshake,
            Self::Interrupted => Code::Interrupted,
        }
    }

    /// Returns the failure's stable code.
    pub fn code(self) -> &'static str {
        self.as_code().as_str()
    }

    /// Returns where the cause of the failure lies.
    pub fn class(self) -> Option<FailureClass> {
        self.as_code().row().class
    }

    /// Returns the HTTP status, where there was an answer.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Nonconformant2xx(status)
            | Self::Redirect(status)
            | Self::ClientError(status)
            | Self::ServerError(status)
            | Self::UnknownStatus(status) => Some(status),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        self.status().map_or(Ok(()), |status| write!(f, " ({status})"))
    }
}

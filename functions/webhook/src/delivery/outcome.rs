//! What came of an attempt, and whose doing it was.

use std::fmt;

use crate::directory::Settings;

/// What a receiver answered, as far as it matters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `x-webhook-interaction-id` of the answer.
    pub interaction_id: Option<String>,
    /// Whether the body was left unread past a limit of size or time.
    pub body_cut: bool,
}

/// What came of an attempt that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The receiver accepted the notification.
    Delivered {
        /// The HTTP status.
        status: u16,
        /// What the receiver should mend all the same.
        findings: Vec<Finding>,
    },
    /// It did not.
    Failed(Failure),
}

impl Outcome {
    /// Decides what an answer means to a receiver with these settings.
    ///
    /// Only 202 is documented; other successes count where the receiver's settings say so. A missing or wrong echo of the
    /// interaction id is reported and no failure: trying again would notify twice.
    pub fn of(answer: &Answer, sent_id: &str, settings: &Settings) -> Self {
        let status = answer.status;
        if settings.success_statuses.contains(&status) {
            let mut findings = Vec::new();
            match answer.interaction_id.as_deref() {
                None => findings.push(Finding::MissingResponseInteractionId),
                // RFC 9562, section 4: a UUID is read without regard to case.
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
            Self::Delivered { .. } => "delivered",
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

/// Something a receiver should mend although the notification arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding {
    /// A success without `x-webhook-interaction-id`, which is mandatory in the answer.
    MissingResponseInteractionId,
    /// A success with another id than the one sent.
    MismatchedResponseInteractionId,
    /// The receiver did not ask for a client certificate.
    ReceiverWithoutMtls,
    /// A body that was not read to its end: too long, or too slow. It should be empty.
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

/// Whose doing a failure is, roughly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FailureClass {
    /// The receiver answered something else than success.
    Receiver,
    /// No connection, or one that broke.
    Network,
    /// The TLS handshake failed.
    Tls,
    /// What the receiver registered cannot be used.
    Directory,
    /// We were interrupted after the attempt had begun; whether it arrived is not known.
    Ours,
}

impl FailureClass {
    /// Returns the class as logs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Network => "network",
            Self::Tls => "tls",
            Self::Directory => "directory",
            Self::Ours => "ours",
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
    /// Something that is not HTTP, or more of it than is read.
    InvalidResponse,
    /// The connection broke before the answer's head was complete.
    ConnectionReset,
    /// Nobody listens.
    ConnectionRefused,
    /// No connection within the time for it.
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
    /// Nothing current says that the receiver's certificate is not revoked, and the time for which that is tolerated is over.
    RevocationUnknown,
    /// The receiver's certificate cannot be used for another reason.
    CertificateInvalid,
    /// The receiver offers no TLS 1.2 or newer.
    ProtocolVersion,
    /// No cipher suite in common.
    NoCommonSuite,
    /// The receiver refused our client certificate.
    ClientCertificateRefused,
    /// The receiver asked for a second handshake on the connection, which the norm forbids, and ended it without one.
    RenegotiationRefused,
    /// The handshake failed for another reason.
    TlsHandshake,
    /// Our process stopped between beginning the attempt and recording what came of it.
    Interrupted,
}

impl Failure {
    /// Returns the failure's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Nonconformant2xx(_) => "nonconformant_2xx",
            Self::Redirect(_) => "redirect",
            Self::ClientError(_) => "client_error",
            Self::ServerError(_) => "server_error",
            Self::UnknownStatus(_) => "unknown_status",
            Self::Timeout => "timeout",
            Self::InvalidResponse => "invalid_response",
            Self::ConnectionReset => "connection_reset",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::DnsError => "dns_error",
            Self::BlockedAddress => "blocked_address",
            Self::InvalidUrl => "invalid_url",
            Self::UnknownCa => "unknown_ca",
            Self::HostnameMismatch => "hostname_mismatch",
            Self::CertificateExpired => "expired",
            Self::CertificateNotYetValid => "not_yet_valid",
            Self::CertificateRevoked => "revoked",
            Self::RevocationUnknown => "revocation_unknown",
            Self::CertificateInvalid => "certificate_invalid",
            Self::ProtocolVersion => "protocol_version",
            Self::NoCommonSuite => "no_common_suite",
            Self::ClientCertificateRefused => "client_certificate_refused",
            Self::RenegotiationRefused => "renegotiation_refused",
            Self::TlsHandshake => "tls_handshake",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns whose doing the failure is.
    pub fn class(self) -> FailureClass {
        match self {
            Self::Nonconformant2xx(_)
            | Self::Redirect(_)
            | Self::ClientError(_)
            | Self::ServerError(_)
            | Self::UnknownStatus(_)
            | Self::InvalidResponse => FailureClass::Receiver,
            Self::Timeout
            | Self::ConnectionReset
            | Self::ConnectionRefused
            | Self::ConnectTimeout
            | Self::DnsError => FailureClass::Network,
            Self::BlockedAddress | Self::InvalidUrl => FailureClass::Directory,
            Self::UnknownCa
            | Self::HostnameMismatch
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateRevoked
            | Self::RevocationUnknown
            | Self::CertificateInvalid
            | Self::ProtocolVersion
            | Self::NoCommonSuite
            | Self::ClientCertificateRefused
            | Self::RenegotiationRefused
            | Self::TlsHandshake => FailureClass::Tls,
            Self::Interrupted => FailureClass::Ours,
        }
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

//! Maps network errors to outcomes.

use std::error::Error;
use std::io;

use convention::delivery::Failure;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::connect_error::ConnectError;
use super::fault::LocalFault;
use super::kms_key::SigningUnavailable;
use super::renegotiation::{AnswerTooLong, WantsRenegotiation};
use crate::revocation::{ChainTooLarge, RevocationUnavailable};

/// Classifies an error of connecting.
pub(super) fn connecting(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::ConnectionRefused,
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Failure::ConnectTimeout
        }
        _ => Failure::ConnectionReset,
    }
}

/// Classifies an error of the handshake; `asked` tells whether the receiver had asked for our certificate.
pub(super) fn handshake(error: &io::Error, asked: bool) -> Failure {
    match tls_error(error) {
        Some(rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::UnknownProtocolVersion,
        )) => Failure::NotTls,
        // Only a certificate message can be this long: rustls refuses a chain of more than 64 KiB before the verifier
        // sees it.
        Some(rustls::Error::InvalidMessage(
            InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge,
        )) => Failure::ChainTooLarge,
        Some(error) => tls(error, asked),
        None if is_too_long(error) => Failure::TlsHandshake,
        None => Failure::HandshakeClosed,
    }
}

/// Returns the fault of ours because of which an exchange failed, if any; nothing was sent then. Only the handshake
/// of the request's own connection can have been signed.
pub(super) fn local(error: &(dyn Error + 'static)) -> Option<LocalFault> {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(fault) = error.downcast_ref::<ConnectError>().and_then(|error| error.ours.clone()) {
            return Some(fault.into());
        }
        if let Some(rustls::Error::Other(other)) = error.downcast_ref::<io::Error>().and_then(tls_error) {
            let unsigned = other.0.downcast_ref::<SigningUnavailable>().cloned().map(LocalFault::from);
            return unsigned
                .or_else(|| other.0.downcast_ref::<RevocationUnavailable>().copied().map(LocalFault::from));
        }
        source = error.source();
    }
    None
}

/// Classifies an error of an exchange.
pub(super) fn exchange(error: &(dyn Error + 'static)) -> Failure {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<ConnectError>() {
            return error.failure;
        }
        if error.downcast_ref::<io::Error>().is_some_and(wants_renegotiation) {
            return Failure::RenegotiationRefused;
        }
        // In TLS 1.3 a receiver refuses our certificate after our side of the handshake is complete.
        if let Some(error) = error.downcast_ref::<io::Error>().and_then(tls_error) {
            return tls(error, true);
        }
        if error.downcast_ref::<io::Error>().is_some_and(is_too_long) {
            return Failure::AnswerTooLong;
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_parse_too_large() {
                return Failure::AnswerTooLong;
            }
            if error.is_parse() {
                return Failure::InvalidResponse;
            }
        }
        source = error.source();
    }
    Failure::ConnectionReset
}

fn wants_renegotiation(error: &io::Error) -> bool {
    error.get_ref().and_then(|error| error.downcast_ref::<WantsRenegotiation>()).is_some()
}

fn is_too_long(error: &io::Error) -> bool {
    error.get_ref().and_then(|error| error.downcast_ref::<AnswerTooLong>()).is_some()
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn tls(error: &rustls::Error, asked: bool) -> Failure {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            C::UnknownIssuer => Failure::UnknownCa,
            C::NotValidForName | C::NotValidForNameContext { .. } => Failure::HostnameMismatch,
            C::Expired | C::ExpiredContext { .. } => Failure::CertificateExpired,
            C::NotValidYet | C::NotValidYetContext { .. } => Failure::CertificateNotYetValid,
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => Failure::CertificatePurpose,
            C::Revoked => Failure::CertificateRevoked,
            C::UnknownRevocationStatus => Failure::RevocationUnknown,
            _ => Failure::CertificateInvalid,
        },
        rustls::Error::PeerIncompatible(error) => match error {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => Failure::ProtocolVersion,
            PeerIncompatible::NoCipherSuitesInCommon => Failure::NoCommonSuite,
            _ => Failure::TlsHandshake,
        },
        rustls::Error::AlertReceived(alert) => alert_received(*alert, asked),
        rustls::Error::Other(other) if other.0.is::<ChainTooLarge>() => Failure::ChainTooLarge,
        _ => Failure::TlsHandshake,
    }
}

fn alert_received(alert: AlertDescription, asked: bool) -> Failure {
    use AlertDescription as A;
    match alert {
        A::NoApplicationProtocol => Failure::NoCommonProtocol,
        A::UnrecognisedName => Failure::NameNotServed,
        A::CloseNotify => Failure::HandshakeClosed,
        A::ProtocolVersion => Failure::ProtocolVersion,
        A::InsufficientSecurity => Failure::NoCommonSuite,
        // In TLS 1.2 this alert stands for both "no common cipher suite" and "certificate refused"; the former is
        // sent before a certificate is asked for.
        A::HandshakeFailure if !asked => Failure::NoCommonSuite,
        A::HandshakeFailure
        | A::AccessDenied
        | A::BadCertificate
        | A::CertificateExpired
        | A::CertificateRequired
        | A::CertificateRevoked
        | A::CertificateUnknown
        | A::DecryptError
        | A::NoCertificate
        | A::UnknownCA
        | A::UnsupportedCertificate => Failure::ClientCertificateRefused,
        _ => Failure::TlsHandshake,
    }
}

//! Which check a failure belongs to.

use crate::doctor::receiver::finding::Check;

/// Returns the check that a code of a failure belongs to.
pub(super) fn check_of(code: &str) -> Check {
    match code {
        "dns_error" => Check::Name,
        "blocked_address" => Check::AddressPolicy,
        "invalid_url" => Check::BaseUri,
        "unknown_ca"
        | "hostname_mismatch"
        | "expired"
        | "not_yet_valid"
        | "certificate_purpose"
        | "certificate_invalid"
        | "chain_too_large" => Check::Chain,
        "revoked" | "revocation_unknown" | "revocation_unavailable" => Check::Revocation,
        "client_certificate_refused" => Check::ClientCertificate,
        "renegotiation_refused" => Check::Renegotiation,
        "no_common_protocol" => Check::Protocol,
        "protocol_version" | "no_common_suite" | "name_not_served" | "not_tls" | "handshake_closed"
        | "tls_handshake" => Check::Tls,
        _ => Check::Connection,
    }
}

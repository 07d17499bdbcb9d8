//! Judges the facts of an examination. Pure.

mod certificates;
mod client;
mod http;
mod reach;
mod revocation;
mod tls;

use jiff::Timestamp;
use mtls::examine::{Facts, Visit};

use super::finding::{Check, Finding, Words};

/// Judges a receiver by what was found of it, the worst first.
pub fn judge(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let mut findings = reach::judge(facts);
    if let Some(main) = main_visit(facts) {
        findings.extend(tls::judge(facts, main));
        findings.extend(certificates::judge(main, now));
        findings.extend(revocation::judge(main, now));
        findings.extend(client::judge(facts, main));
        findings.extend(http::judge(main));
    }
    findings.extend(facts.posted.as_ref().map(http::posted));
    findings.extend(examination(facts));
    findings.sort_by_key(|finding| finding.verdict);
    findings
}

/// Returns the visit that was looked at in full: the first that spoke TLS.
fn main_visit(facts: &Facts) -> Option<&Visit> {
    let visits = facts.addresses.iter().filter_map(|one| one.visit.as_ref());
    visits.into_iter().find(|visit| visit.stage >= mtls::examine::Stage::Handshake)
}

fn examination(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.stopped {
        let seconds = facts.limit_ms / 1000;
        let what = Words::new(
            format!("The {seconds} s of the examination were over before all was looked at."),
            format!("Os {seconds} s do exame acabaram antes que tudo fosse verificado."),
        );
        findings.push(Finding::not_checked(Check::Examination, what));
    }
    if let Some(fault) = &facts.identity_fault {
        findings.push(Finding::ours(Check::ClientCertificate, fault));
    }
    findings
}

/// Returns the check that a code of a failure belongs to.
fn check_of(code: &str) -> Check {
    match code {
        "dns_error" => Check::Name,
        "blocked_address" => Check::AddressPolicy,
        "invalid_url" => Check::BaseUri,
        "connection_refused" | "connect_timeout" => Check::Connection,
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

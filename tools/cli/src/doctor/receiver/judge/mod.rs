//! Judges the facts of an examination. Pure.

mod certificates;
mod checks;
mod client;
mod http;
mod reach;
mod revocation;
#[cfg(test)]
mod tests;
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
    findings.extend(http::posted(facts));
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

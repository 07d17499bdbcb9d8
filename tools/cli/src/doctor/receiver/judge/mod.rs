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

use convention::directory::Suspension;
use jiff::Timestamp;
use mtls::examine::{Facts, Visit};

use super::finding::{Check, Finding, Verdict, Words};

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

/// Judges the receiver of a client. One that is suspended is sent nothing, whatever its receiver does.
pub(super) fn judge_registered(
    facts: &Facts,
    suspension: Option<Suspension>,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = judge(facts, now);
    findings.extend(suspension.map(suspended));
    findings.sort_by_key(|finding| finding.verdict);
    findings
}

fn suspended(suspension: Suspension) -> Finding {
    let (en, pt_br) = match suspension {
        Suspension::OrganisationNotActive => ("organisation", "a organização como ativa"),
        Suspension::SoftwareNotActive => ("software", "o software como ativo"),
    };
    let what = Words::new(
        format!(
            "The client is suspended, so nothing is sent to it: the Directory does not list its {en} as active."
        ),
        format!("O cliente está suspenso, portanto nada lhe é enviado: o Diretório não lista {pt_br}."),
    );
    let what_to_do = Words::new(
        format!("Ask the Directory of participants why its {en} is not active."),
        format!("Pergunte ao Diretório de participantes por que não lista {pt_br}."),
    );
    let finding = Finding::of_code(Check::Registration, Verdict::WillFail, suspension.code());
    Finding { what_to_do, ..finding.in_words(what) }
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

//! Facts as an examination finds them, made by hand, and the verdicts on them.

mod client;
mod http;
mod reach;
mod registered;
mod revocation;

use jiff::{SignedDuration, Timestamp};
use mtls::examine::{AddressFacts, Answered, Certificate, Chain, Facts, Failed, Stage, Tls, Visit};

use super::super::finding::{Check, Finding, Verdict};
use super::super::report::{Outcome, Report};
use super::judge;

const V4: &str = "203.0.113.1:443";
const OTHER_V4: &str = "203.0.113.2:443";
const V6: &str = "[2001:db8::1]:443";
const OTHER_V6: &str = "[2001:db8::2]:443";

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

/// A visit that was answered with a status.
fn answered(status: u16) -> Visit {
    let until = Some(now() + SignedDuration::from_hours(9_000));
    let verified = vec![Certificate { valid_until: until, ..Certificate::default() }];
    Visit {
        stage: Stage::Answered,
        presents_certificate: true,
        certificate_requested: true,
        tls: Some(Tls::default()),
        chain: Some(Chain { verified, ..Chain::default() }),
        answer: Some(Answered { method: "HEAD".to_owned(), status, ..Answered::default() }),
        ..Visit::default()
    }
}

/// A visit whose handshake was done, and that came no further.
fn waiting() -> Visit {
    Visit { stage: Stage::Waiting, answer: None, ..answered(0) }
}

/// A visit that failed in a stage.
fn broken(stage: Stage, code: &str) -> Visit {
    let failed = Failed { code: code.to_owned(), ours: false, detail: String::new() };
    let seen = if stage >= Stage::Waiting { waiting() } else { Visit::default() };
    Visit { stage, failed: Some(failed), presents_certificate: true, ..seen }
}

/// A visit to an address that this machine has no route to.
fn routeless() -> Visit {
    let failed = Failed { code: "network_unavailable".to_owned(), ours: true, detail: String::new() };
    Visit { failed: Some(failed), routeless: true, ..Visit::default() }
}

fn facts<const N: usize>(visits: [(&str, Visit); N]) -> Facts {
    let addresses = visits.map(|(address, visit)| AddressFacts {
        address: address.parse().unwrap(),
        refusal: None,
        visit: Some(visit),
    });
    Facts { addresses: addresses.into(), presents_certificate: true, ..Facts::default() }
}

/// The findings of a check, each with its verdict and code.
fn of(findings: &[Finding], check: Check) -> Vec<(Verdict, &str)> {
    let of_check = findings.iter().filter(|one| one.check == check);
    of_check.map(|one| (one.verdict, one.code.as_deref().unwrap_or_default())).collect()
}

fn found(facts: &Facts, check: Check) -> Vec<(Verdict, String)> {
    let findings = judge(facts, now());
    of(&findings, check).into_iter().map(|(verdict, code)| (verdict, code.to_owned())).collect()
}

fn report(facts: Facts) -> Report {
    let findings = judge(&facts, now());
    Report { facts, from: "here".to_owned(), findings }
}

fn outcome(facts: Facts) -> Outcome {
    report(facts).outcome()
}

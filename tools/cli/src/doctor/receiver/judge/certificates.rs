//! The certificates that a receiver presents, those that were verified, and their days.

use jiff::Timestamp;
use mtls::Expiry;
use mtls::examine::{Certificate, Chain, Visit};

use crate::doctor::receiver::finding::{Check, Finding, Verdict, Words};

pub(super) fn judge(main: &Visit, now: Timestamp) -> Vec<Finding> {
    let Some(chain) = &main.chain else { return Vec::new() };
    let mut findings = vec![presented(chain)];
    let of_path = !chain.verified.is_empty();
    let shown = if of_path { &chain.verified } else { &chain.presented };
    findings.extend(shown.iter().filter_map(|one| days(one, of_path, now)));
    findings
}

fn presented(chain: &Chain) -> Finding {
    let (count, bytes, verified) = (chain.presented_total, chain.presented_bytes, chain.verified.len());
    let subjects =
        |all: &[Certificate]| all.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>().join(" <- ");
    let detail = format!("presented: {}", subjects(&chain.presented));
    if chain.verified.is_empty() {
        let what = Words::new(
            format!("It presents {count} certificate(s), {bytes} bytes; no path of them is verified."),
            format!("Apresenta {count} certificado(s), {bytes} bytes; nenhum caminho deles é verificado."),
        );
        return Finding::not_checked(Check::Chain, what).detail(&detail);
    }
    let anchor = chain.anchor.as_deref().unwrap_or_default();
    let what = Words::new(
        format!(
            "It presents {count} certificate(s), {bytes} bytes; a path of {verified} is verified up to {anchor}."
        ),
        format!(
            "Apresenta {count} certificado(s), {bytes} bytes; um caminho de {verified} é verificado até {anchor}."
        ),
    );
    Finding::ok(Check::Chain, what).detail(&format!("{detail}; verified: {}", subjects(&chain.verified)))
}

/// A certificate beside the path may have ended, and nobody minds.
fn days(one: &Certificate, of_path: bool, now: Timestamp) -> Option<Finding> {
    let until = one.valid_until?;
    let (left, subject) = (Expiry::at(until, now).days_left, &one.subject);
    let date = until.strftime("%Y-%m-%d");
    let what = Words::new(
        format!("{left} day(s), until {date}: {subject}."),
        format!("{left} dia(s), até {date}: {subject}."),
    );
    Some(match left {
        ..0 if of_path => Finding::of_code(Check::Expiry, Verdict::WillFail, "expired").saying(&what),
        0..=Expiry::ALARM_DAYS if of_path => {
            Finding::of_code(Check::Expiry, Verdict::MayFail, "expired").in_words(what)
        }
        _ => Finding::ok(Check::Expiry, what),
    })
}

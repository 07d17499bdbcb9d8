//! What the handshake agreed, and what the receiver would take besides.

use std::collections::BTreeSet;

use mtls::examine::{Facts, Offered, Visit};

use crate::doctor::receiver::finding::{Check, Finding, Verdict, Words};

pub(super) fn judge(facts: &Facts, main: &Visit) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(tls) = &main.tls {
        let (version, suite, ms) = (&tls.version, &tls.suite, main.handshake_ms);
        let what = Words::new(
            format!("{version} with {suite}, in {ms} ms."),
            format!("{version} com {suite}, em {ms} ms."),
        );
        findings.push(Finding::ok(Check::Tls, what));
        findings.push(protocol(&tls.protocol));
    }
    findings.extend(suites(facts, main));
    findings.extend(key_exchange(facts, main));
    findings
}

/// What the receiver takes of versions and suites. None of it is needed if the handshake was completed.
fn suites(facts: &Facts, main: &Visit) -> Option<Finding> {
    let narrow = facts.offers.iter().filter(|offer| !offer.suite.is_empty() && offer.taken);
    let agreed = main.tls.as_ref().map(|tls| (tls.version.as_str(), tls.suite.as_str()));
    let taken: BTreeSet<_> =
        narrow.map(|offer| (offer.version.as_str(), offer.suite.as_str())).chain(agreed).collect();
    if taken.is_empty() {
        // The failure of the handshake tells it.
        return None;
    }
    let versions: BTreeSet<_> = taken.iter().map(|(version, _)| *version).collect();
    let versions = versions.into_iter().collect::<Vec<_>>().join(", ");
    let names = taken.iter().map(|(_, suite)| *suite).collect::<Vec<_>>().join(", ");
    let what = Words::new(
        format!("Of the versions allowed it takes {versions}; of the suites, {names}."),
        format!("Das versões permitidas, aceita {versions}; das cifras, {names}."),
    );
    Some(Finding::ok(Check::Tls, what))
}

/// The trap of old front ends: they read one packet of a hello that takes two, and close or wait.
fn key_exchange(facts: &Facts, main: &Visit) -> Option<Finding> {
    let other = facts.offers.iter().find(|offer| offer.suite.is_empty())?;
    let (check, bytes, larger) = (Check::KeyExchange, main.hello_bytes, other.hello_bytes);
    let works = main.shows_certificates();
    let group = main.tls.as_ref().map(|tls| tls.group.as_str()).unwrap_or_default();
    match (facts.hybrid, works, other.taken) {
        (_, true, true) => Some(Finding::ok(
            check,
            Words::new(
                format!(
                    "It reads hellos of {bytes} and of {larger} bytes, with and without the post-quantum group; agreed: {group}."
                ),
                format!(
                    "Lê hellos de {bytes} e de {larger} bytes, com e sem o grupo pós-quântico; acordado: {group}."
                ),
            ),
        )),
        (false, true, false) => Some(without_hybrid(other, bytes)),
        (true, true, false) => Some(Finding::ok(
            check,
            Words::new(
                format!(
                    "It takes the post-quantum hello of {bytes} bytes, and not the classical one of {larger}."
                ),
                format!("Aceita o hello pós-quântico de {bytes} bytes, e não o clássico de {larger}."),
            ),
        )),
        (true, false, true) => {
            let code = main.failed.as_ref().map_or("handshake_closed", |failed| failed.code.as_str());
            let advice = Words::new(
                format!(
                    "It reads a hello of {larger} bytes and not the post-quantum one of {bytes}: update the front end, which must read a hello of two packets; until then the sender can set HybridKeyExchange=false."
                ),
                format!(
                    "Lê um hello de {larger} bytes e não o pós-quântico de {bytes}: atualize o front end, que deve ler um hello de dois pacotes; até lá o transmissor pode usar HybridKeyExchange=false."
                ),
            );
            let finding = Finding::of_code(check, Verdict::WillFail, code);
            Some(Finding { what_to_do: advice, ..finding })
        }
        (false, false, true) => Some(Finding::ok(
            check,
            Words::new("It takes the post-quantum group alone.", "Aceita somente o grupo pós-quântico."),
        )),
        (_, false, false) => None,
    }
}

fn without_hybrid(other: &Offered, bytes: usize) -> Finding {
    let (larger, code) = (other.hello_bytes, other.failed.as_ref().map(|failed| failed.code.as_str()));
    let code = code.unwrap_or_default();
    Finding::ok(
        Check::KeyExchange,
        Words::new(
            format!(
                "It reads the hello of {bytes} bytes that notifications send, and not one of {larger} with the post-quantum group ({code}): leave HybridKeyExchange=false."
            ),
            format!(
                "Lê o hello de {bytes} bytes que as notificações enviam, e não um de {larger} com o grupo pós-quântico ({code}): mantenha HybridKeyExchange=false."
            ),
        ),
    )
}

fn protocol(agreed: &str) -> Finding {
    let what = match agreed {
        "" => Words::new(
            "No protocol is agreed in the handshake (ALPN), so it is HTTP/1.1.",
            "Nenhum protocolo é acordado no handshake (ALPN), portanto é HTTP/1.1.",
        ),
        agreed => Words::new(format!("{agreed} is agreed (ALPN)."), format!("{agreed} é acordado (ALPN).")),
    };
    Finding::ok(Check::Protocol, what)
}

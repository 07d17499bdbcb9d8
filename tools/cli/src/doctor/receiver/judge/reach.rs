//! The base URI, the name, the addresses, and how far each of them lets a notification come.

use mtls::examine::{AddressFacts, Facts, Failed, Stage, Visit};

use super::checks::check_of;
use super::client::{is_refusal, refuses};
use crate::doctor::receiver::finding::{Check, Finding, Verdict, Words};

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    if let Some(refused) = &facts.refused {
        let finding = Finding::of_code(Check::BaseUri, Verdict::WillFail, &refused.code);
        return vec![finding.detail(&refused.rule)];
    }
    let mut findings = vec![name(facts)];
    findings.extend(policy(&facts.addresses));
    findings.extend(visits(facts));
    findings
}

fn name(facts: &Facts) -> Finding {
    let Some(look) = &facts.name else {
        let what = Words::new("The host is an address.", "O host é um endereço.");
        return Finding::ok(Check::Name, what);
    };
    match &look.failed {
        Some(Failed { code, ours: true, detail }) => Finding::ours(Check::Name, code).detail(detail),
        Some(Failed { code, detail, .. }) => {
            Finding::of_code(Check::Name, Verdict::WillFail, code).detail(detail)
        }
        None => {
            let (count, ms, tried) = (look.addresses, look.took_ms, facts.addresses.len());
            let what = Words::new(
                format!("The name has {count} address(es), found in {ms} ms; {tried} of them are tried."),
                format!(
                    "O nome tem {count} endereço(s), encontrado(s) em {ms} ms; {tried} deles são tentados."
                ),
            );
            Finding::ok(Check::Name, what)
        }
    }
}

fn policy(addresses: &[AddressFacts]) -> Vec<Finding> {
    let refused: Vec<_> = addresses
        .iter()
        .filter_map(|one| {
            let refusal = one.refusal.as_ref()?;
            let finding = Finding::of_code(Check::AddressPolicy, Verdict::WillFail, "blocked_address");
            Some(finding.at(one.address).detail(refusal))
        })
        .collect();
    if refused.is_empty() && !addresses.is_empty() {
        let what = Words::new("Every address may be connected to.", "Pode-se conectar a todos os endereços.");
        return vec![Finding::ok(Check::AddressPolicy, what)];
    }
    refused
}

/// A failure at the only address, or at all, stops notifications; one of several addresses stops some.
fn visits(facts: &Facts) -> Vec<Finding> {
    let visited = || facts.addresses.iter().filter_map(|one| Some((one, one.visit.as_ref()?)));
    let works = visited().any(|(_, visit)| !stops(visit));
    let mut findings = Vec::new();
    for (one, visit) in visited() {
        if visit.stage > Stage::Connecting {
            let ms = visit.connect_ms;
            let what = Words::new(
                format!("It accepts connections, in {ms} ms."),
                format!("Aceita conexões, em {ms} ms."),
            );
            findings.push(Finding::ok(Check::Connection, what).at(one.address));
        }
        let Some(failed) = &visit.failed else { continue };
        if refuses(visit) {
            continue;
        }
        let check = check_of(&failed.code);
        let finding = if failed.ours {
            Finding::ours(check, &failed.code)
        } else {
            let all = stops(visit) && !works;
            let verdict = if all { Verdict::WillFail } else { Verdict::MayFail };
            let check = if visit.stage >= Stage::Request && check == Check::Connection {
                Check::Answer
            } else {
                check
            };
            let finding = Finding::of_code(check, verdict, &failed.code);
            let finding = if failed.code == "timeout" && stops(visit) { silent(finding) } else { finding };
            if all { finding } else { finding.saying(&why_not_sure(visit)) }
        };
        findings.push(finding.at(one.address).detail(&failed.detail));
    }
    findings
}

/// Who says nothing in the handshake needs other advice than who says nothing to a notification.
fn silent(finding: Finding) -> Finding {
    let what_to_do = Words::new(
        "Look for what accepts the connection and does not answer the handshake: a proxy, a firewall, a server without a free process, or a front end that does not read a hello of two packets.",
        "Procure o que aceita a conexão e não responde ao handshake: um proxy, um firewall, um servidor sem processo livre, ou um front end que não lê um hello de dois pacotes.",
    );
    Finding { check: Check::Tls, what_to_do, ..finding }
}

fn why_not_sure(visit: &Visit) -> Words {
    if stops(visit) {
        Words::new(
            "Other addresses of the name work, so some attempts fail.",
            "Outros endereços do nome funcionam, portanto parte das tentativas falha.",
        )
    } else {
        Words::new(
            "This was the answer to a request that notifies of nothing; a notification may be answered otherwise.",
            "Esta foi a resposta a uma requisição que nada notifica; uma notificação pode ter outra resposta.",
        )
    }
}

/// Says whether what ended a visit would end that of a notification too: all that happens before a request, and what
/// TLS tells late.
fn stops(visit: &Visit) -> bool {
    let Some(failed) = &visit.failed else { return false };
    let tells_late = is_refusal(&failed.code) || failed.code == "renegotiation_refused";
    !refuses(visit) && (visit.stage < Stage::Request || tells_late)
}

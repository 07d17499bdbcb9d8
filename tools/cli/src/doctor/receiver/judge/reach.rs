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

/// What the addresses come to together. Dispatch connects to the first that accepts; the attempt is at that one.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
struct Together {
    /// Whether one accepts connections.
    connects: bool,
    /// Whether nothing stops a notification at one.
    works: bool,
    /// Whether there is a route to none.
    routeless: bool,
    /// Whether all are of IPv6.
    of_ipv6: bool,
}

impl Together {
    fn of(facts: &Facts) -> Self {
        let visited = || facts.addresses.iter().filter_map(|one| one.visit.as_ref());
        // One that was left in the middle has not shown that it works.
        let seen = |visit: &Visit| visit.stage >= Stage::Waiting || refuses(visit);
        Self {
            connects: visited().any(|visit| visit.stage > Stage::Connecting),
            works: visited().any(|visit| !stops(visit) && seen(visit)),
            routeless: facts.addresses.iter().all(|one| one.visit.as_ref().is_some_and(|one| one.routeless)),
            of_ipv6: facts.addresses.iter().all(|one| one.address.ip().to_canonical().is_ipv6()),
        }
    }
}

fn visits(facts: &Facts) -> Vec<Finding> {
    let together = Together::of(facts);
    let mut findings = Vec::new();
    for one in &facts.addresses {
        let Some(visit) = &one.visit else { continue };
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
        let finding = if visit.routeless {
            without_route(together, failed)
        } else if failed.ours {
            Finding::ours(check_of(&failed.code), &failed.code)
        } else if visit.stage == Stage::Connecting {
            unconnected(together, failed)
        } else {
            broken(together, visit, failed)
        };
        findings.push(finding.at(one.address).detail(&failed.detail));
    }
    findings
}

/// Judges an address that there is no route to, as dispatch does (`connect_to_any`, `crates/mtls/src/reach.rs`).
fn without_route(together: Together, failed: &Failed) -> Finding {
    if !together.routeless {
        let what = Words::new(
            "There is no route to it from where this was looked at; dispatch takes the other addresses.",
            "Não há rota até ele a partir de onde se olhou; a dispatch usa os outros endereços.",
        );
        return Finding::not_checked(Check::Connection, what);
    }
    if !together.of_ipv6 {
        return Finding::ours(Check::Connection, &failed.code);
    }
    let what = Words::new(
        "The name has addresses of IPv6 alone, and there is no route to them from where this was looked at.",
        "O nome só tem endereços IPv6, e não há rota até eles a partir de onde se olhou.",
    );
    let what_to_do =
        Words::new("Give the name an address of IPv4 too.", "Dê ao nome também um endereço IPv4.");
    let finding = Finding::of_code(Check::Connection, Verdict::WillFail, "connect_timeout").saying(&what);
    Finding { what_to_do, ..finding }
}

/// Judges an address that accepts no connection: dispatch goes on to the next.
fn unconnected(together: Together, failed: &Failed) -> Finding {
    let of_code = |verdict| Finding::of_code(Check::Connection, verdict, &failed.code);
    match failed.code.as_str() {
        _ if !together.connects => of_code(Verdict::WillFail),
        "connect_timeout" => of_code(Verdict::MayFail).saying(&Words::new(
            "Dispatch goes on to the next address after up to 4 s, and has 9 s for all.",
            "A dispatch passa ao próximo endereço após até 4 s, e tem 9 s para todos.",
        )),
        _ => of_code(Verdict::Ok).saying(&Words::new(
            "Dispatch goes on to the next address at once.",
            "A dispatch passa logo ao próximo endereço.",
        )),
    }
}

/// A failure of the only address, or of all, stops notifications; one of several addresses stops some.
fn broken(together: Together, visit: &Visit, failed: &Failed) -> Finding {
    let all = stops(visit) && !together.works;
    let verdict = if all { Verdict::WillFail } else { Verdict::MayFail };
    let check = match check_of(&failed.code) {
        Check::Connection if visit.stage >= Stage::Request => Check::Answer,
        check => check,
    };
    let finding = Finding::of_code(check, verdict, &failed.code);
    let finding = if failed.code == "timeout" && stops(visit) { silent(finding) } else { finding };
    if all { finding } else { finding.saying(&why_not_sure(visit)) }
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

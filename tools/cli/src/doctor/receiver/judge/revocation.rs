//! Lists and statuses of each certificate of the verified path, and what dispatch would decide by them.

use jiff::{SignedDuration, Timestamp};
use mtls::examine::{RevocationFacts, RevocationOf, StatusFacts, Visit};
use mtls::revocation::RECENT_CHECK;

use crate::doctor::receiver::finding::{Check, Finding, Verdict, Words};

const CHECK: Check = Check::Revocation;
const UNKNOWN: &str = "revocation_unknown";

pub(super) fn judge(main: &Visit, now: Timestamp) -> Vec<Finding> {
    let Some(facts) = main.chain.as_ref().and_then(|chain| chain.revocation.as_ref()) else {
        return Vec::new();
    };
    let own = facts.certificates.first();
    let status = own.and_then(|own| own.status.as_ref());
    let covered = if status.is_some_and(|status| is_current(status, now)) {
        ByStatus::Now
    } else if own.is_some_and(|own| own.status.is_some() || !own.responders.is_empty()) {
        ByStatus::Perhaps
    } else {
        ByStatus::Never
    };
    let certificates = facts.certificates.iter();
    let mut findings: Vec<_> = certificates.map(|one| certificate(one, covered, now)).collect();
    findings.extend(verdict(facts));
    findings
}

/// Whether an OCSP status of the receiver's own certificate stands in for the lists of the whole path; no other does
/// (`mtls::revocation::decide`).
#[derive(Clone, Copy, Eq, PartialEq)]
enum ByStatus {
    Now,
    Perhaps,
    Never,
}

/// Says whether a status proves that a certificate is good, as `Good::of_ocsp` does.
fn is_current(status: &StatusFacts, now: Timestamp) -> bool {
    let until = status.next_update.unwrap_or(status.fetched_at + RECENT_CHECK);
    status.status == "good" && now < until
}

fn certificate(one: &RevocationOf, covered: ByStatus, now: Timestamp) -> Finding {
    let subject = &one.subject;
    let named = |en: &str, pt_br: &str| Words::new(format!("{subject}: {en}"), format!("{subject}: {pt_br}"));
    let urls = [&one.lists[..], &one.responders].concat().join(" ");
    if one.revoked {
        let finding = Finding::of_code(CHECK, Verdict::WillFail, "revoked");
        return finding.saying(&named("revoked.", "revogado.")).detail(&urls);
    }
    if one.lists.is_empty() && covered == ByStatus::Never {
        let what = named(
            "names neither a usable revocation list nor a responder of OCSP; it is refused once the tolerance window is over.",
            "não indica uma lista de revogação utilizável nem um serviço OCSP; é recusado quando a janela de tolerância acaba.",
        );
        return Finding::of_code(CHECK, Verdict::MayFail, UNKNOWN).in_words(what);
    }
    let (mut en, mut pt_br, mut is_known) = (Vec::new(), Vec::new(), false);
    let mut is_current = covered == ByStatus::Now;
    if let Some(list) = &one.list {
        is_known = true;
        is_current |= list.next_update > now;
        let (age, fetched) = (hours(now, list.this_update), hours(now, list.fetched_at));
        let next = list.next_update.strftime("%Y-%m-%d %H:%M");
        en.push(format!("list {age} old, confirmed {fetched} ago, next due {next} UTC"));
        pt_br.push(format!("lista de {age}, confirmada há {fetched}, próxima até {next} UTC"));
    }
    if let Some(status) = &one.status {
        is_known = true;
        let (age, name) = (hours(now, status.fetched_at), &status.status);
        en.push(format!("OCSP says {name}, asked {age} ago"));
        pt_br.push(format!("OCSP responde {name}, consultado há {age}"));
    }
    for (error, what) in [(&one.list_error, "list"), (&one.status_error, "OCSP")] {
        if let Some(error) = error {
            is_known = true;
            en.push(format!("{what}: {error}"));
            pt_br.push(format!("{what}: {error}"));
        }
    }
    if is_current && !is_known {
        is_known = true;
        en.push("the OCSP status of the receiver's own certificate stands in for its list".to_owned());
        pt_br.push("o estado OCSP do certificado do próprio receptor substitui a sua lista".to_owned());
    }
    let told = named(&format!("{}.", en.join("; ")), &format!("{}.", pt_br.join("; ")));
    match (is_known, is_current) {
        (true, true) => Finding::ok(CHECK, told).detail(&urls),
        (true, false) => Finding::of_code(CHECK, Verdict::MayFail, UNKNOWN).in_words(told).detail(&urls),
        (false, _) => {
            let what = named(
                "no list or status of it is known here.",
                "nenhuma lista ou estado dele é conhecido aqui.",
            );
            Finding::not_checked(CHECK, what).detail(&urls)
        }
    }
}

/// What dispatch would decide by the stack's own data.
fn verdict(facts: &RevocationFacts) -> Option<Finding> {
    let verdict = facts.verdict.as_ref()?;
    let minutes = verdict.age_s / 60;
    Some(match (verdict.mechanism.as_deref(), verdict.code.as_deref()) {
        (Some("soft"), _) => {
            let what = Words::new(
                format!(
                    "The stack has no current list or status of the path yet; it is tolerated, since {minutes} min."
                ),
                format!(
                    "A stack ainda não tem lista ou estado atual do caminho; ele é tolerado, há {minutes} min."
                ),
            );
            let what_to_do = Words::new(
                "Run the check again in ten minutes: every five, the stack asks the authorities of what receivers showed.",
                "Repita a verificação em dez minutos: a cada cinco, a stack consulta as autoridades do que os receptores mostraram.",
            );
            Finding { what_to_do, ..Finding::of_code(CHECK, Verdict::MayFail, UNKNOWN).in_words(what) }
        }
        (Some(mechanism), _) => {
            let what = Words::new(
                format!("Dispatch accepts the path by {mechanism}, checked {minutes} min ago."),
                format!("A dispatch aceita o caminho por {mechanism}, verificado há {minutes} min."),
            );
            Finding::ok(CHECK, what)
        }
        // The failed handshake has told it.
        (None, _) => return None,
    })
}

fn hours(now: Timestamp, at: Timestamp) -> String {
    let age = now.duration_since(at).max(SignedDuration::ZERO);
    match (age.as_hours(), age.as_mins()) {
        (48.., _) => format!("{} d", age.as_hours() / 24),
        (2.., _) => format!("{} h", age.as_hours()),
        (_, minutes) => format!("{minutes} min"),
    }
}

//! Our certificate: whether it is asked for and accepted, and whether somebody without one is refused.
//!
//! The second is the best test of a receiver's mutual TLS: one that takes anybody cannot know who notifies it.

use mtls::examine::{Facts, Stage, Visit};

use crate::doctor::receiver::finding::{Check, Finding, Verdict, Words};

/// Statuses with which servers refuse somebody without a certificate: those of HTTP, and nginx's own ("Error
/// Processing", `ngx_http_ssl_module`), which it shows as 400.
pub(super) const REFUSALS: [u16; 5] = [400, 401, 403, 495, 496];

const WITHOUT_MTLS: &str = "receiver_without_mtls";

pub(super) fn judge(facts: &Facts, main: &Visit) -> Vec<Finding> {
    let mut findings = Vec::new();
    if main.chain.is_some() && main.tls.is_some() || main.certificate_requested {
        findings.push(requested(main));
    }
    findings.extend(accepted(main));
    let uninvited = if main.presents_certificate { facts.without_certificate.as_ref() } else { Some(main) };
    findings.push(uninvited.map_or_else(
        || Finding::not_checked(Check::WithoutCertificate, not_reached()),
        |visit| without(visit, main),
    ));
    findings
}

fn not_reached() -> Words {
    Words::new("The connection did not come so far.", "A conexão não chegou até aí.")
}

fn requested(main: &Visit) -> Finding {
    if !main.certificate_requested {
        let what = Words::new(
            "The receiver does not ask for a client certificate in the handshake.",
            "O receptor não pede certificado de cliente no handshake.",
        );
        return Finding::of_code(Check::ClientCertificate, Verdict::MayFail, WITHOUT_MTLS).in_words(what);
    }
    let what = match main.authorities_total {
        0 => Words::new(
            "It asks for a client certificate and names no authority.",
            "Pede certificado de cliente e não nomeia nenhuma autoridade.",
        ),
        total => Words::new(
            format!("It asks for a client certificate and names {total} authority(ies)."),
            format!("Pede certificado de cliente e nomeia {total} autoridade(s)."),
        ),
    };
    Finding::ok(Check::ClientCertificate, what).detail(&main.authorities.join("; "))
}

/// Whether ours is accepted. In TLS 1.3 a refusal comes after the handshake, at the latest with the answer.
fn accepted(main: &Visit) -> Option<Finding> {
    if !main.presents_certificate {
        let what = Words::new(
            "Whether it accepts our certificate was not checked: none was given (--certificate and --key, or --identity-secret).",
            "Não se verificou se aceita o nosso certificado: nenhum foi dado (--certificate e --key, ou --identity-secret).",
        );
        return Some(Finding::not_checked(Check::ClientCertificate, what));
    }
    if main.failed.as_ref().is_some_and(|failed| is_refusal(&failed.code)) {
        return None;
    }
    if main.stage < Stage::Answered {
        return Some(Finding::not_checked(Check::ClientCertificate, not_reached()));
    }
    if !main.certificate_requested {
        return None;
    }
    let what = Words::new("It accepts our certificate.", "Aceita o nosso certificado.");
    Some(Finding::ok(Check::ClientCertificate, what))
}

fn without(visit: &Visit, main: &Visit) -> Finding {
    let check = Check::WithoutCertificate;
    let refused = |how_en: &str, how_pt: &str| {
        let what = Words::new(
            format!("Somebody without a certificate is refused {how_en}."),
            format!("Quem não tem certificado é recusado {how_pt}."),
        );
        Finding::ok(check, what)
    };
    if let Some(answer) = &visit.answer {
        let status = answer.status;
        let same =
            main.presents_certificate && main.answer.as_ref().is_some_and(|main| main.status == status);
        return match (REFUSALS.contains(&status), same) {
            (true, _) if !visit.certificate_requested => Finding::not_checked(
                check,
                Words::new(
                    format!(
                        "It answers {status} to who was asked for no certificate, so it is not known whom it refuses."
                    ),
                    format!(
                        "Responde {status} a quem não foi pedido certificado, portanto não se sabe quem ele recusa."
                    ),
                ),
            ),
            (true, false) => refused(&format!("with the status {status}"), &format!("com o status {status}")),
            (true, true) => Finding::not_checked(
                check,
                Words::new(
                    format!(
                        "It answers {status} with and without a certificate, so it is not known whom it refuses."
                    ),
                    format!("Responde {status} com e sem certificado, portanto não se sabe quem ele recusa."),
                ),
            ),
            (false, _) => Finding::of_code(check, Verdict::MayFail, WITHOUT_MTLS).in_words(Words::new(
                format!(
                    "It takes anybody: a request without a certificate was answered with the status {status}."
                ),
                format!(
                    "Aceita qualquer um: uma requisição sem certificado foi respondida com o status {status}."
                ),
            )),
        };
    }
    match &visit.failed {
        Some(failed) if failed.ours => Finding::ours(check, &failed.code),
        Some(failed) if refuses(visit) && (is_refusal(&failed.code) || is_better(main, visit)) => {
            refused("in the handshake", "no handshake").detail(&failed_detail(visit))
        }
        _ => Finding::not_checked(
            check,
            Words::new(
                "Whether it refuses somebody without a certificate could not be seen.",
                "Não foi possível ver se recusa quem não tem certificado.",
            ),
        )
        .detail(&failed_detail(visit)),
    }
}

/// Says whether our own visit shows that a close was a refusal: there was none, or it did better.
///
/// A server may close on each HEAD, with a certificate and without.
fn is_better(main: &Visit, without: &Visit) -> bool {
    let code = |visit: &Visit| visit.failed.as_ref().map(|failed| failed.code.clone());
    !main.presents_certificate
        || main.failed.is_none()
        || main.stage > without.stage
        || main.stage == without.stage && code(main) != code(without)
}

fn failed_detail(visit: &Visit) -> String {
    visit.failed.as_ref().map(|failed| failed.detail.clone()).unwrap_or_default()
}

/// Says whether a visit without a certificate ended as it must: it was asked for one, and sent away.
pub(super) fn refuses(visit: &Visit) -> bool {
    !visit.presents_certificate && visit.certificate_requested && was_refused(visit)
}

fn was_refused(visit: &Visit) -> bool {
    let Some(failed) = &visit.failed else { return false };
    let verified = visit.chain.as_ref().is_some_and(|chain| !chain.verified.is_empty());
    let closed = ["handshake_closed", "connection_reset", "tls_handshake"].contains(&failed.code.as_str());
    !failed.ours && verified && (is_refusal(&failed.code) || closed)
}

/// Says whether a code is that of a client certificate that was refused.
pub(super) fn is_refusal(code: &str) -> bool {
    code == "client_certificate_refused"
}

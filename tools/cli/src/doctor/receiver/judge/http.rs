//! What came over HTTP: the answer to a request that notifies of nothing, the idle connection, the notification.

use mtls::examine::{Answered, Facts, Idle, Stage, Visit};

use super::super::report::is_unanswered;
use super::client::REFUSALS;
use crate::doctor::receiver::finding::{Check, Finding, Verdict, Words};

/// How long dispatch keeps an idle connection, in milliseconds (`IDLE`, `crates/mtls/src/client.rs`).
const REUSED_MS: u64 = 4_000;
/// A connection that is closed within this time, in milliseconds, was not meant to be kept.
const AT_ONCE_MS: u64 = 500;

pub(super) fn judge(main: &Visit) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(answer) = &main.answer {
        findings.push(status(answer));
        let what = Words::new("It asks for no second handshake.", "Não pede um segundo handshake.");
        findings.push(Finding::ok(Check::Renegotiation, what));
        findings.extend(main.idle.as_ref().map(|idle| kept(idle, answer)));
    }
    findings
}

fn status(answer: &Answered) -> Finding {
    let Answered { method, status, took_ms, .. } = answer;
    let what = Words::new(
        format!("{method} of a notification's path was answered {status} in {took_ms} ms."),
        format!("{method} do caminho de uma notificação foi respondido com {status} em {took_ms} ms."),
    );
    let code = match status {
        300..400 => "redirect",
        404 | 410 | 429 => "client_error",
        status if REFUSALS.contains(status) => "client_error",
        400..500 | 200..300 => return Finding::ok(Check::Answer, what),
        500..600 => "server_error",
        _ => "unknown_status",
    };
    let finding = Finding::of_code(Check::Answer, Verdict::MayFail, code).saying(&what);
    let finding = if matches!(status, 404 | 410) { finding.saying(&absent()) } else { finding };
    match &answer.location {
        Some(location) => finding.detail(&format!("location: {location}")),
        None => finding,
    }
}

/// Some servers know a path for POST alone, and say of HEAD that it is not there rather than 405.
fn absent() -> Words {
    Words::new(
        "If the path is served for POST alone, --post shows it.",
        "Se o caminho só atende POST, --post o mostra.",
    )
}

fn kept(idle: &Idle, answer: &Answered) -> Finding {
    let check = Check::KeepAlive;
    let announces_end = answer.connection.as_ref().is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let announced = answer.keep_alive.as_deref().unwrap_or("-");
    match idle.closed_after_ms {
        None => {
            let seconds = idle.watched_ms / 100;
            let seconds = format!("{}.{}", seconds / 10, seconds % 10);
            Finding::ok(
                check,
                Words::new(
                    format!("An idle connection stays open for {seconds} s and more, so it is used again (Keep-Alive: {announced})."),
                    format!("Uma conexão ociosa fica aberta por {seconds} s ou mais, portanto é reutilizada (Keep-Alive: {announced})."),
                ),
            )
        }
        Some(ms) if announces_end || answer.keep_alive.is_some() || ms <= AT_ONCE_MS || ms >= REUSED_MS => Finding::ok(
            check,
            Words::new(
                format!("It closed the idle connection after {ms} ms (Keep-Alive: {announced}), so notifications that lie further apart each cost a handshake."),
                format!("Encerrou a conexão ociosa após {ms} ms (Keep-Alive: {announced}), portanto notificações mais espaçadas custam um handshake cada."),
            ),
        ),
        Some(ms) => Finding::of_code(check, Verdict::MayFail, "connection_reset").in_words(Words::new(
            format!("It closed the idle connection after {ms} ms without announcing it; a notification that is sent just then is lost, as its connection is used again for 4 s."),
            format!("Encerrou a conexão ociosa após {ms} ms sem anunciar; uma notificação enviada nesse momento se perde, pois a conexão é reutilizada por 4 s."),
        )),
    }
}

/// The outcome of the notification of nobody's resource, as dispatch would record it, if it was asked for.
pub(super) fn posted(facts: &Facts) -> Option<Finding> {
    match &facts.posted {
        Some(visit) => Some(notified(visit)),
        None if facts.posts => {
            let what = Words::new(
                "It was not sent: no connection came so far, or there was no time left for an exchange.",
                "Não foi enviada: nenhuma conexão chegou até aí, ou não restava tempo para uma troca.",
            );
            Some(Finding::not_checked(Check::Notification, what))
        }
        None => None,
    }
}

fn notified(visit: &Visit) -> Finding {
    let check = Check::Notification;
    let sent = match visit.stage {
        _ if is_unanswered(visit) => {
            Words::new("It was sent, and not answered in time.", "Foi enviada, e não respondida a tempo.")
        }
        Stage::Connecting | Stage::Handshake | Stage::Waiting => {
            Words::new("It was not sent.", "Não foi enviada.")
        }
        Stage::Request | Stage::Answered => Words::new("It was sent.", "Foi enviada."),
    };
    if let Some(failed) = &visit.failed {
        return if failed.ours {
            Finding::ours(check, &failed.code).detail(&failed.detail)
        } else {
            Finding::of_code(check, Verdict::WillFail, &failed.code).saying(&sent).detail(&failed.detail)
        };
    }
    let Some(answer) = &visit.answer else { return Finding::not_checked(check, sent) };
    let (status, ms) = (answer.status, answer.took_ms);
    let outcome = answer.outcome.as_deref().unwrap_or_default();
    let what = Words::new(
        format!("The notification of a resource that nobody knows was answered {status} in {ms} ms."),
        format!("A notificação de um recurso que ninguém conhece foi respondida com {status} em {ms} ms."),
    );
    match answer.findings.first() {
        Some(first) if outcome == "delivered" => {
            let finding = Finding::of_code(check, Verdict::MayFail, first).in_words(what);
            finding.detail(&answer.findings.join(", "))
        }
        _ if outcome == "delivered" => Finding { code: Some(outcome.to_owned()), ..Finding::ok(check, what) },
        _ => Finding::of_code(check, Verdict::WillFail, outcome).saying(&what),
    }
}

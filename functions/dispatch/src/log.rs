//! The log lines of an attempt and of a copy.

use convention::codes::FailureClass;
use convention::delivery::TraceHeader;
use convention::delivery::{AttemptMessage, AttemptNumber, EXCHANGE_DEADLINE, Outcome, Status, is_late};
use convention::notification::InteractionId;
use jiff::SignedDuration;
use mtls::revocation::Mechanism;
use platform::aws::AttemptRecord;
use platform::telemetry::logged_client_id;

/// Writes the one line of an attempt: identifiers and codes, nothing of the body.
///
/// Its bytes are paid for, so 530 are the most: what is as usual is left out, and what TLS agreed on is in the ledger. Metric
/// filters of `infra/operations.yaml` read its sentence, `client_id` and `outcome`.
pub(crate) fn attempt_ended(
    message: &AttemptMessage,
    record: &AttemptRecord,
    outcome: &Outcome,
    revocation: Option<Mechanism>,
) {
    let (findings, fault) = match outcome {
        Outcome::Delivered { findings, .. } => {
            (findings.iter().map(|finding| finding.code()).collect(), None)
        }
        Outcome::Failed(failure) => (Vec::new(), failure.class().map(FailureClass::as_str)),
    };
    let is_replay = message.replay_of.is_some();
    let event = message.change.event_instant.timestamp();
    let is_first = message.attempt == AttemptNumber::FIRST && !is_replay;
    let since_event = record.started.duration_since(event);
    tracing::info!(
        notification_id = message.notification.as_str(),
        interaction_id = record.interaction_id.as_str(),
        client_id = logged_client_id(&message.change.client_id),
        authorisation_server = message.authorisation_server,
        endpoint = message.resource.endpoint.row().code,
        attempt = record.attempt.get(),
        url_api_version = record.url_api_version.map(tracing::field::display),
        outcome = outcome.code(),
        fault,
        status = record.status,
        duration_ms = record.ended.map(|ended| millis(ended.duration_since(record.started))),
        deadline_s = (record.within < EXCHANGE_DEADLINE).then_some(record.within.as_secs()),
        since_event_ms = (!is_replay).then(|| millis(since_event)),
        late = (is_first && is_late(event, record.started)).then_some(true),
        replay = is_replay.then_some(true),
        findings = (!findings.is_empty()).then(|| findings.join(",")),
        revocation = revocation.filter(|by| *by != Mechanism::Crl).map(Mechanism::as_str),
        trace = message.trace.as_ref().map(TraceHeader::id),
        "An attempt ended."
    );
}

/// Writes that an attempt never came to its end. Metric filters read its sentence and `client_id`.
pub(crate) fn attempt_interrupted(
    message: &AttemptMessage,
    (attempt, interaction_id): (AttemptNumber, InteractionId),
) {
    tracing::warn!(
        notification_id = %message.notification,
        interaction_id = %interaction_id,
        client_id = logged_client_id(&message.change.client_id),
        authorisation_server = message.authorisation_server,
        attempt = attempt.get(),
        "An attempt was interrupted; whether it arrived is not known."
    );
}

/// Writes that a copy of a message is of no more use.
pub(crate) fn copy_dropped(message: &AttemptMessage, status: Status) {
    tracing::info!(
        notification_id = %message.notification,
        attempt = message.attempt.get(),
        status = status.as_str(),
        "A copy of a message is dropped."
    );
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use convention::codes::{Code, Effect};
    use convention::delivery::{Failure, Finding};
    use convention::notification::{ApiVersion, StateChange};
    use jiff::Timestamp;
    use platform::rng::Rng;
    use platform::telemetry::{Written, json_lines};
    use serde_json::{Value, json};
    use tracing::level_filters::LevelFilter;
    use tracing::subscriber::with_default;

    use super::*;

    /// The most bytes of the line, its end included.
    const MAX_BYTES: usize = 530;

    /// Returns what the log that runs on AWS has of an attempt.
    fn line(
        message: &AttemptMessage,
        (within, url_api_version): (Duration, Option<ApiVersion>),
        outcome: &Outcome,
        revocation: Mechanism,
    ) -> String {
        let started: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        let record = AttemptRecord {
            attempt: message.attempt,
            interaction_id: InteractionId::new(message.notification.partition(), Rng::from_fn(|| 0).bits()),
            started,
            within,
            ended: Some(started + SignedDuration::from_millis(15_999)),
            base_uri: "https://itp.example.com".to_owned(),
            url_api_version,
            outcome: Some(outcome.code()),
            status: outcome.status(),
            address: None,
            tls: Some("TLSv1_3 TLS13_AES_256_GCM_SHA384".into()),
        };
        let written = Written::default();
        let writer = written.clone();
        with_default(json_lines(LevelFilter::INFO, move || writer.clone()), || {
            attempt_ended(message, &record, outcome, Some(revocation));
        });
        let lines = written.take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        // With the end of the line, which is paid for, too.
        format!("{}\n", lines[0])
    }

    fn message(client_id: &str, event_instant: &str) -> AttemptMessage {
        let change = json!({
            "client_id": client_id, "api": "payments", "resource": "pix_payment", "resource_id": "p-1", "api_version": "v5",
            "from": "RCVD", "to": "ACSC", "event_instant": event_instant,
        });
        let change = StateChange::from_json(&change, "").unwrap();
        let first = AttemptMessage::first(change, "2026-03-10T12:00:00Z".parse().unwrap()).unwrap();
        let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".parse().ok();
        AttemptMessage { trace, ..first }
    }

    #[test]
    fn the_line_of_an_attempt_leaves_out_what_is_as_usual() {
        let delivered = Outcome::Delivered { status: 202, findings: vec![] };
        let message = message("itp-1", "2026-03-10T11:59:59.788Z");
        let line = line(&message, (EXCHANGE_DEADLINE, None), &delivered, Mechanism::Crl);
        let fields: Value = serde_json::from_str(&line).unwrap();
        let interaction_id = fields["interaction_id"].clone();
        assert_eq!(
            fields,
            json!({
                "level": "INFO", "message": "An attempt ended.", "notification_id": message.notification.as_str(),
                "interaction_id": interaction_id, "client_id": "itp-1", "endpoint": "E2", "attempt": 1,
                "outcome": "delivered", "status": 202, "duration_ms": 15_999, "since_event_ms": 212,
                "trace": "1-5759e988-bd862e3fe1be46a994272793",
            })
        );
        assert!(line.len() < 350, "{}: {line}", line.len());
    }

    #[test]
    fn the_line_of_an_attempt_has_530_bytes_at_most() {
        let unusual = (Duration::from_secs(3), Some("v10".parse().unwrap()));
        let findings =
            vec![Finding::MismatchedResponseInteractionId, Finding::ReceiverWithoutMtls, Finding::BodyCut];
        let delivered = Outcome::Delivered { status: 202, findings };
        let failures =
            [Failure::ClientCertificateRefused, Failure::Nonconformant2xx(299), Failure::RevocationUnknown];
        let of_attempts = Code::ALL.iter().filter(|code| code.row().effect == Effect::Failed);
        let longest_code = of_attempts.map(|code| code.as_str().len()).max();
        assert!(failures.iter().any(|failure| Some(failure.code().len()) == longest_code));
        // An event of three months ago, and a client id of 128 characters. A longer one makes the line longer by as much.
        let first = message(&"c".repeat(128), "2025-12-01T12:00:00Z");
        let third = first.again(AttemptNumber::try_from(3).unwrap(), Timestamp::UNIX_EPOCH);
        for message in [first.clone(), third, first.replay()] {
            for outcome in failures.map(Outcome::Failed).into_iter().chain([delivered.clone()]) {
                let line = line(&message, unusual, &outcome, Mechanism::Soft);

                assert!(line.len() <= MAX_BYTES, "{}: {line}", line.len());
                assert!(
                    serde_json::from_str::<Value>(&line).unwrap()["trace"].is_string()
                        || message.replay_of.is_some()
                );
            }
        }
    }
}

//! A notification as text.

use std::io::{self, Write};

use convention::delivery::{AttemptView, NotificationView, Status};
use terminal::{Align, Table};

/// Writes a notification and its attempts.
pub(super) fn write(out: &mut impl Write, shown: &NotificationView) -> io::Result<()> {
    writeln!(out, "notification {}", shown.notification_id)?;
    writeln!(out, "  {}", standing(shown))?;
    let mut table = Table::new([Align::Left; 2]).indented(2);
    if let Some(original) = &shown.replay_of {
        table.row(["replay of", &format!("{original}, which was given up")]);
    }
    let version =
        shown.api_version.as_ref().map(|version| format!(", API version {version}")).unwrap_or_default();
    table.row(["resource", &format!("{} ({}{version})", shown.resource_id, shown.endpoint)]);
    let server =
        shown.authorisation_server.as_ref().map(|server| format!(" of authorisation server {server}"));
    table.row(["receiver", &format!("{}{}", shown.client_id, server.unwrap_or_default())]);
    table.row(["event", &shown.event_instant]);
    if let Some(accepted) = shown.accepted_at {
        table.row(["accepted", &accepted.to_string()]);
    }
    for attempt in &shown.attempts {
        add_attempt(&mut table, attempt);
    }
    writeln!(out, "{table}")
}

fn standing(shown: &NotificationView) -> String {
    match shown.status.parse() {
        Ok(Status::Attempting) => "an attempt is under way, or its process stopped".to_owned(),
        Ok(Status::Waiting) => "an attempt failed; the next one waits in the queue".to_owned(),
        Ok(Status::Delivered) => "delivered: the receiver accepted it".to_owned(),
        Ok(Status::Undelivered) => {
            let why = match &shown.reason {
                Some(code) => format!("a fault of ours kept it from being sent: {code}"),
                None => "three attempts failed".to_owned(),
            };
            format!("undelivered: {why} (`arauto replay` sends such notifications again)")
        }
        Ok(Status::Cancelled) => {
            let reason = shown.reason.as_deref().unwrap_or("no reason is known");
            format!("cancelled: {reason}")
        }
        Err(()) => shown.status.clone(),
    }
}

fn add_attempt(table: &mut Table<2>, attempt: &AttemptView) {
    let outcome = match (&attempt.outcome, attempt.status) {
        (Some(outcome), Some(status)) => format!("{outcome} (HTTP {status})"),
        (Some(outcome), None) => outcome.clone(),
        (None, _) => "no outcome is recorded".to_owned(),
    };
    table.row([&format!("attempt {}", attempt.attempt), &outcome]);
    table.row(["  id", &attempt.interaction_id]);
    let started = match attempt.ended_at {
        Some(ended) => {
            let took = ended.duration_since(attempt.started_at).as_millis();
            let granted =
                attempt.deadline_ms.map(|granted| format!(" of {granted} granted")).unwrap_or_default();
            format!("{}, took {took} ms{granted}", attempt.started_at)
        }
        None => format!("{}, no end is recorded", attempt.started_at),
    };
    table.row(["  started", &started]);
    table.row(["  to", &attempt.base_uri]);
    if let Some(version) = &attempt.url_api_version {
        table.row(["  as API", &format!("{version}, by ApiVersionOverrides")]);
    }
    for (name, value) in [("  address", &attempt.address), ("  TLS", &attempt.tls)] {
        if let Some(value) = value {
            table.row([name, value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(status: &str, attempts: Vec<AttemptView>) -> NotificationView {
        NotificationView {
            notification_id: "339c89c7469c6be05b1f0d2a97c3e481".to_owned(),
            status: status.to_owned(),
            client_id: "itp-1".to_owned(),
            authorisation_server: None,
            endpoint: "E2".to_owned(),
            resource_id: "p-1".to_owned(),
            api_version: Some("v5".to_owned()),
            event_instant: "2026-11-22T10:15:30.250Z".to_owned(),
            accepted_at: "2026-11-22T10:15:30.3Z".parse().ok(),
            reason: None,
            replay_of: Some("339c89c7469c6be00000000000000001".to_owned()),
            attempts,
        }
    }

    fn written(shown: &NotificationView) -> String {
        let mut out = Vec::new();
        write(&mut out, shown).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_attempt_is_told_with_its_times_outcome_and_tls() {
        let attempt = AttemptView {
            attempt: 1,
            interaction_id: "339c89c7-469c-46be-a882-45a01e824cda".to_owned(),
            base_uri: "https://itp.example.com/kong3".to_owned(),
            url_api_version: None,
            started_at: "2026-11-22T10:15:30.4Z".parse().unwrap(),
            deadline_ms: Some(15_000),
            ended_at: "2026-11-22T10:15:30.441Z".parse().ok(),
            outcome: Some("server_error".to_owned()),
            status: Some(503),
            address: Some("203.0.113.7:443".to_owned()),
            tls: Some("TLSv1_3 TLS13_AES_256_GCM_SHA384".to_owned()),
        };
        let lost = AttemptView {
            attempt: 2,
            ended_at: None,
            outcome: None,
            status: None,
            address: None,
            tls: None,
            ..attempt.clone()
        };
        let text = written(&shown("attempting", vec![attempt, lost]));
        assert_eq!(
            text,
            "notification 339c89c7469c6be05b1f0d2a97c3e481
  an attempt is under way, or its process stopped
  replay of  339c89c7469c6be00000000000000001, which was given up
  resource   p-1 (E2, API version v5)
  receiver   itp-1
  event      2026-11-22T10:15:30.250Z
  accepted   2026-11-22T10:15:30.3Z
  attempt 1  server_error (HTTP 503)
    id       339c89c7-469c-46be-a882-45a01e824cda
    started  2026-11-22T10:15:30.4Z, took 41 ms of 15000 granted
    to       https://itp.example.com/kong3
    address  203.0.113.7:443
    TLS      TLSv1_3 TLS13_AES_256_GCM_SHA384
  attempt 2  no outcome is recorded
    id       339c89c7-469c-46be-a882-45a01e824cda
    started  2026-11-22T10:15:30.4Z, no end is recorded
    to       https://itp.example.com/kong3

"
        );
    }

    #[test]
    fn a_cancelled_notification_says_why() {
        let mut cancelled = shown("cancelled", vec![]);
        cancelled.reason = Some("no_receiver".to_owned());
        assert!(written(&cancelled).contains("cancelled: no_receiver"));
    }
}

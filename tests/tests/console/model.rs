//! What the console shows of a stack on AWS, made up: a day with one receiver that fails and an alarm that is on.

use std::collections::BTreeMap;

use convention::notification::{Choices, Ecosystem};
use jiff::{SignedDuration, Timestamp};
use pages::Model;
use pages::figures::{Counts, Figures, Range};
use pages::history::History;
use pages::model::{Alarm, Certificate, QueueDepths, Reading, Registered, Undelivered, UndeliveredGroup};
use serde_json::json;

const FAILING: &str = "itp-atlantico";
const NAMES: [&str; 12] = [
    "itp-aurora",
    FAILING,
    "itp-boreal",
    "itp-cerrado",
    "itp-delta",
    "itp-equador",
    "itp-farol",
    "itp-guara",
    "itp-horizonte",
    "itp-ipe",
    "itp-jangada",
    "itp-litoral",
];

/// Makes the model, read just now.
pub(crate) fn of_aws(now: Timestamp) -> Model {
    let metrics = Range::ALL.into_iter().map(|range| (range, read(figures(range, now), now))).collect();
    let since = now - SignedDuration::from_mins(9);
    let reason =
        "Threshold Crossed: 3 out of 3 datapoints were greater than the threshold (300.0).".to_owned();
    let alarm = Alarm { name: "QueueAgeAlarm".to_owned(), since: Some(since), reason };
    let group = UndeliveredGroup {
        receiver: FAILING.to_owned(),
        endpoint: "E2".to_owned(),
        outcome: "timeout".to_owned(),
        count: 412,
        replayed: 12,
        first: now - SignedDuration::from_hours(5),
        last: now - SignedDuration::from_mins(4),
    };
    Model {
        is_local: false,
        history: read(history(now), now),
        metrics: Some(metrics),
        alarms: read(vec![alarm], now),
        queues: read(QueueDepths { waiting: 1_204, in_flight: 180, delayed: 96, dead_lettered: 412 }, now),
        receivers: read(NAMES.iter().map(|name| registered(name)).collect(), now),
        certificates: read(certificates(now), now),
        authorisation_servers: String::new(),
        choices: Some(Choices::default()),
        ecosystem: Ecosystem::default(),
        undelivered: read(Undelivered { groups: vec![group], unreadable: 0 }, now),
    }
}

fn read<T>(value: T, now: Timestamp) -> Reading<T> {
    let mut reading = Reading::default();
    reading.end(Ok(value), now);
    reading
}

/// More at noon than at night; the queue grows at the end.
fn figures(range: Range, now: Timestamp) -> Figures {
    let mut figures = Figures::empty(range, now);
    let parts = figures.parts.len();
    for (index, part) in figures.parts.iter_mut().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "some parts")]
        let into = index as f64 / parts as f64;
        let busy = (into * std::f64::consts::PI).sin().mul_add(900.0, 150.0).round();
        let is_late = index + 4 > parts;
        *part = Counts {
            delivered: busy,
            failed: (busy * if is_late { 0.2 } else { 0.015 }).round(),
            late: is_late.then_some(37.0),
            first_delay_p99_ms: Some(if is_late { 1_740.0 } else { 310.0 }),
            undelivered: if is_late { 96.0 } else { 0.0 },
            own_faults: if is_late { 22.0 } else { 0.0 },
            queue_age_s: Some(if is_late { 408.0 } else { 1.0 }),
            concurrency: Some((busy / 30.0).round()),
        };
        let all = &mut figures.all;
        all.delivered += part.delivered;
        all.failed += part.failed;
        all.undelivered += part.undelivered;
        all.own_faults += part.own_faults;
        let most = |one: Option<f64>, other: Option<f64>| {
            Some(one.unwrap_or_default().max(other.unwrap_or_default()))
        };
        all.late = Some(all.late.unwrap_or_default() + part.late.unwrap_or_default());
        all.first_delay_p99_ms = most(all.first_delay_p99_ms, part.first_delay_p99_ms);
        all.queue_age_s = most(all.queue_age_s, part.queue_age_s);
        all.concurrency = most(all.concurrency, part.concurrency);
    }
    figures
}

fn history(now: Timestamp) -> History {
    let mut history = History::default();
    for number in 0..2_000_usize {
        let name = NAMES[number % NAMES.len()];
        let at = now - SignedDuration::from_secs(i64::try_from(number).unwrap() * 40);
        let fails = name == FAILING && number < 1_000 || number % 61 == 0;
        let mut fields = json!({
            "message": "An attempt ended.", "client_id": name, "notification_id": format!("{number:032x}"),
            "endpoint": "E2", "interaction_id": format!("i-{number}"), "attempt": 1,
            "outcome": if fails { "timeout" } else { "delivered" },
            "duration_ms": if fails { 15_000 } else { 38 + number % 90 },
        });
        if name == "itp-delta" {
            fields["findings"] = json!("receiver_without_mtls");
        }
        history.add(at, fields.as_object().unwrap());
    }
    history.note_read_since(now - SignedDuration::from_hours(24));
    history
}

fn registered(name: &str) -> (String, Registered) {
    let registration = json!({
        "client_id": name, "base_uri": format!("https://{name}.example/webhooks"), "webhook_uris": [],
        "webhook_version": if name == "itp-equador" { "1.1.0" } else { "1.3.0" }, "success_statuses": [202],
        "notify_optional": false, "also_send_x_authorisation_server_id": false,
        "registered_at": "2026-10-01T12:00:00Z", "notifies_since": "2026-10-01T12:00:00Z",
    });
    (
        name.to_owned(),
        Registered { registration: serde_json::from_value(registration).unwrap(), slow_until: None },
    )
}

fn certificates(now: Timestamp) -> BTreeMap<String, Certificate> {
    let of = |(index, name): (usize, &&str)| {
        let days = if *name == "itp-cerrado" { 9 } else { 60 + 17 * i64::try_from(index).unwrap() };
        let valid_until = Some(now + SignedDuration::from_hours(24 * days + 1));
        (format!("{name}.example"), Certificate { valid_until, checked_at: Some(now), is_revoked: false })
    };
    NAMES.iter().enumerate().map(of).collect()
}

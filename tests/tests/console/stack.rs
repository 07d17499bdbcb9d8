//! A stack on MiniStack with what the console reads, and without functions: what they write is put there.

use account::local_stack::LocalStack;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use convention::delivery::{
    AttemptMessage, AttemptNumber, EXCHANGE_DEADLINE, Failure, Hour, Status, Undelivered,
};
use convention::notification::{InteractionId, StateChange};
use jiff::{SignedDuration, Timestamp};
use platform::aws::{AttemptRecord, Begin, Ledger, UndeliveredRows, dynamodb};
use platform::rng::Rng;
use serde_json::{Value, json};
use tests::idle_stack::IdleStack;
use tests::world::now;

/// The output with the ledger's name.
pub(crate) const LEDGER: &str = "LedgerTableName";
/// A receiver that fails.
pub(crate) const RECEIVER: &str = "itp-failing";
/// The outcome of a notification that was given up.
pub(crate) const GIVEN_UP: &str = "connect_timeout";

const QUEUES_AND_LOGS: &str = "
  DeadLetterQueue: { Type: AWS::SQS::Queue }
  NotificationsQueue: { Type: AWS::SQS::Queue }
  DispatchLogGroup: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: dispatch-lines } }
  DirectoryLogGroup: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: directory-lines } }
Outputs:
  NotificationsQueueUrl: { Value: !Ref NotificationsQueue }
  DeadLetterQueueUrl: { Value: !Ref DeadLetterQueue }
  LedgerTableName: { Value: !Ref LedgerTable }
  ReceiversTableName: { Value: !Ref ReceiversTable }
  DirectoryTableName: { Value: !Ref DirectoryTable }
  DispatchLogGroupName: { Value: !Ref DispatchLogGroup }
  DirectoryLogGroupName: { Value: !Ref DirectoryLogGroup }
  DispatchFunctionName: { Value: !Ref DispatchFunction }
  DirectoryFunctionName: { Value: !Ref DispatchFunction }
";

/// A stack, and what is in it.
pub(crate) struct Filled {
    stack: IdleStack,
    /// A notification that waits for its second attempt.
    pub(crate) waiting: String,
    /// When the first notification was given up.
    gave_up_at: Timestamp,
}

impl Filled {
    /// Starts a stack without any row, line or message.
    pub(crate) async fn empty() -> Self {
        let stack = IdleStack::start(QUEUES_AND_LOGS).await.unwrap();
        Self { stack, waiting: String::new(), gave_up_at: now() }
    }

    /// Starts one with receivers, attempts and notifications.
    pub(crate) async fn start() -> Self {
        let mut filled = Self::empty().await;
        filled.register().await;
        filled.log().await;
        filled.attempt().await;
        filled
    }

    pub(crate) fn local(&self) -> LocalStack {
        LocalStack::new(self.stack.port(), self.stack.outputs().clone())
    }

    fn output(&self, name: &str) -> String {
        self.stack.output(name).unwrap().to_owned()
    }

    /// The notification that was given up, as the ledger lists it.
    pub(crate) async fn undelivered(&self, rows: &UndeliveredRows) -> Undelivered {
        rows.of_hour(Hour::of(self.gave_up_at)).await.unwrap().remove(0).unwrap()
    }

    async fn register(&self) {
        let client = dynamodb(&self.stack.sdk_config());
        for (name, version, base_uri) in [
            (RECEIVER, "1.0.0", json!("https://failing.example/hooks")),
            ("itp-fine", "1.3.0", json!("https://fine.example/hooks")),
            ("itp-without", "1.3.0", json!(null)),
        ] {
            let registration = json!({
                "client_id": name, "base_uri": base_uri, "webhook_uris": [], "webhook_version": version,
                "success_statuses": [202], "notify_optional": false, "also_send_x_authorisation_server_id": false,
                "registered_at": "2026-11-22T12:00:00Z", "notifies_since": "2026-11-22T12:00:00Z", "revision": 1,
            });
            let text = |text: String| AttributeValue::S(text);
            let put = client.put_item().table_name(self.output("ReceiversTableName"));
            let put = put
                .item("client_id", text(name.to_owned()))
                .item("registration", text(registration.to_string()));
            put.item("revision", AttributeValue::N("1".to_owned())).send().await.unwrap();
        }
    }

    /// Writes what dispatch and directory log (`docs/logging.md`).
    async fn log(&self) {
        let (now, mut lines) = (now(), Vec::new());
        for minute in 0..90_i64 {
            let at = now - SignedDuration::from_mins(minute) - SignedDuration::from_secs(20);
            for (client, outcome) in
                [(RECEIVER, "timeout"), ("itp-fine", "delivered"), ("itp-fine", "delivered")]
            {
                let number = lines.len();
                let mut line = json!({
                    "level": "INFO", "message": "An attempt ended.", "notification_id": format!("{number:032x}"),
                    "interaction_id": format!("i-{number}"), "client_id": client, "endpoint": "E2", "attempt": 1,
                    "outcome": outcome, "duration_ms": 40 + minute, "since_event_ms": 200,
                });
                match outcome {
                    "delivered" => line["status"] = json!(202),
                    _ => line["fault"] = json!("network"),
                }
                if minute % 9 == 0 {
                    line["late"] = json!(true);
                }
                lines.push((at, line));
            }
        }
        // One success long ago, so that it was reached.
        lines.push((now - SignedDuration::from_hours(20), json!({
            "level": "INFO", "message": "An attempt ended.", "notification_id": format!("{:032x}", 9_999),
            "interaction_id": "i-first", "client_id": RECEIVER, "endpoint": "E1", "attempt": 2, "outcome": "delivered",
            "status": 202, "duration_ms": 55, "findings": "receiver_without_mtls",
        })));
        let own = json!({
            "level": "ERROR", "message": "The message returns to the queue: the fault is ours.", "notification_id": "n",
            "client_id": "itp-fine", "code": "ledger_unavailable",
        });
        lines.push((now - SignedDuration::from_mins(7), own));
        self.put_lines("DispatchLogGroupName", lines).await;
        let registered = json!({
            "level": "INFO", "message": "A client was registered.", "client_id": RECEIVER, "webhook": "enabled",
            "base_uri_changed": true,
        });
        let at = now - SignedDuration::from_hours(30);
        self.put_lines("DirectoryLogGroupName", vec![(at, registered)]).await;
    }

    /// Writes the lines of a day with this many notifications, delivered at the first attempt.
    pub(crate) async fn put_day(&self, count: i64) {
        let (now, step) = (now(), 86_000_000 / count);
        let line = |number: i64| {
            let at = now - SignedDuration::from_millis(number * step + 30_000);
            let line = json!({
                "level": "INFO", "message": "An attempt ended.", "notification_id": format!("{number:032x}"),
                "interaction_id": format!("i-{number}"), "client_id": format!("itp-{}", number % 40), "endpoint": "E2",
                "attempt": 1, "outcome": "delivered", "status": 202, "duration_ms": 40, "since_event_ms": 200,
            });
            (at, line)
        };
        self.put_lines("DispatchLogGroupName", (0..count).map(line).collect()).await;
    }

    async fn put_lines(&self, group: &str, mut lines: Vec<(Timestamp, Value)>) {
        let client = aws_sdk_cloudwatchlogs::Client::new(&self.stack.sdk_config());
        lines.sort_by_key(|(at, _)| *at);
        let group = self.output(group);
        client.create_log_stream().log_group_name(&group).log_stream_name("lines").send().await.unwrap();
        let event = |(at, line): &(Timestamp, Value)| {
            InputLogEvent::builder().timestamp(at.as_millisecond()).message(line.to_string()).build().unwrap()
        };
        // At most 10,000 events a call (`PutLogEvents`, CloudWatch Logs API reference).
        for some in lines.chunks(10_000) {
            let put = client.put_log_events().log_group_name(&group).log_stream_name("lines");
            put.set_log_events(Some(some.iter().map(event).collect())).send().await.unwrap();
        }
    }

    /// Has one notification wait for its second attempt, and one given up.
    async fn attempt(&mut self) {
        let client = dynamodb(&self.stack.sdk_config());
        let ledger = Ledger::new(client.clone(), self.output(LEDGER), SignedDuration::from_hours(24));
        let waiting = message("p-1");
        let mut record = record(&waiting);
        assert!(matches!(ledger.begin(&waiting, &record).await.unwrap(), Begin::Begun));
        (record.ended, record.outcome) = (Some(now()), Some("timeout"));
        ledger.failed(&waiting, &record, Status::Waiting).await.unwrap();
        self.waiting = waiting.notification.to_string();
        let rows = UndeliveredRows::new(client, self.output(LEDGER));
        let message = message("p-2");
        self.gave_up_at = now();
        let undelivered = Undelivered {
            interaction_id: InteractionId::new(message.notification.partition(), Rng::system().bits()),
            message,
            outcome: Failure::ConnectTimeout.code().to_owned(),
            gave_up_at: self.gave_up_at,
            replayed_at: None,
            replayed_by: None,
        };
        assert_eq!(undelivered.outcome, GIVEN_UP);
        rows.keep(&undelivered).await.unwrap();
    }
}

fn message(resource: &str) -> AttemptMessage {
    let change = json!({
        "client_id": RECEIVER, "api": "payments", "resource": "pix_payment", "resource_id": resource, "api_version": "v5",
        "from": "ACPD", "to": "ACSC", "event_instant": now().to_string(),
    });
    AttemptMessage::first(StateChange::from_json(&change, "").unwrap(), now()).unwrap()
}

fn record(message: &AttemptMessage) -> AttemptRecord {
    AttemptRecord {
        attempt: AttemptNumber::FIRST,
        interaction_id: InteractionId::new(message.notification.partition(), Rng::system().bits()),
        started: now(),
        within: EXCHANGE_DEADLINE,
        ended: None,
        base_uri: "https://failing.example/hooks".to_owned(),
        url_api_version: None,
        outcome: None,
        status: None,
        address: None,
        tls: None,
    }
}

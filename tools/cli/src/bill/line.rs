//! Reads billable usage from a log line.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::item::Counts;
use crate::log_line::{ATTEMPT, of_text};

/// The parts of a line that a bill needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// When it was written, if known.
    pub(super) at: Option<Timestamp>,
    /// The attempt that it reports.
    pub(super) attempt: Option<Attempt>,
    /// The usage.
    pub(super) counts: Counts,
}

/// An attempt that ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attempt {
    pub(super) receiver: String,
    pub(super) endpoint: String,
    pub(super) delivered: bool,
    pub(super) ms: u64,
}

/// A message that is read beside [`ATTEMPT`], as in `docs/logging.md`.
const JUDGED: &str = "State changes were judged.";

impl Line {
    /// Parses a line of JSON, or a text line of the local stack; `None` if it is neither.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut line = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Self::of(&fields),
            Ok(_) => return None,
            Err(_) => Self::of(&of_text(text, &[ATTEMPT, JUDGED])?),
        };
        // The line feed is not billed.
        line.counts.log_bytes = text.len() as u64;
        Some(line)
    }

    fn of(fields: &Map<String, Value>) -> Self {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| fields.get(name).and_then(Value::as_u64).unwrap_or_default();
        let mut line = Self::default();
        let metric = fields.get("_aws").and_then(|aws| aws["Timestamp"].as_i64());
        if let Some(ms) = metric {
            line.at = Timestamp::from_millisecond(ms).ok();
            line.counts = used(&number);
            line.counts.dispatches = line.counts.invocations;
        } else if text("type") == "platform.report" {
            let metrics = &fields.get("record").unwrap_or(&Value::Null)["metrics"];
            line.at = text("time").parse().ok();
            line.counts.reports = 1;
            line.counts.reported_mb_ms =
                whole(&metrics["billedDurationMs"]) * whole(&metrics["memorySizeMB"]);
        } else if text("message") == JUDGED {
            line.counts = used(&number);
            // Those of a stream or topic are no calls of the API.
            line.counts.api_calls = if text("source").is_empty() { line.counts.invocations } else { 0 };
        } else if text("message") == ATTEMPT {
            let delivered = text("outcome") == "delivered";
            line.counts.attempts = 1;
            line.counts.delivered = u64::from(delivered);
            let (receiver, endpoint) = (text("client_id").to_owned(), text("endpoint").to_owned());
            line.attempt = Some(Attempt { receiver, endpoint, delivered, ms: number("duration_ms") });
        }
        line
    }
}

/// Reads a whole number, which some writers format as 184.0.
fn whole(value: &Value) -> u64 {
    value.to_string().split('.').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// The counters of `platform::telemetry::Usage`.
fn used(number: &impl Fn(&str) -> u64) -> Counts {
    Counts {
        invocations: number("invocations"),
        ms: number("ms"),
        sqs_requests: number("sqs_requests"),
        table_writes: number("table_writes"),
        table_reads: number("table_reads"),
        secret_requests: number("secret_requests"),
        kms_signatures: number("kms_signatures"),
        kms_requests: number("kms_requests"),
        connections: number("connections"),
        sent_bytes: number("sent_bytes"),
        ..Counts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Counts {
        Counts { log_bytes: 0, ..Line::read(text).unwrap().counts }
    }

    #[test]
    fn a_report_of_lambda_says_what_is_billed() {
        let text = r#"{"time":"2026-11-22T23:59:59.999Z","type":"platform.report","record":{"requestId":"6d68","metrics":
            {"durationMs":183.4,"billedDurationMs":184,"memorySizeMB":256.0,"maxMemoryUsedMB":21},"status":"success"}}"#;
        assert_eq!(counts(text), Counts { reports: 1, reported_mb_ms: 184 * 256, ..Counts::default() });
        assert_eq!(Line::read(text).unwrap().at.unwrap().to_string(), "2026-11-22T23:59:59.999Z");
    }

    #[test]
    fn the_same_attempt_is_read_of_json_and_of_text() {
        let json = r#"{"level":"INFO","message":"An attempt ended.","notification_id":"339c","client_id":"itp-1",
            "endpoint":"E2","attempt":1,"outcome":"delivered","status":202,"duration_ms":41}"#;
        let text = r#" INFO An attempt ended. notification_id=339c client_id="itp-1" endpoint=E2 attempt=1 outcome="delivered" status=202 duration_ms=41"#;
        let of = |text| Line::read(text).unwrap().attempt.unwrap();
        assert_eq!(of(json), of(text));
        assert_eq!((of(json).ms, of(json).delivered, counts(text).attempts), (41, true, 1));
    }

    #[test]
    fn records_of_a_stream_are_no_calls_of_the_api() {
        let by_api = r#"{"message":"State changes were judged.","accepted":1,"invocations":1}"#;
        let by_stream =
            r#"{"message":"State changes were judged.","source":"kinesis","accepted":1,"invocations":1}"#;
        let text = r#" INFO State changes were judged. source="kafka" accepted=1 invocations=1"#;
        assert_eq!([by_api, by_stream, text].map(|line| counts(line).api_calls), [1, 0, 0]);
    }

    #[test]
    fn another_log_line_is_ignored() {
        for text in ["START RequestId: 6d68", "[]", "12", "", "{\"level\":"] {
            assert_eq!(Line::read(text), None, "{text}");
        }
        // Other lines are billed as well.
        assert_eq!(Line::read("{\"a\":1}").unwrap().counts.log_bytes, 7);
    }
}

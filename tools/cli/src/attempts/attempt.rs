//! An attempt as its log line tells it (docs/logging.md, "An attempt").

use anstyle::{AnsiColor, Style};
use convention::notification::{ClientId, Endpoint};
use jiff::{SignedDuration, Timestamp};
use platform::telemetry::{client_phrase, field_text, logged_client_id};
use serde_json::{Map, Value, json};

use crate::log_line::{ATTEMPT, of_line};

/// Which attempts are wanted. Several values of one field widen it, several fields narrow it.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The clients; empty means all.
    pub clients: Vec<ClientId>,
    /// The endpoints; empty means all.
    pub endpoints: Vec<Endpoint>,
    /// The outcomes; empty means all.
    pub outcomes: Vec<String>,
    /// Only attempts that failed.
    pub failed: bool,
}

/// An attempt that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// When its line was written.
    pub at: Timestamp,
    fields: Map<String, Value>,
}

impl Selection {
    /// The filter pattern for `CloudWatch` Logs: the message, and the client where one is asked for.
    ///
    /// Only phrases, which match text and JSON alike; what a pattern lets through is selected again by its fields.
    pub fn pattern(&self) -> String {
        let message = format!("\"{ATTEMPT}\"");
        match self.clients.as_slice() {
            [client] => {
                client_phrase(client).map_or_else(|| message.clone(), |client| format!("{message} {client}"))
            }
            _ => message,
        }
    }

    /// Reads the attempt of a line, if it is one and selected.
    pub fn read(&self, at: Timestamp, line: &str) -> Option<Attempt> {
        let attempt = Attempt { at, fields: of_line(line.trim_end(), &[ATTEMPT])? };
        let takes = |wanted: &[String], name: &str| {
            wanted.is_empty() || wanted.iter().any(|value| *value == attempt.text(name))
        };
        let clients: Vec<_> = self.clients.iter().map(|client| logged_client_id(client).to_owned()).collect();
        let endpoints: Vec<_> =
            self.endpoints.iter().map(|endpoint| endpoint.row().code.to_owned()).collect();
        let wanted = takes(&clients, "client_id")
            && takes(&endpoints, "endpoint")
            && takes(&self.outcomes, "outcome")
            && !(self.failed && attempt.is_delivered());
        wanted.then_some(attempt)
    }
}

impl Attempt {
    fn text(&self, name: &str) -> String {
        field_text(&self.fields, name).unwrap_or_default()
    }

    fn is_delivered(&self) -> bool {
        self.text("outcome") == "delivered"
    }

    /// Client, notification and begin of an attempt that delivered.
    pub fn delivery(&self) -> Option<(String, String, Timestamp)> {
        let lasted = self.fields.get("duration_ms").and_then(Value::as_i64).unwrap_or_default();
        let began = self.at.checked_sub(SignedDuration::from_millis(lasted)).ok()?;
        self.is_delivered().then(|| (self.text("client_id"), self.text("notification_id"), began))
    }

    /// The fields of the line, with its time.
    pub fn to_json(&self) -> Value {
        let mut fields = self.fields.clone();
        for name in ["level", "message", "span", "spans", "target", "timestamp"] {
            fields.remove(name);
        }
        fields.insert("at".to_owned(), json!(self.at.to_string()));
        fields.into()
    }

    /// The cells of its row, and how its outcome, the last one, is painted.
    pub fn row(&self) -> ([String; 6], String, Style) {
        let ms = |name: &str| {
            Some(self.text(name)).filter(|text| !text.is_empty()).map(|text| format!("{text} ms"))
        };
        let cells = [
            format!("{:.3}", self.at),
            self.text("client_id"),
            self.text("endpoint"),
            self.text("attempt"),
            ms("duration_ms").unwrap_or_default(),
            self.text("notification_id"),
        ];
        let status = Some(self.text("status"))
            .filter(|status| !status.is_empty())
            .map(|status| format!("HTTP {status}"));
        let more: Vec<_> =
            [self.text("fault")].into_iter().filter(|fault| !fault.is_empty()).chain(status).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        let color = if self.is_delivered() { AnsiColor::Green } else { AnsiColor::Red };
        (cells, format!("{}{more}", self.text("outcome")), color.on_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"level":"INFO","message":"An attempt ended.","notification_id":"339c","interaction_id":"339c-1","client_id":"itp-1","endpoint":"E2","attempt":1,"outcome":"server_error","fault":"receiver","status":503,"duration_ms":41}"#;
    const TEXT: &str = r#" INFO An attempt ended. notification_id=339c interaction_id=339c-1 client_id="itp-1" endpoint=E2 attempt=1 outcome="server_error" fault="receiver" status=503 duration_ms=41"#;

    fn read(selection: &Selection, line: &str) -> Option<Attempt> {
        selection.read(Timestamp::UNIX_EPOCH, line)
    }

    #[test]
    fn a_line_of_json_and_one_of_text_are_the_same_attempt() {
        let [json, text] = [JSON, TEXT].map(|line| read(&Selection::default(), line).unwrap());
        assert_eq!(json.to_json(), text.to_json());
        assert_eq!(json.to_json()["at"], "1970-01-01T00:00:00Z");
        let (cells, outcome, _) = json.row();
        assert_eq!(cells, ["1970-01-01T00:00:00.000Z", "itp-1", "E2", "1", "41 ms", "339c"]);
        assert_eq!(outcome, "server_error (receiver, HTTP 503)");
        for other in
            ["START", "{}", "[]", r#"{"message":"The notification is cancelled.","client_id":"itp-1"}"#]
        {
            assert_eq!(read(&Selection::default(), other), None, "{other}");
        }
    }

    #[test]
    fn a_line_is_selected_by_its_fields_whatever_the_pattern_let_through() {
        let client = |id: &str| id.parse::<ClientId>().unwrap();
        let all = Selection {
            clients: vec![client("itp-2"), client("itp-1")],
            endpoints: vec![Endpoint::PixPayment],
            outcomes: vec!["server_error".to_owned()],
            failed: true,
        };
        assert!(read(&all, JSON).is_some() && read(&all, &JSON.replace("E2", "E1")).is_none());
        assert!(read(&all, &JSON.replace("itp-1", "itp-11")).is_none());
        assert!(read(&all, &JSON.replace("server_error", "delivered")).is_none());
        assert_eq!(all.pattern(), "\"An attempt ended.\"");
        let long = "x".repeat(50);
        let one = Selection { clients: vec![client(&long)], ..Selection::default() };
        assert_eq!(one.pattern(), format!("\"An attempt ended.\" \"{}\"", "x".repeat(43)));
        assert!(read(&one, &JSON.replace("itp-1", &"x".repeat(43))).is_some());
    }
}

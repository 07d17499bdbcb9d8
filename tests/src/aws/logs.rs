//! The log group of dispatch, as far as it is read: `FilterLogEvents` with phrases.

use jiff::Timestamp;
use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Logs {
    /// Ordered by time; lines of one time as they were written.
    lines: Vec<(i64, String)>,
    at_once: usize,
}

impl Default for Logs {
    fn default() -> Self {
        Self { lines: Vec::new(), at_once: usize::MAX }
    }
}

impl Logs {
    pub(super) fn put(&mut self, at: Timestamp, line: &str) {
        self.lines.push((at.as_millisecond(), line.to_owned()));
        self.lines.sort_by_key(|(at, _)| *at);
    }

    pub(super) fn looks_at(&mut self, at_once: usize) {
        self.at_once = at_once;
    }

    /// Answers one request. A token names the line that comes next, and the request that it was given for.
    pub(super) fn filter(&self, input: &Value) -> (u16, Value) {
        let mut asked = input.clone();
        let token = asked.as_object_mut().and_then(|asked| asked.remove("nextToken"));
        let asked = asked.to_string();
        let first = match token.as_ref().map(|token| token.as_str().and_then(|token| token.split_once(' '))) {
            None => 0,
            Some(Some((first, of))) if asked == of => first.parse().expect("a number"),
            Some(_) => return (400, json!({ "__type": "InvalidParameterException" })),
        };
        let number = |name: &str| input[name].as_i64().expect("a number");
        let limit = input["limit"].as_i64().unwrap_or(10_000);
        let (from, to) = (number("startTime"), number("endTime"));
        let pattern = input["filterPattern"].as_str().expect("a pattern");
        let phrases: Vec<_> = pattern.split('"').filter(|phrase| !phrase.trim().is_empty()).collect();
        let in_window: Vec<_> = self.lines.iter().filter(|(at, _)| (from..=to).contains(at)).collect();
        let (mut events, mut next) = (Vec::new(), None);
        for (index, (at, line)) in in_window.iter().enumerate().skip(first) {
            if index - first >= self.at_once || i64::try_from(events.len()).is_ok_and(|len| len >= limit) {
                next = Some(format!("{index} {asked}"));
                break;
            }
            if phrases.iter().all(|phrase| line.contains(phrase)) {
                events.push(json!({ "timestamp": at, "message": line, "eventId": index.to_string() }));
            }
        }
        let mut answer = json!({ "events": events, "searchedLogStreams": [] });
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        (200, answer)
    }
}

//! Metrics in CloudWatch's embedded metric format: one line of JSON on standard output, which costs no request.
//!
//! Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of every metric.
const NAMESPACE: &str = "Arauto";
/// The dimension that every metric has: bounded, and what an alarm of the template can name.
const DIMENSION: &str = "FunctionName";
/// The dimension of what is counted by code; the codes are few and stable.
const CODE: &str = "Code";

/// What a metric's value counts, in CloudWatch's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// How often something happened.
    Count,
    /// Seconds.
    Seconds,
    /// Something that CloudWatch has no word for, for example days.
    None,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::None => "None",
        }
    }
}

/// Writes metrics of one function.
#[derive(Clone)]
pub struct Metrics {
    function: String,
    write: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Metrics {
    /// Writes to standard output, where Lambda takes them up.
    pub fn stdout(function: String) -> Self {
        // Nobody at the other end is no reason to fail: a metric is lost, no notification.
        Self::to(function, |line| writeln!(io::stdout().lock(), "{line}").unwrap_or_default())
    }

    /// Writes each line with a function.
    pub fn to(function: String, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { function, write: Arc::new(write) }
    }

    /// Records one value. `context` goes beside it for whoever searches the log: identifiers and codes only.
    pub fn record(
        &self,
        now: Timestamp,
        (name, value, unit): (&'static str, f64, Unit),
        context: &[(&'static str, &str)],
    ) {
        self.write(now, (name, value, unit), &[DIMENSION], context);
    }

    /// Counts one occurrence of what this stable code says, apart from those of other codes.
    pub fn count(&self, now: Timestamp, name: &'static str, code: &'static str) {
        self.write(now, (name, 1.0, Unit::Count), &[DIMENSION, CODE], &[(CODE, code)]);
    }

    fn write(
        &self,
        now: Timestamp,
        (name, value, unit): (&'static str, f64, Unit),
        dimensions: &[&'static str],
        beside: &[(&'static str, &str)],
    ) {
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [dimensions],
                    "Metrics": [{ "Name": name, "Unit": unit.as_str() }],
                }],
            }),
        );
        line.insert(DIMENSION.to_owned(), Value::from(self.function.as_str()));
        line.insert(name.to_owned(), Value::from(value));
        for (field, text) in beside {
            line.insert((*field).to_owned(), Value::from(*text));
        }
        (self.write)(&Value::Object(line).to_string());
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("function", &self.function).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_metric_is_one_line_that_names_its_value_unit_and_dimension() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let metrics = Metrics::to("directory-1".to_owned(), move |line| {
            written.lock().unwrap().push(line.to_owned());
        });
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        metrics.record(now, ("Findings", 3.0, Unit::Count), &[("client_id", "itp-1")]);
        let lines = lines.lock().unwrap();
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_795_348_800_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Arauto",
                        "Dimensions": [["FunctionName"]],
                        "Metrics": [{ "Name": "Findings", "Unit": "Count" }],
                    }],
                },
                "FunctionName": "directory-1",
                "Findings": 3.0,
                "client_id": "itp-1",
            })
        );
    }

    #[test]
    fn what_is_counted_by_code_has_the_code_as_a_dimension() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let metrics = Metrics::to("dispatch-1".to_owned(), move |line| {
            written.lock().unwrap().push(line.to_owned());
        });
        metrics.count("2026-11-22T12:00:00Z".parse().unwrap(), "OwnFaults", "panic");
        let lines = lines.lock().unwrap();
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["FunctionName", "Code"]]));
        assert_eq!((&line["OwnFaults"], &line["Code"]), (&json!(1.0), &json!("panic")));
    }
}

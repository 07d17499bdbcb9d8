//! Metrics in CloudWatch's embedded metric format: one line of JSON on standard output, which costs no request.
//!
//! Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use std::fmt;
use std::io::{Write as _, stdout};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::usage_meter::Used;

/// The namespace of every metric.
const NAMESPACE: &str = "Arauto";
/// The dimension of every metric. It is bounded, and alarms in the template can name it.
const FUNCTION: &str = "FunctionName";
/// The dimension of metrics by version of the function, which a deployment in steps compares.
const VERSION: &str = "Version";
/// Lambda's name of the unpublished version.
const UNPUBLISHED: &str = "$LATEST";
/// The dimension of metrics by code; the codes are few and stable.
pub const CODE: &str = "Code";
/// Records of sources that are no valid state changes, by source.
const REJECTED_CHANGES: &str = "RejectedChanges";
const SOURCE: &str = "Source";
/// Maximum number of values of one metric in a line; CloudWatch drops a metric with more.
pub const MAX_ARRAY: usize = 100;

/// The unit of a metric, as CloudWatch names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// A number of occurrences.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// A unit that CloudWatch does not have, for example days.
    None,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::None => "None",
        }
    }
}

/// Writes the metrics of one function.
#[derive(Clone)]
pub struct Metrics {
    function: String,
    version: String,
    write: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Metrics {
    /// Writes to standard output, which Lambda collects.
    pub fn stdout(function: String) -> Self {
        // A failed write must not fail the function: it loses a metric but no notification. The line includes its
        // end, because standard output is written once for each piece it is given.
        Self::to(function, |line| stdout().write_all(format!("{line}\n").as_bytes()).unwrap_or_default())
    }

    /// Passes each line to this function.
    pub fn to(function: String, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { function, version: UNPUBLISHED.to_owned(), write: Arc::new(write) }
    }

    /// Sets the version of the function that writes the metrics.
    #[must_use]
    pub fn of_version(self, version: String) -> Self {
        Self { version, ..self }
    }

    /// Records one value. `context` adds fields for searches of the log: identifiers and codes only.
    pub fn record(
        &self,
        now: Timestamp,
        (name, value, unit): (&'static str, f64, Unit),
        context: &[(&'static str, &str)],
    ) {
        let line = Line::of(&[]).with(name, unit, &[value]);
        self.write(now, &context.iter().fold(line, |line, (field, text)| line.beside(field, text)));
    }

    /// Records an age in whole seconds.
    pub fn record_age(&self, now: Timestamp, name: &'static str, since: Timestamp) {
        let seconds = now.duration_since(since).as_secs_f64().floor();
        self.record(now, (name, seconds, Unit::Seconds), &[]);
    }

    /// Counts occurrences of this stable code.
    pub fn count(&self, now: Timestamp, name: &'static str, code: &'static str, times: u32) {
        let line = Line::of(&[CODE]).with(name, Unit::Count, &[f64::from(times)]);
        self.write(now, &line.beside(CODE, code));
    }

    /// Writes a line.
    pub fn write(&self, now: Timestamp, line: &Line) {
        let whole = Whole { line, now, function: &self.function, version: &self.version };
        (self.write)(&serde_json::to_string(&whole).expect("a line serialises"));
    }
}

/// Returns the line that counts rejected records of a source.
pub fn rejected_changes(source: &'static str, times: u32) -> Line {
    let line = Line::of(&[SOURCE]).with(REJECTED_CHANGES, Unit::Count, &[f64::from(times)]);
    line.beside(SOURCE, source)
}

/// Metrics written as one line. Each has the dimension of the function, and further dimensions if the line has any. With
/// [`Line::by_version`], each is recorded a second time by the function's version.
#[derive(Clone, Debug)]
pub struct Line {
    directive: Directive,
    fields: Vec<(&'static str, Field)>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: Vec<Vec<&'static str>>,
    metrics: Vec<Metric>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
}

/// A field of a line besides its directives.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Field {
    Value(Number),
    Values(Vec<Number>),
    Count(u64),
    Text(String),
}

/// A value. Whole numbers are written without a fraction to save billed bytes.
#[derive(Clone, Copy, Debug)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number that is not larger than this")]
        match self.0 {
            value if value.fract() == 0.0 && value.abs() < 1e15 => serializer.serialize_i64(value as i64),
            value => serializer.serialize_f64(value),
        }
    }
}

/// A line with the fields shared by all lines of a writer.
struct Whole<'a> {
    line: &'a Line,
    now: Timestamp,
    function: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: [&'a Directive; 1],
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = serializer.serialize_map(None)?;
        let (timestamp, cloud_watch_metrics) = (self.now.as_millisecond(), [&self.line.directive]);
        whole.serialize_entry("_aws", &Metadata { timestamp, cloud_watch_metrics })?;
        whole.serialize_entry(FUNCTION, self.function)?;
        if self.line.directive.dimensions.len() > 1 {
            whole.serialize_entry(VERSION, self.version)?;
        }
        for (name, field) in &self.line.fields {
            whole.serialize_entry(name, field)?;
        }
        whole.end()
    }
}

impl Line {
    /// Starts a line whose metrics have these dimensions besides the function.
    pub fn of(dimensions: &[&'static str]) -> Self {
        let dimensions = vec![[&[FUNCTION], dimensions].concat()];
        let directive = Directive { namespace: NAMESPACE, dimensions, metrics: Vec::with_capacity(2) };
        Self { directive, fields: Vec::with_capacity(8) }
    }

    /// Records the metrics by the version of the function too, all codes together. Each costs another metric a month.
    #[must_use]
    pub fn by_version(mut self) -> Self {
        self.directive.dimensions.push(vec![FUNCTION, VERSION]);
        self
    }

    /// Records the metrics by the function alone too, all codes together.
    #[must_use]
    pub fn by_function(mut self) -> Self {
        self.directive.dimensions.push(vec![FUNCTION]);
        self
    }

    /// Adds a metric with its values, at most [`MAX_ARRAY`]; nothing if there are none.
    #[must_use]
    pub fn with(mut self, name: &'static str, unit: Unit, values: &[f64]) -> Self {
        let field = match values {
            [] => return self,
            [value] => Field::Value(Number(*value)),
            values => Field::Values(values.iter().copied().map(Number).collect()),
        };
        let unit = (unit != Unit::None).then(|| unit.as_str());
        self.directive.metrics.push(Metric { name, unit });
        self.fields.push((name, field));
        self
    }

    /// Adds the value of a dimension, or a field that is not measured: identifiers and codes only.
    #[must_use]
    pub fn beside(mut self, field: &'static str, text: &str) -> Self {
        self.fields.push((field, Field::Text(text.to_owned())));
        self
    }

    /// Adds the billable usage as fields. It is not a metric, because each metric is billed monthly.
    #[must_use]
    pub fn using(mut self, used: &Used) -> Self {
        self.fields.extend(used.fields().map(|(field, count)| (field, Field::Count(count))));
        self
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

    use serde_json::{Value, json};

    use super::*;

    fn written(write: impl FnOnce(&Metrics, Timestamp)) -> Value {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let metrics = Metrics::to("dispatch-1".to_owned(), move |line| {
            written.lock().unwrap().push(line.to_owned());
        });
        write(&metrics, "2026-11-22T12:00:00Z".parse().unwrap());
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1);
        serde_json::from_str(&lines[0]).unwrap()
    }

    #[test]
    fn a_metric_is_one_line_that_names_its_value_unit_and_dimension() {
        let line = written(|metrics, now| {
            metrics.record(now, ("Findings", 3.0, Unit::Count), &[("client_id", "itp-1")]);
        });
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
                "FunctionName": "dispatch-1",
                "Findings": 3,
                "client_id": "itp-1",
            })
        );
    }

    #[test]
    fn a_metric_by_code_has_the_code_as_a_dimension() {
        let line = written(|metrics, now| metrics.count(now, "OwnFaults", "panic", 2));
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["FunctionName", "Code"]]));
        assert_eq!((&line["OwnFaults"], &line["Code"]), (&json!(2), &json!("panic")));
    }

    #[test]
    fn a_line_holds_several_metrics_and_none_that_has_no_values() {
        let line = written(|metrics, now| {
            let line = Line::of(&["Class"]).with("Delivered", Unit::None, &[1.0, 0.0]);
            let line = line.with("Delay", Unit::Milliseconds, &[12.5]).with("Nothing", Unit::None, &[]);
            metrics.write(now, &line.beside("Class", "tls"));
        });
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"],
            json!([{
                "Namespace": "Arauto",
                "Dimensions": [["FunctionName", "Class"]],
                "Metrics": [{ "Name": "Delivered" }, { "Name": "Delay", "Unit": "Milliseconds" }],
            }])
        );
        assert_eq!((&line["Delivered"], &line["Delay"]), (&json!([1, 0]), &json!(12.5)));
        assert_eq!((&line["Class"], line.get("Nothing")), (&json!("tls"), None));
    }

    #[test]
    fn what_versions_are_compared_by_is_kept_by_the_version_too() {
        let line = written(|metrics, now| {
            let line = Line::of(&[CODE]).by_version().with("OwnFaults", Unit::Count, &[1.0]);
            metrics.clone().of_version("12".to_owned()).write(now, &line.beside(CODE, "panic"));
        });
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["FunctionName", "Code"], ["FunctionName", "Version"]])
        );
        assert_eq!(line["Version"], "12");
    }
}

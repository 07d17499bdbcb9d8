//! What is measured of each receiver: the metric filters of the template, evaluated on what dispatch really logs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::aws::Fault;
use tests::log::listen;
use tests::template::{Template, resources};

use super::alarms::{TEMPLATE, Watched, alarms, selected, text};
use super::evaluate::{is_on, statistic};
use super::play::{Play, SECOND};

/// A filter of the template: what it asks of a line, and what it makes of one.
struct Filter {
    asks: Vec<Ask>,
    value: f64,
    /// The field that the dimension is taken from.
    receiver: String,
    makes: Watched,
}

/// One comparison of a pattern. In CloudWatch's syntax `*` is any value.
struct Ask {
    field: String,
    equal: bool,
    value: Option<String>,
}

impl Ask {
    /// Reads `$.field = "value"`, `$.field != "value"` or `$.field = *`.
    fn parse(text: &str) -> Self {
        let (field, value) = text.split_once('=').unwrap();
        let (field, equal) = field.strip_suffix('!').map_or((field, true), |field| (field, false));
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        assert!(value == "*" || quoted.is_some_and(|value| !value.contains(['"', '*', '\\'])), "{text}");
        Self { field: selector(field.trim()), equal, value: quoted.map(str::to_owned) }
    }

    fn holds(&self, line: &Value) -> bool {
        let Some(found) = line[&self.field].as_str() else { return false };
        self.value.as_ref().is_none_or(|value| (found == value) == self.equal)
    }
}

/// The field that `$.field` selects.
fn selector(text: &str) -> String {
    text.strip_prefix("$.").unwrap_or_else(|| panic!("{text} selects no field")).to_owned()
}

impl Filter {
    fn of(resource: &Value) -> Self {
        let properties = &resource["Properties"];
        assert_eq!(properties["LogGroupName"], "DispatchLogGroup");
        let pattern = text(&properties["FilterPattern"]);
        let asks = pattern.strip_prefix("{ ").and_then(|pattern| pattern.strip_suffix(" }")).unwrap();
        let [makes] = properties["MetricTransformations"].as_array().unwrap().as_slice() else {
            panic!("a filter makes one metric")
        };
        // CloudWatch refuses it beside dimensions.
        assert!(makes["DefaultValue"].is_null());
        let [dimension] = makes["Dimensions"].as_array().unwrap().as_slice() else { panic!("{makes}") };
        Self {
            asks: asks.split(" && ").map(Ask::parse).collect(),
            value: text(&makes["MetricValue"]).parse().unwrap(),
            receiver: selector(text(&dimension["Value"])),
            makes: Watched {
                namespace: format!("${{{}}}", text(&makes["MetricNamespace"])),
                metric: text(&makes["MetricName"]).to_owned(),
                dimensions: vec![text(&dimension["Key"]).to_owned()],
                function: None,
            },
        }
    }

    /// The receiver and the value, if the line is one that is asked for.
    fn value_of(&self, line: &Value) -> Option<(String, f64)> {
        let matches = self.asks.iter().all(|ask| ask.holds(line));
        matches.then(|| (text(&line[&self.receiver]).to_owned(), self.value))
    }
}

fn filters() -> BTreeMap<String, Filter> {
    let all = resources(TEMPLATE).unwrap().into_iter();
    let all = all.filter(|(_, resource)| resource["Type"] == "AWS::Logs::MetricFilter");
    all.map(|(name, resource)| (name, Filter::of(&resource))).collect()
}

/// What the filters make of lines: values by receiver, each beside the filter it is from.
fn measured(lines: &[String]) -> BTreeMap<String, Vec<(String, f64)>> {
    let filters = filters();
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in lines {
        let line = serde_json::from_str(line).unwrap();
        for (name, filter) in &filters {
            if let Some((receiver, value)) = filter.value_of(&line) {
                all.entry(receiver).or_default().push((name.clone(), value));
            }
        }
    }
    all
}

/// Receivers of which one is well and one fails, an attempt of which is interrupted too; and what dispatch logged.
async fn played(well: &str, failing: &str) -> (Play, Vec<String>) {
    let (written, _log) = listen();
    let play = Play::new("202").await;
    let _well = play.functions.receiver(well, "202").await;
    let _failing = play.functions.receiver(failing, "503").await;
    let messages = [play.payment(well, "p-1"), play.payment(well, "p-2")];
    assert_eq!(play.dispatch(&messages).await, 0);
    let lost = [play.payment(failing, "p-3")];
    play.functions.aws.fails("SendMessage", Fault::DENIED);
    assert_eq!(play.dispatch(&lost).await, 1);
    play.functions.aws.recovers();
    // As long as the queue hides it.
    play.functions.test_clock.advance(240 * SECOND);
    assert_eq!(play.dispatch(&lost).await, 0);
    let lines = written.take();
    (play, lines)
}

#[tokio::test]
async fn each_attempt_that_dispatch_logs_is_one_value_of_its_receiver() {
    let (play, lines) = played("itp-2", "itp-3").await;
    let of = |name: &str, value: f64| (name.to_owned(), value);
    let expected = [
        ("itp-2".to_owned(), vec![of("DeliveredFilter", 1.0), of("DeliveredFilter", 1.0)]),
        ("itp-3".to_owned(), vec![of("FailedFilter", 0.0), of("InterruptedFilter", 0.0)]),
    ];
    let measured = measured(&lines);
    assert_eq!(measured, BTreeMap::from(expected));
    // The same as what dispatch measures of all.
    let values: Vec<_> = measured.values().flatten().map(|(_, value)| *value).collect();
    assert_eq!(values, play.functions.metrics.values("Delivered"));

    // Nothing else that was logged counts.
    assert!(lines.len() > values.len(), "{lines:?}");
    let other = json!({ "message": "An attempt ended.", "outcome": "delivered" });
    assert!(filters().values().all(|filter| filter.value_of(&other).is_none()), "no receiver, no value");
}

#[tokio::test]
async fn a_receiver_is_the_id_of_its_client_as_far_as_lines_of_attempts_show_it() {
    let (whole, longest, shown) = ("w".repeat(43), "l".repeat(128), "l".repeat(43));
    let (_, lines) = played(&whole, &longest).await;
    let measured = measured(&lines);
    let counts: BTreeMap<_, _> =
        measured.iter().map(|(receiver, values)| (receiver.as_str(), values.len())).collect();
    assert_eq!(counts, BTreeMap::from([(whole.as_str(), 2), (shown.as_str(), 2)]));
}

#[tokio::test]
async fn the_alarm_is_on_for_the_receiver_that_fails_and_for_no_other() {
    let (_, lines) = played("itp-2", "itp-3").await;
    let alarm = alarms().remove("ReceiverFailingAlarm").unwrap();
    let is_on = |values: &[(String, f64)]| {
        let values: Vec<_> = values.iter().map(|(_, value)| *value).collect();
        is_on(&alarm, &[statistic("AVG", &values); 2])
    };
    let on: Vec<_> =
        measured(&lines).into_iter().map(|(receiver, values)| (receiver, is_on(&values))).collect();
    assert_eq!(on, [("itp-2".to_owned(), false), ("itp-3".to_owned(), true)]);
}

#[test]
fn alarm_and_dashboard_select_what_the_filters_make() {
    let alarm = alarms().remove("ReceiverFailingAlarm").unwrap();
    let query = text(&alarm["Metrics"][0]["Expression"]).to_owned();
    let watched = selected(&query);
    let filters = filters();
    assert_eq!(filters.len(), 3);
    for (name, filter) in &filters {
        assert_eq!(filter.makes, watched, "{name}");
    }
    let resources = resources(TEMPLATE).unwrap();
    let dashboard = text(&resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]).to_owned();
    assert!(dashboard.contains(&format!("{} LIMIT 10", query.replace('"', "\\\""))), "{query}");
    let stack = Template::read("template.yaml").unwrap();
    let given = stack.property("OperationsStack", "Parameters");
    assert_eq!(given["ReceiversNamespace"], "Arauto/${AWS::StackName}");
}

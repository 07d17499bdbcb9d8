//! The last values of metrics: from CloudWatch, or on the local stack, which has none, from the lines that carry them.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric as Named, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::context::Context;
use crate::doctor::answer::{Answer, Unread};
use crate::doctor::measured::Measured;

/// A metric that is looked at.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Metric {
    /// Of the directory's schedule: how many parts of a run failed.
    ReviewFailures,
    /// Of dispatch: the days until the first certificate expires.
    DispatchCertificate,
    /// Of directory: the same, at the Directory's API.
    DirectoryCertificate,
    /// Of evidence: the hours that are left unsealed.
    HoursUnsealed,
    /// Of the queue of notifications: seconds that the oldest one has waited.
    QueueAge,
}

/// The last value of each metric that has one.
pub(crate) type Metrics = BTreeMap<Metric, Measured>;

/// What ran within three hours, as the slowest schedules run every hour.
const WINDOW: SignedDuration = SignedDuration::from_hours(3);
/// Seconds; each value is told with the begin of its period.
const PERIOD: i32 = 300;

impl Metric {
    const ALL: [Self; 5] = [
        Self::ReviewFailures,
        Self::DispatchCertificate,
        Self::DirectoryCertificate,
        Self::HoursUnsealed,
        Self::QueueAge,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::ReviewFailures => "review",
            Self::DispatchCertificate => "dispatch",
            Self::DirectoryCertificate => "directory",
            Self::HoursUnsealed => "unsealed",
            Self::QueueAge => "age",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ReviewFailures => "ReviewFailures",
            Self::DispatchCertificate | Self::DirectoryCertificate => mtls::Expiry::METRIC,
            Self::HoursUnsealed => "HoursUnsealed",
            Self::QueueAge => "ApproximateAgeOfOldestMessage",
        }
    }

    fn statistic(self) -> &'static str {
        match self {
            Self::DispatchCertificate | Self::DirectoryCertificate => "Minimum",
            _ => "Maximum",
        }
    }

    /// The resource whose metric it is.
    fn logical_id(self) -> &'static str {
        match self {
            Self::ReviewFailures | Self::DirectoryCertificate => "DirectoryFunction",
            Self::DispatchCertificate => "DispatchFunction",
            Self::HoursUnsealed => "EvidenceFunction",
            Self::QueueAge => "NotificationsQueue",
        }
    }

    fn query(self, physical_id: &str) -> MetricDataQuery {
        let (namespace, dimension, value) = match self {
            // A queue's URL ends with its name.
            Self::QueueAge => ("AWS/SQS", "QueueName", physical_id.rsplit('/').next().unwrap_or_default()),
            _ => ("Arauto", "FunctionName", physical_id),
        };
        let dimension = Dimension::builder().name(dimension).value(value).build();
        let metric =
            Named::builder().namespace(namespace).metric_name(self.name()).dimensions(dimension).build();
        let stat = MetricStat::builder().metric(metric).period(PERIOD).stat(self.statistic()).build();
        MetricDataQuery::builder().id(self.id()).metric_stat(stat).build()
    }
}

/// Reads the last value of each metric.
pub(crate) async fn read(context: Context<'_>) -> Answer<Metrics> {
    let named: Vec<(Metric, &str)> = Metric::ALL
        .into_iter()
        .filter_map(|metric| Some((metric, context.stack.physical_id(metric.logical_id())?)))
        .collect();
    match context.local {
        Some(local) => {
            let lines = local.function_logs().await;
            let lines =
                lines.map_err(|error| Unread::Failed(format!("the log of the local stack: {error:#}")))?;
            Ok(of_lines(&lines, &named))
        }
        None => of_cloudwatch(context, &named).await,
    }
}

async fn of_cloudwatch(context: Context<'_>, named: &[(Metric, &str)]) -> Answer<Metrics> {
    let at = |at: Timestamp| DateTime::from_secs(at.as_second());
    let asked = Client::new(context.sdk)
        .get_metric_data()
        .set_metric_data_queries(Some(named.iter().map(|(metric, id)| metric.query(id)).collect()))
        .start_time(at(context.now - WINDOW))
        .end_time(at(context.now))
        .scan_by(ScanBy::TimestampDescending);
    let answer = context.answer("cloudwatch:GetMetricData", asked.send().await)?;
    let results = answer.metric_data_results();
    let of = |(metric, _): &(Metric, &str)| {
        let mut of_it = results.iter().filter(|one| one.id() == Some(metric.id()));
        Some((*metric, of_it.find_map(newest)?))
    };
    Ok(named.iter().filter_map(of).collect())
}

fn newest(result: &MetricDataResult) -> Option<Measured> {
    let at = Timestamp::from_second(result.timestamps().first()?.secs()).ok()?;
    Some(Measured { at, value: *result.values().first()? })
}

/// Reads the lines in CloudWatch's embedded format, each after the name of its log group.
fn of_lines(lines: &str, named: &[(Metric, &str)]) -> Metrics {
    let mut found = Metrics::new();
    for line in lines.lines() {
        let Some(line) = line.find('{').and_then(|at| line.get(at..)) else { continue };
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let Some(at) = line["_aws"]["Timestamp"].as_i64().and_then(|at| Timestamp::from_millisecond(at).ok())
        else {
            continue;
        };
        let theirs = named.iter().filter(|(_, function)| line["FunctionName"] == *function);
        for (metric, value) in
            theirs.filter_map(|(metric, _)| Some((*metric, value(&line[metric.name()], *metric)?)))
        {
            let last = found.entry(metric).or_insert(Measured { at, value });
            if at >= last.at {
                // Several identities are measured at once; the first to expire counts.
                let is_less = metric.statistic() == "Minimum"
                    && at.duration_since(last.at) < SignedDuration::from_mins(1);
                *last = Measured { at, value: if is_less { value.min(last.value) } else { value } };
            }
        }
    }
    found
}

fn value(value: &Value, metric: Metric) -> Option<f64> {
    let all: Vec<f64> = match value {
        Value::Array(all) => all.iter().filter_map(Value::as_f64).collect(),
        one => one.as_f64().into_iter().collect(),
    };
    let pick = if metric.statistic() == "Minimum" { f64::min } else { f64::max };
    all.into_iter().reduce(pick)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: [(Metric, &str); 3] = [
        (Metric::ReviewFailures, "directory-1"),
        (Metric::DispatchCertificate, "dispatch-1"),
        (Metric::DirectoryCertificate, "directory-1"),
    ];

    #[test]
    fn the_last_line_of_each_function_counts() {
        let line = |at: u64, function: &str, rest: &str| {
            format!(
                "/aws/lambda/x {{\"_aws\":{{\"Timestamp\":{at}}},\"FunctionName\":\"{function}\",{rest}}}"
            )
        };
        let lines = [
            line(1_000, "directory-1", "\"ReviewFailures\":3"),
            "START RequestId: 1 {no JSON}".to_owned(),
            line(400_000, "directory-1", "\"ReviewFailures\":[1]"),
            line(400_000, "other-1", "\"ReviewFailures\":9"),
            line(300_000, "dispatch-1", "\"CertificateDaysLeft\":200"),
            line(300_001, "dispatch-1", "\"CertificateDaysLeft\":20"),
            line(300_002, "dispatch-1", "\"CertificateDaysLeft\":100"),
        ]
        .join("\n");
        let found = of_lines(&lines, &NAMED);
        let of = |metric| found.get(&metric).map(|last: &Measured| (last.at.as_millisecond(), last.value));
        assert_eq!(of(Metric::ReviewFailures), Some((400_000, 1.0)));
        assert_eq!(of(Metric::DispatchCertificate), Some((300_002, 20.0)));
        assert_eq!(of(Metric::DirectoryCertificate), None);
    }
}

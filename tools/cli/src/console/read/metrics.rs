//! Counts by CloudWatch: plain `MetricStat`s, as every account may ask for.

use std::collections::BTreeMap;

use account::ChosenStack;
use anyhow::{Context as _, Result};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat};
use convention::codes::{Code, Effect};
use jiff::{SignedDuration, Timestamp};
use pages::figures::{Counts, Figures, Range};
use pages::{Model, Reading};

use super::stack::Deployed;

/// One series, and what it counts.
struct Asked {
    id: String,
    metric: Metric,
    stat: &'static str,
    adds: fn(&mut Counts, f64),
}

/// A longer range changes slowly, and each value of each series is paid for.
fn period(range: Range) -> SignedDuration {
    SignedDuration::from_mins(match range {
        Range::Hour => 1,
        Range::Day => 10,
        Range::Week => 60,
    })
}

pub(super) fn unread() -> BTreeMap<Range, Reading<Figures>> {
    Range::ALL.into_iter().map(|range| (range, Reading::default())).collect()
}

/// The counts of a range.
pub(super) fn reading(model: &mut Model, range: Range) -> &mut Reading<Figures> {
    model.metrics.get_or_insert_with(unread).entry(range).or_default()
}

/// Whether a range is to be read again.
pub(super) fn is_due(model: &mut Model, range: Range, now: Timestamp) -> bool {
    reading(model, range).at.is_none_or(|at| now.duration_since(at) >= period(range))
}

/// Reads a range.
pub(super) async fn of_range(
    stack: &ChosenStack,
    deployed: &Deployed,
    range: Range,
    now: Timestamp,
) -> Result<Figures> {
    let asked = asked(deployed)?;
    let since = range.since(now);
    let at = |at: Timestamp| DateTime::from_secs(at.as_second());
    let period = i32::try_from(range.part().as_secs()).unwrap_or(i32::MAX);
    let queries = asked.iter().map(|asked| {
        let stat = MetricStat::builder().metric(asked.metric.clone()).period(period).stat(asked.stat);
        MetricDataQuery::builder().id(&asked.id).metric_stat(stat.build()).build()
    });
    let mut pages = Client::new(&stack.sdk)
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(at(since))
        .end_time(at(now))
        .into_paginator()
        .send();
    let mut figures = Figures::empty(range, now);
    while let Some(page) = pages.next().await {
        let page = page.map_err(aws_sdk_cloudwatch::Error::from).context("CloudWatch gave no metrics")?;
        page.metric_data_results().iter().for_each(|result| add(&mut figures, &asked, range, result));
    }
    // The first counts are sums of what succeeded, and of all.
    for counts in figures.parts.iter_mut().chain([&mut figures.all]) {
        counts.failed = (counts.failed - counts.delivered).max(0.0);
    }
    Ok(figures)
}

fn add(figures: &mut Figures, asked: &[Asked], range: Range, result: &MetricDataResult) {
    let Some(asked) = asked.iter().find(|asked| result.id() == Some(&asked.id)) else { return };
    for (at, value) in result.timestamps().iter().zip(result.values()) {
        let part = Timestamp::from_second(at.secs()).ok().and_then(|at| range.part_at(figures.since, at));
        if let Some(part) = part {
            (asked.adds)(&mut figures.parts[part], *value);
            (asked.adds)(&mut figures.all, *value);
        }
    }
}

fn most(of: &mut Option<f64>, value: f64) {
    *of = Some(of.map_or(value, |before| before.max(value)));
}

/// Each series: `docs/logging.md`, "Metrics", and those of Lambda and SQS.
fn asked(deployed: &Deployed) -> Result<Vec<Asked>> {
    let dispatch = deployed.physical_id("DispatchFunction")?;
    let queue = deployed.physical_id("NotificationsQueue")?;
    let queue = queue.rsplit('/').next().unwrap_or(queue);
    let metric = |namespace: &str, name: &str, dimensions: &[(&str, &str)]| {
        let of = |(name, value): &(&str, &str)| Dimension::builder().name(*name).value(*value).build();
        let dimensions = Some(dimensions.iter().map(of).collect());
        Metric::builder().namespace(namespace).metric_name(name).set_dimensions(dimensions).build()
    };
    let ours = |name: &str| metric("Arauto", name, &[("FunctionName", dispatch)]);
    let one = |id: &str, metric, stat, adds| Asked { id: id.to_owned(), metric, stat, adds };
    let mut all = vec![
        one("delivered", ours("Delivered"), "Sum", |counts, value| counts.delivered += value),
        // All attempts, of which the failed are those that were not accepted.
        one("attempts", ours("Delivered"), "SampleCount", |counts, value| counts.failed += value),
        one("delay", ours("FirstAttemptDelay"), "p99", |counts, value| {
            most(&mut counts.first_delay_p99_ms, value);
        }),
        // Trimmed count: how many values are above 1.5 s, which the convention allows (CloudWatch statistics definitions).
        one("late", ours("FirstAttemptDelay"), "TC(1500:)", |counts, value| {
            *counts.late.get_or_insert_default() += value;
        }),
        one("undelivered", ours("Undelivered"), "Sum", |counts, value| counts.undelivered += value),
        one(
            "age",
            metric("AWS/SQS", "ApproximateAgeOfOldestMessage", &[("QueueName", queue)]),
            "Maximum",
            |counts, value| most(&mut counts.queue_age_s, value),
        ),
        one(
            "concurrency",
            metric("AWS/Lambda", "ConcurrentExecutions", &[("FunctionName", dispatch)]),
            "Maximum",
            |counts, value| most(&mut counts.concurrency, value),
        ),
    ];
    let requeued = Code::ALL.iter().filter(|code| code.row().effect == Effect::Requeued && code.alarms());
    all.extend(requeued.map(|code| {
        let dimensions = [("FunctionName", dispatch), ("Code", code.as_str())];
        let metric = metric("Arauto", "OwnFaults", &dimensions);
        one(&format!("own_{}", code.as_str()), metric, "Sum", |counts, value| counts.own_faults += value)
    }));
    Ok(all)
}

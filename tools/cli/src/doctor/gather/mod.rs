//! Reads everything that is known of a stack; one file for each service. What cannot be read is noted, and stops nothing.

mod alarms;
mod context;
mod keys;
mod lambda;
mod metrics;
mod queues;
mod schedules;
mod secrets;
mod tables;
mod topic;

use account::stack::expanded_template;

pub(crate) use alarms::read as read_alarms;
pub(crate) use context::Context;
use metrics::{Metric, Metrics};

use super::answer::Answer;
use super::area::identity::Identities;
use super::area::queues::{Queue, Queues};
use super::area::schedules::{Schedule, Task};
use super::area::settings::Running;
use super::area::sources::EventSource;
use super::measured::Measured;
use super::snapshot::Snapshot;

/// Reads everything that is known of the stack.
pub(crate) async fn snapshot(context: Context<'_>) -> Snapshot {
    let (lambda, alarms, metrics, schedules, queues, topic, keys, tables) = tokio::join!(
        lambda::read(context),
        alarms::read(context),
        metrics::read(context),
        schedules::read(context),
        queues::read(context),
        topic::read(context),
        keys::read(context),
        tables::read(context),
    );
    let (fetched, identities, directory, trust, template) = tokio::join!(
        tables::fetched(context),
        secrets::identities(context),
        secrets::directory_identity(context),
        secrets::anchors(context),
        expanded_template(context.sdk, &context.stack.arn),
    );
    let last = |metric| last(&metrics, metric);
    let dispatch = lambda.sources.iter().find(|one| one.function == "dispatch");
    // Sources of state changes have mappings of their own; the local stack may name its one in its own way.
    let mapping = context.stack.physical_id("DispatchFunctionNotifications");
    let source = dispatch.and_then(|one| {
        let found = one.found.as_ref().ok()?;
        let is_it = |one: &&EventSource| Some(one.uuid.as_str()) == mapping;
        found.iter().find(is_it).or_else(|| context.local.and_then(|_| found.first())).cloned()
    });
    let running = Running {
        template: context.answer("cloudformation:GetTemplate", template),
        functions: lambda.functions,
        queues: attributes(&queues),
        max_concurrency: source.and_then(|source| source.max_concurrency),
    };
    let queues::Read { notifications, dead_letters, rejected } = queues;
    Snapshot {
        now: context.now,
        stack: context.stack.clone(),
        identity: Identities { secret: identities, measured: last(Metric::DispatchCertificate) },
        directory_identity: Identities { secret: directory, measured: last(Metric::DirectoryCertificate) },
        trust,
        sources: lambda.sources,
        concurrency: lambda.concurrency,
        schedules: schedules
            .into_iter()
            .map(|(task, state)| Schedule { task, state, last: last(of(task)) })
            .collect(),
        queues: Queues { notifications, dead_letters, rejected, oldest: last(Metric::QueueAge) },
        fetched,
        alarms,
        topic,
        keys,
        tables,
        running,
    }
}

/// The metric by which a run of a schedule shows.
fn of(task: Task) -> Metric {
    match task {
        Task::Review => Metric::ReviewFailures,
        Task::CheckIdentities => Metric::DispatchCertificate,
        Task::Seal => Metric::HoursUnsealed,
    }
}

fn last(metrics: &Answer<Metrics>, metric: Metric) -> Answer<Option<Measured>> {
    metrics.as_ref().map(|metrics| metrics.get(&metric).copied()).map_err(Clone::clone)
}

fn attributes(queues: &queues::Read) -> Vec<(&'static str, std::collections::BTreeMap<String, String>)> {
    let named = [
        ("NotificationsQueue", &queues.notifications),
        ("DeadLetterQueue", &queues.dead_letters),
        ("RejectedQueue", &queues.rejected),
    ];
    let known = |(name, queue): (&'static str, &Answer<Option<Queue>>)| {
        Some((name, queue.as_ref().ok()?.as_ref()?.attributes.clone()))
    };
    named.into_iter().filter_map(known).collect()
}

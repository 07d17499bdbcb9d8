//! The answer as JSON.

use serde_json::{Value, json};

use super::answer::{Answer, Plan};
use super::change::Change;
use super::growth::Growth;
use super::model::{Histogram, cold};
use super::numbers::real;
use super::question::Question;

/// Returns all steps; the first is the question itself.
pub(super) fn growth(growth: &[Growth]) -> Value {
    let steps = growth.iter().map(|Growth { factor, answer, plan }| {
        json!({ "times": factor, "answer": self::answer(answer), "plan": self::plan(plan) })
    });
    let idle = growth.first().map(|first| {
        let Question { load, settings, seed, .. } = &first.answer.question;
        lateness(&cold(load, settings, *seed))
    });
    json!({
        "carried": growth.first().is_some_and(|first| first.answer.is_carried()),
        "idle_stack_ms": idle,
        "growth": steps.collect::<Vec<_>>(),
    })
}

fn plan(plan: &Plan) -> Value {
    let changes: Vec<_> = plan.changes.iter().map(ToString::to_string).collect();
    let sets: Vec<_> = plan.changes.iter().filter_map(Change::sets).collect();
    let asks: Vec<_> = plan.changes.iter().filter_map(Change::asks).collect();
    json!({ "changes": changes, "set": sets, "ask_aws_for": asks, "answer": answer(&plan.answer) })
}

fn answer(answer: &Answer) -> Value {
    let (load, seen) = (&answer.question.load, &answer.observed);
    let quotas = answer.quotas.iter().map(|quota| {
        json!({
            "name": quota.name, "needed": quota.needed.round(), "limit": quota.limit, "breaks": quota.breaks,
            "change": quota.change.to_string(), "or": quota.or.as_ref().map(ToString::to_string),
        })
    });
    let waited = seen.waited.iter().map(|waited| {
        json!({ "for": format!("{:?}", waited.limit), "since_s": waited.since, "longest_s": waited.longest })
    });
    json!({
        "rate": load.rate,
        "receivers": load.receivers.len(),
        "dead": load.dead(),
        "begin": answer.question.begin.as_str(),
        "settings": super::text::settings(answer),
        "carried": answer.is_carried(),
        "first_to_break": answer.first_to_break().map(|quota| quota.name),
        "lateness_ms": lateness(&seen.lateness),
        "late_until_s": seen.late_until,
        "lateness_of_working_ms": lateness(&seen.of_working),
        "invocations": { "with_full_batches": seen.with_full_batches().map(f64::round), "mean": seen.concurrency.0.round(), "most": seen.concurrency.1.round(), "messages": seen.batch },
        "environments": seen.environments,
        "in_flight": seen.in_flight,
        "backlog": { "most": seen.backlog, "in_the_end": seen.left },
        "each_second": {
            "attempts": seen.each_second.attempts, "ledger_write_units": seen.each_second.writes,
            "ledger_read_units": seen.each_second.ledger_reads, "receiver_reads": seen.each_second.reads, "handshakes": seen.each_second.handshakes,
            "invocations": seen.each_second.invocations,
        },
        "quotas": quotas.collect::<Vec<_>>(),
        "waited": waited.collect::<Vec<_>>(),
        "each_stands_for": seen.each,
    })
}

fn lateness(histogram: &Histogram) -> Value {
    let [p50, p99, max] = [500, 990, 1000].map(|of| histogram.quantile(of));
    let late = real(histogram.beyond(Answer::due())) / real(histogram.total().max(1));
    json!({ "p50": p50, "p99": p99, "max": max, "share_late": late })
}

//! The budgets, and whether they were met.

use std::collections::BTreeMap;

use crate::report::{CaseFigures, MANY, Report, What};

/// The most processor time for a notification, in that of the floor that signs each request as it sends it: a request that was
/// signed in advance is none that could be sent to AWS.
pub(crate) const RATIO: f64 = 1.75;
/// The same to a thousand receivers, of whose connections not all are kept.
const RATIO_OF_MANY: f64 = 2.0;
/// The most processor time for a notification that is alone and opens a connection, in that of the floor that does the same.
const RATIO_OF_FRESH: f64 = 1.1;
/// The most time from the start of a process until its first request has arrived, in that of the floor that does the same.
const RATIO_OF_START: f64 = 1.25;
/// The most processor time that the best of starts takes until its first request has arrived, in milliseconds. Three times what
/// it takes; with the jitter of the processor as a source of entropy it takes six times as much.
const CPU_OF_START: f64 = 20.0;
/// The most files that an environment has open ("Lambda quotas", AWS Lambda Developer Guide).
const OPEN_FILES: f64 = 1_024.0;
/// What the event source asks of SQS for each message: it receives ten with one request, and deletes them with another.
const EVENT_SOURCE: f64 = 0.2;

/// One budget.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// What is measured.
    pub(crate) what: String,
    /// What came out.
    pub(crate) measured: f64,
    /// The most it may be.
    pub(crate) budget: f64,
    /// In what.
    pub(crate) unit: &'static str,
    /// Whether the machine's noise decides it: such a budget fails no short run.
    pub(crate) of_time: bool,
    /// Whether it is a limit that this benchmark sets itself, and no budget of the design.
    pub(crate) ours: bool,
}

impl Verdict {
    /// Says whether it was met.
    pub(crate) fn is_met(&self) -> bool {
        // What is a sum of counts is off by what a sum of fractions is.
        self.measured <= self.budget + 1e-9
    }
}

/// What the command exits with: 0 if every budget is met, 1 if one is missed, 2 if nothing could be measured. The short form
/// judges counts, sizes and ratios of starts alone.
pub fn exit_status<E>(measured: &Result<Report, E>) -> u8 {
    match measured {
        Err(_) => 2,
        Ok(report) => {
            let fails = |verdict: &Verdict| !(verdict.is_met() || report.short && verdict.of_time);
            u8::from(verdicts(report).iter().any(fails))
        }
    }
}

/// The verdicts on the budgets of the design, and those on limits of our own.
pub(crate) fn design_and_ours(report: &Report) -> (Vec<Verdict>, Vec<Verdict>) {
    verdicts(report).into_iter().partition(|verdict| !verdict.ours)
}

/// Holds a report against the budgets, as far as it has figures for them.
pub(crate) fn verdicts(report: &Report) -> Vec<Verdict> {
    let intake = &report.intake_requests_per_change;
    let mut all = report.main_case().map_or_else(Vec::new, |case| of_case(case, intake));
    if let Some(many) = report.cases.iter().find(|case| case.name == MANY) {
        let what = format!("Processor time for a notification, \"{MANY}\", dispatch to the floor that signs");
        all.push(of_time(what, many.ratio(), RATIO_OF_MANY, "×"));
        #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
        all.extend(many.open_files.map(|open| {
            of_count(format!("Open files of dispatch, \"{MANY}\""), open as f64, OPEN_FILES, "files")
        }));
    }
    all.extend(alone(report));
    let floor = report.start_of("floor").map(|start| start.least_ms);
    for start in report.starts.iter().filter(|start| start.name != "floor") {
        let what = format!("Start of {} to its first `next`", start.name);
        all.push(of_time(what, start.median_ms, 12.0, "ms"));
        if let Some(floor) = floor {
            // A start that is this far from the floor's has gone wrong on any machine, so that the short form judges it too: by the
            // fastest of each, which noise can only make slower.
            let what = format!("Start of {} at best, to that of the floor", start.name);
            all.push(Verdict { ours: true, ..of_count(what, start.least_ms / floor, 5.0, "×") });
        }
    }
    all.extend(
        report.sizes.iter().map(|size| of_count(format!("Zip of {}", size.name), size.zip_mb, 5.0, "MB")),
    );
    all
}

/// Of a notification that is alone: at full speed, as the waits of a quota say more of its periods than of the processes.
fn alone(report: &Report) -> Vec<Verdict> {
    let fresh = report.at_full_speed(What::Fresh).map(|beside| {
        let what = format!("{}, processor time of dispatch to that of the floor", What::Fresh.title());
        of_time(what, beside.ratio_of_cpu(), RATIO_OF_FRESH, "×")
    });
    let start = report.at_full_speed(What::Start).map(|beside| {
        let what = format!("{}, time of dispatch to that of the floor", What::Start.title());
        of_time(what, beside.ratio_of_time(), RATIO_OF_START, "×")
    });
    let cpu = report.at_full_speed(What::Start).map(|beside| {
        let what = "Processor time of dispatch from its start to its first request, at best".to_owned();
        Verdict { ours: true, ..of_count(what, beside.dispatch.least_cpu_us / 1e3, CPU_OF_START, "ms") }
    });
    fresh.into_iter().chain(start).chain(cpu).collect()
}

fn of_case(case: &CaseFigures, intake: &BTreeMap<String, f64>) -> Vec<Verdict> {
    let requests = &case.requests_per_notification;
    let writes = sum(requests, |name| name.starts_with("DynamoDB") && name.ends_with("UpdateItem"));
    let reads = sum(requests, |name| name.starts_with("DynamoDB") && !name.ends_with("UpdateItem"));
    let secrets = sum(requests, |name| name.starts_with("secrets"));
    let is_sqs = |name: &str| name.starts_with("AmazonSQS");
    let sqs = sum(intake, is_sqs) + sum(requests, is_sqs) + EVENT_SOURCE;
    vec![
        of_time(
            "Processor time for a notification, dispatch to the floor that signs".to_owned(),
            case.ratio(),
            RATIO,
            "×",
        ),
        of_count("Resident memory of dispatch at most".to_owned(), case.most_resident_mb, 15.0, "MB"),
        of_count("DynamoDB writes of dispatch for a notification".to_owned(), writes, 2.0, "requests"),
        of_count("DynamoDB reads of dispatch for a notification".to_owned(), reads, 0.1, "requests"),
        of_count("Secrets Manager requests for a notification".to_owned(), secrets, 0.0, "requests"),
        of_count(
            "SQS requests for a notification, the event source's 0.2 included".to_owned(),
            sqs,
            0.3,
            "requests",
        ),
    ]
}

fn sum(requests: &BTreeMap<String, f64>, counts: impl Fn(&str) -> bool) -> f64 {
    // Not `sum`, which is -0 of nothing.
    requests.iter().filter(|(name, _)| counts(name)).fold(0.0, |sum, (_, count)| sum + count)
}

fn of_time(what: String, measured: f64, budget: f64, unit: &'static str) -> Verdict {
    Verdict { what, measured, budget, unit, of_time: true, ours: false }
}

/// A count, a size or a ratio, which hardly differs between machines.
fn of_count(what: String, measured: f64, budget: f64, unit: &'static str) -> Verdict {
    Verdict { what, measured, budget, unit, of_time: false, ours: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{main_case, report};
    use crate::report::{Beside, ColdResult, MAIN};

    fn verdict(report: &Report, what: &str) -> Verdict {
        let found = verdicts(report).into_iter().find(|verdict| verdict.what.starts_with(what));
        found.unwrap_or_else(|| panic!("no verdict on {what}"))
    }

    /// A report that meets everything.
    fn met() -> Report {
        let mut report = report();
        main_case(&mut report).dispatch.cpu_us = 70.0;
        report.sizes.iter_mut().for_each(|size| size.zip_mb = 3.9);
        report
    }

    fn status(report: Report) -> u8 {
        exit_status::<()>(&Ok(report))
    }

    #[test]
    fn a_budget_is_met_up_to_its_very_value() {
        let mut report = report();
        for (cpu_us, is_met) in [(87.5, true), (87.6, false)] {
            main_case(&mut report).dispatch.cpu_us = cpu_us;
            let ratio =
                verdict(&report, "Processor time for a notification, dispatch to the floor that signs");
            assert_eq!(ratio.is_met(), is_met, "{cpu_us} of 50");
        }
        // What cannot be divided is not met.
        main_case(&mut report).floor_signed.cpu_us = 0.0;
        main_case(&mut report).dispatch.cpu_us = 0.0;
        assert!(
            !verdict(&report, "Processor time for a notification, dispatch to the floor that signs").is_met()
        );
    }

    #[test]
    fn requests_are_counted_by_operation() {
        let mut report = report();
        main_case(&mut report).requests_per_notification = [
            ("AmazonSQS.SendMessage", 0.05),
            ("DynamoDB.GetItem", 0.03),
            ("DynamoDB.PutItem", 0.02),
            ("DynamoDB.Query", 0.04),
            ("DynamoDB.UpdateItem", 1.75),
            ("secretsmanager.GetSecretValue", 0.5),
        ]
        .map(|(name, count)| (name.to_owned(), count))
        .into();
        report.intake_requests_per_change =
            [("AmazonSQS.SendMessageBatch".to_owned(), 0.1), ("DynamoDB.GetItem".to_owned(), 0.7)].into();
        let measured = |what: &str| (verdict(&report, what).measured * 100.0).round() / 100.0;
        for (what, count) in
            [("DynamoDB writes", 1.75), ("DynamoDB reads", 0.09), ("Secrets", 0.5), ("SQS", 0.35)]
        {
            assert!((measured(what) - count).abs() < 1e-9, "{what}: {}", measured(what));
        }
    }

    #[test]
    fn a_tenth_of_intake_and_a_fifth_of_the_event_source_are_all_that_sqs_may_be_asked() {
        let mut report = report();
        assert!(verdict(&report, "SQS").is_met(), "0.1 and 0.2 are more than 0.3 as fractions of two");
        main_case(&mut report).requests_per_notification.insert("AmazonSQS.SendMessage".to_owned(), 0.001);
        assert!(!verdict(&report, "SQS").is_met());
    }

    #[test]
    fn the_ratio_of_a_start_is_a_limit_of_our_own_and_the_others_are_budgets() {
        let (design, ours) = design_and_ours(&report());
        assert_eq!(ours.len(), 5);
        assert!(ours.iter().all(|verdict| !verdict.of_time));
        let ratios = ours.iter().filter(|verdict| verdict.what.ends_with("to that of the floor"));
        assert_eq!(ratios.count(), 4);
        // Six of the main case, two of one notification alone, four starts, four zips.
        assert_eq!(design.len(), 16);
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let mut report = report();
        report.cases.retain(|case| case.name != MAIN);
        report.starts.retain(|start| start.name != "floor");
        report.cold.clear();
        assert_eq!(verdicts(&report).len(), 8);
    }

    #[test]
    fn one_notification_alone_is_judged_at_full_speed_and_by_nobody_where_it_was_skipped() {
        let mut report = report();
        let judged = |report: &Report| {
            let alone = verdicts(report)
                .into_iter()
                .filter(|verdict| verdict.what.contains("dispatch to that of the floor"));
            alone.map(|verdict| (verdict.budget.to_string(), verdict.is_met())).collect::<Vec<_>>()
        };
        let met = |fresh, start| vec![("1.1".to_owned(), fresh), ("1.25".to_owned(), start)];
        assert_eq!(judged(&report), met(true, true));
        for cold in &mut report.cold {
            // What a quota makes of it is shown and not judged.
            if let (Some(_), ColdResult::Measured(beside)) = (cold.memory_mb, &mut cold.result) {
                beside.dispatch.cpu_us *= 100.0;
                beside.dispatch.median_ms *= 100.0;
            }
        }
        assert_eq!(judged(&report), met(true, true));
        let full = |report: &mut Report, change: fn(&mut Beside)| {
            for cold in report.cold.iter_mut().filter(|cold| cold.memory_mb.is_none()) {
                if let ColdResult::Measured(beside) = &mut cold.result {
                    change(beside);
                }
            }
        };
        full(&mut report, |beside| beside.dispatch.cpu_us = beside.floor.cpu_us * 1.11);
        assert_eq!(judged(&report), met(false, true));
        full(&mut report, |beside| beside.dispatch.median_ms = beside.floor.median_ms * 1.26);
        assert_eq!(judged(&report), met(false, false));
        report.cold.iter_mut().for_each(|cold| cold.result = ColdResult::Skipped("no".to_owned()));
        assert_eq!(judged(&report), []);
    }

    #[test]
    fn a_thousand_receivers_have_a_budget_of_their_own() {
        let mut report = report();
        let what = "Processor time for a notification, \"1,000 receivers\"";
        assert!(!verdicts(&report).iter().any(|verdict| verdict.what.starts_with(what)));
        let mut many = report.main_case().unwrap().clone();
        many.name = MANY.to_owned();
        for (times, is_met) in [(2.0, true), (2.01, false)] {
            many.dispatch.cpu_us = many.floor_signed.cpu_us * times;
            report.cases.push(many.clone());
            assert_eq!(verdict(&report, what).is_met(), is_met, "{times}");
            report.cases.pop();
        }
        for (open_files, is_met) in [(Some(1_024), Some(true)), (Some(1_025), Some(false)), (None, None)] {
            many.open_files = open_files;
            report.cases.push(many.clone());
            let files = verdicts(&report).into_iter().find(|verdict| verdict.what.starts_with("Open files"));
            assert_eq!(files.map(|verdict| verdict.is_met()), is_met, "{open_files:?}");
            report.cases.pop();
        }
    }

    #[test]
    fn a_run_that_meets_everything_exits_with_0_and_one_that_could_not_measure_with_2() {
        assert_eq!(status(met()), 0);
        assert_eq!(exit_status(&Err(())), 2);
    }

    #[test]
    fn the_short_form_fails_by_counts_sizes_and_ratios_of_starts_and_not_by_times() {
        let times: [fn(&mut Report); 3] = [
            |report| main_case(report).dispatch.cpu_us = 161.0,
            |report| main_case(report).floor_signed.cpu_us = 1.0,
            // With the floor's, so that the ratio stays.
            |report| report.starts.iter_mut().for_each(|start| start.median_ms *= 10.0),
        ];
        let counts: [fn(&mut Report); 5] = [
            |report| {
                for cold in &mut report.cold {
                    if let ColdResult::Measured(beside) = &mut cold.result {
                        beside.dispatch.least_cpu_us *= 10.0;
                    }
                }
            },
            |report| report.sizes[2].zip_mb = 5.01,
            |report| report.starts[1].least_ms = report.starts[4].least_ms * 5.01,
            |report| main_case(report).most_resident_mb = 15.1,
            |report| {
                main_case(report).requests_per_notification.insert("DynamoDB.UpdateItem".to_owned(), 2.01);
            },
        ];
        for (misses, status_of_short) in [(&times[..], 0), (&counts[..], 1)] {
            for (index, miss) in misses.iter().enumerate() {
                let mut report = met();
                miss(&mut report);
                assert_eq!(status(report.clone()), 1, "{index}");
                report.short = true;
                assert_eq!(status(report), status_of_short, "{index}");
            }
        }
    }
}

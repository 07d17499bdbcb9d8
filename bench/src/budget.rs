//! The budgets, and whether they were met.

use crate::case::MAIN;
use crate::report::Report;

/// One budget.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What is measured.
    pub what: String,
    /// What came out.
    pub measured: f64,
    /// The most it may be.
    pub budget: f64,
    /// In what.
    pub unit: &'static str,
    /// Whether the machine's noise decides it: such a budget fails no short run.
    pub of_time: bool,
}

impl Verdict {
    /// Says whether it was met.
    pub fn is_met(&self) -> bool {
        // What is a sum of counts is off by what a sum of fractions is.
        self.measured <= self.budget + 1e-9
    }
}

/// Holds a report against the budgets.
pub fn verdicts(report: &Report) -> Vec<Verdict> {
    let mut all = Vec::new();
    let mut add = |what: String, measured, budget, unit, of_time| {
        all.push(Verdict { what, measured, budget, unit, of_time });
    };
    if let Some(case) = report.cases.iter().find(|case| case.name == MAIN) {
        let ratio = case.dispatch.cpu_us / case.floor_full.cpu_us;
        add("Processor time for a notification, dispatch to the full floor".into(), ratio, 1.5, "×", true);
        add("Processor time for a notification".into(), case.dispatch.cpu_us, 160.0, "µs", true);
        add("Resident memory of dispatch at most".into(), case.most_resident_mb, 15.0, "MB", false);
        let count = |matches: &dyn Fn(&str) -> bool| {
            let all = case.requests_per_notification.iter();
            all.filter(|(name, _)| matches(name)).map(|(_, count)| count).fold(0.0, |sum, count| sum + count)
        };
        let writes = count(&|name| name.starts_with("DynamoDB") && name.ends_with("UpdateItem"));
        let reads = count(&|name| name.starts_with("DynamoDB") && !name.ends_with("UpdateItem"));
        add("DynamoDB writes of dispatch for a notification".into(), writes, 2.0, "requests", false);
        add("DynamoDB reads of dispatch for a notification".into(), reads, 0.1, "requests", false);
        add(
            "Secrets Manager requests for a notification".into(),
            count(&|name| name.starts_with("secrets")),
            0.0,
            "requests",
            false,
        );
        // The event source receives ten messages with one request, and deletes them with another.
        let intake: f64 = report
            .intake_requests_per_change
            .iter()
            .filter(|(name, _)| name.starts_with("AmazonSQS"))
            .map(|(_, count)| count)
            .sum();
        let sqs = intake + count(&|name| name.starts_with("AmazonSQS")) + 0.2;
        add(
            "SQS requests for a notification, the event source's 0.2 included".into(),
            sqs,
            0.3,
            "requests",
            false,
        );
    }
    // No budget of the design: only a start that is far from the floor's on any machine is one that has gone wrong.
    let floor = report.starts.iter().find(|start| start.name == "floor").map(|start| start.median_ms);
    for start in report.starts.iter().filter(|start| start.name != "floor") {
        add(format!("Start of {} to its first `next`", start.name), start.median_ms, 12.0, "ms", true);
        if let Some(floor) = floor {
            add(
                format!("Start of {}, to that of the floor", start.name),
                start.median_ms / floor,
                4.0,
                "×",
                false,
            );
        }
    }
    for size in &report.sizes {
        add(format!("Zip of {}", size.name), size.zip_mb, 4.0, "MB", false);
    }
    all
}

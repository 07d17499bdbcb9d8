//! Adds up log lines by day, receiver and endpoint, and allocates the cost.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::item::{Cost, Counts, Item, Terms};
use super::line::Line;
use super::model::Model;
use super::source::Lines;
use crate::prices::{Prices, Usd};

/// Totals by day in UTC; the day is unknown if no line of a source has a time.
pub(super) type Days = BTreeMap<Option<Date>, Day>;

/// The usage of a day.
#[derive(Clone, Debug, Default)]
pub(super) struct Day {
    pub(super) counts: Counts,
    pub(super) exchanges: BTreeMap<(String, String), Exchanged>,
}

/// Attempts to one receiver at one endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exchanged {
    pub(super) attempts: u64,
    pub(super) delivered: u64,
    pub(super) ms: u64,
}

/// Adds up lines; each of `sources` is one log group.
pub(super) fn gather(sources: &[Lines], terms: Terms) -> Days {
    let mut days = Days::new();
    let first = sources.iter().find_map(|source| source.lines.iter().find_map(date));
    for source in sources {
        let mut own = Days::new();
        for (date, line) in dated(&source.lines, first) {
            let day = own.entry(date).or_default();
            day.counts.add(&line.counts);
            if let Some(attempt) = &line.attempt {
                let exchanges =
                    day.exchanges.entry((attempt.receiver.clone(), attempt.endpoint.clone())).or_default();
                exchanges.attempts += 1;
                exchanges.delivered += u64::from(attempt.delivered);
                exchanges.ms += attempt.ms;
            }
        }
        // Lambda's reports take precedence, because they contain what is billed.
        let reported = own.values().any(|day| day.counts.reports > 0);
        for (date, mut of_source) in own {
            if !reported {
                of_source.counts.reports = of_source.counts.invocations;
                of_source.counts.reported_mb_ms = of_source.counts.ms * terms.memory_mb;
            }
            let day = days.entry(date).or_default();
            day.counts.add(&of_source.counts);
            for (key, exchanges) in of_source.exchanges {
                let all = day.exchanges.entry(key).or_default();
                all.attempts += exchanges.attempts;
                all.delivered += exchanges.delivered;
                all.ms += exchanges.ms;
            }
        }
    }
    days
}

/// Assigns a day to each line: its own, or that of the next line that has one, because the line with a time is an
/// invocation's last. Lines at the end take the previous day, and a source without any time takes the day of another
/// source.
fn dated(lines: &[Line], first: Option<Date>) -> impl Iterator<Item = (Option<Date>, &Line)> {
    let mut next = lines.iter().rev().find_map(date).or(first);
    lines.iter().rev().map(move |line| {
        next = date(line).or(next);
        (next, line)
    })
}

fn date(line: &Line) -> Option<Date> {
    line.at.map(|at| at.to_zoned_datetime(TimeZone::UTC).date())
}

/// A bill.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The total usage.
    pub counts: Counts,
    /// The assumed load, if nothing was counted.
    pub assumed: Option<Model>,
    /// The cost of each item.
    pub costs: Vec<Cost>,
    /// By receiver, endpoint and day.
    pub receivers: Vec<Part>,
    /// By endpoint.
    pub endpoints: Vec<Part>,
    /// By day.
    pub days: Vec<Part>,
}

/// A part of a bill.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Attempts that ended.
    pub attempts: u64,
    /// Delivered attempts.
    pub delivered: u64,
    /// The amount.
    pub usd: Usd,
}

impl Part {
    fn add(&mut self, exchanges: Exchanged, usd: Usd) {
        self.attempts += exchanges.attempts;
        self.delivered += exchanges.delivered;
        self.usd += usd;
    }
}

/// The name for cost that belongs to no attempt.
const NOBODY: &str = "(no attempt)";
/// The day of lines without any time.
const UNDATED: &str = "undated";

impl Bill {
    /// Creates the bill of these lines.
    pub fn of(sources: &[Lines], terms: Terms, prices: &Prices) -> Self {
        Self::of_days(&gather(sources, terms), terms, prices)
    }

    /// Creates the bill of these counts, without allocation.
    pub fn of_counts(counts: Counts, terms: Terms, prices: &Prices) -> Self {
        let costs = Item::ALL.map(|item| item.cost(&counts, terms, prices)).to_vec();
        let (receivers, endpoints, days) = (Vec::new(), Vec::new(), Vec::new());
        Self { counts, assumed: None, costs, receivers, endpoints, days }
    }

    /// Creates the bill of an assumed load.
    pub fn of_model(model: Model, terms: Terms, prices: &Prices) -> Self {
        Self { assumed: Some(model), ..Self::of_counts(model.counts(terms), terms, prices) }
    }

    fn of_days(days: &Days, terms: Terms, prices: &Prices) -> Self {
        let mut counts = Counts::default();
        let (mut receivers, mut endpoints) = (BTreeMap::new(), BTreeMap::new());
        let mut parts = Vec::new();
        for (date, day) in days {
            counts.add(&day.counts);
            let mut part =
                Part { name: date.map_or(UNDATED.to_owned(), |date| date.to_string()), ..Part::default() };
            let by_number: Vec<_> = day.exchanges.values().map(|all| u128::from(all.attempts)).collect();
            let by_time: Vec<_> = day.exchanges.values().map(|all| u128::from(all.ms)).collect();
            // If a day's attempts took no measurable time, their number decides.
            let by_time = if by_time.iter().any(|ms| *ms > 0) { by_time } else { by_number.clone() };
            let mut owed = vec![Usd::ZERO; day.exchanges.len()];
            let mut nobody = Usd::ZERO;
            for item in Item::ALL {
                let usd = item.cost(&day.counts, terms, prices).usd;
                part.usd += usd;
                let weights = if item.is_by_time() { &by_time } else { &by_number };
                match owed.as_slice() {
                    [] => nobody += usd,
                    _ => owed.iter_mut().zip(usd.split(weights)).for_each(|(owed, usd)| *owed += usd),
                }
            }
            for (((receiver, endpoint), exchanges), usd) in day.exchanges.iter().zip(owed) {
                part.add(*exchanges, Usd::ZERO);
                entry(&mut receivers, receiver).add(*exchanges, usd);
                entry(&mut endpoints, endpoint).add(*exchanges, usd);
            }
            if nobody > Usd::ZERO {
                entry(&mut receivers, NOBODY).add(Exchanged::default(), nobody);
                entry(&mut endpoints, NOBODY).add(Exchanged::default(), nobody);
            }
            parts.push(part);
        }
        let costs = Item::ALL.map(|item| {
            // Summed by day like the parts, so that the totals match exactly.
            let usd = days.values().map(|day| item.cost(&day.counts, terms, prices).usd).sum();
            Cost { usd, ..item.cost(&counts, terms, prices) }
        });
        let dearest_first = |parts: BTreeMap<String, Part>| {
            let mut parts: Vec<_> = parts.into_values().collect();
            parts.sort_by_key(|part| std::cmp::Reverse(part.usd));
            parts
        };
        Self {
            counts,
            assumed: None,
            costs: costs.to_vec(),
            receivers: dearest_first(receivers),
            endpoints: dearest_first(endpoints),
            days: parts,
        }
    }

    /// Returns the total.
    pub fn total(&self) -> Usd {
        self.costs.iter().map(|cost| cost.usd).sum()
    }

    /// Returns the part within the budget of a notification.
    pub fn in_budget(&self) -> Usd {
        self.costs.iter().filter(|cost| cost.item.is_in_budget()).map(|cost| cost.usd).sum()
    }

    /// Returns an amount per million delivered; `None` if nothing was delivered.
    pub fn per_million(&self, usd: Usd) -> Option<Usd> {
        let delivered = u128::from(self.counts.delivered);
        (delivered > 0).then(|| usd.of(1_000_000, delivered))
    }
}

fn entry<'a>(parts: &'a mut BTreeMap<String, Part>, name: &str) -> &'a mut Part {
    parts.entry(name.to_owned()).or_insert_with(|| Part { name: name.to_owned(), ..Part::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::{Rate, Region};

    const TERMS: Terms = Terms {
        gigabyte_second: Rate::LambdaArm64,
        signature: Rate::KmsRsa2048,
        ledger_write: Rate::DynamoDbWrite,
        memory_mb: 256,
    };

    fn attempt(receiver: &str, endpoint: &str, outcome: &str, ms: u64) -> String {
        format!(
            r#"{{"message":"An attempt ended.","client_id":"{receiver}","endpoint":"{endpoint}","outcome":"{outcome}","duration_ms":{ms}}}"#
        )
    }

    fn invocation(at: &str, more: &str) -> String {
        let ms = at.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        format!(r#"{{"_aws":{{"Timestamp":{ms}}},"invocations":1,"ms":100{more}}}"#)
    }

    fn report(at: &str) -> String {
        format!(
            r#"{{"time":"{at}","type":"platform.report","record":{{"metrics":{{"billedDurationMs":110,"memorySizeMB":128}}}}}}"#
        )
    }

    fn bill(sources: &[&[String]]) -> Bill {
        let sources: Vec<_> =
            sources.iter().map(|lines| Lines::read(lines.join("\n").as_bytes()).unwrap()).collect();
        Bill::of(&sources, TERMS, &Prices::of(Region::UsEast1))
    }

    fn two_days() -> Vec<String> {
        vec![
            attempt("a", "E1", "delivered", 30),
            attempt("b", "E2", "timeout", 90),
            invocation("2026-11-22T23:59:00Z", r#","table_writes":4"#),
            attempt("b", "E2", "delivered", 10),
            invocation("2026-11-23T00:01:00Z", r#","table_writes":2"#),
        ]
    }

    #[test]
    fn every_part_adds_up_to_the_whole() {
        let bill = bill(&[&two_days()]);
        for parts in [&bill.receivers, &bill.endpoints, &bill.days] {
            assert_eq!(parts.iter().map(|part| part.usd).sum::<Usd>(), bill.total());
            assert_eq!(parts.iter().map(|part| part.attempts).sum::<u64>(), 3);
        }
        assert_eq!((bill.counts.attempts, bill.counts.delivered, bill.counts.table_writes), (3, 2, 6));
        assert_eq!(bill.per_million(bill.total()), Some(bill.total().times(500_000)));
    }

    #[test]
    fn a_line_without_a_time_is_of_the_day_of_the_next_that_has_one() {
        let days = bill(&[&two_days()]).days;
        let told: Vec<_> = days.iter().map(|day| (day.name.as_str(), day.attempts)).collect();
        assert_eq!(told, [("2026-11-22", 2), ("2026-11-23", 1)]);
        let undated = bill(&[&[attempt("a", "E1", "delivered", 1)]]).days;
        assert_eq!((undated[0].name.as_str(), undated.len()), (UNDATED, 1));
    }

    #[test]
    fn time_is_shared_by_time_and_all_else_by_number() {
        let lines = [
            attempt("a", "E1", "delivered", 30),
            attempt("b", "E1", "delivered", 90),
            invocation("2026-11-22T12:00:00Z", r#","table_writes":4"#),
        ];
        let bill = bill(&[&lines]);
        // 4 writes; 100 ms of a quarter of a gigabyte; a request of Lambda; two of the event source; the log.
        let cost = |item| bill.costs.iter().find(|cost| cost.item == item).unwrap().usd;
        assert_eq!(cost(Item::TableWrites).exact(), "0.0000025");
        assert_eq!(cost(Item::LambdaTime).exact(), "0.000000333335");
        let rest = bill.total().exact().parse::<Usd>().unwrap();
        let (of_b, of_a) = (bill.receivers[0].usd, bill.receivers[1].usd);
        assert_eq!((bill.receivers[0].name.as_str(), of_a + of_b), ("b", rest));
        // The difference is half of the time's cost: a quarter against three.
        assert_eq!(of_a + cost(Item::LambdaTime).of(1, 2), of_b);
    }

    #[test]
    fn what_lambda_reports_counts_for_its_own_group_and_what_the_function_says_for_another() {
        let reported = [invocation("2026-11-22T12:00:00Z", ""), report("2026-11-22T12:00:01Z")];
        let silent = [invocation("2026-11-22T12:00:00Z", "")];
        let counts = bill(&[&reported, &silent]).counts;
        assert_eq!((counts.reports, counts.reported_mb_ms), (2, 110 * 128 + 100 * 256));
    }

    #[test]
    fn a_cost_without_any_attempt_is_nobodys() {
        let bill = bill(&[&[invocation("2026-11-22T12:00:00Z", r#","secret_requests":2"#)]]);
        assert_eq!((bill.receivers[0].name.as_str(), bill.receivers[0].usd), (NOBODY, bill.total()));
        assert_eq!(bill.per_million(bill.total()), None);
    }
}

//! The analysis, and what it found.

use std::collections::BTreeMap;

use anyhow::Result;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::{Span, ToSpan as _};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::clients::{Client, Clients};
use crate::figures::{Day, Figures};
use crate::input::{LineCounts, Source};
use crate::join::Join;
use crate::line::{Broken, LineParser};
use crate::mapping::Mapping;
use crate::merge::{Reorder, Sources};
use crate::message::Message;
use crate::notification::Notifications;
use crate::price::Price;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// When the first GET was; none if there is no GET of a resource.
    pub from: Option<Timestamp>,
    /// When the last GET was.
    pub to: Option<Timestamp>,
    /// The lines of the log.
    pub log: LineCounts,
    /// The lines of a file of notifications.
    pub notification_lines: LineCounts,
    /// Notifications before or after the log, which are not counted.
    pub notifications_outside: u64,
    /// GETs that were too far out of order: judged as if they had come when they were read.
    pub late: u64,
    /// Resources without a notification that were forgotten early, and count again if they come again.
    pub forgotten_early: u64,
    /// GETs of a notified resource by another client than the notified one: a sign of a wrong mapping.
    pub by_other_clients: u64,
    /// What to do so that the log has what it lacks.
    pub advice: Option<String>,
    /// US dollars for a million requests.
    pub usd_per_million: Price,
    /// All initiators.
    pub all: Priced,
    /// Each, the one with the most polls without a change first.
    pub initiators: Vec<Initiator>,
    /// Each day, in UTC.
    pub days: Vec<Day>,
}

/// An initiator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Initiator {
    /// Its client id, or what the log calls it.
    pub client_id: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Priced,
    /// Each day, in UTC.
    pub days: Vec<Day>,
    /// What to send it, if it polls although it is notified.
    pub message: Option<Message>,
}

/// Figures with what follows from them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Priced {
    /// The figures.
    pub figures: Figures,
    /// The price.
    pub price: Price,
    /// See [`Figures::saved`]; in all, the sum of what initiators have saved.
    pub saved: Option<u64>,
}

impl Serialize for Priced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let figures = &self.figures;
        let mut out = serializer.serialize_struct("Figures", 20)?;
        out.serialize_field("gets", &figures.gets)?;
        out.serialize_field("failed", &figures.failed)?;
        out.serialize_field("notifications", &figures.notifications)?;
        out.serialize_field("notified_resources", &figures.notified_resources)?;
        out.serialize_field("gets_of_notified", &figures.gets_of_notified)?;
        out.serialize_field("gets_per_notified_resource", &figures.gets_per_notified())?;
        out.serialize_field("other_resources", &figures.other_resources)?;
        out.serialize_field("gets_of_others", &figures.gets_of_others)?;
        out.serialize_field("gets_per_other_resource", &figures.gets_per_other())?;
        out.serialize_field("gets_after_notification", &figures.gets_after_notification)?;
        out.serialize_field("used", &figures.used)?;
        out.serialize_field("ignored_resources", &figures.ignored_resources)?;
        out.serialize_field("undecided_resources", &figures.undecided_resources)?;
        out.serialize_field("no_change", &figures.no_change())?;
        out.serialize_field("no_change_logged", &figures.no_change_logged)?;
        out.serialize_field("no_change_inferred", &figures.no_change_inferred)?;
        out.serialize_field("no_change_of_notified", &figures.no_change_of_notified)?;
        out.serialize_field("no_change_usd", &self.price.of(figures.no_change()))?;
        out.serialize_field("saved", &self.saved)?;
        out.serialize_field("saved_usd", &self.saved.map(|saved| self.price.of(saved)))?;
        out.end()
    }
}

impl Report {
    /// Says whether every line was read.
    pub fn is_complete(&self) -> bool {
        self.log.broken == 0 && self.notification_lines.broken == 0
    }
}

/// An analysis under way.
pub struct Analysis<'m> {
    mapping: &'m Mapping,
    parser: LineParser<'m>,
    clients: Clients,
    counts: LineCounts,
    reorder: Reorder,
    number: u64,
}

impl<'m> Analysis<'m> {
    /// Begins with a mapping.
    pub fn new(mapping: &'m Mapping) -> Self {
        Self {
            mapping,
            parser: LineParser::new(mapping),
            clients: Clients::new(mapping.aliases.clone()),
            counts: LineCounts::default(),
            reorder: Reorder::default(),
            number: 0,
        }
    }

    /// The initiators, for [`Notifications`].
    pub fn clients(&mut self) -> &mut Clients {
        &mut self.clients
    }

    /// Looks into files for when they begin; `None` if they have no GET, or are standard input.
    pub fn first(&mut self, sources: &[Source]) -> Result<Option<Timestamp>> {
        let sources = Sources::new(sources.to_vec(), self.mapping, &mut self.clients)?;
        Ok(sources.first().and_then(|first| Timestamp::from_millisecond(first).ok()))
    }

    /// Reads files, and joins them with the notifications.
    pub fn files(
        mut self,
        sources: Vec<Source>,
        notifications: Notifications,
        price: Price,
    ) -> Result<Report> {
        let mut join = Join::new(notifications.all);
        let mut sources = Sources::new(sources, self.mapping, &mut self.clients)?;
        while let Some(get) = sources.next(&mut self.clients, &mut self.counts)? {
            self.reorder.push(get, self.number);
            self.number += 1;
            while let Some(get) = self.reorder.pop(false) {
                join.get(&get);
            }
        }
        Ok(self.report(join, notifications.counts, price))
    }

    /// Begins to take lines one by one.
    pub fn lines(self, notifications: Notifications) -> LineAnalysis<'m> {
        LineAnalysis {
            analysis: self,
            join: Join::new(notifications.all),
            notification_lines: notifications.counts,
        }
    }

    fn report(mut self, mut join: Join, notification_lines: LineCounts, price: Price) -> Report {
        while let Some(get) = self.reorder.pop(true) {
            join.get(&get);
        }
        join.finish();
        let instant = |at: Option<i64>| at.and_then(|at| Timestamp::from_millisecond(at).ok());
        let (from, to) = (instant(join.first), instant(join.last));
        let priced = |figures: Figures, saved| Priced { figures, price, saved };
        let days = |client: Client| {
            let own = join.days.range((client, i32::MIN)..=(client, i32::MAX));
            own.map(|((_, number), day)| Day { day: civil(*number), ..*day }.priced(price)).collect()
        };
        let mut initiators: Vec<_> = join
            .figures
            .iter()
            .map(|(client, figures)| Initiator {
                client_id: self.clients.name(*client).to_owned(),
                figures: priced(*figures, figures.saved()),
                days: days(*client),
                message: match (*client, from, to) {
                    (Client::UNKNOWN | Client::OTHER, ..) | (_, None, _) | (_, _, None) => None,
                    (_, Some(from), Some(to)) => Message::of(figures, from, to),
                },
            })
            .collect();
        initiators.sort_by_key(|one| std::cmp::Reverse(one.figures.figures.no_change()));
        let all = join.figures.values().copied().sum();
        let saved = initiators.iter().filter_map(|one| one.figures.saved);
        let saved = saved.fold(None, |sum: Option<u64>, one| Some(sum.unwrap_or_default() + one));
        let mut by_day: BTreeMap<i32, Day> = BTreeMap::new();
        for ((_, number), day) in &join.days {
            by_day.entry(*number).or_default().add(day);
        }
        let by_day = by_day.iter().map(|(number, day)| Day { day: civil(*number), ..*day }.priced(price));
        let lacks_path = self.counts.broken_lines.iter().any(|line| line.reason == Broken::Path.reason());
        Report {
            from,
            to,
            log: self.counts,
            notification_lines,
            notifications_outside: join.outside,
            late: self.reorder.late,
            forgotten_early: join.forgotten_early,
            by_other_clients: join.by_other_clients,
            advice: self.mapping.advice.clone().filter(|_| lacks_path),
            usd_per_million: price,
            all: priced(all, saved),
            initiators,
            days: by_day.collect(),
        }
    }
}

/// An analysis that is given lines, as `CloudWatch` Logs gives them.
pub struct LineAnalysis<'m> {
    analysis: Analysis<'m>,
    join: Join,
    notification_lines: LineCounts,
}

impl LineAnalysis<'_> {
    /// Takes a line of `source`, which names it if it is broken.
    pub fn line(&mut self, line: &str, source: &str) {
        let analysis = &mut self.analysis;
        analysis.counts.lines += 1;
        let mut found = Vec::new();
        match analysis.parser.read(line.trim_end().as_bytes(), &mut analysis.clients, |get| found.push(get)) {
            Ok(other) => analysis.counts.other += other,
            Err(broken) => analysis.counts.broke(source, analysis.counts.lines, broken.reason()),
        }
        for get in found {
            analysis.counts.gets += 1;
            analysis.reorder.push(get, analysis.number);
            analysis.number += 1;
        }
        while let Some(get) = analysis.reorder.pop(false) {
            self.join.get(&get);
        }
    }

    /// Ends it.
    pub fn finish(self, price: Price) -> Report {
        self.analysis.report(self.join, self.notification_lines, price)
    }
}

/// The day of this number since 1970.
fn civil(number: i32) -> Date {
    let span: Span = number.days();
    date(1970, 1, 1).checked_add(span).unwrap_or_default()
}

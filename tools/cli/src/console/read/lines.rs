//! The lines of dispatch: first the newest, then older ones part by part, and new ones as they come.

use account::ChosenStack;
use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use pages::attempt::{PHRASES, SENTENCES};
use pages::figures::Range;
use platform::clock::Clock;
use platform::telemetry::fields_of_line;
use tokio::time::Instant;

use super::{Shared, within};
use crate::attempts::LogGroups;

/// The first part.
const FIRST: SignedDuration = SignedDuration::from_mins(5);
/// How many lines a part is to have: its length follows from how many the part before had.
const LINES: i64 = 20_000;
/// How much longer than the part before one may be.
const GROWTH: i64 = 12;
/// `CloudWatch` Logs shows lines late, and not in their order.
const OVERLAP: SignedDuration = SignedDuration::from_secs(90);
/// How many lines are taken in before others may read.
const AT_ONCE: usize = 500;

#[derive(Debug)]
pub(super) struct Lines {
    groups: LogGroups,
    clock: Clock,
    /// Until when new lines were read; `None` before the first part.
    until: Option<Timestamp>,
    /// How long the next older part is.
    part: SignedDuration,
    /// From when on everything was read.
    since: Timestamp,
}

impl Lines {
    pub(super) fn of(stack: &ChosenStack, clock: Clock) -> Result<Self> {
        let since = clock.now();
        Ok(Self { groups: LogGroups::of(stack)?, clock, until: None, part: FIRST, since })
    }

    /// Reads what is new, and one older part, if there is still one to read.
    pub(super) async fn step(&mut self, model: &Shared) {
        let (began, now) = (Instant::now(), self.clock.now());
        model.write(|model| model.history.begin(now));
        let read = self.read(model, now).await;
        let now = self.clock.now();
        model.write(|model| {
            model.history.reading_since = None;
            match read {
                Ok(()) => {
                    let history = model.history.value.get_or_insert_default();
                    history.is_read_since(self.since);
                    history.forget(now);
                    (model.history.at, model.history.took) = (Some(now), Some(began.elapsed()));
                    model.history.error = None;
                }
                Err(error) => model.history.error = Some(error),
            }
        });
    }

    async fn read(&mut self, model: &Shared, now: Timestamp) -> Result<(), String> {
        let oldest = ago(now, Range::Week.length());
        let new_since = self.until.map_or(now, |until| ago(until, OVERLAP));
        if new_since < now {
            within(take(&mut self.groups, model, (new_since, now))).await?;
        }
        self.until = Some(now);
        let is_full =
            model.write(|model| model.history.value.as_ref().is_some_and(pages::history::History::is_full));
        if self.since <= oldest || is_full {
            return Ok(());
        }
        let since = ago(self.since, self.part).max(oldest);
        // Lines that were read before are not told again, so each older part has a reader of its own.
        let count = within(take(&mut self.groups.anew(), model, (since, self.since))).await?;
        self.since = since;
        let fitting = LINES / i64::try_from(count).unwrap_or(LINES).max(1);
        self.part *= i32::try_from(fitting.clamp(1, GROWTH)).unwrap_or(1);
        Ok(())
    }
}

/// Takes the lines of a window in; returns how many there were.
async fn take(groups: &mut LogGroups, model: &Shared, window: (Timestamp, Timestamp)) -> Result<usize> {
    let mut count = 0;
    for phrase in PHRASES {
        let mut waiting = Vec::new();
        groups
            .read_if_there(window, &format!("\"{phrase}\""), |at, line| {
                count += 1;
                waiting.extend(fields_of_line(line.trim_end(), &SENTENCES).map(|fields| (at, fields)));
                if waiting.len() >= AT_ONCE {
                    add(model, &mut waiting);
                }
                Ok(())
            })
            .await?;
        add(model, &mut waiting);
    }
    Ok(count)
}

fn add(model: &Shared, waiting: &mut Vec<(Timestamp, serde_json::Map<String, serde_json::Value>)>) {
    model.write(|model| {
        let history = model.history.value.get_or_insert_default();
        waiting.drain(..).for_each(|(at, fields)| history.add(at, &fields));
    });
}

fn ago(now: Timestamp, length: SignedDuration) -> Timestamp {
    now.saturating_sub(length).unwrap_or(Timestamp::MIN)
}

//! The lines of dispatch: first the newest, then older ones part by part, and new ones as they come.

use account::ChosenStack;
use anyhow::{Result, bail};
use jiff::{SignedDuration, Timestamp};
use pages::attempt::{PHRASES, SENTENCES};
use pages::figures::Range;
use pages::history::History;
use platform::clock::Clock;
use platform::telemetry::fields_of_line;
use serde_json::{Map, Value};

use super::shared::{Shared, within};
use crate::attempts::LogGroups;

/// `CloudWatch` Logs shows lines late, and not in their order.
const OVERLAP: SignedDuration = SignedDuration::from_secs(90);
/// How many lines are taken in before others may read.
const AT_ONCE: usize = 500;

/// What a line has, and when it was written.
type Written = (Timestamp, Map<String, Value>);

#[derive(Debug)]
pub(super) struct Lines {
    groups: LogGroups,
    clock: Clock,
    /// Lines that were told and not taken in yet: a reading that fails loses none.
    waiting: Vec<Written>,
    /// Until when new lines were read; `None` before the first part.
    until: Option<Timestamp>,
    /// How much is read of what is new: little after a failure.
    new: Stride,
    /// How much is read of what is older.
    older: Stride,
    /// From when on everything was read.
    since: Timestamp,
}

/// How long the next part is: about as long as has [`Stride::LINES`], and shorter after a failure.
#[derive(Clone, Copy, Debug)]
struct Stride(SignedDuration);

impl Stride {
    const LINES: i64 = 20_000;
    /// A part with more is begun again, shorter, as it would take too long.
    const MAX_LINES: usize = 80_000;
    const FIRST: SignedDuration = SignedDuration::from_mins(5);
    const MIN: SignedDuration = SignedDuration::from_secs(30);
    const MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// After a part with so many lines.
    fn after(self, lines: usize) -> Self {
        let quarters = Self::LINES * 4 / i64::try_from(lines).unwrap_or(i64::MAX).max(1);
        let quarters = i32::try_from(quarters.clamp(1, 48)).unwrap_or(1);
        Self((self.0 * quarters / 4).clamp(Self::MIN, Self::MAX))
    }

    /// After a part that could not be read.
    fn after_failure(self) -> Self {
        Self((self.0 / 4).max(Self::MIN))
    }

    /// How many lines a part may have; the shortest has no limit.
    fn limit(self) -> usize {
        if self.0 > Self::MIN { Self::MAX_LINES } else { usize::MAX }
    }
}

impl Lines {
    pub(super) fn of(stack: &ChosenStack, clock: Clock) -> Result<Self> {
        let (since, stride) = (clock.now(), Stride(Stride::FIRST));
        let groups = LogGroups::of(stack)?;
        Ok(Self { groups, clock, waiting: Vec::new(), until: None, new: stride, older: stride, since })
    }

    /// Reads what is new, and one older part, if there is still one to read.
    pub(super) async fn step(&mut self, model: &Shared) {
        let now = self.clock.now();
        model.write(|model| model.history.begin(now));
        let read = self.read(model, now).await;
        model.write(|model| {
            model.history.reading_since = None;
            match read {
                Ok(until) => {
                    let history = model.history.value.get_or_insert_default();
                    history.note_read_since(self.since);
                    history.forget(now);
                    model.history.at = Some(until);
                    model.history.error = None;
                }
                Err(error) => model.history.error = Some(error),
            }
        });
    }

    /// Returns until when all was read.
    async fn read(&mut self, model: &Shared, now: Timestamp) -> Result<Timestamp, String> {
        let until = self.follow(model, now).await?;
        // After a pause, what is new comes first.
        if until == now {
            self.go_back(model, now).await?;
        }
        Ok(until)
    }

    async fn follow(&mut self, model: &Shared, now: Timestamp) -> Result<Timestamp, String> {
        let Some(before) = self.until else {
            self.until = Some(now);
            return Ok(now);
        };
        let until = before.saturating_add(self.new.0).unwrap_or(now).min(now);
        let window = (ago(before, OVERLAP), until);
        let taken = within(take(&mut self.groups, window, usize::MAX, &mut self.waiting, Some(model))).await;
        add(model, &mut self.waiting);
        let count = taken.inspect_err(|_| self.new = self.new.after_failure())?;
        self.new = self.new.after(count);
        self.until = Some(until);
        Ok(until)
    }

    async fn go_back(&mut self, model: &Shared, now: Timestamp) -> Result<(), String> {
        let oldest = ago(now, Range::Week.length());
        let is_full = model.write(|model| model.history.value.as_ref().is_some_and(History::is_full));
        if self.since <= oldest || is_full {
            return Ok(());
        }
        let since = ago(self.since, self.older.0).max(oldest);
        // A part is taken in whole or not at all, so that nothing is missing between two times.
        let (window, mut lines) = ((since, self.since), Vec::new());
        let limit = self.older.limit();
        let taken = within(take(&mut self.groups.anew(), window, limit, &mut lines, None)).await;
        let count = taken.inspect_err(|_| self.older = self.older.after_failure())?;
        add(model, &mut lines);
        self.since = since;
        self.older = self.older.after(count);
        Ok(())
    }
}

/// Reads the lines of a window; returns how many there were. With a model they are taken in as they come.
async fn take(
    groups: &mut LogGroups,
    window: (Timestamp, Timestamp),
    limit: usize,
    lines: &mut Vec<Written>,
    model: Option<&Shared>,
) -> Result<usize> {
    let mut count = 0;
    for phrase in PHRASES {
        let tell = |at, line: &str| {
            count += 1;
            lines.extend(fields_of_line(line.trim_end(), &SENTENCES).map(|fields| (at, fields)));
            if let Some(model) = model.filter(|_| lines.len() >= AT_ONCE) {
                add(model, lines);
            }
            if count > limit {
                bail!("the log has more lines than are read at once");
            }
            Ok(())
        };
        groups.read_if_there(window, &format!("\"{phrase}\""), tell).await?;
    }
    Ok(count)
}

fn add(model: &Shared, lines: &mut Vec<Written>) {
    while !lines.is_empty() {
        let some = lines.drain(..lines.len().min(AT_ONCE));
        model.write(|model| {
            let history = model.history.value.get_or_insert_default();
            some.for_each(|(at, fields)| history.add(at, &fields));
        });
    }
}

fn ago(now: Timestamp, length: SignedDuration) -> Timestamp {
    now.saturating_sub(length).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_grows_while_the_log_is_quiet_and_shrinks_when_it_is_not() {
        let first = Stride(Stride::FIRST);
        assert_eq!(first.after(0).0, SignedDuration::from_mins(60));
        assert_eq!(first.after(20_000).0, Stride::FIRST);
        assert_eq!(first.after(200_000).0, SignedDuration::from_secs(75));
        assert_eq!((0..9).fold(first, |stride, _| stride.after(0)).0, Stride::MAX);
    }

    #[test]
    fn a_part_that_cannot_be_read_is_tried_again_shorter_and_never_without_end() {
        let mut stride = Stride(Stride::MAX);
        for _ in 0..20 {
            assert!(stride.limit() < usize::MAX || stride.0 == Stride::MIN);
            stride = stride.after_failure();
        }
        assert_eq!((stride.0, stride.limit()), (Stride::MIN, usize::MAX));
    }
}

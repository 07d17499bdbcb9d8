//! Small charts of counts over time. Their colours are classes of the style sheet, which knows light and dark.

use bars::{Bars, Part as Drawn};

use crate::figures::{Counts, Figures, Range};
use crate::page::{Page, brasilia};

/// Pixels.
const SIZE: (f64, f64) = (640.0, 150.0);
/// The class of what went well: `assets/console.css`.
pub const GOOD: &str = "good";
/// The class of what did not.
pub const BAD: &str = "bad";
/// The class of what is neither.
pub const PLAIN: &str = "plain";

/// What of the counts is drawn: a name for those who cannot see it, a class and a part.
pub type Part<'a> = (&'a str, &'static str, fn(&Counts) -> Option<f64>);

/// Draws the parts of a range on top of each other; `None` if nothing of them was measured.
pub fn bars(page: &Page, figures: &Figures, range: Range, title: &str, parts: &[Part<'_>]) -> Option<String> {
    let is_measured = |counts: &Counts| parts.iter().any(|(_, _, part)| part(counts).is_some());
    if !figures.parts.iter().any(is_measured) {
        return None;
    }
    let starts = (0..figures.parts.len()).map(|part| {
        let into = range.part() * i32::try_from(part).unwrap_or_default();
        let start = figures.since.saturating_add(into).unwrap_or(figures.since).to_zoned_datetime(brasilia());
        start.strftime(if range == Range::Week { "%d/%m %Hh" } else { "%H:%M" }).to_string()
    });
    let drawn = parts.iter().map(|(name, class, part)| {
        let values = figures.parts.iter().map(|counts| part(counts).unwrap_or_default());
        Drawn { name, class, values: values.collect() }
    });
    let bars = Bars {
        title,
        description: &described(page, figures, parts),
        parts: drawn.collect(),
        slots: starts.collect(),
        size: SIZE,
        legend: false,
        number: &|number| page.number(number),
    };
    Some(bars.svg())
}

/// What the picture says, in words: sums and the highest part.
fn described(page: &Page, figures: &Figures, parts: &[Part<'_>]) -> String {
    let one = |(name, _, part): &Part<'_>| {
        let most = figures.parts.iter().filter_map(part).fold(0.0, f64::max);
        format!("{name}: {} {}", page.t("at most", "no máximo"), page.number(most))
    };
    parts.iter().map(one).collect::<Vec<_>>().join("; ")
}

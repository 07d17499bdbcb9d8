//! Charts for those who would rather look than read.

use bars::{Bars, Part};
use charts_rs::{Color, HorizontalBarChart, Margin, Series, svg_with_accessibility};

use crate::counts::Day;
use crate::figures::CLASSES;
use crate::report::Report;
use crate::words::Words;

const WIDTH: f32 = 860.0;
const HEIGHT: f64 = 230.0;
const ROW: f32 = 26.0;
/// Above and below the bars.
const HEAD_AND_FOOT: f32 = 20.0;
/// Left of the names, for the same reason.
const LEFT: f32 = 30.0;
const FONT: &str = "Segoe UI,Roboto,Helvetica,Arial,sans-serif";
const FAILED: &str = "#c0392b";
/// How much longer than the longest bar the axis is, so that a count has room behind its bar.
const BEYOND: f32 = 1.15;
/// Between a name and its bar: room for a reader's font, which may be wider than the library's.
const GAP: f32 = 22.0;

/// Draws the attempts of each day; `None` if there was none.
pub(crate) fn by_day(report: &Report, words: &Words) -> Option<String> {
    if report.all.attempts == 0 {
        return None;
    }
    let part = |name, class, count: fn(&Day) -> u64| {
        let values = report.days.iter().map(|day| f64::from(length(count(day)))).collect();
        Part { name, class, values }
    };
    let bars = Bars {
        title: words.by_day,
        description: words.by_day_described,
        parts: vec![
            part(words.accepted, "good", |day| day.attempts.saturating_sub(day.failed)),
            part(words.failed, "bad", |day| day.failed),
        ],
        slots: (1..=report.days.len()).map(|day| day.to_string()).collect(),
        size: (f64::from(WIDTH), HEIGHT),
        legend: true,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of attempts")]
        number: &|number| words.number(number.round() as u64),
    };
    Some(bars.svg())
}

/// Draws failed attempts by whose fault they were; `None` if none failed.
pub(crate) fn by_fault(report: &Report, words: &Words) -> Option<String> {
    let mut counts: Vec<_> =
        CLASSES.iter().map(|class| (words.class(*class), report.all.failed_by(Some(*class)))).collect();
    counts.push((words.other_fault, report.all.failed_by(None)));
    counts.retain(|(_, count)| *count > 0);
    if counts.is_empty() {
        return None;
    }
    // The lowest row of a chart is its first.
    let bars = counts.iter().rev().enumerate().map(|(row, (_, count))| Series {
        name: words.number(*count),
        data: vec![Some(length(*count))],
        start_index: row,
        // All in one row each, and not side by side.
        stack: Some("faults".to_owned()),
        label_show: true,
        colors: Some(vec![Some(FAILED.into())]),
        ..Series::default()
    });
    let names = counts.iter().rev().map(|(name, _)| (*name).to_owned()).collect();
    let mut chart = HorizontalBarChart::new(bars.collect(), names);
    #[expect(clippy::cast_precision_loss, reason = "some classes")]
    let rows = counts.len() as f32;
    (chart.width, chart.height) = (WIDTH, HEAD_AND_FOOT + ROW * rows);
    chart.margin = Margin { left: LEFT, ..Margin::from(6.0) };
    FONT.clone_into(&mut chart.font_family);
    let plain: Color = "#1b2430".into();
    (chart.x_axis.font.size, chart.x_axis.font.color) = (12.0, plain);
    (chart.series.label.font.size, chart.series.label.font.color) = (12.0, plain);
    // The label of a bar is its series' name.
    "{a}".clone_into(&mut chart.series.label.formatter);
    chart.legend.show = Some(false);
    chart.grid.stroke_width = 0.0;
    chart.x_axis.hidden = true;
    chart.x_axis.name_gap = GAP;
    chart.x_axis.stroke_color = "#d9dfe6".into();
    let longest = counts.iter().map(|(_, count)| length(*count)).fold(0.0, f32::max);
    for axis in &mut chart.y_axis_configs {
        (axis.min, axis.max) = (Some(0.0), Some(longest * BEYOND));
    }
    let svg = chart.svg().expect("the font that its texts are measured by is built in");
    Some(svg_with_accessibility(&svg, words.by_fault_described, ""))
}

#[expect(clippy::cast_precision_loss, reason = "a length in a picture")]
fn length(count: u64) -> f32 {
    count as f32
}

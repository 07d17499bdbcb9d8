//! Draws the report: a bar for each day.

use charts_rs::{
    Align, Color, HorizontalBarChart, LegendCategory, Margin, Position, Series, svg_with_accessibility,
};
use terminal::grouped;

use crate::figures::Day;
use crate::report::Report;

/// Pixels: of the picture, of its margins, of what is above and below the bars, of a row.
const WIDTH: f32 = 860.0;
const MARGIN: f32 = 24.0;
const HEAD_AND_FOOT: f32 = 150.0;
const ROW: f32 = 24.0;
/// Between a day and its bar: room for a reader's font, which may be wider than the library's.
const GAP: f32 = 22.0;
const FONT: &str = "Helvetica,Arial,sans-serif";
/// Maximum number of days that are drawn: the last ones.
const MAX_DAYS: usize = 62;

/// A part of a day's GETs.
type Part = (&'static str, &'static str, fn(&Day) -> u64);

const PARTS: [Part; 3] = [
    ("first after a notification", "#0f9d75", |day| day.gets_after_notification),
    ("other", "#a3b1c4", |day| day.gets.saturating_sub(day.gets_after_notification + day.no_change)),
    ("no change seen", "#c62828", |day| day.no_change),
];

/// Draws the days of a report.
pub fn picture(report: &Report) -> String {
    let days = report.days.get(report.days.len().saturating_sub(MAX_DAYS)..).unwrap_or_default();
    // The lowest row of a chart is its first.
    let bars = PARTS.iter().map(|(name, colour, part)| Series {
        name: (*name).to_owned(),
        data: days.iter().rev().map(|day| Some(length(part(day)))).collect(),
        stack: Some("gets".to_owned()),
        colors: Some(vec![Some((*colour).into()); days.len()]),
        ..Series::default()
    });
    let names = days.iter().rev().map(|day| day.day.to_string()).collect();
    let mut chart = HorizontalBarChart::new(bars.collect(), names);
    let (strong, plain, small): (Color, Color, Color) =
        ("#111827".into(), "#374151".into(), "#6b7280".into());
    (chart.width, chart.margin) = (WIDTH, Margin::from(MARGIN));
    #[expect(clippy::cast_precision_loss, reason = "some days")]
    let rows = days.len() as f32;
    chart.height = HEAD_AND_FOOT + ROW * rows;
    FONT.clone_into(&mut chart.font_family);
    chart.series.colors = PARTS.iter().map(|(_, colour, _)| (*colour).into()).collect();
    (chart.title.font.size, chart.title.font.color, chart.title.align) = (17.0, strong, Align::Left);
    (chart.sub_title.font.size, chart.sub_title.font.color, chart.sub_title.align) =
        (11.0, small, Align::Left);
    (chart.x_axis.font.size, chart.x_axis.font.color) = (13.0, plain);
    (chart.legend.align, chart.legend.category) = (Align::Left, LegendCategory::Rect);
    (chart.legend.position, chart.legend.font.size) = (Some(Position::Bottom), 12.0);
    chart.x_axis.name_gap = GAP;
    let useless = report.all.figures.no_change();
    chart.title.text =
        format!("{} of {} GETs saw no change", grouped(useless), grouped(report.all.figures.gets));
    chart.sub_title.text =
        format!("US$ {} at US$ {} for a million requests", report.all.price.of(useless), report.all.price);
    let svg = chart.svg().expect("the font that its texts are measured by is built in");
    svg_with_accessibility(&svg, "GETs of resources by day, and how many saw no change", "")
}

#[expect(clippy::cast_precision_loss, reason = "a length in a picture")]
fn length(count: u64) -> f32 {
    count as f32
}

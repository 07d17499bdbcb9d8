//! Small charts of counts over time. Their colours are names for the style sheet, which knows light and dark.

use charts_rs::{BarChart, Color, Margin, Series, svg_with_accessibility};

use crate::figures::{Counts, Figures, Range};
use crate::page::{Page, brasilia};

/// Pixels.
const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 150.0;
const MARGIN: f32 = 6.0;
const FONT: &str = "system-ui,sans-serif";
/// One colour each, which the style sheet replaces by that of the theme: `assets/console.css`.
pub const GOOD: &str = "#0f9d75";
/// See [`GOOD`].
pub const BAD: &str = "#c62828";
/// See [`GOOD`].
pub const PLAIN: &str = "#2563eb";
/// See [`GOOD`].
pub const TEXT: &str = "#4b5563";
/// See [`GOOD`].
pub const GRID: &str = "#d1d5db";

/// What of the counts is drawn: a name for those who cannot see it, a colour and a part.
pub type Part<'a> = (&'a str, &'static str, fn(&Counts) -> Option<f64>);

/// Draws the parts of a range on top of each other; `None` if nothing of them was measured.
pub fn bars(page: &Page, figures: &Figures, range: Range, title: &str, parts: &[Part<'_>]) -> Option<String> {
    let is_measured = |counts: &Counts| parts.iter().any(|(_, _, part)| part(counts).is_some());
    if !figures.parts.iter().any(is_measured) {
        return None;
    }
    let series = parts.iter().map(|(name, colour, part)| Series {
        name: (*name).to_owned(),
        #[expect(clippy::cast_possible_truncation, reason = "a length in a picture")]
        data: figures.parts.iter().map(|counts| Some(part(counts).unwrap_or_default() as f32)).collect(),
        stack: Some("all".to_owned()),
        colors: Some(vec![Some((*colour).into()); figures.parts.len()]),
        ..Series::default()
    });
    let starts = (0..figures.parts.len()).map(|part| {
        let into = range.part() * i32::try_from(part).unwrap_or_default();
        let start = figures.since.saturating_add(into).unwrap_or(figures.since).to_zoned_datetime(brasilia());
        start.strftime(if range == Range::Week { "%d/%m %Hh" } else { "%H:%M" }).to_string()
    });
    let mut chart = BarChart::new(series.collect(), starts.collect());
    (chart.width, chart.height, chart.margin) = (WIDTH, HEIGHT, Margin::from(MARGIN));
    FONT.clone_into(&mut chart.font_family);
    chart.background_color = Color::transparent();
    chart.legend.show = Some(false);
    chart.x_axis.font.size = 11.0;
    chart.x_axis.font.color = TEXT.into();
    chart.x_axis.stroke_color = GRID.into();
    chart.grid.stroke_color = GRID.into();
    for axis in &mut chart.y_axis_configs {
        (axis.font.size, axis.font.color, axis.split_number) = (11.0, TEXT.into(), 2);
    }
    chart.series.colors = parts.iter().map(|(_, colour, _)| (*colour).into()).collect();
    let svg = chart.svg().ok()?;
    Some(svg_with_accessibility(&svg, title, &described(page, figures, parts)))
}

/// What the picture says, in words: sums and the highest part.
fn described(page: &Page, figures: &Figures, parts: &[Part<'_>]) -> String {
    let one = |(name, _, part): &Part<'_>| {
        let most = figures.parts.iter().filter_map(part).fold(0.0, f64::max);
        format!("{name}: {} {}", page.t("at most", "no máximo"), page.number(most))
    };
    parts.iter().map(one).collect::<Vec<_>>().join("; ")
}

//! Draws a bill: a bar for each of its positions, and what it costs.

use charts_rs::{Align, Color, HorizontalBarChart, Margin, Series, TextConfig, svg_with_accessibility};

use super::gather::Bill;
use super::item::{Cost, Item};
use super::table::costs;
use crate::prices::{Prices, Usd};

/// Pixels: of the picture, of its margins, of what is above and below the bars, of what is below, of a row.
const WIDTH: f32 = 860.0;
const MARGIN: f32 = 24.0;
const HEAD_AND_FOOT: f32 = 144.0;
const FOOT: f32 = 40.0;
const ROW: f32 = 24.0;
/// Between a name and its bar: room for a reader's font, which may be wider than the library's.
const GAP: f32 = 22.0;
/// How much longer than the longest bar the axis is, so that a cost has room behind its bar.
const BEYOND: f32 = 1.35;
/// Into how many parts the whole is divided for the lengths of bars.
const PARTS: u128 = 100_000;
const FONT: &str = "Helvetica,Arial,sans-serif";

/// Draws a bill, per million delivered if anything was delivered.
pub fn picture(bill: &Bill, prices: &Prices) -> String {
    let shown = |usd: Usd| bill.per_million(usd).unwrap_or(usd);
    let costs: Vec<_> = costs(bill).filter(|cost| cost.usd > Usd::ZERO).collect();
    let total: Usd = costs.iter().map(|cost| cost.usd).sum();
    let of = if bill.counts.delivered > 0 { "a million notifications delivered" } else { "all" };
    // The lowest row of a chart is its first.
    let bars = costs.iter().rev().enumerate().map(|(row, cost)| {
        let thousandths = cost.usd.parts_of(total, 1_000);
        let usd = shown(cost.usd).rounded(4);
        Series {
            name: format!("US$ {usd}, {}.{} %", thousandths / 10, thousandths % 10),
            data: vec![Some(length(cost.usd, total))],
            start_index: row,
            // All in one row each, and not side by side.
            stack: Some("cost".to_owned()),
            label_show: true,
            colors: Some(vec![Some(colour(cost.item))]),
            ..Series::default()
        }
    });
    let names = costs.iter().rev().map(|cost| name(cost, prices)).collect();
    let mut chart = HorizontalBarChart::new(bars.collect(), names);
    style(&mut chart);
    #[expect(clippy::cast_precision_loss, reason = "some positions")]
    let rows = costs.len() as f32;
    chart.height = HEAD_AND_FOOT + ROW * rows;
    chart.title.text = format!("US$ {} for {of}", shown(total).rounded(2));
    chart.sub_title.text = prices.title();
    let longest = costs.iter().map(|cost| length(cost.usd, total)).fold(0.0, f32::max);
    for axis in &mut chart.y_axis_configs {
        (axis.min, axis.max) = (Some(0.0), Some(longest * BEYOND));
    }
    let svg = chart.svg().expect("the font that its texts are measured by is built in");
    svg_with_accessibility(&svg, "What notifications cost", "")
}

fn style(chart: &mut HorizontalBarChart) {
    let (strong, plain, small): (Color, Color, Color) =
        ("#111827".into(), "#374151".into(), "#6b7280".into());
    (chart.width, chart.margin) = (WIDTH, Margin { bottom: FOOT, ..Margin::from(MARGIN) });
    FONT.clone_into(&mut chart.font_family);
    (chart.title.font.size, chart.title.font.color, chart.title.align) = (17.0, strong, Align::Left);
    (chart.sub_title.font.size, chart.sub_title.font.color, chart.sub_title.align) =
        (11.0, small, Align::Left);
    (chart.x_axis.font.size, chart.x_axis.font.color) = (13.0, plain);
    (chart.series.label.font.size, chart.series.label.font.color) = (13.0, plain);
    // The label of a bar is its series' name.
    "{a}".clone_into(&mut chart.series.label.formatter);
    chart.legend.show = Some(false);
    chart.grid.stroke_width = 0.0;
    chart.x_axis.hidden = true;
    chart.x_axis.name_gap = GAP;
    chart.x_axis.stroke_color = "#dbe3ec".into();
    let mut marks = TextConfig {
        text: "* the price is not confirmed   ~ follows from what was counted".to_owned(),
        left: Some(MARGIN),
        bottom: Some(10.0),
        ..TextConfig::default()
    };
    (marks.font.size, marks.font.color) = (11.0, small);
    chart.texts = vec![marks];
}

#[expect(clippy::cast_precision_loss, reason = "PARTS at most")]
fn length(usd: Usd, total: Usd) -> f32 {
    usd.parts_of(total, PARTS) as f32
}

fn name(cost: &Cost, prices: &Prices) -> String {
    let star = if prices.quote(cost.rate).confirmed { "" } else { " *" };
    let tilde = if cost.item.is_inferred() { " ~" } else { "" };
    format!("{}{star}{tilde}", cost.item.name())
}

fn colour(item: Item) -> Color {
    let colour = match item {
        Item::TableWrites => "#2563eb",
        Item::TableReads => "#7da2f5",
        Item::Sqs => "#c0267e",
        Item::EventSource => "#de7cb6",
        Item::FairQueue => "#f0bcd9",
        Item::LambdaTime => "#e07b00",
        Item::LambdaRequests => "#f2b25c",
        Item::Api => "#7c5cff",
        Item::Logs => "#0f9d75",
        Item::Traces => "#84cc16",
        Item::DataOut => "#64748b",
        Item::KmsSignatures => "#c62828",
        Item::KmsRequests => "#e58a8a",
        Item::Secrets => "#9a6b4f",
    };
    colour.into()
}

#[cfg(test)]
mod tests {
    use super::super::item::{Counts, Terms};
    use super::*;
    use crate::prices::{Rate, Region};

    #[test]
    fn a_bar_is_as_long_as_its_part_and_says_it() {
        let terms = Terms {
            gigabyte_second: Rate::LambdaArm64,
            signature: Rate::KmsRsa2048,
            ledger_write: Rate::DynamoDbWrite,
            memory_mb: 256,
        };
        let prices = Prices::of(Region::UsEast1);
        let counts = Counts {
            delivered: 10,
            table_writes: 20,
            sqs_requests: 3,
            log_bytes: 3_000,
            ..Counts::default()
        };
        let svg = picture(&Bill::of_counts(counts, terms, &prices), &prices);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let number =
            |node: roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap().parse::<f32>().unwrap();
        let rects: Vec<_> = document.descendants().filter(|node| node.has_tag_name("rect")).collect();
        // The first is the picture's.
        let (bars, view) = (&rects[1..], number(rects[0], "width"));
        let left = number(bars[0], "x");
        let told: Vec<_> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
        // 12.5 + 1.2 + 0.3 + 1.5 millionths for ten.
        assert!(told.iter().any(|text| text.starts_with("US$ 1.55 for a million")), "{svg}");
        for (name, label, part) in [
            ("DynamoDB writes", "US$ 1.2500, 80.6 %", 1.25 / 1.55),
            ("SQS, by the functions *", "US$ 0.1200, 7.7 %", 0.12 / 1.55),
            ("SQS, message groups * ~", "US$ 0.0300, 1.9 %", 0.03 / 1.55),
            ("CloudWatch Logs", "US$ 0.1500, 9.7 %", 0.15 / 1.55),
        ] {
            assert!(told.contains(&name) && told.contains(&label), "{name}, {label}: {svg}");
            let whole: f32 = bars.iter().map(|bar| number(*bar, "width")).sum();
            let near = |bar: &roxmltree::Node<'_, '_>| (number(*bar, "width") / whole - part).abs() < 0.002;
            assert!(bars.iter().any(near), "{name}: {svg}");
        }
        assert_eq!(bars.len(), 4);
        assert!(bars.iter().all(|bar| number(*bar, "x").to_bits() == left.to_bits()));
        assert!(bars.iter().all(|bar| left + number(*bar, "width") < view - MARGIN));
    }
}

//! Draws a bill as a bar of its items with a legend.

use std::fmt::Write as _;

use super::gather::Bill;
use super::item::{Cost, Item};
use super::table::costs;
use crate::prices::{Prices, Usd};

/// Sizes in pixels: the picture, the bar, a row of the legend.
const WIDTH: u128 = 860;
const MARGIN: u128 = 24;
const BAR: (u128, u128) = (64, 44);
const LEGEND: u128 = 142;
const ROW: u128 = 22;
/// Minimum width of a part of the bar with a label.
const NARROW: u128 = 56;
const STYLE: &str = "text{font-family:Helvetica,Arial,sans-serif;font-size:13px;fill:#374151}\
.title{font-size:17px;font-weight:bold;fill:#111827}.small{font-size:11px;fill:#6b7280}\
.in{fill:#fff;font-size:12px;text-anchor:middle}.right{text-anchor:end}";

/// Draws a bill, per million delivered if anything was delivered.
pub fn picture(bill: &Bill, prices: &Prices) -> String {
    let shown = |usd: Usd| bill.per_million(usd).unwrap_or(usd);
    let costs: Vec<_> = costs(bill).filter(|cost| cost.usd > Usd::ZERO).collect();
    let total: Usd = costs.iter().map(|cost| cost.usd).sum();
    let height = LEGEND + ROW * costs.len() as u128 + 34;
    let of = if bill.counts.delivered > 0 { "a million notifications delivered" } else { "all" };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>What notifications cost</title>\n<style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    text(&mut svg, "title", (MARGIN, 32), &format!("US$ {} for {of}", shown(total).rounded(2)));
    text(&mut svg, "small", (MARGIN, 51), &prices.title());
    let (top, thick) = BAR;
    let room = WIDTH - 2 * MARGIN;
    let mut sum = Usd::ZERO;
    for (index, cost) in costs.iter().enumerate() {
        // Computed from cumulative sums, so that rounding leaves no gaps.
        let left = sum.parts_of(total, room);
        sum += cost.usd;
        let width = sum.parts_of(total, room) - left;
        let colour = colour(cost.item);
        let (x, amount) = (MARGIN + left, shown(cost.usd).rounded(2));
        line(
            &mut svg,
            &format!("<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{thick}\" fill=\"{colour}\"/>"),
        );
        if width >= NARROW {
            text(&mut svg, "in", (x + width / 2, top + thick / 2 + 5), &amount);
        }
        legend(
            &mut svg,
            cost,
            LEGEND + ROW * index as u128,
            (shown(cost.usd), cost.usd.parts_of(total, 1_000)),
            prices,
        );
    }
    text(
        &mut svg,
        "small",
        (MARGIN, height - 12),
        "* the price is not confirmed   ~ follows from what was counted",
    );
    svg + "</svg>\n"
}

fn legend(svg: &mut String, cost: &Cost, y: u128, (usd, thousandths): (Usd, u128), prices: &Prices) {
    let colour = colour(cost.item);
    line(
        svg,
        &format!(
            "<rect x=\"{MARGIN}\" y=\"{}\" width=\"13\" height=\"13\" rx=\"2\" fill=\"{colour}\"/>",
            y - 11
        ),
    );
    let star = if prices.quote(cost.rate).confirmed { "" } else { " *" };
    let tilde = if cost.item.is_inferred() { " ~" } else { "" };
    text(svg, "", (MARGIN + 22, y), &format!("{}{star}{tilde}", cost.item.name()));
    text(svg, "right", (420, y), &format!("US$ {}", usd.rounded(4)));
    text(svg, "right", (500, y), &format!("{}.{} %", thousandths / 10, thousandths % 10));
}

fn colour(item: Item) -> &'static str {
    match item {
        Item::TableWrites => "#2563eb",
        Item::TableReads => "#7da2f5",
        Item::Sqs => "#c0267e",
        Item::EventSource => "#de7cb6",
        Item::FairQueue => "#f0bcd9",
        Item::LambdaTime => "#e07b00",
        Item::LambdaRequests => "#f2b25c",
        Item::Api => "#7c5cff",
        Item::Logs => "#0f9d75",
        Item::DataOut => "#64748b",
        Item::KmsSignatures => "#c62828",
        Item::KmsRequests => "#e58a8a",
        Item::Secrets => "#9a6b4f",
    }
}

fn text(svg: &mut String, class: &str, (x, y): (u128, u128), text: &str) {
    line(svg, &format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>"));
}

fn line(svg: &mut String, text: &str) {
    writeln!(svg, "{text}").expect("a string takes what is written");
}

#[cfg(test)]
mod tests {
    use super::super::item::{Counts, Terms};
    use super::*;
    use crate::prices::{Rate, Region};

    #[test]
    fn the_bar_is_as_wide_as_its_parts() {
        let terms = Terms { gigabyte_second: Rate::LambdaArm64, signature: Rate::KmsRsa2048, memory_mb: 256 };
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
            |node: roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap().parse::<u128>().unwrap();
        let of_bar = document.descendants().filter(|node| node.attribute("height") == Some("44"));
        let mut next = MARGIN;
        for part in of_bar {
            assert_eq!(number(part, "x"), next);
            next += number(part, "width");
        }
        assert_eq!(next, WIDTH - MARGIN);
        // 12.5 + 1.2 + 0.3 + 1.5 millionths for ten.
        assert!(svg.contains("US$ 1.55 for a million"), "{svg}");
    }
}

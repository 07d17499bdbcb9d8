//! The picture `docs/benchmarks.svg`: processor time by case, dispatch beside its floors.

use std::fmt::Write as _;

use crate::report::Report;

const LEFT: f64 = 150.0;
const WIDTH: f64 = 620.0;
const ROW: f64 = 62.0;
const HEAD: f64 = 74.0;
const BAR: f64 = 13.0;
/// The scale is logarithmic: a fresh connection costs twenty times what a kept one does.
const LEAST: f64 = 10.0;
const GRID: [f64; 8] = [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0];
const STYLE: &str = "text{font-family:Helvetica,Arial,sans-serif;fill:#374151;font-size:12px}\
.title{font-size:15px;font-weight:bold;fill:#111827}.tick{fill:#6b7280;font-size:11px}.grid{stroke:#e5e7eb}\
.case{font-weight:bold}.posts{fill:#cbd5e1}.floor{fill:#64748b}.ours{fill:#2563eb}.value{font-size:11px}";

/// Draws the picture.
pub fn picture(report: &Report) -> String {
    #[expect(clippy::cast_precision_loss, reason = "some cases")]
    let height = HEAD + report.cases.len() as f64 * ROW + 34.0;
    let width = LEFT + WIDTH + 70.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>Processor time for a notification, by case</title>\n<style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    put(&mut svg, "title", (14.0, 24.0), "Processor time for a notification, µs");
    let legend = [
        ("posts", "the POSTs alone"),
        ("floor", "with the requests to AWS, signed in advance"),
        ("ours", "dispatch"),
    ];
    let mut x = 14.0;
    for (class, text) in legend {
        rect(&mut svg, class, (x, 38.0), (12.0, 12.0));
        put(&mut svg, "tick", (x + 17.0, 48.0), text);
        x += 34.0 + 6.0 * f64::from(u32::try_from(text.len()).unwrap_or(0));
    }
    let bottom = height - 28.0;
    for tick in GRID {
        let x = place(tick);
        writeln!(svg, "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{HEAD}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>")
            .unwrap_or_default();
        put(&mut svg, "tick", (x - 8.0, bottom + 16.0), &tick.to_string());
    }
    let mut y = HEAD + 8.0;
    for case in &report.cases {
        put(&mut svg, "case", (14.0, y + 1.9 * BAR), &case.name);
        let bars = [
            ("posts", case.floor_posts.cpu_us),
            ("floor", case.floor_full.cpu_us),
            ("ours", case.dispatch.cpu_us),
        ];
        for (index, (class, value)) in bars.into_iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "three")]
            let top = y + index as f64 * (BAR + 2.0);
            let end = place(value);
            rect(&mut svg, class, (LEFT, top), (end - LEFT, BAR));
            put(&mut svg, "value", (end + 5.0, top + BAR - 2.5), &format!("{value:.0}"));
        }
        y += ROW;
    }
    svg + "</svg>\n"
}

/// Where a value lies on the axis.
fn place(value: f64) -> f64 {
    let most = GRID.last().copied().unwrap_or(LEAST);
    LEFT + WIDTH * (value.clamp(LEAST, most) / LEAST).ln() / (most / LEAST).ln()
}

fn rect(svg: &mut String, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
    writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
    )
    .unwrap_or_default();
}

fn put(svg: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>").unwrap_or_default();
}

//! The picture `docs/benchmarks.svg`: processor time by case, dispatch beside its floors.

use std::fmt::Write as _;

use crate::budget::RATIO;
use crate::report::MAIN;
use crate::report::{CaseFigures, Report};

/// Pixels: of the picture, of its margins, of the room for a label behind the longest bar, of its bars, from one to
/// the next, and of its rows.
const WIDTH: f64 = 860.0;
const MARGIN: f64 = 24.0;
const LABEL: f64 = 130.0;
const HEAD: f64 = 108.0;
const BAR: f64 = 13.0;
const STEP: f64 = BAR + 3.0;
const ROW: f64 = 30.0 + 4.0 * STEP;
const FOOT: f64 = 56.0;
/// A letter is at most about this wide, in its size.
const LETTER: f64 = 0.6;
const STYLE: &str = "text{font-family:Helvetica,Arial,sans-serif;fill:#374151;stroke:#fff;stroke-width:3px;paint-order:stroke}.strong{font-weight:bold;fill:#111827}\
.small{fill:#6b7280}.tick{fill:#6b7280;text-anchor:middle}.grid{stroke:#e5e7eb}.budget{stroke:#b91c1c;stroke-dasharray:4 3}\
.limit{fill:#b91c1c}.posts{fill:#dbe3ec}.presigned{fill:#a3b1c4}.floor{fill:#64748b}.ours{fill:#2563eb}";
const LEGEND: [(&str, &str); 4] = [
    ("posts", "the POSTs alone"),
    ("presigned", "with two requests to AWS signed in advance"),
    ("floor", "floor: signed as sent"),
    ("ours", "dispatch"),
];

/// Draws the picture.
///
/// Lengths are multiples of the case's own floor, the one that signs what it sends, so that cases that differ by twenty times can
/// be compared on a scale that does not flatter as a logarithmic one does. Processor times stand beside the bars.
pub(crate) fn picture(report: &Report) -> String {
    #[expect(clippy::cast_precision_loss, reason = "some cases")]
    let height = HEAD + report.cases.len() as f64 * ROW + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>Processor time for a notification, by case</title>\n<style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    put(&mut svg, "strong", 17.0, (MARGIN, 32.0), "Processor time for a notification");
    let machine = &report.machine;
    let measured = format!(
        "{} cores, {}, {}, {}",
        machine.cores, machine.processor, machine.architecture, report.measured_at
    );
    put(&mut svg, "small", 11.0, (MARGIN, 51.0), &measured);
    let mut x = MARGIN;
    for (class, text) in LEGEND {
        rect(&mut svg, class, (x, 67.0), (BAR, BAR));
        put(&mut svg, "", 12.0, (x + BAR + 6.0, 78.0), text);
        x += BAR + 6.0 + wide(text, 12.0) + 20.0;
    }
    let bottom = height - FOOT + 8.0;
    let scale = Scale::of(&report.cases);
    for tick in 0..=scale.most {
        let x = scale.place(f64::from(tick));
        line(&mut svg, "grid", (x, HEAD - 12.0), bottom);
        put(
            &mut svg,
            "tick",
            11.0,
            (x, bottom + 16.0),
            &if tick == 0 { "0".to_owned() } else { format!("×{tick}") },
        );
    }
    put(&mut svg, "small", 11.0, (MARGIN, height - 12.0), "Length: multiples of the floor of the same case.");
    let mut y = HEAD;
    for case in &report.cases {
        row(&mut svg, case, scale, y);
        y += ROW;
    }
    svg + "</svg>\n"
}

fn row(svg: &mut String, case: &CaseFigures, scale: Scale, y: f64) {
    let (name, about) = (escaped(&case.name), escaped(&case.about));
    let title =
        format!("<tspan class=\"strong\">{name}</tspan><tspan class=\"small\" dx=\"8\">{about}</tspan>");
    put_marked_up(svg, "", 12.0, (MARGIN, y + 4.0), &title);
    let floor = case.floor_signed.cpu_us;
    let bars = [
        ("posts", case.floor_posts.cpu_us),
        ("presigned", case.floor_presigned.cpu_us),
        ("floor", floor),
        ("ours", case.dispatch.cpu_us),
    ];
    let ends = bars.map(|(_, value)| scale.place(value / floor));
    let tops = [0.0, 1.0, 2.0, 3.0].map(|index| y + 11.0 + index * STEP);
    for (index, (class, _)) in bars.into_iter().enumerate() {
        rect(svg, class, (MARGIN, tops[index]), (ends[index] - MARGIN, BAR));
    }
    if case.name == MAIN {
        let (x, end) = (scale.place(RATIO), y + 11.0 + 4.0 * STEP + 8.0);
        line(svg, "budget", (x, y + 9.0), end);
        put(svg, "limit", 11.0, (x + 5.0, end), &format!("budget ×{RATIO}"));
    }
    for (index, (class, value)) in bars.into_iter().enumerate() {
        let (weight, ratio) = if class == "ours" {
            ("strong", format!(" (×{:.1})", case.ratio()))
        } else {
            ("", String::new())
        };
        let at = (ends[index] + 6.0, tops[index] + BAR - 2.5);
        put(svg, weight, 12.0, at, &format!("{value:.0} µs{ratio}"));
    }
}

/// The axis, from 0 to so many times the floor.
#[derive(Clone, Copy, Debug)]
struct Scale {
    most: u32,
}

impl Scale {
    fn of(cases: &[CaseFigures]) -> Self {
        let ratios = cases.iter().flat_map(|case| {
            [&case.floor_posts, &case.floor_presigned, &case.dispatch]
                .map(|figures| figures.cpu_us / case.floor_signed.cpu_us)
        });
        let most = ratios.filter(|ratio| ratio.is_finite()).fold(2.0, f64::max).ceil();
        // More ticks than these would not be read.
        Self { most: (2..20).find(|tick| f64::from(*tick) >= most).unwrap_or(20) }
    }

    fn place(self, ratio: f64) -> f64 {
        let most = f64::from(self.most);
        let ratio = if ratio.is_finite() { ratio.clamp(0.0, most) } else { 0.0 };
        MARGIN + (WIDTH - 2.0 * MARGIN - LABEL) * ratio / most
    }
}

/// How wide a text is at most, about.
fn wide(text: &str, size: f64) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)) * LETTER * size
}

fn line(svg: &mut String, class: &str, (x, top): (f64, f64), bottom: f64) {
    writeln!(svg, "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>")
        .unwrap_or_default();
}

fn rect(svg: &mut String, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
    writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
    )
    .unwrap_or_default();
}

fn put(svg: &mut String, class: &str, size: f64, at: (f64, f64), text: &str) {
    put_marked_up(svg, class, size, at, &escaped(text));
}

fn put_marked_up(svg: &mut String, class: &str, size: f64, (x, y): (f64, f64), text: &str) {
    writeln!(svg, "<text class=\"{class}\" font-size=\"{size}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>")
        .unwrap_or_default();
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use super::*;
    use crate::made_up::{main_case, report};

    fn number(node: Node<'_, '_>, name: &str) -> f64 {
        node.attribute(name).unwrap().parse().unwrap()
    }

    /// The lengths of all bars of a kind, from the first case to the last.
    fn bars(svg: &str, class: &str) -> Vec<f64> {
        let document = Document::parse(svg).unwrap();
        let of_class = document.descendants().filter(|node| node.attribute("class") == Some(class));
        // The first is the legend's.
        of_class.map(|node| number(node, "width")).skip(1).collect()
    }

    #[test]
    fn a_bar_is_as_long_as_its_multiple_of_the_floor() {
        let report = report();
        let svg = picture(&report);
        let [posts, presigned, floor, ours] =
            ["posts", "presigned", "floor", "ours"].map(|class| bars(&svg, class));
        assert_eq!([posts.len(), presigned.len(), floor.len(), ours.len()], [8; 4]);
        for (index, case) in report.cases.iter().enumerate() {
            for (length, figures) in [
                (posts[index], &case.floor_posts),
                (presigned[index], &case.floor_presigned),
                (ours[index], &case.dispatch),
            ] {
                let ratio = figures.cpu_us / case.floor_signed.cpu_us;
                assert!((length / floor[index] - ratio).abs() < 0.01, "{}: {length} {ratio}", case.name);
            }
        }
    }

    #[test]
    fn a_bar_grows_with_its_value_and_says_it() {
        let mut report = report();
        let mut shorter = 0.0;
        for cpu_us in [50.0, 51.0, 99.0, 180.0] {
            main_case(&mut report).dispatch.cpu_us = cpu_us;
            let svg = picture(&report);
            let length = bars(&svg, "ours")[1];
            assert!(length > shorter, "{cpu_us}");
            assert!(svg.contains(&format!(">{cpu_us:.0} µs (×{:.1})<", cpu_us / 50.0)), "{svg}");
            shorter = length;
        }
    }

    #[test]
    fn what_is_written_is_text_whatever_it_holds() {
        let mut report = report();
        let odd = "<b> & \"co\" ]]>";
        odd.clone_into(&mut report.machine.processor);
        odd.clone_into(&mut report.cases[0].name);
        odd.clone_into(&mut report.cases[0].about);
        let svg = picture(&report);
        let document = Document::parse(&svg).unwrap();
        let holds =
            |node: &Node<'_, '_>| node.is_text() && node.text().is_some_and(|text| text.contains(odd));
        // The machine, the name and the description.
        assert_eq!(document.descendants().filter(holds).count(), 3);
    }

    #[test]
    fn nothing_lies_outside_the_picture_or_over_another_text() {
        for times in [0.0, 0.1, 1.0, 30.0, f64::NAN] {
            let mut report = report();
            report.machine.processor = "Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz".to_owned();
            report.cases.iter_mut().for_each(|case| case.dispatch.cpu_us *= times);
            let svg = picture(&report);
            let document = Document::parse(&svg).unwrap();
            let view: Vec<f64> = document
                .root_element()
                .attribute("viewBox")
                .unwrap()
                .split(' ')
                .map(|part| part.parse().unwrap())
                .collect();
            let mut lines: Vec<(f64, f64, f64)> = Vec::new();
            for node in document.descendants().filter(|node| node.has_tag_name("text")) {
                let (x, y, size) = (number(node, "x"), number(node, "y"), number(node, "font-size"));
                let text: String =
                    node.descendants().filter(Node::is_text).filter_map(|part| part.text()).collect();
                let length = wide(&text, size);
                let left = if node.attribute("class") == Some("tick") { x - length / 2.0 } else { x };
                assert!(
                    left >= 0.0 && left + length <= view[2] && y <= view[3],
                    "{times}: {text:?} {left} {length}"
                );
                for (other_y, from, to) in &lines {
                    let beside = left >= *to || left + length <= *from;
                    assert!(beside || (y - other_y).abs() >= 11.0, "{times}: {text:?} is over another");
                }
                lines.push((y, left, left + length));
            }
            for node in
                document.descendants().filter(|node| node.has_tag_name("rect") && node.has_attribute("x"))
            {
                assert!(number(node, "x") + number(node, "width") <= view[2], "{times}");
                assert!(number(node, "y") + number(node, "height") <= view[3], "{times}");
            }
        }
    }
}

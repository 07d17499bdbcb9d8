//! The picture `docs/benchmarks.svg`: processor time by case, dispatch beside its floors.

use charts_rs::{
    Align, Axis, Canvas, Color, DEFAULT_FONT_FAMILY, Grid, Line, Position, Rect, Text,
    measure_text_width_family, svg_with_accessibility,
};

use crate::budget::RATIO;
use crate::report::MAIN;
use crate::report::{CaseFigures, Report};

/// Pixels: of the picture, of its margins, of the room for a label behind the longest bar, of its bars, from one to
/// the next, and of its rows.
const WIDTH: f32 = 860.0;
const MARGIN: f32 = 24.0;
const LABEL: f32 = 130.0;
const HEAD: f32 = 108.0;
const BAR: f32 = 13.0;
const STEP: f32 = BAR + 3.0;
const ROW: f32 = 30.0 + 4.0 * STEP;
const FOOT: f32 = 56.0;
/// How much wider than in the library's font a text may be in a reader's.
const WIDER: f32 = 1.2;
const FONT: &str = "Helvetica,Arial,sans-serif";
const STYLE: &str = "text{font-family:Helvetica,Arial,sans-serif;stroke:#fff;stroke-width:3px;paint-order:stroke}\
.plain{fill:#374151}.strong{fill:#111827;font-weight:bold}.small{fill:#6b7280}.limit{fill:#b91c1c}\
.posts{fill:#dbe3ec}.presigned{fill:#a3b1c4}.floor{fill:#64748b}.ours{fill:#2563eb}";
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
    let height = HEAD + report.cases.len() as f32 * ROW + FOOT;
    let mut canvas = Canvas::new(WIDTH, height);
    let white = Some(Color::white().into());
    canvas.rect(Rect { fill: white, width: WIDTH, height, ..Rect::default() });
    let title = "Processor time for a notification";
    put(&mut canvas, "strong", 17.0, (MARGIN, 32.0), title);
    let machine = &report.machine;
    let measured = format!(
        "{} cores, {}, {}, {}",
        machine.cores, machine.processor, machine.architecture, report.measured_at
    );
    put(&mut canvas, "small", 11.0, (MARGIN, 51.0), &measured);
    let mut x = MARGIN;
    for (class, text) in LEGEND {
        bar(&mut canvas, class, (x, 67.0), BAR);
        x = put(&mut canvas, "plain", 12.0, (x + BAR + 6.0, 78.0), text) + 14.0;
    }
    let scale = Scale::of(&report.cases);
    scale.draw(&mut canvas, height - FOOT + 8.0);
    let foot = (MARGIN, height - 12.0);
    put(&mut canvas, "small", 11.0, foot, "Length: multiples of the floor of the same case.");
    let mut y = HEAD;
    for case in &report.cases {
        row(&mut canvas, case, scale, y);
        y += ROW;
    }
    let svg = canvas.svg_with_style(STYLE).expect("the font that its texts are measured by is built in");
    svg_with_accessibility(&svg, &format!("{title}, by case"), "")
}

fn row(canvas: &mut Canvas, case: &CaseFigures, scale: Scale, y: f32) {
    let end = put(canvas, "strong", 12.0, (MARGIN, y + 4.0), &case.name);
    put(canvas, "small", 12.0, (end + 8.0, y + 4.0), &case.about);
    let floor = case.floor_signed.cpu_us;
    let bars = [
        ("posts", case.floor_posts.cpu_us),
        ("presigned", case.floor_presigned.cpu_us),
        ("floor", floor),
        ("ours", case.dispatch.cpu_us),
    ];
    let mut top = y + 11.0;
    if case.name == MAIN {
        let (x, bottom) = (scale.place(RATIO), top + 4.0 * STEP + 8.0);
        canvas.line(Line {
            color: Some("#b91c1c".into()),
            stroke_dash_array: Some("4,3".to_owned()),
            left: x,
            right: x,
            top: y + 9.0,
            bottom,
            ..Line::default()
        });
        put(canvas, "limit", 11.0, (x + 5.0, bottom), &format!("budget ×{RATIO}"));
    }
    for (class, value) in bars {
        let end = scale.place(value / floor);
        bar(canvas, class, (MARGIN, top), end - MARGIN);
        let (weight, ratio) = if class == "ours" {
            ("strong", format!(" (×{:.1})", case.ratio()))
        } else {
            ("plain", String::new())
        };
        put(canvas, weight, 12.0, (end + 6.0, top + BAR - 2.5), &format!("{value:.0} µs{ratio}"));
        top += STEP;
    }
}

/// The axis, from 0 to so many times the floor.
#[derive(Clone, Copy, Debug)]
struct Scale {
    most: u8,
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

    #[expect(clippy::cast_possible_truncation, reason = "a picture has no more digits")]
    fn place(self, ratio: f64) -> f32 {
        let most = f32::from(self.most);
        let ratio = if ratio.is_finite() { (ratio as f32).clamp(0.0, most) } else { 0.0 };
        MARGIN + (WIDTH - 2.0 * MARGIN - LABEL) * ratio / most
    }

    /// Draws a line and its number for each multiple.
    fn draw(self, canvas: &mut Canvas, bottom: f32) {
        let right = self.place(self.most.into());
        canvas.grid(Grid {
            color: Some("#e5e7eb".into()),
            stroke_width: 1.0,
            left: MARGIN,
            right,
            top: HEAD - 12.0,
            bottom,
            verticals: self.most.into(),
            ..Grid::default()
        });
        canvas.axis(Axis {
            position: Position::Bottom,
            data: (0..=self.most)
                .map(|tick| if tick == 0 { "0".to_owned() } else { format!("×{tick}") })
                .collect(),
            name_align: Align::Left,
            name_gap: 5.0,
            font_size: 11.0,
            font_family: FONT.to_owned(),
            font_color: Some("#6b7280".into()),
            stroke_color: Some(Color::transparent()),
            left: MARGIN,
            width: right - MARGIN,
            top: bottom,
            ..Axis::default()
        });
    }
}

/// Writes a text, and returns where it ends in any font that a reader may have.
fn put(canvas: &mut Canvas, class: &str, size: f32, (x, y): (f32, f32), text: &str) -> f32 {
    canvas.text(Text {
        text: text.to_owned(),
        class: Some(class.to_owned()),
        font_size: Some(size),
        x: Some(x),
        y: Some(y),
        ..Text::default()
    });
    let wider = if class == "strong" { 1.1 * WIDER } else { WIDER };
    measure_text_width_family(DEFAULT_FONT_FAMILY, size, text).map_or(x, |area| x + wider * area.width())
}

fn bar(canvas: &mut Canvas, class: &str, (left, top): (f32, f32), width: f32) {
    let class = Some(class.to_owned());
    canvas.rect(Rect { class, left, top, width, height: BAR, ..Rect::default() });
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use super::*;
    use crate::made_up::{main_case, report};

    fn number(node: Node<'_, '_>, name: &str) -> f64 {
        node.attribute(name).unwrap().parse().unwrap()
    }

    /// How wide a text is at most, about.
    fn wide(text: &str, size: f64) -> f64 {
        f64::from(u32::try_from(text.chars().count()).unwrap()) * 0.6 * size
    }

    /// What stands beside each other, without the white space that SVG does not show.
    fn texts<'a>(document: &'a Document<'_>) -> Vec<&'a str> {
        document.descendants().filter_map(|node| node.text()).map(str::trim).collect()
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
            let document = Document::parse(&svg).unwrap();
            let said = format!("{cpu_us:.0} µs (×{:.1})", cpu_us / 50.0);
            assert!(texts(&document).contains(&said.as_str()), "{svg}");
            shorter = length;
        }
    }

    #[test]
    fn written_text_is_escaped() {
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
                let (text, left) = (node.text().unwrap().trim(), x);
                let length = wide(text, size);
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
                document.descendants().filter(|node| node.has_tag_name("rect") && node.has_attribute("class"))
            {
                assert!(number(node, "x") + number(node, "width") <= view[2], "{times}");
                assert!(number(node, "y") + number(node, "height") <= view[3], "{times}");
            }
        }
    }
}

//! Counts over time, as SVG: one bar for each slot of time, its parts on top of each other.
//!
//! Each part has a class, and the style sheet of the page around it the colours, so that a picture follows the page's theme.
//! The charts of `charts-rs` that stand upright need a `glibc` newer than the one that the command is released for.

use askama::Template;

/// Where the plot is, in pixels of a picture as wide as it says: room for the numbers left of it, and for the slots' names below.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 6.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;
/// Above the plot, for the names of the parts.
const LEGEND: f64 = 20.0;
/// What a slot's name takes below the plot, with a gap.
const NAME: f64 = 54.0;
/// How much of a slot's width its bar fills.
const FILLED: f64 = 0.78;
/// Pixels of a letter of the legend, on average, and of its square with the gaps around it.
const LETTER: f64 = 6.5;
const SQUARE: f64 = 30.0;

/// Writes a number as a language does.
pub type Number<'a> = &'a dyn Fn(f64) -> String;

/// What is drawn.
#[expect(missing_debug_implementations, reason = "a function has none")]
pub struct Bars<'a> {
    /// The picture's name, for those who cannot see it.
    pub title: &'a str,
    /// What it shows, in words.
    pub description: &'a str,
    /// The parts of each bar, the lowest first.
    pub parts: Vec<Part<'a>>,
    /// The slots' names. Those that find no room are left out.
    pub slots: Vec<String>,
    /// Width and height, in pixels of the picture's own.
    pub size: (f64, f64),
    /// Whether the parts are named above the plot.
    pub legend: bool,
    /// A number as the reader's language writes it.
    pub number: Number<'a>,
}

/// A part of each bar.
#[derive(Debug)]
pub struct Part<'a> {
    /// Its name.
    pub name: &'a str,
    /// The class of its rectangles.
    pub class: &'a str,
    /// One value for each slot.
    pub values: Vec<f64>,
}

#[derive(Template)]
#[template(path = "bars.svg")]
struct Picture<'a> {
    bars: &'a Bars<'a>,
    lines: Vec<Line>,
    names: Vec<Name<'a>>,
    keys: Vec<Key<'a>>,
    rectangles: Vec<Rectangle<'a>>,
    plot: Plot,
}

/// The plot within the picture.
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// A line across the plot, and its number.
struct Line {
    y: f64,
    number: String,
}

/// A slot's name, centred below its bar.
struct Name<'a> {
    x: f64,
    text: &'a str,
}

/// A part's name and its colour.
struct Key<'a> {
    x: f64,
    class: &'a str,
    name: &'a str,
}

struct Rectangle<'a> {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    class: &'a str,
    tip: String,
}

impl Bars<'_> {
    /// The picture, for a page of HTML.
    ///
    /// # Panics
    /// Never: the template writes into memory.
    #[must_use]
    pub fn svg(&self) -> String {
        let (width, height) = self.size;
        let top = if self.legend { TOP + LEGEND } else { TOP };
        let plot = Plot { left: LEFT, right: width - RIGHT, top, bottom: height - BOTTOM };
        let picture = Picture {
            lines: self.lines(&plot),
            names: self.names(&plot),
            keys: self.keys(),
            rectangles: self.rectangles(&plot),
            plot,
            bars: self,
        };
        picture.render().expect("the template writes into memory")
    }

    /// What the highest bar is measured against: its own value, rounded up to a number that people read easily.
    fn top(&self) -> f64 {
        let highest =
            (0..self.slots.len()).map(|slot| self.height(slot, self.parts.len())).fold(0.0, f64::max);
        rounded_up(highest)
    }

    /// The sum of the first `parts` of a slot.
    fn height(&self, slot: usize, parts: usize) -> f64 {
        self.parts.iter().take(parts).filter_map(|part| part.values.get(slot)).sum()
    }

    fn lines(&self, plot: &Plot) -> Vec<Line> {
        let top = self.top();
        let line = |share: f64| Line {
            y: plot.bottom - (plot.bottom - plot.top) * share,
            number: (self.number)(top * share),
        };
        // Half of one event is no number of events.
        if top < 2.0 { vec![line(0.0), line(1.0)] } else { vec![line(0.0), line(0.5), line(1.0)] }
    }

    /// The middle of a slot, and the width of its bar.
    fn place(&self, plot: &Plot, slot: usize) -> (f64, f64) {
        let step = (plot.right - plot.left) / length(self.slots.len().max(1));
        (plot.left + step * (length(slot) + 0.5), step * FILLED)
    }

    fn names(&self, plot: &Plot) -> Vec<Name<'_>> {
        let step = (plot.right - plot.left) / length(self.slots.len().max(1));
        let longest = self.slots.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few slots")]
        let every = ((NAME.min(length(longest) * LETTER + SQUARE / 3.0)) / step).ceil().max(1.0) as usize;
        let named = self.slots.iter().enumerate().step_by(every);
        named.map(|(slot, text)| Name { x: self.place(plot, slot).0, text }).collect()
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let mut x = LEFT;
        let mut keys = Vec::new();
        for part in self.parts.iter().filter(|_| self.legend) {
            keys.push(Key { x, class: part.class, name: part.name });
            x += SQUARE + LETTER * length(part.name.chars().count());
        }
        keys
    }

    fn rectangles(&self, plot: &Plot) -> Vec<Rectangle<'_>> {
        let scale = (plot.bottom - plot.top) / self.top();
        let mut rectangles = Vec::new();
        for (slot, name) in self.slots.iter().enumerate() {
            let (middle, width) = self.place(plot, slot);
            for (index, part) in self.parts.iter().enumerate() {
                let value = part.values.get(slot).copied().unwrap_or_default();
                if value > 0.0 {
                    rectangles.push(Rectangle {
                        x: middle - width / 2.0,
                        y: plot.bottom - self.height(slot, index + 1) * scale,
                        width,
                        height: value * scale,
                        class: part.class,
                        tip: format!("{name}: {} {}", (self.number)(value), part.name),
                    });
                }
            }
        }
        rectangles
    }
}

/// The least of 1, 2, 4, 5, 6 and 8 times a power of ten that is not below `value`: half of it is as easy to read. 1 for nothing.
fn rounded_up(value: f64) -> f64 {
    if value <= 1.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|top| *top >= value)
        .unwrap_or(value)
}

#[expect(clippy::cast_precision_loss, reason = "a length in a picture")]
fn length(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    fn drawn(parts: Vec<Part<'_>>, slots: usize) -> String {
        let number = |number: f64| format!("{number:.0}");
        Bars {
            title: "Attempts <of a day>",
            description: "few",
            parts,
            slots: (0..slots).map(|slot| format!("{slot:02}:00")).collect(),
            size: (640.0, 150.0),
            legend: true,
            number: &number,
        }
        .svg()
    }

    fn part<'a>(name: &'a str, class: &'a str, values: &[f64]) -> Part<'a> {
        Part { name, class, values: values.to_vec() }
    }

    fn number(node: roxmltree::Node<'_, '_>, name: &str) -> f64 {
        node.attribute(name).unwrap().parse().unwrap()
    }

    #[test]
    fn parts_stand_on_top_of_each_other_as_high_as_their_values_within_the_plot() {
        let svg = drawn(vec![part("good", "a", &[30.0, 0.0, 10.0]), part("bad", "b", &[10.0, 0.0, 0.0])], 3);
        let document = Document::parse(&svg).unwrap();
        let of = |class: &str| {
            let is = |node: &roxmltree::Node<'_, '_>| {
                node.has_tag_name(("http://www.w3.org/2000/svg", "rect"))
                    && node.attribute("class") == Some(class)
                    && node
                        .children()
                        .any(|child| child.has_tag_name(("http://www.w3.org/2000/svg", "title")))
            };
            document.descendants().filter(is).collect::<Vec<_>>()
        };
        let (good, bad) = (of("a"), of("b"));
        assert_eq!((good.len(), bad.len()), (2, 1), "nothing is drawn for nothing");
        let bottom = |node| number(node, "y") + number(node, "height");
        assert!((bottom(bad[0]) - number(good[0], "y")).abs() < 0.2, "the bad stand on the good");
        assert!((bottom(good[0]) - 128.0).abs() < 0.2 && (bottom(good[1]) - 128.0).abs() < 0.2);
        assert!((number(good[0], "height") / number(good[1], "height") - 3.0).abs() < 0.02);
        assert!((number(bad[0], "y") - 30.0).abs() < 0.2, "40 of at most 40 reach the top");
        assert_eq!(good[1].text(), None);
        assert!(svg.contains("02:00: 10 good") && svg.contains("Attempts &#60;of a day&#62;"));
    }

    #[test]
    fn names_of_slots_and_parts_do_not_run_into_each_other() {
        let svg = drawn(vec![part("good", "a", &[1.0; 200]), part("bad", "b", &[1.0; 200])], 200);
        let document = Document::parse(&svg).unwrap();
        let texts = |class: &str| {
            let of = |node: &roxmltree::Node<'_, '_>| node.attribute("class") == Some(class);
            document.descendants().filter(of).map(|node| number(node, "x")).collect::<Vec<_>>()
        };
        let names = texts("slot");
        assert!(names.len() > 5 && names.windows(2).all(|pair| pair[1] - pair[0] > 40.0), "{names:?}");
        assert_eq!(texts("key").len(), 2);
        assert!(document.descendants().any(|node| node.text() == Some("good")));
    }

    #[test]
    fn nothing_at_all_is_an_empty_plot_from_nothing_to_one() {
        for slots in [0, 3] {
            let svg = drawn(vec![part("good", "a", &[])], slots);
            assert!(Document::parse(&svg).is_ok() && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn the_axis_ends_at_a_number_whose_half_is_read_as_easily() {
        for (value, top) in [
            (0.0, 1.0),
            (0.4, 1.0),
            (1.0, 1.0),
            (3.0, 4.0),
            (7.0, 8.0),
            (9.0, 10.0),
            (41.0, 50.0),
            (100.0, 100.0),
        ] {
            assert!((rounded_up(value) - top).abs() < 1e-9, "{value}: {}", rounded_up(value));
        }
    }
}

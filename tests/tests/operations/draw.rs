//! Draws a dashboard: the widgets of its definition with values of a day, roughly as the console of CloudWatch does.

#![expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]

use std::fmt::Write as _;

use serde_json::Value;

/// Pixels of a column and of a row of the dashboard's grid, of the gap between widgets, and of the head.
const COLUMN: f64 = 54.0;
const ROW: f64 = 33.0;
const GAP: f64 = 10.0;
const HEAD: f64 = 46.0;
/// In the order in which the lines of a widget take them; the first is the calmest.
const COLOURS: [&str; 10] = [
    "#2563eb", "#e07b00", "#0f9d75", "#c0267e", "#7c5cff", "#c62828", "#5b8c00", "#008ba3", "#9a6b4f",
    "#64748b",
];
const STYLE: &str = "text{font-family:Helvetica,Arial,sans-serif;fill:#374151;font-size:11px}\
.title{font-size:13px;font-weight:bold;fill:#111827}.row{font-size:11px;fill:#6b7280}.tick{fill:#9098a5;font-size:10px}\
.big{font-size:44px;font-weight:bold;fill:#111827;text-anchor:middle}.note{fill:#b42318;font-size:10px}\
.card{fill:#fff;stroke:#dde1e7}.grid{stroke:#eceff3}.limit{stroke:#b42318;stroke-dasharray:5 4}\
.line{fill:none;stroke-width:1.7;stroke-linejoin:round}.head{font-weight:bold;fill:#6b7280}.cell{font-size:11px}";

/// A place in the picture.
#[derive(Clone, Copy)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Draws the dashboard of this definition with the values of a day, by the widgets' titles and their lines' labels.
pub(crate) fn picture(body: &Value, day: &Value) -> String {
    let widgets = body["widgets"].as_array().expect("a dashboard has widgets");
    let bottom =
        widgets.iter().map(|widget| number(&widget["y"]) + number(&widget["height"])).fold(0.0, f64::max);
    let (width, height) = (24.0 * COLUMN + GAP, HEAD + bottom * ROW + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>The dashboard</title>\n\
         <style>{STYLE}</style>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#f3f5f8\"/>\n"
    );
    text(&mut svg, "title", (GAP + 4.0, 28.0), "Arauto");
    text(&mut svg, "row", (GAP + 58.0, 28.0), &escape(day["about"].as_str().unwrap_or_default()));
    for widget in widgets {
        let place = |name: &str| number(&widget[name]);
        let area = Area {
            x: place("x") * COLUMN + GAP,
            y: place("y") * ROW + HEAD,
            width: place("width") * COLUMN - GAP,
            height: place("height") * ROW - GAP,
        };
        draw(&mut svg, widget, day, area);
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, widget: &Value, day: &Value, area: Area) {
    let properties = &widget["properties"];
    let title = properties["title"].as_str().expect("a widget has a title");
    let values = &day[title];
    assert!(values.is_object(), "there are no values for {title}");
    let Area { x, y, width, height } = area;
    line(
        svg,
        &format!("<rect class=\"card\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>"),
    );
    text(svg, "title", (x + 12.0, y + 21.0), &escape(title));
    let inner = Area { x: x + 12.0, y: y + 32.0, width: width - 24.0, height: height - 40.0 };
    match (widget["type"].as_str(), properties["view"].as_str()) {
        (Some("log"), _) => {
            table(svg, &columns(properties["query"].as_str().unwrap_or_default()), values, inner);
        }
        (_, Some("singleValue")) => single(svg, values, inner),
        _ => lines(svg, properties, values, inner),
    }
}

/// The lines of a widget in the order of its definition; where that is a query, all that there are values of.
fn labels(properties: &Value, values: &Value) -> Vec<String> {
    let metrics = properties["metrics"].as_array().expect("a widget has metrics");
    let labels: Vec<_> =
        metrics.iter().filter_map(|metric| metric.as_array()?.last()?["label"].as_str()).collect();
    match labels.as_slice() {
        [""] => values.as_object().into_iter().flatten().map(|(label, _)| label.clone()).collect(),
        labels => labels.iter().map(|label| (*label).to_owned()).collect(),
    }
}

fn lines(svg: &mut String, properties: &Value, values: &Value, area: Area) {
    let labels = labels(properties, values);
    let series: Vec<Vec<f64>> = labels.iter().map(|label| numbers(&values[label])).collect();
    let stacked = properties["stacked"] == true;
    let limits = properties["annotations"]["horizontal"].as_array().cloned().unwrap_or_default();
    let drawn = if stacked { stack(&series) } else { series.clone() };
    let highest = drawn.iter().flatten().copied().fold(0.0, f64::max);
    let top = properties["yAxis"]["left"]["max"].as_f64().unwrap_or_else(|| round_up(highest.max(1.0)));
    // A limit far above what is measured would flatten it: it is named instead.
    let (near, far): (Vec<_>, Vec<_>) = limits.iter().partition(|limit| number(&limit["value"]) <= 5.0 * top);
    let top = near.iter().map(|limit| round_up(1.08 * number(&limit["value"]))).fold(top, f64::max);

    let legend = legend(svg, &labels, area);
    let plot = Area {
        x: area.x + 34.0,
        y: area.y + 6.0,
        width: area.width - 40.0,
        height: area.height - 27.0 - legend,
    };
    let at = |value: f64| plot.y + plot.height * (1.0 - value / top);
    for part in 0..=4 {
        let value = top * f64::from(part) / 4.0;
        let y = at(value);
        line(svg, &format!("<path class=\"grid\" d=\"M{:.1} {y:.1}H{:.1}\"/>", plot.x, plot.x + plot.width));
        if part % 2 == 0 {
            let label = format!(
                "<text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">",
                plot.x - 5.0,
                y + 3.5
            );
            line(svg, &format!("{label}{}</text>", short(value)));
        }
    }
    for hour in [0, 6, 12, 18, 24] {
        let x = plot.x + plot.width * f64::from(hour) / 24.0;
        let y = plot.y + plot.height + 13.0;
        line(
            svg,
            &format!(
                "<text class=\"tick\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{hour:02}:00</text>"
            ),
        );
    }
    for (index, values) in drawn.iter().enumerate().rev() {
        let colour = COLOURS[index % COLOURS.len()];
        let step = plot.width / (values.len().max(2) - 1) as f64;
        let points = values
            .iter()
            .enumerate()
            .map(|(index, value)| (plot.x + step * index as f64, at(value.min(top))));
        let path = points.map(|(x, y)| format!("{x:.1} {y:.1}")).collect::<Vec<_>>().join("L");
        if stacked || (drawn.len() == 1 && near.is_empty()) {
            let (right, base) = (plot.x + plot.width, at(0.0));
            let area = format!("M{path}L{right:.1} {base:.1}L{:.1} {base:.1}Z", plot.x);
            let opacity = if stacked { "0.85" } else { "0.12" };
            line(svg, &format!("<path d=\"{area}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>"));
        }
        line(svg, &format!("<path class=\"line\" stroke=\"{colour}\" d=\"M{path}\"/>"));
    }
    for limit in near {
        let y = at(number(&limit["value"]));
        line(svg, &format!("<path class=\"limit\" d=\"M{:.1} {y:.1}H{:.1}\"/>", plot.x, plot.x + plot.width));
        text(svg, "note", (plot.x + 4.0, y + 12.0), &escape(limit["label"].as_str().unwrap_or_default()));
    }
    for limit in far {
        let told =
            format!("{}: {}", limit["label"].as_str().unwrap_or_default(), short(number(&limit["value"])));
        text(svg, "note", (plot.x + 4.0, plot.y + 9.0), &escape(&told));
    }
}

/// Writes the names of the lines at the foot, in as many rows as they need, and returns the height of that.
fn legend(svg: &mut String, labels: &[String], area: Area) -> f64 {
    let mut rows: Vec<Vec<(usize, f64)>> = vec![vec![]];
    let mut x = 0.0;
    for (index, label) in labels.iter().enumerate() {
        let width = 22.0 + 5.5 * label.chars().count() as f64;
        if x + width > area.width && x > 0.0 {
            rows.push(vec![]);
            x = 0.0;
        }
        rows.last_mut().expect("there is a row").push((index, x));
        x += width;
    }
    let height = 15.0 * rows.len() as f64;
    for (row, entries) in rows.iter().enumerate() {
        let y = area.y + area.height - height + 15.0 * row as f64 + 9.0;
        for (index, x) in entries {
            let (x, colour) = (area.x + x, COLOURS[index % COLOURS.len()]);
            line(
                svg,
                &format!(
                    "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\" rx=\"2\" fill=\"{colour}\"/>",
                    y - 8.0
                ),
            );
            text(svg, "cell", (x + 13.0, y), &escape(&labels[*index]));
        }
    }
    height
}

fn single(svg: &mut String, values: &Value, area: Area) {
    for (label, values) in values.as_object().into_iter().flatten() {
        let value = numbers(values).last().copied().unwrap_or_default();
        let middle = area.x + area.width / 2.0;
        text(svg, "big", (middle, area.y + area.height / 2.0 + 8.0), &format!("{value:.2}"));
        let y = area.y + area.height / 2.0 + 32.0;
        line(
            svg,
            &format!(
                "<text class=\"row\" text-anchor=\"middle\" x=\"{middle:.1}\" y=\"{y:.1}\">{}</text>",
                escape(label)
            ),
        );
    }
}

/// The fields that a query shows.
fn columns(query: &str) -> Vec<String> {
    let (_, fields) = query.split_once("fields ").unwrap_or_default();
    fields.lines().next().unwrap_or_default().split(',').map(|field| field.trim().to_owned()).collect()
}

fn table(svg: &mut String, columns: &[String], values: &Value, area: Area) {
    // As wide as what they hold: a time, an id, small numbers, codes, a long id.
    let widths = [1.0, 1.1, 0.8, 0.7, 1.3, 1.0, 0.7, 1.0, 3.0];
    let whole: f64 = widths.iter().take(columns.len()).sum();
    let starts: Vec<_> = (0..columns.len())
        .map(|index| widths[..index].iter().sum::<f64>() / whole * area.width + area.x)
        .collect();
    for (column, x) in columns.iter().zip(&starts) {
        text(svg, "head", (*x, area.y + 12.0), &escape(column));
    }
    let rows = values["rows"].as_array().expect("a table has rows");
    for (index, row) in rows.iter().enumerate() {
        let y = area.y + 30.0 + 16.5 * index as f64;
        line(
            svg,
            &format!(
                "<path class=\"grid\" d=\"M{:.1} {:.1}H{:.1}\"/>",
                area.x,
                y - 12.5,
                area.x + area.width
            ),
        );
        for (cell, x) in row.as_array().expect("a row is a list").iter().zip(&starts) {
            text(svg, "cell", (*x, y), &escape(cell.as_str().unwrap_or_default()));
        }
    }
}

fn stack(series: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut below: Vec<f64> = vec![];
    let mut stacked = Vec::new();
    for values in series {
        below.resize(values.len(), 0.0);
        below.iter_mut().zip(values).for_each(|(below, value)| *below += value);
        stacked.push(below.clone());
    }
    stacked
}

/// The next number that reads well on an axis.
fn round_up(value: f64) -> f64 {
    let unit = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0, 10.0]
        .map(|step| step * unit)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(value)
}

fn short(value: f64) -> String {
    match value {
        value if value >= 10_000.0 => format!("{:.0}k", value / 1_000.0),
        value if value.fract() == 0.0 => format!("{value:.0}"),
        value => format!("{value:.1}"),
    }
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().into_iter().flatten().map(number).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    line(svg, &format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"));
}

fn line(svg: &mut String, text: &str) {
    writeln!(svg, "{text}").expect("a string takes what is written");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

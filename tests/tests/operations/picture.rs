//! The picture of the dashboard in the README is drawn from the definition that is deployed.

use std::collections::BTreeSet;
use std::fs::{read_to_string, write};

use platform::config::environment;
use serde_json::Value;
use tests::contract::file;
use tests::template::resources;

use super::alarms::{calculated, text};
use super::draw::picture;

const PICTURE: &str = "docs/dashboard.svg";
/// Set by `make dashboard`: the picture is written and not compared.
const WRITE: &str = "ARAUTO_WRITE_PICTURE";

/// The definition, as it would be deployed with the default parameters.
fn dashboard() -> Value {
    let dashboard =
        resources("infra/operations.yaml").unwrap()["Dashboard"]["Properties"]["DashboardBody"].clone();
    let body = calculated(&dashboard);
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

fn titles(body: &Value) -> Vec<&str> {
    let widgets = body["widgets"].as_array().unwrap().iter();
    widgets.map(|widget| text(&widget["properties"]["title"])).collect()
}

#[test]
fn the_picture_is_drawn_from_the_dashboard_that_is_deployed() {
    let day: Value =
        serde_json::from_str(&read_to_string(file("tests/tests/operations/day.json").unwrap()).unwrap())
            .unwrap();
    let body = dashboard();
    let drawn = picture(&body, &day);
    for title in titles(&body) {
        assert!(drawn.contains(&format!(">{title}</text>")), "{title} is not drawn");
    }
    if environment(WRITE).is_some() {
        write(file("docs").unwrap().join("dashboard.svg"), &drawn).unwrap();
    }
    assert!(
        read_to_string(file(PICTURE).unwrap()).unwrap() == drawn,
        "{PICTURE} is not what `make dashboard` writes"
    );
}

#[test]
fn the_first_row_is_the_business_and_the_last_the_latest_failures() {
    let body = dashboard();
    let widgets = body["widgets"].as_array().unwrap();
    let first: Vec<_> = widgets
        .iter()
        .filter(|widget| widget["y"] == 0)
        .map(|widget| text(&widget["properties"]["title"]))
        .collect();
    assert_eq!(
        first,
        ["Delivered", "Undelivered", "First attempts after the event (ms)", "Cost today (US$, list price)"]
    );
    let latest = widgets.last().unwrap();
    assert_eq!(
        (text(&latest["type"]), text(&latest["properties"]["title"])),
        ("log", "The twenty latest failures")
    );
    assert!(text(&latest["properties"]["query"]).ends_with("| limit 20"));
    // No two widgets share a place of the grid, and none leaves it.
    let mut taken = BTreeSet::new();
    for widget in widgets {
        let number = |name: &str| widget[name].as_u64().unwrap();
        for x in number("x")..number("x") + number("width") {
            for y in number("y")..number("y") + number("height") {
                assert!(x < 24 && taken.insert((x, y)), "{widget}");
            }
        }
    }
}

#[test]
fn the_dashboard_and_the_alarm_calculate_the_same_cost() {
    let body = dashboard();
    let widgets = body["widgets"].as_array().unwrap().iter();
    let cost =
        widgets.clone().find(|widget| text(&widget["properties"]["title"]).starts_with("Cost")).unwrap();
    let shown = text(&cost["properties"]["metrics"][0][0]["expression"]).to_owned();
    let alarm = &resources("infra/operations.yaml").unwrap()["DailyCostAlarm"]["Properties"];
    assert_eq!(shown, calculated(&alarm["Metrics"][0]["Expression"]));
}

#[test]
fn the_dashboard_shows_metrics_that_alarms_watch_or_that_are_documented() {
    let told = read_to_string(file("docs/logging.md").unwrap()).unwrap();
    let published = read_to_string(file("tests/tests/operations/published.json").unwrap()).unwrap();
    let body = dashboard();
    for widget in body["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let (Some(namespace), Some(name)) = (metric[0].as_str(), metric[1].as_str()) else { continue };
            let known = match namespace {
                "Arauto" => told.contains(&format!("| `{name}` |")),
                _ => published.contains(&format!("\"{name}\"")),
            };
            assert!(known, "{metric}");
        }
    }
    // The fields of the table are those of the line.
    let query = text(&body["widgets"].as_array().unwrap().last().unwrap()["properties"]["query"]).to_owned();
    let (_, fields) = query.lines().next().unwrap().split_once("fields ").unwrap();
    for field in fields.split(", ").filter(|field| *field != "@timestamp") {
        assert!(told.contains(&format!("`{field}`")), "{field}");
    }
}

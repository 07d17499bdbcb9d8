//! The runbooks: each alarm has a section of its own in both languages, and a screen is enough for it.

use std::fs::read_to_string;

use serde_json::Value;
use tests::contract::file;
use tests::template::{resources, templates};

use super::alarms::text;

const PAGES: [&str; 2] = ["docs/operations.md", "docs/operations.pt-BR.md"];
/// A screen of a terminal: what is said of a group of alarms, and of one of them, fits together.
const MAX_LINES: usize = 24;

/// What a page says of an alarm.
struct Runbook {
    alarm: String,
    /// The group that it is in, as a link names it.
    group: String,
    /// What is said of the group, before its first alarm.
    common: String,
    own: String,
}

fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn runbooks(page: &str) -> Vec<Runbook> {
    let text = read_to_string(file(page).unwrap()).unwrap();
    let mut found = Vec::new();
    for section in text.split("\n## ") {
        for group in section.split("\n### ").skip(1) {
            let mut parts = group.split("\n#### ");
            let (title, common) = parts.next().unwrap().split_once('\n').unwrap();
            for part in parts {
                let (alarm, own) = part.split_once('\n').unwrap();
                found.push(Runbook {
                    alarm: alarm.to_owned(),
                    group: anchor(title),
                    common: common.trim().to_owned(),
                    own: own.trim().to_owned(),
                });
            }
        }
    }
    found
}

/// The alarms of all templates, those of evidence too.
fn alarms() -> Vec<(String, Value)> {
    let all = templates().unwrap().into_iter().flat_map(|path| resources(&path).unwrap());
    let alarms = all.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms.map(|(name, alarm)| (name, alarm["Properties"].clone())).collect()
}

#[test]
fn each_alarm_has_a_runbook_under_its_own_name_where_its_description_leads() {
    let alarms = alarms();
    for page in PAGES {
        let runbooks = runbooks(page);
        let mut named: Vec<_> = runbooks.iter().map(|runbook| runbook.alarm.as_str()).collect();
        let mut known: Vec<_> = alarms.iter().map(|(name, _)| name.as_str()).collect();
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known, "{page}");
        for (name, alarm) in &alarms {
            let runbook = runbooks.iter().find(|runbook| runbook.alarm == *name).unwrap();
            let severity = format!("`{}`", text(&alarm["Tags"][0]["Value"]));
            // Faults of ours are of one severity, which is said of all; each begins with the code that the log has.
            if alarm["Dimensions"][1]["Name"] == "Code" {
                let code = text(&alarm["Dimensions"][1]["Value"]);
                assert!(runbook.common.contains(&severity), "{page}: the group of {name} has {severity}");
                assert!(runbook.own.starts_with(&format!("`{code}`: ")), "{page}: {name} begins with {code}");
            } else {
                assert!(
                    runbook.own.starts_with(&format!("{severity}: ")),
                    "{page}: {name} begins with {severity}"
                );
            }
            let (_, leads) = text(&alarm["AlarmDescription"]).split_once(" docs/operations.md#").unwrap();
            assert!(page != PAGES[0] || runbook.group == leads, "{page}: {name} is not in {leads}");
        }
    }
}

#[test]
fn a_runbook_fits_on_a_screen_and_stands_at_the_same_place_in_both_languages() {
    let [english, portuguese] = PAGES.map(runbooks);
    for Runbook { alarm, common, own, .. } in english.iter().chain(&portuguese) {
        let lines = common.lines().count() + own.lines().count();
        assert!(lines <= MAX_LINES, "{alarm} takes {lines} lines");
    }
    let names = |runbooks: &[Runbook]| runbooks.iter().map(|one| one.alarm.clone()).collect::<Vec<_>>();
    assert_eq!(names(&english), names(&portuguese));
}

//! The command, as those who run it see it. Measuring needs release binaries; everything else is here.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const REPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report.json");

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench")).args(arguments).output().expect("the command runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn report() -> Value {
    let text = fs::read_to_string(REPORT).expect("the report is there");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Writes the report with one value changed.
fn changed(folder: &Path, name: &str, value: Value) -> String {
    let mut report = report();
    report[name] = value;
    let file = folder.join(format!("{name}.json"));
    fs::write(&file, report.to_string()).expect("a file can be written");
    file.to_str().expect("its name is text").to_owned()
}

#[test]
fn a_report_that_misses_a_budget_is_json_on_standard_output_and_exits_with_1() {
    let output = bench(&["--from", REPORT, "--json"]);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, report());
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_measured_leaves_standard_output_empty_and_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for arguments in [&["--json", "--functions", folder][..], &["--only", "nothing"], &["--rounds", "0"]] {
        let output = bench(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        assert!(said(&output).starts_with("bench: "), "{}", said(&output));
    }
    assert!(said(&bench(&["--functions", folder])).contains("cargo build --release -p dispatch"));
}

#[test]
fn a_partial_or_short_report_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("docs");
    fs::create_dir(&target).unwrap();
    for (name, value, word) in [("complete", false, "partial"), ("short", true, "short form")] {
        let file = changed(folder.path(), name, value.into());
        let output = bench(&["--from", &file, "--publish", target.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(word), "{}", said(&output));
    }
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    let output = bench(&["--from", REPORT, "--publish", target.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 3);
}

#[test]
fn what_would_not_be_published_is_refused_before_it_is_measured() {
    for arguments in [&["--publish", ".", "--short"][..], &["--publish", ".", "--only", "fresh"]] {
        assert!(said(&bench(arguments)).contains("cannot be used with"));
    }
    assert!(said(&bench(&["--publish", "/nowhere"])).contains("/nowhere is not a folder"));
}

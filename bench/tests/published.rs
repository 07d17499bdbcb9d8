//! What is published says what was measured: the page and the picture are made of `docs/benchmarks.json`, and the READMEs quote it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn report() -> Value {
    serde_json::from_str(&text("docs/benchmarks.json")).expect("it is JSON")
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let mut all = list.as_array().expect("a list").iter();
    all.find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn the_page_and_the_picture_are_those_of_the_figures() {
    let folder = tempfile::tempdir().unwrap();
    let published = root().join("docs/benchmarks.json");
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .arg("--from")
        .arg(published)
        .arg("--publish")
        .arg(folder.path())
        .output()
        .expect("the command runs");

    for file in ["benchmarks.md", "benchmarks.svg"] {
        let made = fs::read_to_string(folder.path().join(file)).expect("it was made");
        assert!(made == text(&format!("docs/{file}")), "docs/{file} is of other figures: make bench-publish");
    }
}

#[test]
fn the_readmes_quote_the_figures() {
    let report = report();
    let case = named(&report["cases"], "10 receivers");
    let figure = |value: &Value| value.as_f64().expect("a number");
    let cpu = figure(&case["dispatch"]["cpu_us"]);
    let ratio = cpu / figure(&case["floor_full"]["cpu_us"]);
    let start = figure(&named(&report["starts"], "dispatch")["median_ms"]);
    let quoted = [format!("{cpu:.0} µs"), format!("{ratio:.1}"), format!("{start:.1} ms")];

    let (english, portuguese) = (text("README.md"), text("README.pt-BR.md"));
    for figure in quoted {
        assert!(english.contains(&figure), "README.md does not say {figure}");
        let figure = figure.replace('.', ",");
        assert!(portuguese.contains(&figure), "README.pt-BR.md does not say {figure}");
    }
}

//! What is published says what was measured: the page and the picture are made of `docs/benchmarks.json`, and the READMEs quote it.

use std::fs;
use std::path::{Path, PathBuf};

use bench::{Report, publish, read};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn report() -> Report {
    read(&root().join("docs/benchmarks.json")).expect("it is a report")
}

#[test]
fn the_page_and_the_picture_are_those_of_the_figures() {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), &report()).unwrap();

    for file in ["benchmarks.md", "benchmarks.svg"] {
        let made = fs::read_to_string(folder.path().join(file)).expect("it was made");
        assert!(made == text(&format!("docs/{file}")), "docs/{file} is of other figures: make bench-publish");
    }
}

#[test]
fn the_readmes_quote_the_figures() {
    let report = report();
    let (case, start) = (report.main_case().unwrap(), report.start_of("dispatch").unwrap());
    let quoted = [
        format!("{:.0} µs", case.dispatch.cpu_us),
        format!("{:.1}", case.ratio()),
        format!("{:.1} ms", start.median_ms),
    ];

    let (english, portuguese) = (text("README.md"), text("README.pt-BR.md"));
    for figure in quoted {
        assert!(english.contains(&figure), "README.md does not say {figure}");
        let figure = figure.replace('.', ",");
        assert!(portuguese.contains(&figure), "README.pt-BR.md does not say {figure}");
    }
}

//! What the pages point to is there: links, headings, and the tests that are named as proof.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// Folders with pages of others, or that are made.
const PASSED_OVER: &[&str] = &[".git", ".arauto", ".aws-sam", "dist", "target", "found", "node_modules"];
/// Pages that name tests as proof.
const PROVEN: &[&str] =
    &["docs/architecture.md", "docs/open-insurance.md", "docs/revocation.md", "docs/security.md"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn files(folder: &Path, kind: &str, found: &mut Vec<PathBuf>) {
    for entry in read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !PASSED_OVER.contains(&path.file_name().unwrap().to_str().unwrap_or_default()) {
                files(&path, kind, found);
            }
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
}

fn of_kind(kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&workspace(), kind, &mut found);
    found
}

/// A page without its examples of commands.
pub(crate) fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// The headings of a page, as GitHub makes anchors of them.
pub(crate) fn anchors(page: &str) -> BTreeSet<String> {
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let titles = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |title: &str| {
        let title = link.replace_all(title.trim_start_matches('#').trim(), "$1").to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.collect::<String>().replace(' ', "-")
    };
    titles.map(anchor).collect()
}

#[test]
fn each_link_leads_to_a_page_and_a_heading() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let (mut seen, mut broken) = (0, Vec::new());
    for path in of_kind("md") {
        let page = read_to_string(&path).unwrap();
        for found in link.captures_iter(&prose(&page)) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            seen += 1;
            let (to, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = if to.is_empty() { path.clone() } else { path.parent().unwrap().join(to) };
            let is_page = to.extension().is_some_and(|extension| extension == "md");
            let has = |to: &Path| anchors(&prose(&read_to_string(to).unwrap())).contains(anchor);
            if !to.exists() || (!anchor.is_empty() && is_page && !has(&to)) {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(seen > 200, "{seen}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn each_test_that_a_page_names_exists() {
    let code: String = of_kind("rs").iter().filter_map(|path| read_to_string(path).ok()).collect();
    // Names of functions, and of rows of a table of tests, which are sentences.
    let named = Regex::new("`([a-z][a-z0-9]*(?:_[a-z0-9]+){4,}|[a-z]+(?: [a-z]+){3,})`").unwrap();
    let mut seen = 0;
    for page in PROVEN {
        for found in named.captures_iter(&prose(&read_to_string(workspace().join(page)).unwrap())) {
            let name = &found[1];
            let is_there = code.contains(&format!("fn {name}(")) || code.contains(&format!("\"{name}\""));
            assert!(is_there, "{page}: {name}");
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

/// The sentence of a log line is searched for, and metric filters select by some: the page has each as it is written.
#[test]
fn each_log_line_of_the_functions_is_on_the_page_of_logging() {
    let page = read_to_string(workspace().join("docs/logging.md")).unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = Regex::new(r"(?s)tracing::(?:info|warn|error)!\((.*?)\);").unwrap();
    let text = Regex::new(r#""([^"]*)""#).unwrap();
    let mut found = 0;
    for folder in ["functions", "crates"] {
        let mut sources = Vec::new();
        files(&workspace().join(folder), "rs", &mut sources);
        for source in sources {
            let code = read_to_string(&source).unwrap();
            let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for call in line.captures_iter(code) {
                let sentence = text.captures_iter(&call[1]).last().map(|last| last[1].to_owned());
                // One that names a fault is there once for each.
                let Some(sentence) = sentence.filter(|text| text.ends_with('.') && !text.contains('{'))
                else {
                    continue;
                };
                assert!(page.contains(&sentence), "{}: {sentence}", source.display());
                found += 1;
            }
        }
    }
    assert!(found > 50, "{found}");
}

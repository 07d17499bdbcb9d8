//! The page of homologation against the replay of the conformance suite's modules: it names the same plans and modules, and the same
//! waits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;

use convention::delivery::AFTER_FIRST_FAILURE;
use regex_lite::Regex;
use tests::conformance::{Timeouts, modules};
use tests::contract::file;

fn page(name: &str) -> String {
    read_to_string(file(&format!("docs/{name}")).unwrap()).unwrap()
}

/// A page without its line breaks.
fn sentences(name: &str) -> String {
    page(name).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is written as code in a text.
fn code(text: &str) -> Vec<String> {
    let code = Regex::new("`([^`]+)`").unwrap();
    code.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_page_names_each_plan_and_module_that_is_replayed_and_no_other() {
    let mut replayed = BTreeMap::<_, BTreeSet<_>>::new();
    for module in modules() {
        let is_new = replayed.entry(module.plan.to_owned()).or_default().insert(module.name.to_owned());
        assert!(is_new, "{module:?} is replayed twice");
    }
    let page = page("homologacao.md");
    let rows = page.lines().filter(|line| line.starts_with('|') && line.contains("_test-plan"));
    let named: BTreeMap<_, _> = rows
        .map(|row| {
            let mut cells = row.trim_matches('|').split('|').skip(1).map(code);
            let plan = cells.next().and_then(|plan| plan.into_iter().next()).unwrap();
            (plan, cells.next().unwrap().into_iter().collect())
        })
        .collect();
    assert_eq!(named, replayed);
}

#[test]
fn the_pages_tell_how_long_the_suite_waits() {
    let (seconds, message) = (Timeouts::REAL.registration.as_secs(), Timeouts::REAL.message.as_secs());
    let whole = sentences("homologacao.md");
    for told in [format!("Vazio, {seconds} [P]"), format!("a chegada em até {message} s [P]")] {
        assert!(whole.contains(&told), "{told}");
    }
    let told = format!("`resource.webhookWaitTime` ({seconds} s if empty)");
    assert!(sentences("homologation.md").contains(&told), "{told}");
}

#[test]
fn the_shortened_waits_still_see_a_registration_count_and_a_retry_come() {
    let short = Timeouts::SHORT;
    assert!(short.registration < Timeouts::REAL.registration && short.silence < Timeouts::REAL.silence);
    let retry = AFTER_FIRST_FAILURE.unsigned_abs();
    assert!(short.silence > retry && short.message > retry, "{retry:?}");
}

#[test]
fn both_pages_have_the_alias_without_a_trailing_slash() {
    let uri = "`https://web.conformance.directory.openbankingbrasil.org.br/test-mtls/a/<alias>`";
    for name in ["homologacao.md", "homologation.md"] {
        let page = sentences(name);
        assert!(page.contains(uri) && page.contains("`software_api_webhook_uris`"), "{name}");
    }
}

//! Each check fails on a rule book that is wrong.

use arauto::help::Language;

use super::book::{Book, Rule, Text};
use super::faults;
use super::page;
use super::repository::{Repository, has_item, has_test};

/// What is wrong with a copy of the rule book that was changed.
fn found(change: impl FnOnce(&mut Book)) -> Vec<String> {
    let mut book = Book::read();
    change(&mut book);
    faults::of(&book, Repository::of_checkout())
}

fn rule<'a>(book: &'a mut Book, id: &str) -> &'a mut Rule {
    book.rules.iter_mut().find(|rule| rule.id == id).unwrap()
}

/// The rule book is as it should be but for what its first rule names.
fn with_first(change: impl FnOnce(&mut Rule)) -> Vec<String> {
    found(|book| change(&mut book.rules[0]))
}

#[test]
fn a_rule_without_a_test_is_found() {
    assert_eq!(with_first(|rule| rule.tests.retain(|_| false))[0], "T1 has no test");
    // What is said to be open needs none.
    let open = |rule: &mut Rule| {
        rule.tests.clear();
        rule.open = Some(Text { pt: "Falta.".to_owned(), en: "It is missing.".to_owned() });
    };
    assert!(!with_first(open).iter().any(|fault| fault.starts_with("T1")));
}

#[test]
fn a_test_that_is_not_there_is_found() {
    for test in [
        "tests/tests/whole_path.rs#a_test_that_nobody_wrote",
        "tests/tests/no_such_suite.rs#copies_of_one_change_are_notified_once",
        // A helper of tests is no test, and one that is left out of each run holds nothing.
        "tests/tests/registration.rs#registered",
        "tests/tests/sim.rs#the_guarantees_hold_for_many_seeds",
        "tests/tests/corpus/rows.rs#a receiver that nobody thought of",
        "TRIG-999",
        "whole_path",
    ] {
        let faults = with_first(|rule| rule.tests.push(test.to_owned()));
        assert_eq!(faults, [format!("T1: there is no test {test}")]);
    }
}

#[test]
fn an_item_of_code_that_is_not_there_is_found() {
    for item in [
        "crates/convention/src/notification/plan.rs#plan_nothing",
        "crates/convention/src/notification/gone.rs#plan",
        "template.yaml#NoSuchParameter",
        "crates/convention/src/notification/plan.rs",
    ] {
        let faults = with_first(|rule| rule.code.push(item.to_owned()));
        assert_eq!(faults, [format!("T1: there is no item {item}")]);
    }
    assert_eq!(with_first(|rule| rule.code.clear()), ["T1 has no code"]);
}

#[test]
fn evidence_that_is_not_documented_is_found() {
    for evidence in [
        "log: A line that nobody writes.",
        "log: An attempt ended.#no_such_field",
        "log: The notification is cancelled.#no_such_field",
        "metric: NoSuchMetric",
        "alarm: NoSuchAlarm",
        "ledger: no_such_attribute",
        "record: no_such_record",
        "code: no_such_code",
        "parameter: NoSuchParameter",
        "command: no-such-command",
        // A command that no page of those that the rule book leads to describes.
        "command: man",
        "page: no-such-page.md",
        "page: logging.md#no-such-section",
        "rumour: everybody knows",
        "An attempt ended.",
    ] {
        let faults = with_first(|rule| rule.evidence.push(evidence.to_owned()));
        assert_eq!(faults, [format!("T1: this evidence is nowhere documented: {evidence}")]);
    }
    assert_eq!(with_first(|rule| rule.evidence.clear()), ["T1 has no evidence"]);
}

#[test]
fn a_disagreement_that_is_not_decided_is_found() {
    for number in 1..=27 {
        let id = format!("D{number}");
        let faults = found(|book| book.disagreements.retain(|one| one.id != id));
        assert!(faults.contains(&format!("{id} is not decided")), "{id}: {faults:?}");
    }
    let faults = found(|book| book.disagreements[5].rules.clear());
    assert!(faults.contains(&"D6 leads to no rule".to_owned()), "{faults:?}");
    assert!(faults.contains(&"T16: D6 does not name it".to_owned()), "{faults:?}");
    let faults = found(|book| rule(book, "T16").see.clear());
    assert!(faults.contains(&"D6: no rule T16 names it".to_owned()), "{faults:?}");
    let faults = found(|book| book.disagreements[0].other.en.clear());
    assert_eq!(faults, ["D1: a text is missing"]);
}

#[test]
fn an_example_of_the_sources_that_has_no_rule_is_found() {
    let faults = found(|book| rule(book, "T8").tests.retain(|test| test != "TRIG-015"));
    assert_eq!(faults, ["no rule has the vector TRIG-015"]);
}

#[test]
fn a_rule_without_a_source_or_a_section_is_found() {
    assert_eq!(with_first(|rule| rule.sources.clear()), ["T1 has no source"]);
    let faults = with_first(|rule| rule.sources.push("HEARSAY, 1".to_owned()));
    assert_eq!(faults, ["T1: there is no source HEARSAY, 1"]);
    let faults = found(|book| book.elsewhere[0].sources.clear());
    assert_eq!(faults, ["F1 has no source"]);
    let faults = with_first(|rule| rule.section = "others".to_owned());
    assert_eq!(faults, ["T1: there is no section others"]);
    let faults = found(|book| book.rules.retain(|rule| rule.section != "versions"));
    assert!(faults.contains(&"the section versions has no rule".to_owned()), "{faults:?}");
    let faults = found(|book| book.elsewhere[1].id = "T1".to_owned());
    assert_eq!(faults, ["T1 is there twice"]);
}

#[test]
fn a_text_of_one_language_and_one_that_is_copied_are_found() {
    assert_eq!(with_first(|rule| rule.en = " ".to_owned()), ["T1: a text is missing"]);
    let copied = "Data e hora em que ocorreu o evento responsável pelo disparo da notificação via webhook.";
    let faults = with_first(|rule| rule.pt = copied.to_owned());
    assert_eq!(faults, ["T1: 12 words are those of a contract"]);
}

#[test]
fn a_page_that_says_something_else_is_found() {
    let book = Book::read();
    for language in [Language::PtBr, Language::En] {
        let made = page::render(&book, language);
        assert_eq!(page::difference(&made, &made), None);
        let changed = made.replacen("**A1**", "**A2**", 1);
        assert!(page::difference(&changed, &made).is_some_and(|line| line.contains("**A2**")));
        // A line more, and one less.
        assert!(page::difference(&format!("{made}more\n"), &made).is_some());
        assert!(page::difference(made.trim_end().rsplit_once('\n').unwrap().0, &made).is_some());
    }
}

#[test]
fn each_row_of_a_page_has_as_many_cells_as_its_table() {
    for language in [Language::PtBr, Language::En] {
        let mut heads = 0;
        for line in page::render(&Book::read(), language).lines() {
            let cells = line.replace(r"\|", "").matches('|').count();
            if line.starts_with("|---") {
                heads = cells;
            } else if line.starts_with("| **") {
                assert_eq!(cells, heads, "{line}");
            }
        }
    }
}

#[test]
fn a_test_is_told_from_what_is_not_run() {
    let code = "fn help() {}\n\n#[test]\nfn it_holds() { help() }\n\n#[test]\n#[ignore = \"slow\"]\nfn it_is_slow() {}\n\n\
        const ROWS: &[(&str, u8)] = &[(\"a row\", 1)];";
    for (name, runs) in [
        ("it_holds", true),
        ("a row", true),
        ("help", false),
        ("it_is_slow", false),
        ("it_is", false),
        ("no row", false),
    ] {
        assert_eq!(has_test(code, name), runs, "{name}");
    }
    let code = "async fn it_is_listed() {}\n\nfn help() {}\n\nconst ALL: &[Trial] = &[trial(it_is_listed), trial(\"by_name\")];";
    for (name, runs) in [("it_is_listed", true), ("by_name", true), ("help", false), ("it_is", false)] {
        assert_eq!(has_test(code, name), runs, "{name}");
    }
}

#[test]
fn an_item_is_told_from_what_is_only_mentioned() {
    let code = "/// Like gone().\npub(crate) async fn here() { gone(); }\nenum Kind {\n    One,\n    Two(u8),\n    Three { a: u8 },\n}";
    for name in ["here", "Kind", "One", "Two", "Three"] {
        assert!(has_item("a.rs", code, name), "{name}");
    }
    for name in ["gone", "a", "her"] {
        assert!(!has_item("a.rs", code, name), "{name}");
    }
    assert!(has_item("a.yaml", "A:\n  Here: 1\n  Else: There\n", "Here"));
    assert!(!has_item("a.yaml", "A:\n  Here: 1\n  Else: There\n", "There"));
}

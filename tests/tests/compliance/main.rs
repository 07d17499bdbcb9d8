//! The rule book: what binds a sender, with the code, the tests and the evidence of each rule (`docs/compliance.json`), and the
//! two pages that are made of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod book;
mod contract;
mod evidence;
mod faults;
mod mutations;
mod page;
mod repository;

use std::fs::{read_to_string, write};

use arauto::help::Language;
use platform::config::environment;
use tests::contract::file;

use book::Book;
use repository::Repository;

/// Set by `make compliance`: the pages are written before they are compared.
const WRITE: &str = "ARAUTO_WRITE_COMPLIANCE";

#[test]
fn each_rule_has_a_test_and_what_it_names_is_there() {
    let found = faults::of(&Book::read(), Repository::of_checkout());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_pages_are_what_the_data_says() {
    let book = Book::read();
    for language in [Language::PtBr, Language::En] {
        let path = file(page::path(language)).unwrap();
        let made = page::render(&book, language);
        if environment(WRITE).is_some() {
            write(&path, &made).unwrap();
        }
        assert_eq!(page::difference(&read_to_string(&path).unwrap(), &made), None, "run `make compliance`");
    }
}

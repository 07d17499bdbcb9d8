//! What the rule book may name: files, tests, vectors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use convention::notification::WebhookVersion;
use regex_lite::Regex;
use tests::contract::file;
use tests::vectors::VectorFile;

/// This many words of a contract in a row are a copy of it.
pub(super) const COPIED: usize = 12;
/// What stands before the vectors of Open Insurance, which is no rule of Open Finance, and of client ids, which the convention
/// leaves to the authorisation server.
const OF_OTHERS: &[&str] = &["OPIN-", "CLI-"];

/// The repository as the rule book sees it.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    /// The vectors by their id, and what each rests on.
    pub(super) vectors: BTreeMap<String, String>,
    /// Each run of [`COPIED`] words of the published contracts.
    pub(super) contracts: BTreeSet<String>,
}

impl Repository {
    /// The repository of this checkout, read once.
    pub(super) fn of_checkout() -> &'static Self {
        static READ: OnceLock<Repository> = OnceLock::new();
        READ.get_or_init(Self::read_checkout)
    }

    fn read_checkout() -> Self {
        let text = read("tests/vectors.json").unwrap();
        let vectors = VectorFile::parse(&text, true).unwrap().vectors.into_iter();
        let vectors = vectors.map(|vector| vector.unwrap()).map(|vector| (vector.id, vector.basis)).collect();
        let contracts =
            WebhookVersion::ALL.into_iter().flat_map(|version| runs(&contract(version))).collect();
        Self { vectors, contracts }
    }

    /// The vectors that a specification or the conformance suite states, and that are of a sender of Open Finance.
    pub(super) fn stated(&self) -> impl Iterator<Item = &str> {
        let is_stated = |basis: &str| basis == "spec" || basis == "conformance";
        let stated = self.vectors.iter().filter(move |(_, basis)| is_stated(basis));
        let ids = stated.map(|(id, _)| id.as_str());
        ids.filter(|id| !OF_OTHERS.iter().any(|prefix| id.starts_with(prefix)))
    }
}

/// The published contract of a webhook version.
pub(super) fn contract(version: WebhookVersion) -> String {
    read(&format!("tests/openapi/webhook-{version}.yml")).unwrap()
}

/// Reads a file of the checkout; `None` if there is none.
pub(super) fn read(path: &str) -> Option<String> {
    read_to_string(file(path).unwrap()).ok()
}

/// Says whether a file has a test of this name that runs: a function with the attribute of a test that is not ignored; in a
/// file without such attributes one that a list of tests names; or a row of a table of tests, whose name is a sentence.
pub(super) fn has_test(code: &str, name: &str) -> bool {
    let is_row = code.contains(&format!("\"{name}\""));
    if name.contains(' ') {
        return is_row;
    }
    let is_attribute = |text: &str| text.contains("#[test]") || text.contains("#[tokio::test");
    let before = code.split_once(&format!("fn {name}(")).map(|(before, _)| before);
    if is_attribute(code) {
        let attributes = before.and_then(|before| before.rsplit("\n\n").next()).unwrap_or_default();
        return is_attribute(attributes) && !attributes.contains("#[ignore");
    }
    let named = Regex::new(&format!(r"\b{name}\b")).unwrap();
    is_row || before.is_some() && named.find_iter(code).count() > 1
}

/// Says whether a file declares an item: of Rust, a variant of an enum too; of YAML, a key.
pub(super) fn has_item(path: &str, text: &str, name: &str) -> bool {
    let declared = if Path::new(path).extension().is_some_and(|kind| kind == "rs") {
        format!(
            r"\b(?:fn|struct|enum|const|static|trait|type|mod) {name}\b|(?m:^    {name}(?:,|\(|$)| {{4}}{name} \{{)"
        )
    } else {
        format!(r"(?m)^ *{name}:")
    };
    Regex::new(&declared).unwrap().is_match(text)
}

/// Each run of [`COPIED`] words of a text, in lower case.
pub(super) fn runs(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(str::to_lowercase).collect();
    words.windows(COPIED).map(|run| run.join(" ")).collect()
}

/// Answers a question about this checkout once, however often it is asked.
pub(super) fn remembered(question: &str, answer: impl FnOnce() -> bool) -> bool {
    static ANSWERS: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let known = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner).get(question).copied();
    known.unwrap_or_else(|| {
        let answer = answer();
        ANSWERS.lock().unwrap_or_else(PoisonError::into_inner).insert(question.to_owned(), answer);
        answer
    })
}

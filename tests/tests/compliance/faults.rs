//! What is wrong with a rule book.

use std::collections::BTreeSet;

use super::book::{Book, Rule, key, reference};
use super::evidence::Evidence;
use super::repository::{COPIED, Repository, has_item, has_test, read, remembered, runs};

/// The last of the points on which the first reading of the sources found them to disagree.
const DISAGREEMENTS: usize = 27;

/// Everything that is wrong with a rule book in this repository, one sentence each.
pub(super) fn of(book: &Book, repository: &Repository) -> Vec<String> {
    let mut found = ids(book);
    found.extend(citations(book));
    for rule in &book.rules {
        found.extend(tests(rule, repository));
        found.extend(code(rule));
        found.extend(evidence(rule, book));
    }
    found.extend(disagreements(book));
    found.extend(vectors(book, repository));
    found.extend(texts(book, repository));
    found
}

/// Ids that are not of one thing, and sections without rules or rules without a section.
fn ids(book: &Book) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let all = book.rules.iter().map(|rule| &rule.id).chain(book.elsewhere.iter().map(|one| &one.id));
    for id in all.chain(book.disagreements.iter().map(|one| &one.id)) {
        if !seen.insert(id) {
            found.push(format!("{id} is there twice"));
        }
    }
    for rule in &book.rules {
        if !book.sections.iter().any(|section| section.id == rule.section) {
            found.push(format!("{}: there is no section {}", rule.id, rule.section));
        }
    }
    for section in &book.sections {
        if !book.rules.iter().any(|rule| rule.section == section.id) {
            found.push(format!("the section {} has no rule", section.id));
        }
    }
    found
}

/// Sources that are not there, and those that nobody cites.
fn citations(book: &Book) -> Vec<String> {
    let mut found = Vec::new();
    let mut cited = BTreeSet::new();
    let rules = book.rules.iter().map(|rule| (&rule.id, &rule.sources));
    for (id, sources) in rules.chain(book.elsewhere.iter().map(|one| (&one.id, &one.sources))) {
        if sources.is_empty() {
            found.push(format!("{id} has no source"));
        }
        for source in sources {
            if !book.sources.contains_key(key(source)) {
                found.push(format!("{id}: there is no source {source}"));
            }
            cited.insert(key(source));
        }
    }
    let unused = book.sources.keys().filter(|key| !cited.contains(key.as_str()));
    found.extend(unused.map(|key| format!("no rule cites {key}")));
    found
}

/// A rule without a test, and tests that are not there.
fn tests(rule: &Rule, repository: &Repository) -> Vec<String> {
    let id = &rule.id;
    if rule.tests.is_empty() && rule.open.is_none() {
        return vec![format!("{id} has no test")];
    }
    let is_there = |test: &&String| match reference(test) {
        Some((path, name)) => {
            remembered(&format!("test {test}"), || read(path).is_some_and(|code| has_test(&code, name)))
        }
        None => repository.vectors.contains_key(*test),
    };
    rule.tests
        .iter()
        .filter(|test| !is_there(test))
        .map(|test| format!("{id}: there is no test {test}"))
        .collect()
}

/// A rule without code, and items that are not there.
fn code(rule: &Rule) -> Vec<String> {
    let id = &rule.id;
    if rule.code.is_empty() {
        return vec![format!("{id} has no code")];
    }
    let is_there = |item: &&String| {
        reference(item).is_some_and(|(path, name)| {
            remembered(&format!("item {item}"), || read(path).is_some_and(|text| has_item(path, &text, name)))
        })
    };
    rule.code
        .iter()
        .filter(|item| !is_there(item))
        .map(|item| format!("{id}: there is no item {item}"))
        .collect()
}

/// A rule without evidence, and evidence that is not documented.
fn evidence(rule: &Rule, book: &Book) -> Vec<String> {
    let id = &rule.id;
    if rule.evidence.is_empty() {
        return vec![format!("{id} has no evidence")];
    }
    let missing = |text: &&String| {
        !Evidence::parse(text).is_some_and(|evidence| {
            remembered(&format!("evidence {text}"), || evidence.is_documented())
                && evidence.leads_somewhere(book)
        })
    };
    rule.evidence
        .iter()
        .filter(missing)
        .map(|text| format!("{id}: this evidence is nowhere documented: {text}"))
        .collect()
}

/// Disagreements that are missing, and those that lead to no rule or are not led to.
fn disagreements(book: &Book) -> Vec<String> {
    let mut found = Vec::new();
    let count = book.disagreements.len().max(DISAGREEMENTS);
    for number in 1..=count {
        let id = format!("D{number}");
        if !book.disagreements.iter().any(|one| one.id == id) {
            found.push(format!("{id} is not decided"));
        }
    }
    for one in &book.disagreements {
        if one.rules.is_empty() {
            found.push(format!("{} leads to no rule", one.id));
        }
        for id in &one.rules {
            if !book.rules.iter().any(|rule| rule.id == *id && rule.see.contains(&one.id)) {
                found.push(format!("{}: no rule {id} names it", one.id));
            }
        }
    }
    for rule in &book.rules {
        for id in &rule.see {
            if !book.disagreements.iter().any(|one| one.id == *id && one.rules.contains(&rule.id)) {
                found.push(format!("{}: {id} does not name it", rule.id));
            }
        }
    }
    found
}

/// Examples of a specification or of the conformance suite that belong to no rule: a rule is missing.
fn vectors(book: &Book, repository: &Repository) -> Vec<String> {
    let cited: BTreeSet<_> = book.rules.iter().flat_map(|rule| &rule.tests).map(String::as_str).collect();
    let left = repository.stated().filter(|id| !cited.contains(id));
    left.map(|id| format!("no rule has the vector {id}")).collect()
}

/// Texts that are empty, of one language, or copied from a contract.
fn texts(book: &Book, repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (id, pt, en) in book.texts() {
        if pt.trim().is_empty() || en.trim().is_empty() {
            found.push(format!("{id}: a text is missing"));
        }
        if runs(pt).iter().any(|run| repository.contracts.contains(run)) {
            found.push(format!("{id}: {COPIED} words are those of a contract"));
        }
    }
    found
}

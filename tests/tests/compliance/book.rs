//! The data of the rule book.

use std::collections::BTreeMap;

use arauto::help::Language;
use serde::Deserialize;

use super::repository::read;

/// The data of the rule book: `docs/compliance.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    /// What was read, by the key that rules cite.
    pub(super) sources: BTreeMap<String, Source>,
    /// The subjects, in the order of the pages.
    pub(super) sections: Vec<Section>,
    pub(super) rules: Vec<Rule>,
    /// Where sources disagree or are silent.
    pub(super) disagreements: Vec<Disagreement>,
    /// Rules of a sender that are not Arauto's to keep.
    pub(super) elsewhere: Vec<Elsewhere>,
    /// Where the pages describe a command, by its name.
    pub(super) commands: BTreeMap<String, Text>,
}

/// A text in both languages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    pub(super) pt: String,
    pub(super) en: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) title: String,
    pub(super) version: String,
    #[serde(rename = "where")]
    pub(super) place: String,
    /// The day on which it was read.
    pub(super) read: String,
    pub(super) note: Option<Text>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    pub(super) id: String,
    pub(super) pt: String,
    pub(super) en: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) section: String,
    /// Each a key of the sources and, after a comma, the place in it.
    pub(super) sources: Vec<String>,
    pub(super) pt: String,
    pub(super) en: String,
    /// Each `path#item`.
    pub(super) code: Vec<String>,
    /// Each `path#test`, or the id of a vector.
    pub(super) tests: Vec<String>,
    /// Each `kind: name`; see [`super::evidence`].
    pub(super) evidence: Vec<String>,
    /// The disagreements that it is about.
    #[serde(default)]
    pub(super) see: Vec<String>,
    /// What it lacks, if it is not kept.
    pub(super) open: Option<Text>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disagreement {
    pub(super) id: String,
    pub(super) pt: String,
    pub(super) en: String,
    pub(super) decision: Text,
    pub(super) other: Text,
    pub(super) rules: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Elsewhere {
    pub(super) id: String,
    pub(super) sources: Vec<String>,
    pub(super) pt: String,
    pub(super) en: String,
    /// Who keeps it.
    pub(super) who: Text,
}

impl Text {
    /// Returns the text in this language.
    pub(super) fn of(&self, language: Language) -> &str {
        language.choose(&self.en, &self.pt)
    }
}

impl Book {
    /// Reads the rule book of this checkout.
    pub(super) fn read() -> Self {
        serde_json::from_str(&read("docs/compliance.json").unwrap()).unwrap()
    }

    /// All texts, each with what it is of.
    pub(super) fn texts(&self) -> Vec<(&str, &str, &str)> {
        let sections = self.sections.iter().map(|one| (one.id.as_str(), one.pt.as_str(), one.en.as_str()));
        let rules = self.rules.iter().map(|one| (one.id.as_str(), one.pt.as_str(), one.en.as_str()));
        let reasons = self.rules.iter().filter_map(|one| Some((&*one.id, one.open.as_ref()?)));
        let points = self.disagreements.iter().map(|one| (&*one.id, &*one.pt, &*one.en));
        let decisions =
            self.disagreements.iter().flat_map(|one| [(&*one.id, &one.decision), (&*one.id, &one.other)]);
        let elsewhere = self.elsewhere.iter().map(|one| (&*one.id, &*one.pt, &*one.en));
        let keepers = self.elsewhere.iter().map(|one| (&*one.id, &one.who));
        let notes = self.sources.iter().filter_map(|(key, one)| Some((&**key, one.note.as_ref()?)));
        let pairs = reasons.chain(decisions).chain(keepers).chain(notes);
        let pairs = pairs.map(|(id, text)| (id, &*text.pt, &*text.en));
        sections.chain(rules).chain(points).chain(elsewhere).chain(pairs).collect()
    }
}

/// The key of a citation, which ends at its first comma.
pub(super) fn key(citation: &str) -> &str {
    citation.split(',').next().unwrap_or(citation)
}

/// A reference to an item of a file: `path#item`.
pub(super) fn reference(text: &str) -> Option<(&str, &str)> {
    text.split_once('#').filter(|(path, item)| !path.is_empty() && !item.is_empty())
}

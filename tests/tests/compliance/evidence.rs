//! What shows at run time that a rule is kept, and where it is documented.

use arauto::commands::command;
use arauto::help::Language;
use convention::codes::Code;
use serde_json::Value;
use tests::template::{Template, resources, templates};

use super::book::Book;
use super::repository::read;
use crate::pages::{anchors, prose};

const LOGGING: &str = "docs/logging.md";
/// The line whose fields have a table of their own, and its heading.
const ATTEMPT: (&str, &str) = ("An attempt ended.", "### An attempt");

/// What shows at run time that a rule is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evidence<'a> {
    /// A log line, and perhaps a field of it.
    Log(&'a str, Option<&'a str>),
    /// A metric.
    Metric(&'a str),
    /// An alarm.
    Alarm(&'a str),
    /// A field of a notification or of an attempt, as the ledger holds it.
    Ledger(&'a str),
    /// A record of the sealed evidence.
    Record(&'a str),
    /// The code of an outcome.
    Code(&'a str),
    /// A parameter of the stack.
    Parameter(&'a str),
    /// A command.
    Command(&'a str),
    /// A section of a page.
    Page(&'a str),
}

impl<'a> Evidence<'a> {
    /// Reads `kind: name`; `None` if there is no such kind.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (kind, name) = text.split_once(": ")?;
        Some(match kind {
            "log" => {
                let (line, field) =
                    name.split_once('#').map_or((name, None), |(line, field)| (line, Some(field)));
                Self::Log(line, field)
            }
            "metric" => Self::Metric(name),
            "alarm" => Self::Alarm(name),
            "ledger" => Self::Ledger(name),
            "record" => Self::Record(name),
            "code" => Self::Code(name),
            "parameter" => Self::Parameter(name),
            "command" => Self::Command(name),
            "page" => Self::Page(name),
            _ => return None,
        })
    }

    /// Says whether the pages lead from it to where it is described.
    pub(super) fn leads_somewhere(self, book: &Book) -> bool {
        !matches!(self, Self::Command(name) if !book.commands.contains_key(name))
    }

    /// Says whether it exists and is documented.
    pub(super) fn is_documented(self) -> bool {
        match self {
            Self::Log(line, field) => log_line(line, field).is_some(),
            Self::Metric(name) => {
                section(&read(LOGGING).unwrap(), "## Metrics").contains(&format!("`{name}`"))
            }
            Self::Alarm(name) => {
                let pages = ["docs/operations.md", "docs/operations.pt-BR.md"];
                let has_runbook = |page| read(page).unwrap().contains(&format!("\n#### {name}\n"));
                is_alarm(name) && pages.into_iter().all(has_runbook)
            }
            Self::Ledger(name) => is_of_ledger(name),
            Self::Record(name) => read("docs/evidence.md").unwrap().contains(&format!("`{name}`")),
            Self::Code(name) => Code::named(name).is_some(),
            Self::Parameter(name) => {
                Template::read("template.yaml").unwrap().section("Parameters")[name].is_object()
            }
            Self::Command(name) => command(Language::En).find_subcommand(name).is_some(),
            Self::Page(place) => {
                let (page, anchor) = place.split_once('#').unwrap_or((place, ""));
                let has = |text: String| anchor.is_empty() || anchors(&prose(&text)).contains(anchor);
                read(&format!("docs/{page}")).is_some_and(has)
            }
        }
    }

    /// What the pages show, and where it leads from `docs/`.
    pub(super) fn shown(self, book: &Book, language: Language) -> (String, String) {
        let (word, operations) = match language {
            Language::PtBr => ("seção", "operations.pt-BR.md"),
            Language::En => ("section", "operations.md"),
        };
        match self {
            Self::Log(line, field) => {
                let field = field.map(|field| format!(" `{field}`")).unwrap_or_default();
                (
                    format!("*{line}*{field}"),
                    format!("logging.md#{}", log_line(line, None).unwrap_or_default()),
                )
            }
            Self::Metric(name) => (format!("`{name}`"), "logging.md#metrics".to_owned()),
            Self::Alarm(name) => (format!("`{name}`"), format!("{operations}#{}", name.to_lowercase())),
            Self::Ledger(name) => (format!("ledger `{name}`"), "../infra/api.yaml".to_owned()),
            Self::Record(name) => (format!("`{name}`"), "evidence.md#records".to_owned()),
            Self::Code(name) => (format!("`{name}`"), "outcomes.md".to_owned()),
            Self::Parameter(name) => (format!("`{name}`"), "../template.yaml".to_owned()),
            Self::Command(name) => (format!("`arauto {name}`"), book.commands[name].of(language).to_owned()),
            Self::Page(place) => (format!("{word} `{place}`"), place.to_owned()),
        }
    }
}

/// A section of a page, from its heading to the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let Some((_, rest)) = page.split_once(&format!("\n{heading}\n")) else { return "" };
    rest.split("\n#").next().unwrap_or(rest)
}

/// The anchor of the section of the page of log lines that has a line with a field; `None` if there is none.
fn log_line(line: &str, field: Option<&str>) -> Option<String> {
    let page = read(LOGGING).unwrap();
    let heading = page.lines().filter(|line| line.starts_with('#')).find(|heading| {
        let text = section(&page, heading);
        text.split("\n- ").any(|entry| {
            // An entry ends with its paragraph, and its lines are broken anywhere.
            let entry = entry.split("\n\n").next().unwrap_or(entry);
            let entry = entry.split_whitespace().collect::<Vec<_>>().join(" ");
            let has_field = field.is_none_or(|field| {
                entry.contains(&format!("`{field}")) || is_of_attempt(&page, line, field)
            });
            entry.contains(&format!("*{line}*")) && has_field
        })
    })?;
    let heading = if line == ATTEMPT.0 { ATTEMPT.1 } else { heading };
    anchors(heading).pop_first()
}

fn is_of_attempt(page: &str, line: &str, field: &str) -> bool {
    let mut rows =
        section(page, ATTEMPT.1).lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next());
    line == ATTEMPT.0 && rows.any(|fields| fields.contains(&format!("`{field}`")))
}

fn is_alarm(name: &str) -> bool {
    let is_here = |path: &String| {
        resources(path)
            .unwrap()
            .get(name)
            .is_some_and(|resource| resource["Type"] == "AWS::CloudWatch::Alarm")
    };
    templates().unwrap().iter().any(is_here)
}

fn is_of_ledger(name: &str) -> bool {
    let contract: Value = serde_saphyr::from_str(&read("infra/api.yaml").unwrap()).unwrap();
    let schemas = &contract["components"]["schemas"];
    ["Notification", "Attempt"].iter().any(|schema| schemas[schema]["properties"][name].is_object())
}

//! What is printed of the findings, and the exit code they make.

use std::fmt::Write as _;

use certificates::printable;
use mtls::examine::{Facts, Stage, Visit};
use serde_json::{Value, json};
use terminal::{Align, Table};

use super::finding::{Finding, Verdict};
use terminal::Language;

/// The findings of one receiver.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was found.
    pub facts: Facts,
    /// Where it was looked from.
    pub from: String,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
}

/// What a script is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Nothing that was looked at will fail.
    Works,
    /// Something will fail.
    Fails,
    /// A fault of ours, or the end of the time, kept something from being looked at, and nothing else will fail.
    Unknown,
}

impl Report {
    /// Returns what a script is told.
    pub fn outcome(&self) -> Outcome {
        let any = |is: &dyn Fn(&Finding) -> bool| self.findings.iter().any(is);
        if any(&|one| one.verdict == Verdict::WillFail) {
            Outcome::Fails
        } else if any(&|one| one.ours)
            || !self.facts.addresses.iter().filter_map(|one| one.visit.as_ref()).any(came_far)
        {
            Outcome::Unknown
        } else {
            Outcome::Works
        }
    }

    /// Writes it for people.
    pub fn text(&self, language: Language) -> String {
        let mut table = Table::new([Align::Left; 4]);
        for one in &self.findings {
            let mut what = printable(one.what.in_language(language));
            if let Some(address) = one.address {
                what = format!("{address}: {what}");
            }
            if let Some(detail) = &one.detail {
                write!(what, "\n   {}", printable(detail)).expect("a text takes all");
            }
            let to_do = one.what_to_do.in_language(language);
            if !to_do.is_empty() {
                write!(what, "\n-> {}", printable(to_do)).expect("a text takes all");
            }
            let code = one.code.as_deref().unwrap_or_default();
            table.row([one.verdict.name(language), one.check.name(language), &printable(code), &what]);
        }
        format!("{}\n{}\n\n{table}", printable(&self.heading(language)), self.summary(language))
    }

    /// Writes it for programs, with the sentences in both languages.
    pub fn json(&self) -> Value {
        let count = |verdict| self.findings.iter().filter(|one| one.verdict == verdict).count();
        json!({
            "base_uri": self.facts.base_uri,
            "at": self.facts.at,
            "from": self.from,
            "works": self.outcome() == Outcome::Works,
            "counts": {
                "will_fail": count(Verdict::WillFail), "may_fail": count(Verdict::MayFail),
                "not_checked": count(Verdict::NotChecked), "ok": count(Verdict::Ok),
            },
            "findings": self.findings,
            "facts": self.facts,
        })
    }

    /// Returns what was looked at, when and how.
    pub(super) fn heading(&self, language: Language) -> String {
        let Facts { base_uri, at, connections, took_ms, limit_ms, .. } = &self.facts;
        let (from, seconds, most) = (&self.from, tenths(*took_ms), limit_ms / 1000);
        match language {
            Language::En => format!(
                "{base_uri} from {from} at {at:.0}: {connections} connections in {seconds} s (limit {most} s)"
            ),
            Language::PtBr => format!(
                "{base_uri} a partir de {from} em {at:.0}: {connections} conexões em {seconds} s (limite {most} s)"
            ),
        }
    }

    /// Returns the number of findings of each verdict.
    pub(super) fn summary(&self, language: Language) -> String {
        let verdicts = [Verdict::WillFail, Verdict::MayFail, Verdict::NotChecked, Verdict::Ok];
        let parts = verdicts.map(|verdict| {
            let count = self.findings.iter().filter(|one| one.verdict == verdict).count();
            format!("{count} {}", verdict.name(language))
        });
        let posted = self.facts.posted.as_ref().filter(|_| self.facts.is_notified());
        let (en, pt_br) = match posted {
            None => ("no notification was sent", "nenhuma notificação foi enviada"),
            Some(visit) if is_unanswered(visit) => (
                "one notification was sent, and not answered in time",
                "uma notificação foi enviada, e não respondida a tempo",
            ),
            Some(_) => (
                "one notification was sent, of a resource that nobody knows",
                "uma notificação foi enviada, de um recurso que ninguém conhece",
            ),
        };
        let posted = language.choose(en, pt_br);
        format!("{}; {posted}", parts.join(", "))
    }
}

/// Says whether a visit was neither left in the middle nor without a route.
fn came_far(visit: &Visit) -> bool {
    visit.stage >= Stage::Waiting || visit.failed.is_some() && !visit.routeless
}

/// Says whether a request that was sent got no answer before its time was over.
pub(super) fn is_unanswered(visit: &Visit) -> bool {
    visit.stage >= Stage::Request
        && visit.answer.is_none()
        && visit.failed.as_ref().is_none_or(|failed| failed.code == "timeout")
}

fn tenths(milliseconds: u64) -> String {
    format!("{}.{}", milliseconds / 1000, milliseconds % 1000 / 100)
}

//! One sentence to send to an initiator that polls although it is notified.

use jiff::Timestamp;
use serde::Serialize;
use terminal::{Language, grouped};

use crate::figures::Figures;

/// Minimum number, and minimum percentage of GETs of notified resources, that saw no change for a sentence to be written. Our
/// choice: below, a sentence would cost more than the requests.
const AT_LEAST: u64 = 10;
const PERCENT: u64 = 20;

/// The sentence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Message {
    /// In English.
    pub en: String,
    /// In Brazilian Portuguese.
    #[serde(rename = "pt-BR")]
    pub pt_br: String,
}

impl Message {
    /// The sentence for these figures, if the initiator polls although it is notified.
    pub(crate) fn of(figures: &Figures, from: Timestamp, to: Timestamp) -> Option<Self> {
        let useless = figures.no_change_of_notified;
        if figures.notified_resources == 0
            || useless < AT_LEAST
            || useless * 100 < figures.gets_of_notified * PERCENT
        {
            return None;
        }
        let numbers = [figures.notified_resources, figures.gets_of_notified, useless].map(grouped);
        let [resources, gets, useless] = &numbers;
        let date = |at: Timestamp, format: &str| at.strftime(format).to_string();
        let [first, last] = [from, to].map(|at| date(at, "%Y-%m-%d"));
        let en = format!(
            "Between {first} and {last} (UTC), our webhooks told you of the changes of {resources} resources, and you still \
             asked for these resources {gets} times, {useless} times without seeing a change: please ask for a resource \
             when its notification comes, which saves both of us {useless} requests."
        );
        let [first, last] = [from, to].map(|at| date(at, "%d/%m/%Y"));
        let [resources, gets, useless] = numbers.each_ref().map(|number| number.replace(',', "."));
        let pt_br = format!(
            "Entre {first} e {last} (UTC), nossos webhooks avisaram vocês das mudanças de {resources} recursos e, mesmo assim, \
             vocês consultaram esses recursos {gets} vezes, {useless} delas sem encontrar mudança: pedimos que consultem um \
             recurso quando chegar a notificação dele, o que poupa {useless} requisições a ambos os lados."
        );
        Some(Self { en, pt_br })
    }

    /// The text in a language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::PtBr => &self.pt_br,
        }
    }
}

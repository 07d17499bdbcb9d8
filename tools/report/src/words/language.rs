//! The language of a report.

use super::texts::Words;
use super::{en, pt_br};

/// The language of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Language {
    /// English.
    En,
    /// Brazilian Portuguese.
    PtBr,
}

impl Language {
    /// Returns what is of this language.
    pub fn choose<T>(self, en: T, pt_br: T) -> T {
        match self {
            Self::En => en,
            Self::PtBr => pt_br,
        }
    }

    /// Returns the language's tag (BCP 47).
    pub fn tag(self) -> &'static str {
        self.choose("en", "pt-BR")
    }

    pub(crate) fn words(self) -> &'static Words {
        self.choose(&en::WORDS, &pt_br::WORDS)
    }
}

//! The words of a language.

use terminal::Language;

use super::texts::Words;
use super::{en, pt_br};

/// Returns the words of a language.
pub(crate) fn words(language: Language) -> &'static Words {
    language.choose(&en::WORDS, &pt_br::WORDS)
}

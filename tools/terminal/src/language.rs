//! The language of what people read.

use clap::ValueEnum;

/// A language of what people read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Language {
    /// English
    En,
    /// Brazilian Portuguese
    #[value(name = "pt-BR")]
    PtBr,
}

impl Language {
    /// Returns the language of a locale: that of the first variable that has a value, as POSIX orders them
    /// ("Internationalization Variables").
    pub fn of_locale(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set).unwrap_or_default();
        if locale.starts_with("pt_BR") || locale.starts_with("pt-BR") { Self::PtBr } else { Self::En }
    }

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_with_a_value_decides() {
        for (variables, language) in [
            (&[][..], Language::En),
            (&[("LANG", "pt_BR.UTF-8")], Language::PtBr),
            (&[("LC_MESSAGES", "pt_BR"), ("LANG", "C")], Language::PtBr),
            (&[("LC_ALL", ""), ("LANG", "pt_BR.UTF-8")], Language::PtBr),
            (&[("LC_ALL", "C.UTF-8"), ("LANG", "pt_BR.UTF-8")], Language::En),
            (&[("LANG", "pt_PT.UTF-8")], Language::En),
            (&[("LANG", "en_US.UTF-8")], Language::En),
        ] {
            let of = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(Language::of_locale(&of), language, "{variables:?}");
        }
    }
}

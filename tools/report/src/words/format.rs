//! Numbers and times as people of each language read them.

use jiff::Timestamp;

use super::texts::{Words, put};
use crate::figures::Share;
use crate::month::{Month, local};

impl Words {
    /// Writes a number with its thousands apart.
    pub(crate) fn number(&self, number: u64) -> String {
        terminal::grouped(number).replace(',', &self.thousands.to_string())
    }

    /// Writes a share with two decimals, rounded down, so that 100 % is all of it.
    pub(crate) fn percent(&self, share: Share) -> String {
        share.basis_points().map_or_else(
            || "–".to_owned(),
            |points| format!("{}{}{:02} %", points / 100, self.decimal, points % 100),
        )
    }

    /// Writes a day of Brasília's time.
    pub(crate) fn day(&self, at: Timestamp) -> String {
        local(at).strftime(self.day_format).to_string()
    }

    /// Writes an instant in Brasília's time, to the second.
    pub(crate) fn instant(&self, at: Timestamp) -> String {
        let at = local(at);
        format!("{} {}", at.strftime(self.day_format), at.strftime("%H:%M:%S"))
    }

    /// Writes the name of a month.
    pub(crate) fn month(&self, month: Month) -> String {
        let name = self.months[usize::from(month.number()) - 1];
        put(self.month_of_year, &[name, &month.year().to_string()])
    }

    /// Writes a time in seconds, or minutes and seconds.
    pub(crate) fn duration(&self, seconds: i64) -> String {
        match (seconds / 60, seconds % 60) {
            (0, _) => put(self.seconds, &[&seconds.to_string()]),
            (minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use terminal::Language;

    use super::super::language::words;
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_each_language_does() {
        let at: Timestamp = "2026-12-01T02:30:05.7Z".parse().unwrap();
        for (language, number, percent, instant, month) in [
            (Language::En, "1,234,567", "99.99 %", "2026-11-30 23:30:05", "November 2026"),
            (Language::PtBr, "1.234.567", "99,99 %", "30/11/2026 23:30:05", "novembro de 2026"),
        ] {
            let words = words(language);
            assert_eq!(words.number(1_234_567), number);
            // Never 100 % of what is not all.
            assert_eq!(words.percent(Share { part: 999_999, whole: 1_000_000 }), percent);
            assert_eq!(words.instant(at), instant);
            assert_eq!(words.month(Month::of(at)), month);
            assert_eq!(words.percent(Share { part: 0, whole: 0 }), "–");
            assert_eq!([words.duration(59), words.duration(61)], ["59 s", "1 min 01 s"]);
        }
    }
}

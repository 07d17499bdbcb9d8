//! The frame of each page: its language, its addresses, and how it writes times and numbers.

use std::borrow::Borrow;

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use terminal::{Language, grouped};

/// What links lead to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// How the stack is.
    Now,
    /// Who is notified.
    Receivers,
    /// What was sent.
    Notifications,
    /// What was given up.
    Undelivered,
    /// What would be sent.
    Explain,
    /// What it costs.
    Bill,
    /// What it bears.
    Capacity,
    /// What it saves.
    Polling,
}

/// What every page shows around its content.
///
/// Its numbers may be references, as templates hand over those of fields.
#[derive(Clone, Debug)]
pub struct Page {
    /// The language.
    pub language: Language,
    /// The path that all addresses begin with, the token included.
    pub prefix: String,
    /// The page's own address within a language, with its query.
    pub path: String,
    /// The section it belongs to.
    pub section: Section,
    /// The stack, as people name it.
    pub stack: String,
    /// When it was made.
    pub now: Timestamp,
    /// Whether actions are allowed.
    pub is_acting: bool,
    /// The secret of its forms.
    pub form_token: String,
    /// Seconds after which the page looks for news; 0 means never.
    pub refresh_s: u32,
}

impl Section {
    /// Each of them, in the order of the menu.
    pub const ALL: [Self; 8] = [
        Self::Now,
        Self::Receivers,
        Self::Notifications,
        Self::Undelivered,
        Self::Explain,
        Self::Bill,
        Self::Capacity,
        Self::Polling,
    ];

    /// Its name in addresses.
    pub fn path(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Receivers => "receivers",
            Self::Notifications => "notifications",
            Self::Undelivered => "undelivered",
            Self::Explain => "explain",
            Self::Bill => "bill",
            Self::Capacity => "capacity",
            Self::Polling => "polling",
        }
    }

    /// Its name in a language.
    pub fn name(self, language: Language) -> &'static str {
        let (en, pt_br) = match self {
            Self::Now => ("Now", "Agora"),
            Self::Receivers => ("Receivers", "Receptores"),
            Self::Notifications => ("Notifications", "Notificações"),
            Self::Undelivered => ("Undelivered", "Não entregues"),
            Self::Explain => ("Explain", "Explicar"),
            Self::Bill => ("Bill", "Custo"),
            Self::Capacity => ("Capacity", "Capacidade"),
            Self::Polling => ("Polling", "Consultas"),
        };
        language.choose(en, pt_br)
    }
}

impl Page {
    /// Returns the text of its language.
    pub fn t<'a>(&self, en: &'a str, pt_br: &'a str) -> &'a str {
        self.language.choose(en, pt_br)
    }

    /// The name of its section.
    pub fn section_name(&self) -> &'static str {
        self.section.name(self.language)
    }

    /// The language's tag (BCP 47).
    pub fn tag(&self) -> &'static str {
        self.language.tag()
    }

    /// An address of this language.
    pub fn to(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.prefix, self.tag())
    }

    /// The same page in the other language.
    pub fn other_language(&self) -> String {
        let other = match self.language {
            Language::En => Language::PtBr,
            Language::PtBr => Language::En,
        };
        format!("{}/{}/{}", self.prefix, other.tag(), self.path)
    }

    /// The address of a receiver's page.
    pub fn to_receiver(&self, key: &str) -> String {
        self.to(&format!("receivers/{}", encoded(key)))
    }

    /// The address of a notification's page.
    pub fn to_notification(&self, id: &str) -> String {
        self.to(&format!("notifications/{}", encoded(id)))
    }

    /// Each section of the menu: its address, its name, and whether the page is of it.
    pub fn menu(&self) -> Vec<(String, &'static str, bool)> {
        Section::ALL
            .into_iter()
            .map(|section| (self.to(section.path()), section.name(self.language), section == self.section))
            .collect()
    }

    /// A time of Brasília, to the second; the day too, unless it is today.
    pub fn at(&self, at: &Timestamp) -> String {
        let (at, now) = (at.to_zoned_datetime(brasilia()), self.now.to_zoned_datetime(brasilia()));
        let time = at.strftime("%H:%M:%S");
        if at.date() == now.date() {
            return time.to_string();
        }
        let day = at.strftime(match self.language {
            Language::En => "%Y-%m-%d",
            Language::PtBr => "%d/%m/%Y",
        });
        format!("{day} {time}")
    }

    /// A time of Brasília to the millisecond, with its day.
    pub fn exactly(&self, at: &Timestamp) -> String {
        let at = at.to_zoned_datetime(brasilia());
        at.strftime(match self.language {
            Language::En => "%Y-%m-%d %H:%M:%S%.3f",
            Language::PtBr => "%d/%m/%Y %H:%M:%S%.3f",
        })
        .to_string()
    }

    /// Days until something ends.
    pub fn days(&self, days: impl Borrow<i64>) -> String {
        match *days.borrow() {
            days if days < 0 => self.t("ended", "vencido").to_owned(),
            1 => self.t("1 day", "1 dia").to_owned(),
            days => format!("{days} {}", self.t("days", "dias")),
        }
    }

    /// A time as it was posted, in that of Brasília; what is none stays as it is.
    pub fn posted(&self, text: &str) -> String {
        text.parse().map_or_else(|_| text.to_owned(), |at: Timestamp| self.exactly(&at))
    }

    /// How long ago that was.
    pub fn ago(&self, at: &Timestamp) -> String {
        let text = self.lasts(self.now.duration_since(*at).max(SignedDuration::ZERO));
        match self.language {
            Language::En => format!("{text} ago"),
            Language::PtBr => format!("há {text}"),
        }
    }

    /// A length of time, in its largest unit or two.
    pub fn lasts(&self, length: impl Borrow<SignedDuration>) -> String {
        let seconds = length.borrow().as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match () {
            () if seconds < 120 => format!("{seconds} s"),
            () if minutes < 120 => format!("{minutes} min"),
            () if hours < 48 => format!("{hours} h"),
            () => format!("{days} {}", self.t("days", "dias")),
        }
    }

    /// A whole number with its thousands apart.
    pub fn count(&self, number: impl Borrow<u64>) -> String {
        self.marked(grouped(*number.borrow()))
    }

    /// A count that was measured.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts, which are never negative"
    )]
    pub fn number(&self, number: f64) -> String {
        self.count(number.round() as u64)
    }

    /// A share in percent, rounded down so that 100 % means all.
    pub fn percent(&self, share: impl Borrow<f64>) -> String {
        let tenths = (share.borrow() * 1000.0).floor() / 10.0;
        let text =
            if (tenths - 100.0).abs() < f64::EPSILON { "100".to_owned() } else { format!("{tenths:.1}") };
        format!("{} %", text.replace('.', self.t(".", ",")))
    }

    fn marked(&self, number: String) -> String {
        match self.language {
            Language::En => number,
            Language::PtBr => number.replace(',', "."),
        }
    }
}

/// Finds a language by its tag.
pub fn tagged(tag: &str) -> Option<Language> {
    [Language::En, Language::PtBr].into_iter().find(|language| language.tag() == tag)
}

/// The language that a browser prefers (RFC 9110, section 12.5.4): Portuguese if it comes before English, or alone.
pub fn preferred(accept_language: &str) -> Language {
    let mut ranges = accept_language.split(',').map(|range| range.trim().to_ascii_lowercase());
    let first = ranges.find(|range| range.starts_with("pt") || range.starts_with("en"));
    if first.is_some_and(|range| range.starts_with("pt")) { Language::PtBr } else { Language::En }
}

/// Percent-encodes a part of an address.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The zone of all times shown: Brazil has had no daylight saving time since 2019 (Decreto 9.772/2019).
pub fn brasilia() -> TimeZone {
    TimeZone::fixed(Offset::constant(-3))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn page(language: Language) -> Page {
        Page {
            language,
            prefix: "/secret".to_owned(),
            path: "now?range=day".to_owned(),
            section: Section::Now,
            stack: "the local stack".to_owned(),
            now: "2026-11-30T02:30:00Z".parse().unwrap(),
            is_acting: false,
            form_token: "form".to_owned(),
            refresh_s: 0,
        }
    }

    #[test]
    fn times_are_of_brasilia_and_as_each_language_writes_them() {
        let (en, pt_br) = (page(Language::En), page(Language::PtBr));
        let at = "2026-11-29T03:04:05.25Z".parse().unwrap();
        assert_eq!((en.at(&at), pt_br.at(&at)), ("00:04:05".to_owned(), "00:04:05".to_owned()));
        let at = "2026-11-29T02:59:59Z".parse().unwrap();
        assert_eq!(
            (en.at(&at).as_str(), pt_br.at(&at).as_str()),
            ("2026-11-28 23:59:59", "28/11/2026 23:59:59")
        );
        assert_eq!(pt_br.exactly(&at), "28/11/2026 23:59:59.000");
        assert_eq!((en.ago(&at).as_str(), pt_br.ago(&at).as_str()), ("23 h ago", "há 23 h"));
    }

    #[test]
    fn numbers_are_as_each_language_writes_them_and_all_is_not_rounded_up_to() {
        let (en, pt_br) = (page(Language::En), page(Language::PtBr));
        assert_eq!(
            (en.count(12_345), pt_br.count(12_345)),
            (grouped(12_345), grouped(12_345).replace(',', "."))
        );
        assert_eq!((en.percent(0.9999), pt_br.percent(0.9999)), ("99.9 %".to_owned(), "99,9 %".to_owned()));
        assert_eq!((en.percent(1.0), en.percent(0.0)), ("100 %".to_owned(), "0.0 %".to_owned()));
    }

    #[test]
    fn the_other_language_is_one_link_away_and_the_browsers_is_the_first() {
        assert_eq!(page(Language::En).other_language(), "/secret/pt-BR/now?range=day");
        assert_eq!(page(Language::PtBr).to_receiver("a/b?c"), "/secret/pt-BR/receivers/a%2Fb%3Fc");
        for (header, language) in [
            ("pt-BR,pt;q=0.9,en;q=0.8", Language::PtBr),
            ("en-US,en;q=0.9,pt-BR", Language::En),
            ("de, pt", Language::PtBr),
            ("", Language::En),
        ] {
            assert_eq!(preferred(header), language, "{header}");
        }
        assert_eq!((tagged("pt-BR"), tagged("pt")), (Some(Language::PtBr), None));
    }
}

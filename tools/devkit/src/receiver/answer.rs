//! How the mock answers, and the syntax that says so.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// The longest body that the syntax takes: a longer one is a slip.
const MAX_BODY: u64 = 64 * 1024 * 1024;
/// The longest header an answer may have.
const MAX_HEADER: u64 = 1024 * 1024;
/// What is written with `%` in a text of the syntax: all that could end it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'/').remove(b'_');

/// The syntax of answers, for messages and `--help`.
pub(super) const SYNTAX: &str = "\
A list separated by commas, such as 503,delay:2s:202. The first request for a
path gets the first answer, the second the second, all later ones the last.
Each answer is one of

  202               this status (200 to 599), the interaction id echoed
  redirect:URL      302 to the URL
  endless           202 with a body that never ends
  trickle           202 with a body that never ends, one byte a second
  hang              nothing, and the connection stays open
  reset             the connection is reset (TCP RST)
  close             the connection is closed in an orderly way, without an answer
  raw:TEXT          TEXT instead of an answer, and the connection is closed
  truncate          half an answer, and the connection ends without TLS saying so
  informational     100 Continue for ever (1xx is the same)

with any of these before it

  delay:2s:202      waits first (ms, s or m)
  no-echo:202       leaves x-webhook-interaction-id out
  wrong-echo:202    echoes another x-webhook-interaction-id
  body:N:202        a body of N bytes
  text:TEXT:202     a body that begins with TEXT
  header:N:202      a header of N bytes
  set:NAME=TEXT:202 the header NAME
  last:202          says \"connection: close\", and closes it

In TEXT, all but letters, digits and -./_ is written with %, as in a URL.";

/// How the mock answers each request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answers {
    /// Where no exception holds.
    pub default: Sequence,
    /// Other answers for some paths; the first that matches holds.
    pub exceptions: Vec<AnswerFor>,
}

/// Answers to successive requests for one path; the last repeats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sequence(Vec<Answer>);

/// Answers for the paths that contain a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnswerFor {
    /// What the path has to contain.
    pub substring: String,
    /// The answers.
    pub answers: Sequence,
}

/// What the mock does with one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    pub(super) delay: Option<Duration>,
    pub(super) echo: Echo,
    /// How long the body is, at least.
    pub(super) body: u64,
    /// What it begins with.
    pub(super) text: Bytes,
    /// How long a header is that says nothing.
    pub(super) padding: usize,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) is_last: bool,
    pub(super) deed: Deed,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Echo {
    #[default]
    Right,
    Wrong,
    None,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    Status(StatusCode),
    Redirect(String),
    Endless,
    Trickle,
    Hang,
    Reset,
    Close,
    Raw(Bytes),
    Truncate,
    Informational,
}

impl Answers {
    /// The same answer for every request.
    pub fn always(answer: Answer) -> Self {
        Sequence(vec![answer]).into()
    }

    /// The answers for a path.
    pub(super) fn of(&self, path: &str) -> &Sequence {
        self.exceptions
            .iter()
            .find(|exception| path.contains(&exception.substring))
            .map_or(&self.default, |exception| &exception.answers)
    }
}

impl From<Sequence> for Answers {
    fn from(default: Sequence) -> Self {
        Self { default, exceptions: Vec::new() }
    }
}

/// A sequence for every path.
impl FromStr for Answers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Sequence::into)
    }
}

impl Sequence {
    /// Whether all requests are answered alike.
    pub(super) fn is_constant(&self) -> bool {
        self.0.len() == 1
    }

    /// The answer to the request that `earlier` ones came before.
    pub(super) fn after(&self, earlier: usize) -> &Answer {
        self.0
            .get(earlier)
            .or_else(|| self.0.last())
            .expect("a sequence is never empty: its parser and default make it so")
    }
}

/// 202 for ever.
impl Default for Sequence {
    fn default() -> Self {
        Self(vec![Answer::from(StatusCode::ACCEPTED)])
    }
}

impl FromStr for Sequence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|answer| answer.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, answer) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            answer.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for AnswerFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((substring, answers)) = text.split_once('=').filter(|(substring, _)| !substring.is_empty())
        else {
            return Err(format!("{text:?} is not SUBSTRING=ANSWERS, as in /enrollments/=503,202"));
        };
        Ok(Self { substring: substring.to_owned(), answers: answers.parse()? })
    }
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        Deed::Status(status).into()
    }
}

impl From<Deed> for Answer {
    fn from(deed: Deed) -> Self {
        let (echo, text, headers) = (Echo::default(), Bytes::new(), Vec::new());
        Self { delay: None, echo, body: 0, text, padding: 0, headers, is_last: false, deed }
    }
}

impl Answer {
    /// Waits first.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = Some(delay).filter(|delay| !delay.is_zero());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Has a body of so many bytes, which begins with this.
    #[must_use]
    pub fn body(mut self, text: impl Into<Bytes>, bytes: u64) -> Self {
        (self.text, self.body) = (text.into(), bytes);
        self
    }
}

impl FromStr for Answer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        Ok(match word {
            "delay" => {
                let (duration, then) = split(text, rest)?;
                Self { delay: Some(parse_duration(text, duration)?), ..then }
            }
            "no-echo" => Self { echo: Echo::None, ..rest.parse()? },
            "wrong-echo" => Self { echo: Echo::Wrong, ..rest.parse()? },
            "body" => {
                let (length, then) = split(text, rest)?;
                Self { body: parse_length(text, length, MAX_BODY)?, ..then }
            }
            "header" => {
                let (length, then) = split(text, rest)?;
                let padding = parse_length(text, length, MAX_HEADER)?;
                Self { padding: usize::try_from(padding).map_err(|_| unknown(text))?, ..then }
            }
            "text" => {
                let (start, then) = split(text, rest)?;
                Self { text: decoded(start), ..then }
            }
            "set" => {
                let (header, mut then) = split(text, rest)?;
                then.headers.insert(0, parse_header(text, header)?);
                then
            }
            "last" => Self { is_last: true, ..rest.parse()? },
            "raw" if !rest.is_empty() => Deed::Raw(decoded(rest)).into(),
            "redirect" if HeaderValue::from_str(rest).is_ok_and(|value| !value.is_empty()) => {
                Deed::Redirect(rest.to_owned()).into()
            }
            _ => parse_deed(text)?.into(),
        })
    }
}

/// The same syntax, so that what was done can be asked for again.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(delay) = self.delay {
            let millis = delay.as_millis();
            if millis.is_multiple_of(1000) {
                write!(f, "delay:{}s:", millis / 1000)?;
            } else {
                write!(f, "delay:{millis}ms:")?;
            }
        }
        match self.echo {
            Echo::Right => {}
            Echo::Wrong => f.write_str("wrong-echo:")?,
            Echo::None => f.write_str("no-echo:")?,
        }
        if self.body > 0 {
            write!(f, "body:{}:", self.body)?;
        }
        if !self.text.is_empty() {
            write!(f, "text:{}:", percent_encode(&self.text, ENCODED))?;
        }
        if self.padding > 0 {
            write!(f, "header:{}:", self.padding)?;
        }
        for (name, value) in &self.headers {
            write!(f, "set:{name}={}:", percent_encode(value.as_bytes(), ENCODED))?;
        }
        if self.is_last {
            f.write_str("last:")?;
        }
        match &self.deed {
            Deed::Status(status) => f.write_str(status.as_str()),
            Deed::Redirect(to) => write!(f, "redirect:{to}"),
            Deed::Endless => f.write_str("endless"),
            Deed::Trickle => f.write_str("trickle"),
            Deed::Hang => f.write_str("hang"),
            Deed::Reset => f.write_str("reset"),
            Deed::Close => f.write_str("close"),
            Deed::Raw(bytes) => write!(f, "raw:{}", percent_encode(bytes, ENCODED)),
            Deed::Truncate => f.write_str("truncate"),
            Deed::Informational => f.write_str("informational"),
        }
    }
}

fn parse_deed(text: &str) -> Result<Deed, String> {
    Ok(match text {
        "endless" => Deed::Endless,
        "trickle" => Deed::Trickle,
        "hang" => Deed::Hang,
        "reset" => Deed::Reset,
        "close" => Deed::Close,
        "truncate" => Deed::Truncate,
        "informational" | "1xx" => Deed::Informational,
        _ => match text.parse().map(StatusCode::from_u16) {
            Ok(Ok(status)) if (200..=599).contains(&status.as_u16()) => Deed::Status(status),
            _ => return Err(unknown(text)),
        },
    })
}

fn split<'a>(whole: &str, rest: &'a str) -> Result<(&'a str, Answer), String> {
    let (argument, then) = rest.split_once(':').ok_or_else(|| unknown(whole))?;
    Ok((argument, then.parse()?))
}

fn parse_duration(whole: &str, text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text.strip_prefix(digits) {
        Some("ms") => 1,
        Some("s") => 1_000,
        Some("m") => 60_000,
        _ => return Err(unknown(whole)),
    };
    let millis = digits.parse::<u32>().map_err(|_| unknown(whole))?;
    Ok(Duration::from_millis(u64::from(millis) * factor))
}

fn parse_header(whole: &str, text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| unknown(whole))?;
    let name = name.parse().map_err(|_| unknown(whole))?;
    Ok((name, HeaderValue::from_bytes(&decoded(value)).map_err(|_| unknown(whole))?))
}

fn decoded(text: &str) -> Bytes {
    percent_decode_str(text).collect::<Vec<_>>().into()
}

fn parse_length(whole: &str, text: &str, longest: u64) -> Result<u64, String> {
    let length = text.parse::<u64>().map_err(|_| unknown(whole))?;
    if length > longest {
        return Err(format!("{whole:?} asks for more than {longest} bytes"));
    }
    Ok(length)
}

fn unknown(text: &str) -> String {
    format!("{text:?} is not an answer.\n{SYNTAX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_written_as_they_were_read() {
        for text in [
            "202",
            "503,202",
            "delay:2s:202",
            "delay:250ms:503,hang",
            "no-echo:202",
            "wrong-echo:202",
            "body:100000:202",
            "header:70000:202",
            "redirect:https://example.com:8443/a?b",
            "delay:1s:no-echo:body:10:header:20:500",
            "text:%7B%22a%22%3A1%2C%7D:set:retry-after=120:set:location=https%3A//a.example/b:last:503",
            "raw:SSH-2.0-x%0D%0A%FF",
            "truncate",
            "endless",
            "trickle",
            "hang",
            "reset",
            "close",
            "informational",
        ] {
            assert_eq!(text.parse::<Sequence>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_spellings_are_read_too() {
        for (text, same) in
            [("1xx", "informational"), ("delay:1m:hang", "delay:60s:hang"), (" 503 , 202 ", "503,202")]
        {
            assert_eq!(text.parse::<Sequence>().unwrap().to_string(), same);
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_syntax() {
        for text in [
            "",
            "202,",
            "100",
            "600",
            "ok",
            "delay:2:202",
            "delay:2s",
            "delay:s:202",
            "delay:-1s:202",
            "body:x:202",
            "body:202",
            "no-echo",
            "redirect:",
            "redirect",
            "raw:",
            "set:a:202",
            "set:a b=c:202",
            "set:a=%0A:202",
        ] {
            let error = text.parse::<Sequence>().unwrap_err();
            assert!(
                error.contains("is not an answer") && error.contains("delay:2s:202"),
                "{text:?}: {error}"
            );
        }
        let error = "body:999999999:202".parse::<Sequence>().unwrap_err();
        assert_eq!(error, "\"body:999999999:202\" asks for more than 67108864 bytes");
    }

    #[test]
    fn the_last_answer_repeats() {
        let sequence: Sequence = "503,reset,202".parse().unwrap();
        let given: Vec<String> = (0..5).map(|earlier| sequence.after(earlier).to_string()).collect();
        assert_eq!(given, ["503", "reset", "202", "202", "202"]);
    }

    #[test]
    fn the_first_exception_that_matches_holds() {
        let answers = Answers {
            default: Sequence::default(),
            exceptions: vec!["/enrollments/=500".parse().unwrap(), "/v2/=404".parse().unwrap()],
        };
        assert_eq!(answers.of("/payments/v5/consents/a").to_string(), "202");
        assert_eq!(answers.of("/payments/v2/consents/a").to_string(), "404");
        assert_eq!(answers.of("/enrollments/v2/enrollments/a").to_string(), "500");
        "503,202".parse::<AnswerFor>().unwrap_err();
        "=202".parse::<AnswerFor>().unwrap_err();
    }
}

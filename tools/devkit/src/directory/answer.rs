//! How the Directory answers when it is to fail, and the syntax that says so.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::Value;

/// The size of a large answer where only the syntax asks for one.
const LARGE: u64 = 50 * 1024 * 1024;

/// The syntax of answers, for messages.
pub(super) const SYNTAX: &str = "\
usual               what the Directory has to say
429                 this status (200 to 599), with an empty body
html                200 with a page of HTML
garbage             200 with bytes that are no text
half                the usual answer, broken off in the middle
large               200 with 50 MB of white space
endless             200 with a body that never ends
and any of these before it
delay:2:usual       waits first (seconds)
retry-after:30:429  with the header Retry-After";

/// What the Directory does with one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    pub(super) delay: Duration,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) deed: Deed,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    Usual,
    Body(StatusCode, Bytes),
    Half,
    Large(u64),
    Endless,
}

impl Answer {
    /// What the Directory has to say.
    pub fn usual() -> Self {
        Deed::Usual.into()
    }

    /// A status with an empty body.
    pub fn status(status: StatusCode) -> Self {
        Self::bytes(status, Bytes::new())
    }

    /// Any bytes, without a content type.
    pub fn bytes(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Deed::Body(status, body.into()).into()
    }

    /// Any JSON.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::bytes(status, body.to_string())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// A page of HTML, as a proxy in between shows it.
    pub fn html(status: StatusCode) -> Self {
        Self::bytes(status, "<!doctype html><title>Manutenção</title><h1>Voltamos já</h1>\n")
            .header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
    }

    /// 200 with bytes that are neither text nor JSON.
    pub fn garbage() -> Self {
        Self::bytes(StatusCode::OK, Bytes::from_static(b"\x00\xff\xfe{\x80\xc3\x28\"\x1f\x8b"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// The first half of the usual answer under the `Content-Length` of the whole, and the connection closed.
    pub fn half() -> Self {
        Deed::Half.into()
    }

    /// 200 with so many bytes of white space, which JSON allows before a document.
    pub fn large(bytes: u64) -> Self {
        Deed::Large(bytes).into()
    }

    /// 200 with white space that never ends.
    pub fn endless() -> Self {
        Deed::Endless.into()
    }

    /// Adds a header, in the place of any that the answer has already.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Waits first.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl From<Deed> for Answer {
    fn from(deed: Deed) -> Self {
        Self { delay: Duration::ZERO, headers: Vec::new(), deed }
    }
}

impl FromStr for Answer {
    type Err = UnknownAnswer;

    fn from_str(text: &str) -> Result<Self, UnknownAnswer> {
        let unknown = || UnknownAnswer(text.to_owned());
        if let Some((word, rest)) = text.split_once(':') {
            let (argument, then) = rest.split_once(':').ok_or_else(unknown)?;
            let seconds: u32 = argument.parse().map_err(|_| unknown())?;
            let then: Self = then.parse()?;
            return match word {
                "delay" => Ok(then.after(Duration::from_secs(seconds.into()))),
                "retry-after" => Ok(then.header(RETRY_AFTER, seconds.into())),
                _ => Err(unknown()),
            };
        }
        Ok(match text {
            "usual" => Self::usual(),
            "html" => Self::html(StatusCode::OK),
            "garbage" => Self::garbage(),
            "half" => Self::half(),
            "large" => Self::large(LARGE),
            "endless" => Self::endless(),
            _ => match text.parse().map(StatusCode::from_u16) {
                Ok(Ok(status)) if (200..=599).contains(&status.as_u16()) => Self::status(status),
                _ => return Err(unknown()),
            },
        })
    }
}

/// A text that is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownAnswer(String);

impl std::error::Error for UnknownAnswer {}

impl fmt::Display for UnknownAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an answer: expected one of\n{SYNTAX}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_can_be_asked_for_by_name() {
        let too_many = Answer::status(StatusCode::TOO_MANY_REQUESTS);
        for (text, answer) in [
            ("usual", Answer::usual()),
            ("500", Answer::status(StatusCode::INTERNAL_SERVER_ERROR)),
            ("retry-after:30:429", too_many.clone().header(RETRY_AFTER, 30_u32.into())),
            ("delay:2:429", too_many.after(Duration::from_secs(2))),
            ("html", Answer::html(StatusCode::OK)),
            ("garbage", Answer::garbage()),
            ("half", Answer::half()),
            ("large", Answer::large(50 * 1024 * 1024)),
            ("endless", Answer::endless()),
        ] {
            assert_eq!(text.parse(), Ok(answer), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_syntax() {
        for text in ["", "ok", "100", "600", "delay:2", "delay:x:429", "hurry:2:429", "delay:2:"] {
            let error = text.parse::<Answer>().unwrap_err().to_string();
            assert!(
                error.contains("is not an answer") && error.contains("retry-after:30:429"),
                "{text:?}: {error}"
            );
        }
    }
}

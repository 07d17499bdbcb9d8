//! The headers and the body of a request.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// One header of a request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Header {
    /// The name, in lower case.
    pub name: String,
    /// The value; bytes that are not UTF-8 are replaced.
    pub value: String,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// No body.
    Empty,
    /// A body that is JSON.
    Json(Value),
    /// Any other body; bytes that are not UTF-8 are replaced.
    Text(String),
    /// A body that was not read to its end, and why.
    Unreadable(String),
}

impl Body {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        serde_json::from_slice(bytes)
            .map_or_else(|_| Self::Text(String::from_utf8_lossy(bytes).into_owned()), Self::Json)
    }

    /// The body, if it is JSON.
    pub fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Empty | Self::Text(_) | Self::Unreadable(_) => None,
        }
    }
}

/// JSON as it is, text as a string, anything else as null.
impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Empty | Self::Unreadable(_) => serializer.serialize_none(),
        }
    }
}

//! The envelope around the state change of a record.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use thiserror::Error;

use crate::fields::FieldError;
use crate::json::UniqueJson;

/// The member of a CloudEvent whose text is in base64.
///
/// Source: "JSON Event Format for CloudEvents" 1.0.2, section 3.1.1.
const BASE64_MEMBER: &str = "data_base64";

/// The places where a record may hold its state change: JSON pointers (RFC 6901), tried in order. A record that has
/// none of them is the state change itself.
///
/// A state change has none of the members of the usual envelopes and refuses unknown ones, so nothing is ambiguous.
/// Where a pointer meets a text, the text is parsed as JSON: so SNS carries a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope(Vec<Vec<String>>);

impl Envelope {
    /// The default: an EventBridge event, an SNS message, and the two forms of a CloudEvent.
    pub const DEFAULT: &'static str = "/detail,/Message,/data,/data_base64";

    /// Returns the state change of a document, and its place in it.
    pub(super) fn open(&self, document: Value) -> Result<(Value, String), FieldError> {
        for path in &self.0 {
            if let Some(found) = find(&document, path)? {
                return Ok((found, pointer(path)));
            }
        }
        Ok((document, String::new()))
    }
}

impl Default for Envelope {
    fn default() -> Self {
        Self::DEFAULT.parse().expect("the default is a list of pointers")
    }
}

/// Finds the value at a path; `None` if a member is missing.
fn find(document: &Value, path: &[String]) -> Result<Option<Value>, FieldError> {
    let mut value = document.clone();
    for (depth, name) in path.iter().enumerate() {
        let Some(inner) = value.get_mut(name).map(Value::take) else { return Ok(None) };
        value = match inner {
            Value::String(text) => parsed(&text, name, &path[..=depth])?,
            inner => inner,
        };
    }
    Ok(Some(value))
}

/// Parses the text of a member.
fn parsed(text: &str, name: &str, path: &[String]) -> Result<Value, FieldError> {
    let refused = |detail| FieldError { pointer: pointer(path), code: "not_json", detail };
    let bytes = if name == BASE64_MEMBER {
        STANDARD.decode(text).map_err(|error| refused(format!("The text is not base64: {error}.")))?
    } else {
        text.as_bytes().to_vec()
    };
    let parsed = serde_json::from_slice(&bytes).map(|UniqueJson(value)| value);
    parsed.map_err(|error| refused(format!("The text is not JSON: {error}.")))
}

fn pointer(path: &[String]) -> String {
    let names = path.iter().map(|name| name.replace('~', "~0").replace('/', "~1"));
    names.fold(String::new(), |pointer, name| pointer + "/" + &name)
}

impl FromStr for Envelope {
    type Err = ParseEnvelopeError;

    /// Reads pointers separated by commas. An empty text means that records have no envelope.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pointers = text.split(',').map(str::trim).filter(|pointer| !pointer.is_empty());
        let path = |pointer: &str| {
            let names = pointer.strip_prefix('/').ok_or_else(|| ParseEnvelopeError(pointer.to_owned()))?;
            Ok(names.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect())
        };
        pointers.map(path).collect::<Result<_, _>>().map(Self)
    }
}

/// A text is no JSON pointer.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
#[error("{0:?} is no JSON pointer: it does not begin with /")]
pub struct ParseEnvelopeError(String);

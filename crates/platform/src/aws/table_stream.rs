//! The event in which Lambda hands over the changes of a table.
//!
//! Source: "Using AWS Lambda with Amazon DynamoDB", AWS Lambda Developer Guide. Only what is used is read.

use std::collections::HashMap;
use std::hash::BuildHasher;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One change of one row.
#[derive(Clone, Debug, Deserialize)]
pub struct Change {
    /// `INSERT`, `MODIFY` or `REMOVE`.
    #[serde(rename = "eventName")]
    pub name: String,
    /// The principal, if DynamoDB itself made the change.
    #[serde(rename = "userIdentity", default)]
    pub by: Option<Identity>,
    /// The row before and after.
    pub dynamodb: Images,
}

impl Change {
    /// Parses a change. If its format is not the documented one, only its number and key are read: it must neither
    /// block the others of its batch nor get lost.
    pub fn read(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_else(|_| {
            let images = &value["dynamodb"];
            let keys = HashMap::deserialize(&images["Keys"]).unwrap_or_default();
            let sequence_number = images["SequenceNumber"].as_str().unwrap_or_default().to_owned();
            let dynamodb = Images { keys, sequence_number, ..Images::default() };
            Self { name: String::new(), by: None, dynamodb }
        })
    }
}

/// The principal of a change.
#[derive(Clone, Debug, Deserialize)]
pub struct Identity {
    /// `dynamodb.amazonaws.com` for a row that expired.
    #[serde(rename = "principalId", alias = "PrincipalId", default)]
    pub principal: String,
}

/// A row before and after a change.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Images {
    /// When it was written, in seconds since the epoch.
    pub approximate_creation_date_time: f64,
    /// The row's key.
    pub keys: HashMap<String, Value>,
    /// The row after the change.
    pub new_image: Option<HashMap<String, Value>>,
    /// The row before the change.
    pub old_image: Option<HashMap<String, Value>>,
    /// The number of the change, by which failures are reported.
    pub sequence_number: String,
}

impl Images {
    /// Returns when the row was written.
    pub fn written_at(&self) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit for some million years")]
        let millis = (self.approximate_creation_date_time * 1000.0).round() as i64;
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Returns a text of the key; empty if it is missing.
    pub fn key(&self, name: &str) -> &str {
        self.keys.get(name).and_then(|value| value.get("S")).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Converts an image to a row as its reader takes it. Only the DynamoDB types that the tables have are supported.
pub fn image_row<S: BuildHasher>(image: &HashMap<String, Value, S>) -> HashMap<String, AttributeValue> {
    image.iter().filter_map(|(name, value)| Some((name.clone(), attribute(value)?))).collect()
}

fn attribute(value: &Value) -> Option<AttributeValue> {
    let (kind, value) = value.as_object()?.iter().next()?;
    match kind.as_str() {
        "S" => Some(AttributeValue::S(value.as_str()?.to_owned())),
        "N" => Some(AttributeValue::N(value.as_str()?.to_owned())),
        "M" => {
            let members = value.as_object()?.iter();
            let members = members.filter_map(|(name, value)| Some((name.clone(), attribute(value)?)));
            Some(AttributeValue::M(members.collect()))
        }
        _ => None,
    }
}

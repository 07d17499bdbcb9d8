//! An update of a row of the ledger, described once for both ways to make it.
//!
//! Source: Amazon `DynamoDB` API Reference, `UpdateItem`.

use std::borrow::Cow;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// What is written of a row, and on which condition.
#[derive(Debug)]
pub(super) struct Update<'a> {
    table: &'a str,
    key: [(&'static str, Value<'a>); 2],
    expression: Cow<'static, str>,
    condition: Option<Cow<'static, str>>,
    values: Vec<(&'static str, Value<'a>)>,
    returns_old: bool,
}

/// The value of an attribute.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    Map(Vec<(&'static str, Self)>),
}

/// "status" is a reserved word of DynamoDB, so every expression calls it so.
const NAMES: [(&str, &str); 1] = [("#status", "status")];

impl<'a> Update<'a> {
    /// Updates the row that has this key, as this expression says.
    pub(super) fn new(
        table: &'a str,
        key: [(&'static str, Value<'a>); 2],
        expression: impl Into<Cow<'static, str>>,
    ) -> Self {
        let expression = expression.into();
        Self { table, key, expression, condition: None, values: Vec::with_capacity(16), returns_old: false }
    }

    /// Has it done only where this holds.
    pub(super) fn only_if(self, condition: impl Into<Cow<'static, str>>) -> Self {
        Self { condition: Some(condition.into()), ..self }
    }

    /// Says what one of the names in its expressions stands for.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value<'a>>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// Has the row told where the condition does not hold.
    pub(super) fn returning_old(self) -> Self {
        Self { returns_old: true, ..self }
    }

    /// Writes it as the service reads it.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // A row of the ledger takes some 1,200 bytes.
        let mut json = Vec::with_capacity(2048);
        serde_json::to_writer(&mut json, self).expect("an update serialises");
        json
    }

    /// Makes it a call of the SDK.
    pub(super) fn to_call(&self, client: &Client) -> UpdateItemFluentBuilder {
        let call = client.update_item().table_name(self.table).update_expression(self.expression.as_ref());
        let call = self.key.iter().fold(call, |call, (name, value)| call.key(*name, value.into()));
        let call = NAMES.iter().fold(call, |call, (name, of)| call.expression_attribute_names(*name, *of));
        let with = |call: UpdateItemFluentBuilder, (name, value): &(&str, Value<'_>)| {
            call.expression_attribute_values(*name, value.into())
        };
        let returned = self.returns_old.then_some(ReturnValuesOnConditionCheckFailure::AllOld);
        self.values
            .iter()
            .fold(call, with)
            .set_condition_expression(self.condition.as_deref().map(str::to_owned))
            .set_return_values_on_condition_check_failure(returned)
    }
}

impl Serialize for Update<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry("TableName", self.table)?;
        body.serialize_entry("Key", &Entries(&self.key))?;
        body.serialize_entry("UpdateExpression", &self.expression)?;
        if let Some(condition) = &self.condition {
            body.serialize_entry("ConditionExpression", condition)?;
        }
        body.serialize_entry("ExpressionAttributeNames", &Entries(&NAMES))?;
        body.serialize_entry("ExpressionAttributeValues", &Entries(&self.values))?;
        if self.returns_old {
            let all = ReturnValuesOnConditionCheckFailure::AllOld;
            body.serialize_entry("ReturnValuesOnConditionCheckFailure", all.as_str())?;
        }
        body.end()
    }
}

struct Entries<'a, V>(&'a [(&'static str, V)]);

impl<V: Serialize> Serialize for Entries<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serializer.serialize_map(None)?;
        match self {
            Self::Text(text) => value.serialize_entry("S", text)?,
            // A number travels as text.
            Self::Number(number) => value.serialize_entry("N", &format_args!("{number}"))?,
            Self::Map(entries) => value.serialize_entry("M", &Entries(entries))?,
        }
        value.end()
    }
}

impl From<&Value<'_>> for AttributeValue {
    fn from(value: &Value<'_>) -> Self {
        match value {
            Value::Text(text) => Self::S(text.clone().into_owned()),
            Value::Number(number) => Self::N(number.to_string()),
            Value::Map(entries) => {
                Self::M(entries.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect())
            }
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// Instants are written in milliseconds.
impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Number(at.as_millisecond())
    }
}

//! An update of a ledger row, described once for both ways to send it.
//!
//! Source: Amazon `DynamoDB` API Reference, `UpdateItem` and `AttributeValue`.

use std::borrow::Cow;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// An update of a row with its condition. Serialised, it is the body of the request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the service's own names")]
pub struct Update<'a> {
    table_name: &'a str,
    #[serde(serialize_with = "as_object")]
    key: Vec<(&'static str, Value<'a>)>,
    update_expression: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<&'static str>,
    #[serde(serialize_with = "as_object")]
    expression_attribute_names: Vec<(&'static str, &'static str)>,
    #[serde(serialize_with = "as_object")]
    expression_attribute_values: Vec<(&'static str, Value<'a>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_values_on_condition_check_failure: Option<&'static str>,
}

/// The value of an attribute.
#[derive(Debug, Serialize)]
pub enum Value<'a> {
    /// A text.
    #[serde(rename = "S")]
    Text(Cow<'a, str>),
    /// A number, sent as text.
    #[serde(rename = "N", serialize_with = "as_text")]
    Number(i64),
    /// A map of values.
    #[serde(rename = "M", serialize_with = "as_object")]
    Map(Vec<(&'static str, Self)>),
}

/// "status" is a reserved word of DynamoDB, so expressions need this alias.
const STATUS: (&str, &str) = ("#status", "status");

fn as_object<V: Serialize, S: Serializer>(
    entries: &[(&'static str, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(name, value)| (name, value)))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn as_text<S: Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&number.to_string())
}

impl<'a> Update<'a> {
    /// Creates an update of the row with this key by this expression.
    pub fn new(
        table_name: &'a str,
        key: [(&'static str, Value<'a>); 2],
        expression: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            table_name,
            key: key.into(),
            update_expression: expression.into(),
            condition_expression: None,
            expression_attribute_names: vec![STATUS],
            expression_attribute_values: Vec::with_capacity(16),
            return_values_on_condition_check_failure: None,
        }
    }

    /// Makes the update conditional.
    #[must_use]
    pub fn only_if(self, condition: &'static str) -> Self {
        Self { condition_expression: Some(condition), ..self }
    }

    /// Sets the attribute behind a name in the expressions.
    #[must_use]
    pub fn named(mut self, name: &'static str, attribute: &'static str) -> Self {
        self.expression_attribute_names.push((name, attribute));
        self
    }

    /// Sets a value in the expressions.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value<'a>>) -> Self {
        self.expression_attribute_values.push((name, value.into()));
        self
    }

    /// Returns the old row if the condition does not hold.
    #[must_use]
    pub fn returning_old(self) -> Self {
        Self { return_values_on_condition_check_failure: Some("ALL_OLD"), ..self }
    }

    /// Converts the update to a call of the SDK.
    pub fn to_call(&self, client: &Client) -> UpdateItemFluentBuilder {
        let call = client
            .update_item()
            .table_name(self.table_name)
            .update_expression(self.update_expression.as_ref())
            .set_condition_expression(self.condition_expression.map(str::to_owned))
            .set_return_values_on_condition_check_failure(
                self.return_values_on_condition_check_failure.map(ReturnValuesOnConditionCheckFailure::from),
            );
        let call = self.key.iter().fold(call, |call, (name, value)| call.key(*name, value.into()));
        let call = self
            .expression_attribute_names
            .iter()
            .fold(call, |call, (name, of)| call.expression_attribute_names(*name, *of));
        self.expression_attribute_values
            .iter()
            .fold(call, |call, (name, value)| call.expression_attribute_values(*name, value.into()))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn json_of(update: &Update<'_>) -> Vec<u8> {
        serde_json::to_vec(update).unwrap()
    }

    #[test]
    fn an_update_is_written_as_the_service_reads_it() {
        let map = Value::Map(vec![("started_at", 7.into()), ("tls", "1.3".into())]);
        let key = [("partition", "a\"b\\\n".into()), ("notification", "ç".into())];
        let update = Update::new("ledger", key, "SET #status = :status")
            .only_if("attempt = :previous")
            .with(":previous", -1)
            .with(":record", map)
            .named("#record", "attempt_1")
            .returning_old();

        let written: Json = serde_json::from_slice(&json_of(&update)).unwrap();
        assert_eq!(
            written,
            json!({
                "TableName": "ledger",
                "Key": { "partition": { "S": "a\"b\\\n" }, "notification": { "S": "ç" } },
                "UpdateExpression": "SET #status = :status",
                "ConditionExpression": "attempt = :previous",
                "ExpressionAttributeNames": { "#status": "status", "#record": "attempt_1" },
                "ExpressionAttributeValues": {
                    ":previous": { "N": "-1" },
                    ":record": { "M": { "started_at": { "N": "7" }, "tls": { "S": "1.3" } } },
                },
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            })
        );
    }

    #[test]
    fn absent_fields_are_not_written() {
        let update =
            Update::new("ledger", [("partition", "a".into()), ("notification", "b".into())], "SET a = :a");

        let written: Json = serde_json::from_slice(&json_of(&update)).unwrap();
        assert_eq!(written.get("ConditionExpression"), None);
        assert_eq!(written.get("ReturnValuesOnConditionCheckFailure"), None);
        assert_eq!(written["ExpressionAttributeValues"], json!({}));
    }
}

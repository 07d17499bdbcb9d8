//! An update of a row of the ledger, described once for both ways to make it.
//!
//! Source: Amazon `DynamoDB` API Reference, `UpdateItem`.

use std::borrow::Cow;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;

/// What is written of a row, and on which condition.
#[derive(Debug)]
pub(super) struct Update<'a> {
    table: &'a str,
    key: [(&'static str, Value<'a>); 2],
    expression: Cow<'static, str>,
    condition: Option<&'static str>,
    names: Vec<(&'static str, &'static str)>,
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
const STATUS: (&str, &str) = ("#status", "status");

impl<'a> Update<'a> {
    /// Updates the row that has this key, as this expression says.
    pub(super) fn new(
        table: &'a str,
        key: [(&'static str, Value<'a>); 2],
        expression: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (expression, mut names) = (expression.into(), Vec::with_capacity(2));
        names.push(STATUS);
        let values = Vec::with_capacity(16);
        Self { table, key, expression, condition: None, names, values, returns_old: false }
    }

    /// Has it done only where this holds.
    pub(super) fn only_if(self, condition: &'static str) -> Self {
        Self { condition: Some(condition), ..self }
    }

    /// Says which attribute one of the names in its expressions is.
    pub(super) fn named(mut self, name: &'static str, attribute: &'static str) -> Self {
        self.names.push((name, attribute));
        self
    }

    /// Says what one of the values in its expressions is.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value<'a>>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// Has the row told where the condition does not hold.
    pub(super) fn returning_old(self) -> Self {
        Self { returns_old: true, ..self }
    }

    /// Writes it as the service reads it. By hand, as each notification takes two: names and the expressions made of them need no
    /// escapes, only texts may.
    pub(super) fn write_json(&self, json: &mut Vec<u8>) {
        push(json, "{\"TableName\":\"");
        push(json, self.table);
        push(json, "\",\"Key\":");
        push_values(json, &self.key);
        push(json, ",\"UpdateExpression\":\"");
        push(json, &self.expression);
        if let Some(condition) = self.condition {
            push(json, "\",\"ConditionExpression\":\"");
            push(json, condition);
        }
        push(json, "\",\"ExpressionAttributeNames\":");
        push_entries(json, &self.names, |json, name| push_text(json, name));
        push(json, ",\"ExpressionAttributeValues\":");
        push_values(json, &self.values);
        if self.returns_old {
            push(json, ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"");
        }
        push(json, "}");
    }

    /// Makes it a call of the SDK.
    pub(super) fn to_call(&self, client: &Client) -> UpdateItemFluentBuilder {
        let call = client.update_item().table_name(self.table).update_expression(self.expression.as_ref());
        let call = self.key.iter().fold(call, |call, (name, value)| call.key(*name, value.into()));
        let call =
            self.names.iter().fold(call, |call, (name, of)| call.expression_attribute_names(*name, *of));
        let with = |call: UpdateItemFluentBuilder, (name, value): &(&str, Value<'_>)| {
            call.expression_attribute_values(*name, value.into())
        };
        let returned = self.returns_old.then_some(ReturnValuesOnConditionCheckFailure::AllOld);
        self.values
            .iter()
            .fold(call, with)
            .set_condition_expression(self.condition.map(str::to_owned))
            .set_return_values_on_condition_check_failure(returned)
    }
}

#[inline]
fn push(json: &mut Vec<u8>, literal: &str) {
    json.extend_from_slice(literal.as_bytes());
}

fn push_text(json: &mut Vec<u8>, text: &str) {
    // Looked at whole, not up to the first byte that needs an escape, so that it is done many bytes at a time.
    let escapes = text.bytes().filter(|byte| matches!(byte, ..b' ' | b'"' | b'\\')).count();
    if escapes > 0 {
        return serde_json::to_writer(json, text).expect("a text serialises");
    }
    push(json, "\"");
    push(json, text);
    push(json, "\"");
}

fn push_entries<V>(json: &mut Vec<u8>, entries: &[(&str, V)], write: impl Fn(&mut Vec<u8>, &V)) {
    push(json, "{");
    let mut before = "\"";
    for (name, value) in entries {
        push(json, before);
        push(json, name);
        push(json, "\":");
        write(json, value);
        before = ",\"";
    }
    push(json, "}");
}

fn push_values(json: &mut Vec<u8>, entries: &[(&str, Value<'_>)]) {
    push_entries(json, entries, |json, value| {
        match value {
            Value::Text(text) => {
                push(json, "{\"S\":");
                push_text(json, text);
            }
            // A number travels as text.
            Value::Number(number) => {
                push(json, "{\"N\":\"");
                serde_json::to_writer(&mut *json, number).expect("a number serialises");
                push(json, "\"");
            }
            Value::Map(entries) => {
                push(json, "{\"M\":");
                push_values(json, entries);
            }
        }
        push(json, "}");
    });
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
        let mut json = Vec::new();
        update.write_json(&mut json);
        json
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
    fn what_is_not_asked_for_is_not_written() {
        let update =
            Update::new("ledger", [("partition", "a".into()), ("notification", "b".into())], "SET a = :a");

        let written: Json = serde_json::from_slice(&json_of(&update)).unwrap();
        assert_eq!(written.get("ConditionExpression"), None);
        assert_eq!(written.get("ReturnValuesOnConditionCheckFailure"), None);
        assert_eq!(written["ExpressionAttributeValues"], json!({}));
    }
}

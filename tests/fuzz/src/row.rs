//! A row of the ledger, written as plain JSON: texts, numbers and objects.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use platform::aws::LedgerReader;
use serde_json::Value;

/// A row of the ledger. Rows outlive releases, and hands may have been in them.
pub fn ledger_row(bytes: &[u8]) {
    let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else { return };
    let row: HashMap<_, _> = object.into_iter().map(|(name, value)| (name, attribute(value))).collect();
    let Some(shown) = LedgerReader::view(&row) else { return };
    assert!(shown.attempts.len() <= 3);
    let numbers: Vec<_> = shown.attempts.iter().map(|attempt| attempt.attempt).collect();
    assert!(numbers.is_sorted() && numbers.iter().all(|number| (1..=3).contains(number)));
    let document = serde_json::to_value(&shown).expect("it serialises");
    assert_eq!(document["attempts"].as_array().map(Vec::len), Some(shown.attempts.len()));
}

fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(list) => AttributeValue::L(list.into_iter().map(attribute).collect()),
        Value::Object(object) => {
            AttributeValue::M(object.into_iter().map(|(name, value)| (name, attribute(value))).collect())
        }
    }
}

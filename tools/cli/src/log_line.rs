//! Log lines of the functions: JSON on AWS, text on the local stack.

use serde_json::{Map, Value};

/// The message of an attempt, as in `docs/logging.md`.
pub(crate) const ATTEMPT: &str = "An attempt ended.";

/// Returns the fields of a line whose message is one of these; `None` if it is another.
pub(crate) fn of_line(text: &str, sentences: &[&'static str]) -> Option<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => {
            let message = fields.get("message").and_then(Value::as_str)?;
            sentences.contains(&message).then_some(fields)
        }
        Ok(_) => None,
        Err(_) => of_text(text, sentences),
    }
}

/// Parses the fields of a text line: a sentence, then `name=value`.
pub(crate) fn of_text(text: &str, sentences: &[&'static str]) -> Option<Map<String, Value>> {
    let sentence = *sentences.iter().find(|sentence| text.contains(**sentence))?;
    let (_, rest) = text.split_once(sentence)?;
    let field = |field: &str| {
        let (name, value) = field.split_once('=')?;
        let value = value.trim_matches('"');
        let value = value.parse().map_or_else(|_| Value::from(value), |number: u64| Value::from(number));
        Some((name.to_owned(), value))
    };
    let mut fields: Map<_, _> = rest.split_whitespace().filter_map(field).collect();
    fields.insert("message".to_owned(), Value::from(sentence));
    Some(fields)
}

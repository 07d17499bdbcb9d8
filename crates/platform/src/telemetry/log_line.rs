//! Reads log lines of the functions: JSON on AWS, text on the local stack.

use convention::notification::ClientId;
use serde_json::{Map, Value};

/// Returns a client's id as the lines of its attempts, and the metric of its deliveries, show it.
pub fn logged_client_id(client_id: &ClientId) -> &str {
    client_id.logged()
}

/// Returns the phrase of a filter pattern that lines of this client match; `None` for an id with characters that a pattern
/// would read otherwise. Phrases match text and JSON alike.
pub fn client_phrase(client_id: &ClientId) -> Option<String> {
    let shown = logged_client_id(client_id);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    shown.bytes().all(is_plain).then(|| format!("\"{shown}\""))
}

/// Returns a field of a line as text; digits alone are a number where the line is text.
pub fn field_text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Returns the fields of a line whose message is one of these; `None` if it is another.
pub fn fields_of_line(text: &str, sentences: &[&'static str]) -> Option<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => {
            let message = fields.get("message").and_then(Value::as_str)?;
            sentences.contains(&message).then_some(fields)
        }
        Ok(_) => None,
        Err(_) => fields_of_text(text, sentences),
    }
}

/// Parses the fields of a text line: a sentence, then `name=value`.
pub fn fields_of_text(text: &str, sentences: &[&'static str]) -> Option<Map<String, Value>> {
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

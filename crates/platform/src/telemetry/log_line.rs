//! Reads log lines of the functions: JSON on AWS, text on the local stack.

use convention::notification::ClientId;
use serde_json::{Map, Value};

/// The most of a client's id that the lines of its attempts show; 256 bits in base64 have this many characters, a UUID has 36.
const MAX_CLIENT_ID: usize = 43;

/// Returns a client's id as the lines of its attempts, and the metric of its deliveries, show it.
pub fn logged_client_id(client_id: &ClientId) -> &str {
    let client_id = client_id.as_str();
    client_id.get(..MAX_CLIENT_ID).unwrap_or(client_id)
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

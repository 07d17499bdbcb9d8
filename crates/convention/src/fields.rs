//! Reading one JSON object field by field, so that every error is reported at once.

use serde::Serialize;
use serde_json::{Map, Value};

/// What is wrong with one field.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FieldError {
    /// Its place: a JSON pointer (RFC 6901) from the root of the document.
    pub pointer: String,
    /// A stable code.
    pub code: &'static str,
    /// A sentence that says what is expected.
    pub detail: String,
}

impl FieldError {
    /// The error of a state change at `pointer` whose brand is not configured.
    pub fn unknown_brand(pointer: &str) -> Self {
        let detail = "Not one of the brands that this stack was given.".to_owned();
        Self { pointer: format!("{pointer}/brand"), code: "unknown_brand", detail }
    }

    /// The error of a valid state change that our queue never takes, which is no fault of its producer's.
    pub fn never_queued() -> Self {
        let detail =
            "Valid, but our queue or scheduler never takes it: a defect of ours. Send it again once that is mended."
                .to_owned();
        Self { pointer: String::new(), code: "message_rejected", detail }
    }

    /// The error of a state change at `pointer` with an expiry on a stack without timers.
    pub fn timers_off(pointer: &str) -> Self {
        let detail = "This stack has no timers: set its parameter Timers to true.".to_owned();
        Self { pointer: format!("{pointer}/expires_at"), code: "timers_off", detail }
    }

    /// The error of a record in the timers queue that is not a timer's message.
    pub fn no_timer() -> Self {
        let detail = "This queue takes timers only, which the scheduler sends.".to_owned();
        Self { pointer: String::new(), code: "no_timer", detail }
    }

    /// The error of a state change at `pointer` with an expiry from a source that sets no timers.
    pub fn sets_no_timers(pointer: &str) -> Self {
        let detail =
            "A queue or event bus sets no timers: send this change to the API, or by Kinesis or Kafka.";
        Self { pointer: format!("{pointer}/expires_at"), code: "sets_no_timers", detail: detail.to_owned() }
    }
}

/// Maximum length of a text: enough for any identifier of the convention, short enough for a ledger row.
pub(crate) const MAX_TEXT: usize = 256;
/// Maximum length of a name: also enough for an SQS message group id.
pub(crate) const MAX_NAME: usize = 128;

/// Says whether SQS accepts a text. SQS refuses a whole batch for one character outside XML 1.0.
fn is_sendable(text: &str) -> bool {
    // Fast path for the characters of nearly all texts, without decoding.
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        || text.chars().all(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// The length of a text in characters.
fn length(text: &str) -> usize {
    text.chars().count()
}

/// Says whether a text has 1 to `longest` characters that SQS accepts.
pub(crate) fn fits(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&length(text)) && is_sendable(text)
}

/// Turns an error's fragment into a sentence.
pub fn sentence(fragment: &str) -> String {
    let mut chars = fragment.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

/// Reports the fields of an object that are not `known`.
pub fn refuse_unknown_fields(
    value: &Value,
    pointer: &str,
    known: &'static [&'static str],
) -> Result<(), Vec<FieldError>> {
    let errors = Fields::of(value, pointer, known)?.into_errors();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Reads the fields of one object and collects their errors.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: &'a str,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Starts to read an object at `pointer` that may have only the `known` fields.
    pub(crate) fn of(
        value: &'a Value,
        pointer: &'a str,
        known: &'static [&'static str],
    ) -> Result<Self, Vec<FieldError>> {
        let Some(object) = value.as_object() else {
            let detail = "Expected a JSON object.".to_owned();
            return Err(vec![FieldError { pointer: pointer.to_owned(), code: "wrong_type", detail }]);
        };
        let mut fields = Self { object, pointer, errors: Vec::new() };
        for name in object.keys().map(String::as_str).filter(|name| !known.contains(name)) {
            let shown: String = name.chars().take(MAX_NAME).collect();
            fields.refuse(
                &shown,
                "unknown_field",
                format!("Unknown field. Known are: {}.", known.join(", ")),
            );
        }
        Ok(fields)
    }

    /// Returns the collected errors.
    pub(crate) fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    pub(crate) fn refuse(&mut self, field: &str, code: &'static str, detail: impl Into<String>) {
        // RFC 6901: "~" and "/" are escaped inside a reference token.
        let token = field.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{}/{token}", self.pointer);
        self.errors.push(FieldError { pointer, code, detail: detail.into() });
    }

    /// Returns the field unless it is absent or null.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, field: &str, longest: usize) -> Option<String> {
        let value = self.value(field)?;
        self.text_of(value, field, longest).map(str::to_owned)
    }

    fn text_of(&mut self, value: &'a Value, field: &str, longest: usize) -> Option<&'a str> {
        let Some(text) = value.as_str() else {
            self.refuse(field, "wrong_type", "Expected a string.");
            return None;
        };
        if !(1..=longest).contains(&length(text)) {
            self.refuse(field, "wrong_length", format!("Expected 1 to {longest} characters."));
            return None;
        }
        if !is_sendable(text) {
            self.refuse(
                field,
                "invalid_characters",
                "Control characters and U+FFFE, U+FFFF are not allowed.",
            );
            return None;
        }
        Some(text)
    }

    pub(crate) fn required_text(&mut self, field: &str, longest: usize) -> Option<String> {
        self.required(field, longest).map(str::to_owned)
    }

    fn required(&mut self, field: &str, longest: usize) -> Option<&'a str> {
        let Some(value) = self.value(field) else {
            self.refuse(field, "missing", "This field is required.");
            return None;
        };
        self.text_of(value, field, longest)
    }

    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.required(field, MAX_TEXT)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(field, "invalid", sentence(&error.to_string()));
                None
            }
        }
    }

    pub(crate) fn boolean(&mut self, field: &str) -> Option<bool> {
        let value = self.value(field)?.as_bool();
        if value.is_none() {
            self.refuse(field, "wrong_type", "Expected true or false.");
        }
        value
    }

    /// Reads a list of at most `most` texts of at most `longest` characters; `None` when it is absent.
    pub(crate) fn texts(&mut self, field: &str, most: usize, longest: usize) -> Option<Vec<String>> {
        let value = self.value(field)?;
        let fits = |text: &&str| fits(text, longest);
        let texts: Option<Vec<String>> =
            value.as_array().filter(|items| items.len() <= most).and_then(|items| {
                items.iter().map(|item| item.as_str().filter(fits).map(str::to_owned)).collect()
            });
        if texts.is_none() {
            let detail = format!("Expected a list of at most {most} strings of 1 to {longest} characters.");
            self.refuse(field, "invalid", detail);
        }
        texts
    }
}

//! What the rejected queue holds of a record that is no valid state change.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;

use super::Source;
use crate::fields::FieldError;

/// Maximum size of a rejection in bytes: a message of SQS.
///
/// Source: "Amazon SQS message quotas", Amazon SQS Developer Guide: 1 MiB, attributes included.
pub const MAX_REJECTION: usize = 1024 * 1024;
/// Maximum size of the original body in it, as it is written.
const MAX_BODY: usize = 768 * 1024;
/// Maximum number of bytes of a body that is cut: in base64 they take [`MAX_BODY`].
const MAX_CUT: usize = MAX_BODY / 4 * 3;
/// Maximum number of errors in it, each of at most 2 KiB.
const MAX_ERRORS: usize = 100;

/// A record that is no valid state change, with every error. It holds the original body, so it is for the rejected
/// queue only, never for a log.
#[derive(Clone, Copy, Debug)]
pub struct Rejection<'a> {
    /// Where it comes from.
    pub source: Source,
    /// The queue, stream or topic.
    pub from: &'a str,
    /// Its id there: a message id, or shard or partition with the position.
    pub id: &'a str,
    /// When it was rejected.
    pub at: Timestamp,
    /// What is wrong.
    pub errors: &'a [FieldError],
    /// The original body.
    pub body: &'a [u8],
}

#[derive(Serialize)]
struct Document<'a> {
    source: &'static str,
    from: &'a str,
    record_id: &'a str,
    rejected_at: String,
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    truncated: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(truncated: &bool) -> bool {
    !truncated
}

impl Rejection<'_> {
    /// Writes the message for the rejected queue. The body is a text where it can be; else it is in base64, and cut
    /// where it is too long for a message.
    pub fn to_json(&self) -> String {
        let text = std::str::from_utf8(self.body).ok().filter(|text| written(text) <= MAX_BODY);
        let cut = &self.body[..self.body.len().min(MAX_CUT)];
        let document = Document {
            source: self.source.as_str(),
            from: self.from,
            record_id: self.id,
            rejected_at: self.at.to_string(),
            errors: &self.errors[..self.errors.len().min(MAX_ERRORS)],
            body: text,
            body_base64: text.is_none().then(|| STANDARD.encode(cut)),
            truncated: text.is_none() && cut.len() < self.body.len(),
        };
        let json = serde_json::to_string(&document).expect("texts serialise");
        // SQS refuses them; in JSON they occur in texts only.
        json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
    }
}

/// The length of a text as JSON writes it, at most: a character of three bytes may become an escape of six.
fn written(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        byte if byte < 0x20 => 6,
        // The first byte of U+FFFE and U+FFFF.
        0xef => 4,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

//! Ids of traces and spans. They are derived, so that a repeated change makes the same spans.

use convention::notification::NotificationId;
use platform::sha256_hex;

/// Returns the id of a notification's trace: the notification's own id, which has the 128 bits of a trace id, and ends
/// in 64 bits of a hash as samplers expect random ones there (W3C "Trace Context" Level 2, "Random Trace ID Flag").
/// `None` for a text that is no id, and for zero, which is no trace's.
pub(super) fn trace(notification_id: &str) -> Option<Vec<u8>> {
    let id: NotificationId = notification_id.parse().ok()?;
    hex::decode(id.as_str()).ok().filter(|id| id.iter().any(|byte| *byte != 0))
}

/// Returns the id of a notification's own span, the root of its trace.
pub(super) fn of_notification(notification_id: &str) -> Vec<u8> {
    span(&["notification", notification_id])
}

/// Returns the id of the span of an attempt with this outcome. An attempt has two if it was taken for interrupted and
/// its delivery was recorded after all.
pub(super) fn of_attempt(interaction_id: &str, outcome: &str) -> Vec<u8> {
    span(&["attempt", interaction_id, outcome])
}

fn span(parts: &[&str]) -> Vec<u8> {
    let digest = sha256_hex(parts.join(" ").as_bytes());
    digest.get(..16).and_then(|digits| hex::decode(digits).ok()).expect("a digest has 64 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcde0fedcba9876543210";

    #[test]
    fn the_id_of_a_trace_is_that_of_its_notification() {
        assert_eq!(trace(ID).map(hex::encode).as_deref(), Some(ID));
    }

    #[test]
    fn a_text_that_is_no_id_has_no_trace() {
        for text in ["", "n", &"0".repeat(32), &ID.to_uppercase()] {
            assert_eq!(trace(text), None, "{text}");
        }
    }

    #[test]
    fn spans_have_ids_of_their_own() {
        let ids = [
            of_notification(ID),
            of_attempt(ID, "delivered"),
            of_attempt(ID, "interrupted"),
            of_attempt("another", "delivered"),
        ];
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(id.len(), 8);
            assert!(!ids[..at].contains(id), "{ids:?}");
        }
        assert_eq!(of_notification(ID), ids[0]);
    }
}

//! What the receiver's people can do about each code, in words to forward.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Each code with what to do, in English and in Brazilian Portuguese.
const TABLE: &str = include_str!("advice.json");

static ADVICE: LazyLock<HashMap<String, (String, String)>> =
    LazyLock::new(|| serde_json::from_str(TABLE).unwrap_or_default());

/// Returns what to do about a code, in both languages; nothing where nobody can do anything.
pub(super) fn advice(code: &str) -> (&'static str, &'static str) {
    ADVICE.get(code).map(|(en, pt_br)| (en.as_str(), pt_br.as_str())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use convention::codes::{Code, Effect};
    use convention::delivery::Finding;

    use super::*;

    #[test]
    fn there_is_advice_for_each_way_in_which_an_attempt_fails_and_for_nothing_unknown() {
        let failures = Code::ALL.iter().filter(|code| code.row().effect == Effect::Failed);
        let failures = failures.filter(|code| **code != Code::Interrupted).map(|code| code.as_str());
        let findings = [
            Finding::MissingResponseInteractionId,
            Finding::MismatchedResponseInteractionId,
            Finding::ReceiverWithoutMtls,
            Finding::BodyCut,
        ]
        .map(Finding::code);
        let known: Vec<_> = failures.chain(findings).collect();
        for code in &known {
            let (en, pt_br) = advice(code);
            assert!(en.ends_with('.') && pt_br.ends_with('.') && en != pt_br, "{code}");
        }
        assert_eq!(ADVICE.len(), known.len());
    }
}

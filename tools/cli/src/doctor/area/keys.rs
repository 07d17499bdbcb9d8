//! The KMS keys: whether each can be used.

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};

/// A KMS key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Key {
    /// What it is for.
    pub(crate) what: &'static str,
    /// Its ARN or id.
    pub(crate) id: String,
    /// Its state, `Enabled` if all is well; `None` if there is no such key.
    pub(crate) state: Answer<Option<String>>,
}

/// Checks each key.
pub(crate) fn check(keys: &[Key]) -> Vec<Finding> {
    keys.iter().map(of_key).collect()
}

/// Source of the states: "Key states of AWS KMS keys", AWS KMS Developer Guide.
fn of_key(key: &Key) -> Finding {
    let Key { what, id, state } = key;
    let found = match state {
        Ok(Some(state)) if state == "Enabled" => {
            return Finding::ok(Area::Keys, format!("the {what} is Enabled"));
        }
        Ok(Some(state)) if state == "PendingDeletion" => Finding::error(
            Area::Keys,
            format!("the {what} will be deleted, and cannot be used: {id}"),
            "aws kms cancel-key-deletion, then aws kms enable-key",
        ),
        Ok(Some(state)) => Finding::error(
            Area::Keys,
            format!("the {what} is {state}, and cannot be used: {id}"),
            "aws kms enable-key",
        ),
        Ok(None) => Finding::error(
            Area::Keys,
            format!("the {what} does not exist: {id}"),
            "what it encrypted is lost",
        ),
        Err(unread) => return unread.finding(Area::Keys, &format!("the {what}")),
    };
    found.runbook("a-key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::one;

    #[test]
    fn a_key_must_be_enabled() {
        for (state, severity) in [
            (Ok(Some("Enabled")), Severity::Ok),
            (Ok(Some("Disabled")), Severity::Error),
            (Ok(Some("PendingDeletion")), Severity::Error),
            (Ok(None), Severity::Error),
            (Err(Unread::Failed("AccessDenied on kms:DescribeKey".to_owned())), Severity::Unknown),
        ] {
            let state = state.map(|state| state.map(str::to_owned));
            let key = Key { what: "data key", id: "1234".to_owned(), state };
            assert_eq!(one(&check(std::slice::from_ref(&key))).severity, severity, "{key:?}");
        }
    }
}

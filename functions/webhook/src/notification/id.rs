//! Identifiers, parsed at the door.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How the identifier of a resource is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdSyntax {
    /// A URN of at most 256 characters (`consentId`, `recurringConsentId` of the webhook OAS).
    Urn,
    /// Letters, digits and hyphens, at most 100 (`paymentId`, `recurringPaymentId` of the webhook OAS).
    Plain,
    /// Either. The webhook OAS gives `enrollmentId` the plain pattern, the enrollments OAS 2.3.0 makes every
    /// real one a URN; a sender that followed the former could notify no enrollment.
    UrnOrPlain,
}

impl IdSyntax {
    /// Says whether a text is written so.
    pub fn admits(self, text: &str) -> bool {
        match self {
            Self::Urn => is_urn(text),
            Self::Plain => is_plain(text),
            Self::UrnOrPlain => is_urn(text) || is_plain(text),
        }
    }
}

impl fmt::Display for IdSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Urn => "a URN such as urn:bancoex:C1DD33123, at most 256 characters",
            Self::Plain => "letters, digits and hyphens, not starting with a hyphen, at most 100 characters",
            Self::UrnOrPlain => "a URN of at most 256 characters, or at most 100 letters, digits and hyphens",
        })
    }
}

/// Says whether a text matches the URN pattern of the webhook OAS, 256 characters at most.
pub fn is_urn(text: &str) -> bool {
    let Some((namespace, specific)) = text.strip_prefix("urn:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let namespace_char = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    text.len() <= 256
        && (1..=32).contains(&namespace.len())
        && !namespace.starts_with('-')
        && namespace.as_bytes().iter().all(namespace_char)
        && !specific.is_empty()
        && specific.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"()+,-.:=@;$_!*'%/?#".contains(&byte))
}

/// Says whether a text matches the plain pattern of the webhook OAS, 100 characters at most.
///
/// `paymentId`, `enrollmentId` and `x-webhook-interaction-id` share it.
pub fn is_plain(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The identifier of a consent, payment or enrollment, known to be written as its kind wants it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ResourceId(String);

impl ResourceId {
    /// Parses an identifier of the given syntax.
    pub fn parse(text: &str, syntax: IdSyntax) -> Result<Self, ParseResourceIdError> {
        if syntax.admits(text) { Ok(Self(text.to_owned())) } else { Err(ParseResourceIdError(syntax)) }
    }

    /// Returns the identifier as it was given, not encoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no identifier of its kind. Not quoted: a wrong field may hold what no log may (guarantee G8).
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not an identifier of this resource: expected {0}")]
pub struct ParseResourceIdError(IdSyntax);

/// A registered client of the authorization server: who is to be notified.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

impl ClientId {
    /// Returns the client id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = ParseClientIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:@-".contains(&byte);
        // 128 characters is what SQS takes as a message group, and the client is the group.
        if (1..=128).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseClientIdError)
        }
    }
}

impl TryFrom<String> for ClientId {
    type Error = ParseClientIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no client id.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not a client id: expected 1 to 128 letters, digits or any of . _ ~ : @ -")]
pub struct ParseClientIdError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_may_have_32_characters_and_no_more() {
        assert!(is_urn(&format!("urn:{}:1", "a".repeat(32))));
        assert!(!is_urn(&format!("urn:{}:1", "a".repeat(33))));
    }

    #[test]
    fn a_refused_value_is_not_quoted() {
        let error = ResourceId::parse("111.444.777-35", IdSyntax::Urn).unwrap_err().to_string();
        assert!(!error.contains("111"), "{error}");
    }
}

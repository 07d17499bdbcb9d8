//! Identifiers, validated when they are parsed.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The syntax of a resource's identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdSyntax {
    /// A URN of at most 256 characters (`consentId`, `recurringConsentId` of the webhook OAS).
    Urn,
    /// Letters, digits and hyphens, at most 100 (`paymentId`, `recurringPaymentId` of the webhook OAS).
    Plain,
    /// Either. The webhook OAS gives `enrollmentId` the plain pattern, but in the enrollments OAS 2.3.0 every
    /// real one is a URN; a sender that followed the former could notify no enrollment.
    UrnOrPlain,
    /// The id of an authorisation server, at most 40 characters (`authorisationServerId` of the webhook OAS of Open Insurance,
    /// which has no pattern): letters, digits, hyphens, dots and underscores, as the parameter `AuthorisationServers` takes.
    Server,
}

impl IdSyntax {
    /// Says whether a text has this syntax.
    pub fn admits(self, text: &str) -> bool {
        match self {
            Self::Urn => is_urn(text),
            Self::Plain => is_plain(text),
            Self::UrnOrPlain => is_urn(text) || is_plain(text),
            Self::Server => {
                (1..=40).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                    && !matches!(text, "." | "..")
            }
        }
    }
}

impl fmt::Display for IdSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Urn => "a URN such as urn:bancoex:C1DD33123, at most 256 characters",
            Self::Plain => "letters, digits and hyphens, not starting with a hyphen, at most 100 characters",
            Self::UrnOrPlain => "a URN of at most 256 characters, or at most 100 letters, digits and hyphens",
            Self::Server => {
                "the id of an authorisation server, at most 40 letters, digits, hyphens, dots and underscores"
            }
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

/// The identifier of a consent, payment or enrollment in the syntax of its kind.
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

/// A text that is not an identifier of its kind. It is not quoted, since a wrong field may hold what must not
/// be logged (guarantee G8).
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not an identifier of this resource: expected {0}")]
pub struct ParseResourceIdError(IdSyntax);

/// The id of a client of the authorization server.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

impl ClientId {
    /// Maximum length of a client id in characters. RFC 6749 has no limit; log lines and rows need one.
    pub const MAX_LENGTH: usize = 255;
    /// The most characters of it that log lines and metrics have; 256 bits in base64 have this many, a UUID has 36.
    pub const LOGGED_LENGTH: usize = 43;

    /// Returns the id as log lines and metrics have it.
    pub fn logged(&self) -> &str {
        self.0.get(..Self::LOGGED_LENGTH).unwrap_or(&self.0)
    }

    /// Returns the client id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the client id as a path segment of our API, percent-encoded twice.
    ///
    /// An HTTP API decodes a path once before it matches a route, so a slash that was encoded once would
    /// break the route. The function decodes once more.
    pub fn to_path_segment(&self) -> String {
        encode_unreserved(&encode_unreserved(&self.0))
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986, section 2.3.
fn encode_unreserved(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes all that is written");
        }
    }
    encoded
}

impl FromStr for ClientId {
    type Err = ParseClientIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // RFC 6749, appendix A.1: VSCHAR, but without the space, which is hard to see in logs and command
        // lines. `.` and `..` cannot be in a path however they are encoded (RFC 3986, section 5.2.4).
        let is_visible = |byte: u8| (0x21..=0x7e).contains(&byte);
        if (1..=Self::MAX_LENGTH).contains(&text.len())
            && text.bytes().all(is_visible)
            && !matches!(text, "." | "..")
        {
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

/// A text that is not a client id.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not a client id: expected 1 to 255 visible ASCII characters, and not one dot or two alone")]
pub struct ParseClientIdError;

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_client_id_is_any_visible_ascii(text in "[!-~]{1,255}") {
            let parsed = text.parse::<ClientId>();
            prop_assert_eq!(parsed.is_ok(), text != "." && text != "..");
            let Ok(client_id) = parsed else { return Ok(()) };
            prop_assert_eq!(client_id.to_string(), text.as_str());
            let json = serde_json::to_string(&client_id).unwrap();
            prop_assert_eq!(&serde_json::from_str::<ClientId>(&json).unwrap(), &client_id);
            // What remains after the gateway has decoded is a valid segment for any URL parser.
            let segment = client_id.to_path_segment();
            let once = percent_decode_str(&segment).decode_utf8().unwrap().into_owned();
            prop_assert!(once.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            prop_assert_eq!(percent_decode_str(&once).decode_utf8().unwrap(), text.as_str());
        }

        #[test]
        fn no_other_text_is_a_client_id(before in "[!-~]{0,5}", other in "[^!-~]", after in "[!-~]{0,5}") {
            let text = [before, other, after].concat();
            prop_assert!(text.parse::<ClientId>().is_err());
        }
    }

    #[test]
    fn a_client_id_has_255_characters_at_most_and_is_no_dot_segment() {
        assert!("a".repeat(255).parse::<ClientId>().is_ok());
        for text in ["", ".", "..", " ", "a b", "a\n", "a\u{7f}", "ação", &"a".repeat(256)] {
            assert_eq!(text.parse::<ClientId>(), Err(ParseClientIdError), "{text:?}");
        }
    }

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

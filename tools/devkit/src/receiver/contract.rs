//! What the published contracts say of a request: paths and patterns.
//!
//! Written from the OpenAPI files alone, sharing no code with the sender: a mock that repeats the sender's mistakes
//! would find none.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A published version of the webhook contract.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum WebhookVersion {
    /// 2023-07-28: payments.
    V1_0_0,
    /// 2023-08-22: enrollments.
    V1_1_0,
    /// 2023-10-20: automatic payments.
    V1_2_0,
    /// 2026-01-12: `eventType` and `x-authorization-server-id`.
    #[default]
    V1_3_0,
    /// Of Open Insurance: quotes, products of capitalization and dynamic fields.
    Insurance1_1_0,
    /// Of Open Insurance: patterns of its own for the API version and the timestamp.
    Insurance1_2_0,
    /// Of Open Insurance: the path version v2, without the quotes of capitalization.
    Insurance2_0_0,
}

impl WebhookVersion {
    const ALL: [Self; 7] = [
        Self::V1_0_0,
        Self::V1_1_0,
        Self::V1_2_0,
        Self::V1_3_0,
        Self::Insurance1_1_0,
        Self::Insurance1_2_0,
        Self::Insurance2_0_0,
    ];

    /// The version as published.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
            Self::V1_2_0 => "1.2.0",
            Self::V1_3_0 => "1.3.0",
            Self::Insurance1_1_0 => "open-insurance-1.1.0",
            Self::Insurance1_2_0 => "open-insurance-1.2.0",
            Self::Insurance2_0_0 => "open-insurance-2.0.0",
        }
    }

    /// Whether it is a contract of Open Insurance.
    fn is_of_insurance(self) -> bool {
        self >= Self::Insurance1_1_0
    }

    /// Whether `x-webhook-interaction-id` matches the pattern: from 2.0.0 of Open Insurance on that of a UUID.
    pub fn takes_interaction_id(self, text: &str) -> bool {
        is_plain_id(text) && (self < Self::Insurance2_0_0 || is_uuid(text))
    }

    /// A path of it after the base URI, to try a receiver with.
    pub(super) fn example_path(self) -> &'static str {
        match self {
            Self::Insurance1_1_0 | Self::Insurance1_2_0 => {
                "open-insurance/webhook/v1/quote/v1/request/urn:seguradoraex:C1DD33123/quote-status"
            }
            Self::Insurance2_0_0 => {
                "open-insurance/webhook/v2/quote/v2/request/urn:seguradoraex:C1DD33123/quote-status"
            }
            _ => "open-banking/webhook/v1/payments/v4/consents/urn:bancoex:C1DD33123",
        }
    }

    /// What `versionApi` may be, in words.
    pub(super) fn api_versions(self) -> &'static str {
        if self.is_of_insurance() { "v1 to v99 without a zero" } else { "v1 to v99" }
    }

    /// Whether `versionApi` may be this text.
    ///
    /// Open Insurance: `^[v][1-9]{1,2}$`. Its 1.1.0 has a URN's pattern there, a mistake that no sender can follow.
    pub(super) fn takes_api_version(self, text: &str) -> bool {
        is_api_version(text) && (!self.is_of_insurance() || !text.contains('0'))
    }
}

impl fmt::Display for WebhookVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WebhookVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|version| version.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("no webhook contract has version {text:?}: expected one of {known}")
        })
    }
}

/// One of the five endpoints of a contract.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
pub enum Endpoint {
    /// Payment consent.
    E1,
    /// Pix payment.
    E2,
    /// Enrollment.
    E3,
    /// Recurring consent.
    E4,
    /// Recurring payment.
    E5,
    /// Quote of insurance.
    I1,
    /// Products of capitalization.
    I2,
    /// Quote of capitalization.
    I3,
    /// Dynamic fields of damage and person insurance.
    I4,
    /// Dynamic fields of capitalization.
    I5,
}

impl Endpoint {
    /// Finds the endpoint of the path's segments that follow the base URI, with its API version and resource id: of Open
    /// Insurance an authorisation server's id where there is no resource.
    pub(super) fn of<'a>(segments: &[&'a str], version: WebhookVersion) -> Option<(Self, &'a str, &'a str)> {
        if version.is_of_insurance() {
            let path_version = if version >= WebhookVersion::Insurance2_0_0 { "v2" } else { "v1" };
            let rest = segments.strip_prefix(&["open-insurance", "webhook", path_version])?;
            return Self::of_insurance(rest);
        }
        match *segments {
            ["open-banking", "webhook", "v1", "payments", version, "consents", id] => {
                Some((Self::E1, version, id))
            }
            ["open-banking", "webhook", "v1", "payments", version, "pix", "payments", id] => {
                Some((Self::E2, version, id))
            }
            ["open-banking", "webhook", "v1", "enrollments", version, "enrollments", id] => {
                Some((Self::E3, version, id))
            }
            ["open-banking", "webhook", "v1", "automatic-payments", version, "recurring-consents", id] => {
                Some((Self::E4, version, id))
            }
            [
                "open-banking",
                "webhook",
                "v1",
                "automatic-payments",
                version,
                "pix",
                "recurring-payments",
                id,
            ] => Some((Self::E5, version, id)),
            _ => None,
        }
    }

    fn of_insurance<'a>(segments: &[&'a str]) -> Option<(Self, &'a str, &'a str)> {
        match *segments {
            ["quote", version, "request", id, "quote-status"] => Some((Self::I1, version, id)),
            ["products-services", id, version, "capitalization-title"] => Some((Self::I2, version, id)),
            ["quote-capitalization-title", version, "request", id, "quote-status"] => {
                Some((Self::I3, version, id))
            }
            ["dynamic-fields", id, version, "damage-and-person"] => Some((Self::I4, version, id)),
            ["dynamic-fields", id, version, "capitalization-title"] => Some((Self::I5, version, id)),
            _ => None,
        }
    }

    /// The name in the table of endpoints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::E1 => "E1",
            Self::E2 => "E2",
            Self::E3 => "E3",
            Self::E4 => "E4",
            Self::E5 => "E5",
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I4 => "I4",
            Self::I5 => "I5",
        }
    }

    /// The version of the contract that brought the endpoint.
    pub(super) fn since(self) -> WebhookVersion {
        match self {
            Self::E1 | Self::E2 => WebhookVersion::V1_0_0,
            Self::E3 => WebhookVersion::V1_1_0,
            Self::E4 | Self::E5 => WebhookVersion::V1_2_0,
            Self::I1 | Self::I2 | Self::I3 | Self::I4 | Self::I5 => WebhookVersion::Insurance1_1_0,
        }
    }

    /// Whether a version of the contract has the endpoint.
    pub(super) fn exists_in(self, version: WebhookVersion) -> bool {
        self.since() <= version && (self != Self::I3 || version < WebhookVersion::Insurance2_0_0)
    }

    /// The name of the path parameter that holds the resource id.
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Self::E1 | Self::I1 | Self::I3 => "consentId",
            Self::E2 => "paymentId",
            Self::E3 => "enrollmentId",
            Self::E4 => "recurringConsentId",
            Self::E5 => "recurringPaymentId",
            Self::I2 | Self::I4 | Self::I5 => "authorisationServerId",
        }
    }

    /// Whether a resource id is one that the endpoint takes.
    ///
    /// `enrollmentId` may be either: the webhook contract's pattern is plain, the enrollments API's ids are URNs.
    pub(super) fn takes_id(self, id: &str) -> bool {
        match self {
            Self::E1 | Self::E4 | Self::I1 | Self::I3 => is_urn(id),
            Self::I2 | Self::I4 | Self::I5 => (1..=40).contains(&id.chars().count()),
            Self::E2 | Self::E5 => is_plain_id(id),
            Self::E3 => is_plain_id(id) || is_urn(id),
        }
    }

    /// Whether the body names the event type.
    pub(super) fn has_event_type(self, version: WebhookVersion) -> bool {
        version >= WebhookVersion::V1_3_0 && matches!(self, Self::E3 | Self::E4)
    }

    /// Whether the sender names its authorisation server.
    pub(super) fn has_authorization_server_id(self, version: WebhookVersion) -> bool {
        version >= WebhookVersion::V1_3_0 && self == Self::E3
    }
}

/// `^v([1-9][0-9]?|10)$`
pub(super) fn is_api_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|digits| {
        !digits.starts_with('0')
            && (1..=2).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// `^urn:[a-zA-Z0-9][a-zA-Z0-9\-]{0,31}:[a-zA-Z0-9()+,\-.:=@;$_!*'%\/?#]+$`, at most 256 characters.
pub(super) fn is_urn(text: &str) -> bool {
    let Some((namespace, specific)) = text.strip_prefix("urn:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    text.len() <= 256
        && is_label(namespace, 32)
        && !specific.is_empty()
        && specific.bytes().all(|b| b.is_ascii_alphanumeric() || b"()+,-.:=@;$_!*'%/?#".contains(&b))
}

/// `^[a-zA-Z0-9][a-zA-Z0-9\-]{0,99}$`, of payments and of interaction ids.
pub(super) fn is_plain_id(text: &str) -> bool {
    is_label(text, 100)
}

/// Whether a text is a UUID as RFC 4122 writes it, hyphens included.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// `^(\d{4})-(1[0-2]|0?[1-9])-(3[01]|[12][0-9]|0?[1-9])T(?:[01]\d|2[0123]):(?:[012345]\d):(?:[012345]\d)Z$`
pub(super) fn is_timestamp(text: &str) -> bool {
    let Some((date, time)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else {
        return false;
    };
    let date: Vec<&str> = date.split('-').collect();
    let time: Vec<&str> = time.split(':').collect();
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), time.as_slice()) else {
        return false;
    };
    number(year, 4, 4).is_some()
        && number(month, 1, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 1, 2).is_some_and(|day| (1..=31).contains(&day))
        && number(hour, 2, 2).is_some_and(|hour| hour < 24)
        && number(minute, 2, 2).is_some_and(|minute| minute < 60)
        && number(second, 2, 2).is_some_and(|second| second < 60)
}

/// Decodes a path segment, or `None` where `%` is not followed by two hexadecimal digits or the result is not UTF-8.
pub(super) fn percent_decoded(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}

fn is_label(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn number(text: &str, shortest: usize, longest: usize) -> Option<u32> {
    let fits = (shortest..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_versions_run_from_v1_to_v99() {
        for good in ["v1", "v4", "v10", "v99"] {
            assert!(is_api_version(good), "{good}");
        }
        for bad in ["", "v", "v0", "v04", "v100", "V4", "4", "v4.0.1", "v+1", " v4"] {
            assert!(!is_api_version(bad), "{bad:?}");
        }
    }

    #[test]
    fn urns_follow_the_pattern_of_the_consent_id() {
        let longest = format!("urn:b:{}", "1".repeat(250));
        for good in ["urn:bancoex:C1DD33123", "urn:b:a", "urn:b-1:()+,-.:=@;$_!*'%/?#", longest.as_str()] {
            assert!(is_urn(good), "{good}");
        }
        let too_long = format!("{longest}1");
        let long_namespace = format!("urn:{}:x", "b".repeat(33));
        for bad in [
            "",
            "urn:",
            "urn:b",
            "urn:b:",
            "urn::x",
            "urn:-b:x",
            "URN:b:x",
            "urn:b:a b",
            "urn:b:\u{e7}",
            "x:urn:b:a",
        ] {
            assert!(!is_urn(bad), "{bad:?}");
        }
        assert!(!is_urn(&too_long));
        assert!(!is_urn(&long_namespace));
    }

    #[test]
    fn plain_ids_have_up_to_a_hundred_letters_digits_and_hyphens() {
        for good in ["a", "TXpRMU9UQTROMWhZV2xSU1FUazJSMDl", "0-", &"a".repeat(100)] {
            assert!(is_plain_id(good), "{good}");
        }
        for bad in ["", "-a", "a_b", "urn:b:a", &"a".repeat(101)] {
            assert!(!is_plain_id(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_enrollment_id_may_be_plain_or_a_urn() {
        assert!(Endpoint::E3.takes_id("77b1a0c2-1111-4222-8333-944455556666"));
        assert!(Endpoint::E3.takes_id("urn:bancoex:77b1a0c2"));
        assert!(!Endpoint::E3.takes_id("urn:bancoex:"));
        assert!(!Endpoint::E1.takes_id("77b1a0c2"));
        assert!(!Endpoint::E2.takes_id("urn:bancoex:77b1a0c2"));
    }

    #[test]
    fn timestamps_have_whole_seconds_and_end_in_z() {
        for good in
            ["2021-05-21T08:30:00Z", "2026-2-3T08:30:00Z", "2026-12-31T23:59:59Z", "0000-1-1T00:00:00Z"]
        {
            assert!(is_timestamp(good), "{good}");
        }
        for bad in [
            "",
            "2021-05-21T08:30:00.123Z",
            "2021-05-21T08:30:00",
            "2021-05-21t08:30:00z",
            "2021-05-21 08:30:00Z",
            "2021-05-21T08:30:00-03:00",
            "2021-05-21T08:30:00+00:00",
            "2016-12-31T23:59:60Z",
            "2021-13-01T00:00:00Z",
            "2021-00-01T00:00:00Z",
            "2021-01-32T00:00:00Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:60:00Z",
            "21-01-01T00:00:00Z",
            "2021-01-01T0:00:00Z",
            "2021-001-01T00:00:00Z",
        ] {
            assert!(!is_timestamp(bad), "{bad:?}");
        }
    }

    #[test]
    fn uuids_have_hyphens() {
        assert!(is_uuid("7f1c2b1e-5a0e-4a9e-9d6b-0c8f5a3e1d22"));
        assert!(is_uuid("7F1C2B1E-5A0E-4A9E-9D6B-0C8F5A3E1D22"));
        for bad in
            ["", "7f1c2b1e5a0e4a9e9d6b0c8f5a3e1d22", "{7f1c2b1e-5a0e-4a9e-9d6b-0c8f5a3e1d22}", "attempt-1"]
        {
            assert!(!is_uuid(bad), "{bad:?}");
        }
    }

    #[test]
    fn percent_encoding_is_undone_once_and_must_be_complete() {
        assert_eq!(percent_decoded("urn:b:a%2Fb%3f%23%25").as_deref(), Some("urn:b:a/b?#%"));
        assert_eq!(percent_decoded("%252F").as_deref(), Some("%2F"));
        for bad in ["%", "%2", "%2x", "%+1", "%FF"] {
            assert_eq!(percent_decoded(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_five_paths_are_told_apart() {
        let of = |path: &'static str| {
            Endpoint::of(&path.split('/').collect::<Vec<_>>(), WebhookVersion::default())
        };
        assert_eq!(of("open-banking/webhook/v1/payments/v5/consents/x"), Some((Endpoint::E1, "v5", "x")));
        assert_eq!(of("open-banking/webhook/v1/payments/v5/pix/payments/x"), Some((Endpoint::E2, "v5", "x")));
        assert_eq!(
            of("open-banking/webhook/v1/enrollments/v2/enrollments/x"),
            Some((Endpoint::E3, "v2", "x"))
        );
        assert_eq!(
            of("open-banking/webhook/v1/automatic-payments/v2/recurring-consents/x"),
            Some((Endpoint::E4, "v2", "x"))
        );
        assert_eq!(
            of("open-banking/webhook/v1/automatic-payments/v2/pix/recurring-payments/x"),
            Some((Endpoint::E5, "v2", "x"))
        );
        for other in [
            "",
            "open-banking/webhook/v2/payments/v5/consents/x",
            "open-banking/webhook/v1/payments/v5/consents/x/",
            "open-banking/webhook/v1/automatic-payments/v2/pix/recurring-consents/x",
            "webhook/v1/payments/v5/consents/x",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_paths_of_open_insurance_are_told_apart_by_its_own_contracts() {
        const SERVER: &str = "123e4567-e89b-12d3-a456-426614174000";
        let of = |path: &'static str, version| Endpoint::of(&path.split('/').collect::<Vec<_>>(), version);
        let (old, new) = (WebhookVersion::Insurance1_2_0, WebhookVersion::Insurance2_0_0);
        let quote = "open-insurance/webhook/v2/quote/v2/request/urn:ins:1/quote-status";
        assert_eq!(of(quote, new), Some((Endpoint::I1, "v2", "urn:ins:1")));
        assert_eq!((of(quote, old), of(quote, WebhookVersion::V1_3_0)), (None, None));
        let fields = "open-insurance/webhook/v1/dynamic-fields/123e4567-e89b-12d3-a456-426614174000/v1/damage-and-person";
        assert_eq!(of(fields, old), Some((Endpoint::I4, "v1", SERVER)));
        assert!(Endpoint::I4.takes_id(SERVER) && !Endpoint::I4.takes_id(&"a".repeat(41)));
        assert!(Endpoint::I3.exists_in(old) && !Endpoint::I3.exists_in(new));
        for (text, of_insurance) in
            [("v1", true), ("v99", true), ("v10", false), ("v20", false), ("v100", false)]
        {
            assert_eq!(old.takes_api_version(text), of_insurance, "{text}");
        }
        assert!(WebhookVersion::V1_3_0.takes_api_version("v10"));
    }

    #[test]
    fn versions_are_named_as_published() {
        for version in WebhookVersion::ALL {
            let path: Vec<_> = version.example_path().split('/').collect();
            let (endpoint, api_version, id) = Endpoint::of(&path, version).unwrap();
            assert!(
                endpoint.exists_in(version)
                    && endpoint.takes_id(id)
                    && version.takes_api_version(api_version)
            );
            assert_eq!(version.to_string().parse(), Ok(version));
        }
        let error = "1.4.0".parse::<WebhookVersion>().unwrap_err();
        assert_eq!(
            error,
            "no webhook contract has version \"1.4.0\": expected one of 1.0.0, 1.1.0, 1.2.0, 1.3.0, \
             open-insurance-1.1.0, open-insurance-1.2.0, open-insurance-2.0.0"
        );
    }
}

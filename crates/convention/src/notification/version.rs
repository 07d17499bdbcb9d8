//! The two versions of the convention: the resource's API version and the webhook profile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The API version a resource was created through, `v1` to `v99`.
///
/// A resource is always notified under the version it was created with, whatever versions are live (Convenção
/// de Webhook, "Comportamento durante o período de convivência entre versões de API"). Pattern: `versionApi` of the webhook OAS.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiVersion(u8);

impl ApiVersion {
    /// Returns the number after the `v`.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for ApiVersion {
    type Err = ParseApiVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('v').filter(|digits| !digits.starts_with(['0', '+']));
        match digits.map(str::parse) {
            Some(Ok(number @ 1..=99)) => Ok(Self(number)),
            _ => Err(ParseApiVersionError),
        }
    }
}

impl TryFrom<String> for ApiVersion {
    type Error = ParseApiVersionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ApiVersion> for String {
    fn from(version: ApiVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// A text that is not an API version.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not an API version: expected v1 to v99, without minor version or leading zero")]
pub struct ParseApiVersionError;

/// The webhook profile of a receiver: the version of its ecosystem's webhook contract.
///
/// Profiles of one path version cannot be told apart at the receiver, so the profile is a setting of each receiver.
/// [`Ecosystem::profiles`](super::Ecosystem::profiles) lists those of an ecosystem.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum WebhookVersion {
    /// 1.0.0 of 2023-07-28: payments.
    V1_0_0,
    /// 1.1.0 of 2023-08-22: adds enrollments.
    V1_1_0,
    /// 1.2.0 of 2023-10-20: adds automatic payments.
    V1_2_0,
    /// 1.3.0 of 2026-01-12: adds `eventType`, `x-authorization-server-id` and data changes.
    #[default]
    V1_3_0,
    /// 2.0.0, of Open Insurance alone.
    V2_0_0,
}

impl WebhookVersion {
    /// All profiles of Open Finance, oldest first.
    pub const ALL: [Self; 4] = [Self::V1_0_0, Self::V1_1_0, Self::V1_2_0, Self::V1_3_0];

    /// Returns the version as it is written, for example `1.3.0`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
            Self::V1_2_0 => "1.2.0",
            Self::V1_3_0 => "1.3.0",
            Self::V2_0_0 => "2.0.0",
        }
    }
}

impl FromStr for WebhookVersion {
    type Err = ParseWebhookVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut known = Self::ALL.into_iter().chain([Self::V2_0_0]);
        known.find(|version| version.as_str() == text).ok_or(ParseWebhookVersionError("a published version"))
    }
}

impl TryFrom<String> for WebhookVersion {
    type Error = ParseWebhookVersionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WebhookVersion> for String {
    fn from(version: WebhookVersion) -> Self {
        version.as_str().to_owned()
    }
}

impl fmt::Display for WebhookVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a webhook profile, with what was expected.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not a webhook version: expected {0}")]
pub struct ParseWebhookVersionError(pub(super) &'static str);

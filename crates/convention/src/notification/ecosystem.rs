//! The two ecosystems that have a webhook convention. A stack serves one of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::version::{ApiVersion, ParseWebhookVersionError, WebhookVersion};

/// An ecosystem with a webhook convention of its own.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ecosystem {
    /// Open Finance Brasil.
    #[default]
    OpenFinance,
    /// Open Insurance Brasil (Opin).
    OpenInsurance,
}

impl Ecosystem {
    /// Both.
    pub const ALL: [Self; 2] = [Self::OpenFinance, Self::OpenInsurance];

    /// Returns the ecosystem as the template's parameter `Ecosystem` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenFinance => "open-finance",
            Self::OpenInsurance => "open-insurance",
        }
    }

    /// Says whether this is the default, which stored registrations do not write.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Lists its webhook profiles, oldest first: the versions of its published webhook OAS.
    pub fn profiles(self) -> &'static [WebhookVersion] {
        match self {
            Self::OpenFinance => &WebhookVersion::ALL,
            Self::OpenInsurance => &[WebhookVersion::V1_1_0, WebhookVersion::V1_2_0, WebhookVersion::V2_0_0],
        }
    }

    /// Returns the profile of a receiver that names none: the newest.
    pub fn default_profile(self) -> WebhookVersion {
        match self {
            Self::OpenFinance => WebhookVersion::V1_3_0,
            Self::OpenInsurance => WebhookVersion::V2_0_0,
        }
    }

    /// Reads one of its webhook profiles.
    pub fn profile(self, text: &str) -> Result<WebhookVersion, ParseWebhookVersionError> {
        let known = self.profiles().iter().copied().find(|version| version.as_str() == text);
        known.ok_or(ParseWebhookVersionError(match self {
            Self::OpenFinance => "1.0.0, 1.1.0, 1.2.0 or 1.3.0",
            Self::OpenInsurance => "1.1.0, 1.2.0 or 2.0.0",
        }))
    }

    /// Returns the path that follows a base URI, without the path version: `servers` of its webhook OAS.
    pub fn webhook_path(self) -> &'static str {
        match self {
            Self::OpenFinance => "/open-banking/webhook",
            Self::OpenInsurance => "/open-insurance/webhook",
        }
    }

    /// Returns the path version of a profile: `servers` of its webhook OAS.
    pub fn path_version(self, profile: WebhookVersion) -> &'static str {
        match self {
            Self::OpenInsurance if profile >= WebhookVersion::V2_0_0 => "v2",
            Self::OpenFinance | Self::OpenInsurance => "v1",
        }
    }

    /// Says whether `versionApi` can name this version.
    ///
    /// Open Insurance: `^[v][1-9]{1,2}$` since 1.2.0, which excludes v10, v20 and the like. 1.1.0 has the pattern of a URN
    /// there, which no version matches: a mistake, so the later pattern applies to it too.
    pub fn admits(self, version: ApiVersion) -> bool {
        match self {
            Self::OpenFinance => true,
            Self::OpenInsurance => !version.number().is_multiple_of(10),
        }
    }
}

impl FromStr for Ecosystem {
    type Err = ParseEcosystemError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or(ParseEcosystemError)
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no ecosystem.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected open-finance or open-insurance")]
pub struct ParseEcosystemError;

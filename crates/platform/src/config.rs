//! Settings, read once at the start: from the environment in production and from a map in tests.

use std::fmt::{self, Display};
use std::str::FromStr;

use convention::address::AddressPolicy;
use convention::directory::{AdditionalIssuers, Environment, EnvironmentName};
use convention::notification::{Choices, Ecosystem};
use thiserror::Error;
use tracing::level_filters::LevelFilter;

use crate::telemetry::{LogFormat, Metrics, start_logging};

/// Reads settings by name.
pub struct Settings<'a>(&'a dyn Fn(&str) -> Option<String>);

impl<'a> Settings<'a> {
    /// Reads settings from a look-up.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(lookup)
    }

    /// Returns a mandatory setting.
    pub fn required(&self, name: &'static str) -> Result<String, SettingError> {
        self.optional(name).ok_or(SettingError::Missing { name })
    }

    /// Parses a setting; an absent or empty one has the default.
    pub fn parsed_or<T>(&self, name: &'static str, default: T) -> Result<T, SettingError>
    where
        T: FromStr<Err: Display>,
    {
        Ok(self.parsed(name)?.unwrap_or(default))
    }

    /// Parses an optional setting; an empty one counts as absent.
    pub fn parsed<T>(&self, name: &'static str) -> Result<Option<T>, SettingError>
    where
        T: FromStr<Err: Display>,
    {
        let parsed = self.optional(name).map(|text| text.parse());
        parsed.transpose().map_err(|error: T::Err| SettingError::Invalid { name, reason: error.to_string() })
    }

    /// Returns the policy for receivers' addresses: `ARAUTO_ALLOW_LOOPBACK_RECEIVERS` allows this machine's.
    pub fn address_policy(&self) -> Result<AddressPolicy, SettingError> {
        let loopback = self.parsed_or("ARAUTO_ALLOW_LOOPBACK_RECEIVERS", false)?;
        Ok(if loopback { AddressPolicy::PublicAndLoopback } else { AddressPolicy::Public })
    }

    /// Returns the ecosystem that the stack serves: `ARAUTO_ECOSYSTEM`, Open Finance by default.
    pub fn ecosystem(&self) -> Result<Ecosystem, SettingError> {
        self.parsed_or("ARAUTO_ECOSYSTEM", Ecosystem::default())
    }

    /// Returns the environment of the ecosystem's Directory: `ARAUTO_DIRECTORY_ENVIRONMENT`, and for a local one
    /// `ARAUTO_LOCAL_DIRECTORY_URL`. `ARAUTO_SOFTWARE_STATEMENT_ISSUERS` adds accepted issuers of its statements.
    pub fn directory_environment(&self) -> Result<Environment, SettingError> {
        let name = self.parsed_or("ARAUTO_DIRECTORY_ENVIRONMENT", EnvironmentName::Production)?;
        // `ARAUTO_ECOSYSTEM` says whose Directory it is.
        let ecosystem = self.ecosystem()?;
        let environment = match (name, ecosystem) {
            (EnvironmentName::Production, Ecosystem::OpenFinance) => Environment::production(),
            (EnvironmentName::Production, Ecosystem::OpenInsurance) => Environment::insurance_production(),
            (EnvironmentName::Sandbox, Ecosystem::OpenFinance) => Environment::sandbox(),
            (EnvironmentName::Sandbox, Ecosystem::OpenInsurance) => Environment::insurance_sandbox(),
            (EnvironmentName::Local, _) => {
                Environment::local(&self.required("ARAUTO_LOCAL_DIRECTORY_URL")?).of_ecosystem(ecosystem)
            }
        };
        let more = self.parsed_or("ARAUTO_SOFTWARE_STATEMENT_ISSUERS", AdditionalIssuers::default())?;
        Ok(environment.with_issuers(more))
    }

    /// Returns what the stack chooses where the convention leaves a choice: `ARAUTO_API_VERSION_OVERRIDES` and
    /// `ARAUTO_NOTIFY_INITIATOR_EDITS`.
    pub fn choices(&self) -> Result<Choices, SettingError> {
        let Choices { api_versions, notify_initiator_edits } = Choices::default();
        Ok(Choices {
            api_versions: self.parsed_or("ARAUTO_API_VERSION_OVERRIDES", api_versions)?,
            notify_initiator_edits: self
                .parsed_or("ARAUTO_NOTIFY_INITIATOR_EDITS", notify_initiator_edits)?,
        })
    }

    /// Returns those of them that decide whether a change is notified. The version in a URL is the business of dispatch: where
    /// it cannot be read, changes are accepted still.
    pub fn trigger_choices(&self) -> Result<Choices, SettingError> {
        let Choices { notify_initiator_edits, .. } = Choices::default();
        let notify_initiator_edits =
            self.parsed_or("ARAUTO_NOTIFY_INITIATOR_EDITS", notify_initiator_edits)?;
        Ok(Choices { notify_initiator_edits, ..Choices::default() })
    }

    /// Starts the log by the function's `LoggingConfig`, which Lambda provides in `AWS_LAMBDA_LOG_FORMAT` and
    /// `AWS_LAMBDA_LOG_LEVEL`.
    pub fn start_logging(&self) {
        let json =
            self.optional("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
        let level = self.optional("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok());
        start_logging(
            if json { LogFormat::Json } else { LogFormat::Text },
            level.unwrap_or(LevelFilter::INFO),
        );
    }

    /// Creates a writer of this function's metrics; Lambda sets `AWS_LAMBDA_FUNCTION_NAME` and `AWS_LAMBDA_FUNCTION_VERSION`.
    pub fn metrics(&self) -> Metrics {
        let metrics = Metrics::stdout(self.optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default());
        match self.optional("AWS_LAMBDA_FUNCTION_VERSION") {
            Some(version) => metrics.of_version(version),
            None => metrics,
        }
    }

    /// Returns an optional setting; an empty one counts as absent.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }
}

/// Looks a setting up in the environment of the process.
pub fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the edge: everything else takes Settings")]
    std::env::var(name).ok()
}

/// Why a setting cannot be used.
#[derive(Error, Eq, PartialEq)]
pub enum SettingError {
    /// It is missing.
    #[error("the environment variable {name} is not set")]
    Missing {
        /// The variable.
        name: &'static str,
    },
    /// It is invalid.
    #[error("the environment variable {name} cannot be used: {reason}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// The reason.
        reason: String,
    },
}

/// A function that does not start prints its error with `Debug`, so this shows the sentence.
impl fmt::Debug for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

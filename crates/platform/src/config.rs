//! Settings, read once at the start from a look-up that is the environment in production and a map in tests.

use std::fmt::{self, Display};
use std::str::FromStr;

use convention::address::AddressPolicy;
use convention::directory::{Environment, EnvironmentName, MoreIssuers};
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

    /// Returns a setting that must be there.
    pub fn required(&self, name: &'static str) -> Result<String, SettingError> {
        self.optional(name).ok_or(SettingError::Missing { name })
    }

    /// Parses a setting; one that is absent or empty takes the default.
    pub fn parsed_or<T>(&self, name: &'static str, default: T) -> Result<T, SettingError>
    where
        T: FromStr<Err: Display>,
    {
        let Some(text) = self.optional(name) else { return Ok(default) };
        text.parse().map_err(|error: T::Err| SettingError::Invalid { name, reason: error.to_string() })
    }

    /// Returns which addresses receivers may have: `ARAUTO_ALLOW_LOOPBACK_RECEIVERS` opens this machine.
    pub fn address_policy(&self) -> Result<AddressPolicy, SettingError> {
        let loopback = self.parsed_or("ARAUTO_ALLOW_LOOPBACK_RECEIVERS", false)?;
        Ok(if loopback { AddressPolicy::PublicAndLoopback } else { AddressPolicy::Public })
    }

    /// Returns which Directory of participants counts: `ARAUTO_DIRECTORY_ENVIRONMENT`, and for a local one
    /// `ARAUTO_LOCAL_DIRECTORY_URL`. `ARAUTO_SOFTWARE_STATEMENT_ISSUERS` adds to the issuers of its statements.
    pub fn directory_environment(&self) -> Result<Environment, SettingError> {
        let environment = match self.parsed_or("ARAUTO_DIRECTORY_ENVIRONMENT", EnvironmentName::Production)? {
            EnvironmentName::Production => Environment::production(),
            EnvironmentName::Sandbox => Environment::sandbox(),
            EnvironmentName::Local => Environment::local(&self.required("ARAUTO_LOCAL_DIRECTORY_URL")?),
        };
        let more = self.parsed_or("ARAUTO_SOFTWARE_STATEMENT_ISSUERS", MoreIssuers::default())?;
        Ok(environment.with_issuers(more))
    }

    /// Starts the log as the function's `LoggingConfig` has it, which Lambda tells in `AWS_LAMBDA_LOG_FORMAT` and
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

    /// Returns a writer of this function's metrics; Lambda sets `AWS_LAMBDA_FUNCTION_NAME` and `AWS_LAMBDA_FUNCTION_VERSION`.
    pub fn metrics(&self) -> Metrics {
        let metrics = Metrics::stdout(self.optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default());
        match self.optional("AWS_LAMBDA_FUNCTION_VERSION") {
            Some(version) => metrics.of_version(version),
            None => metrics,
        }
    }

    /// Returns a setting that may be absent; one that is empty is.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }
}

/// Looks a setting up in the environment of the process.
pub fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the edge: everything else takes Settings")]
    std::env::var(name).ok()
}

/// A setting that cannot be used; says which.
#[derive(Error, Eq, PartialEq)]
pub enum SettingError {
    /// It is not there.
    #[error("the environment variable {name} is not set")]
    Missing {
        /// The variable.
        name: &'static str,
    },
    /// It cannot be read.
    #[error("the environment variable {name} cannot be used: {reason}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// The sentence, as a function that does not start shows its error by `Debug`.
impl fmt::Debug for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

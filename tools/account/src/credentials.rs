//! Credentials of a person: fetched before anything is done, and what to do where there are none.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow};
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Providing;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use platform::telemetry::ErrorChain;

use crate::args::AccountArgs;

/// Time for a call with credentials that expire soon.
const MARGIN: Duration = Duration::from_mins(1);

/// Credentials that were fetched, and where more come from when they expire.
///
/// Fetching may start a process or ask a portal, so the first ones serve until they expire.
#[derive(Debug)]
pub(crate) struct Opened {
    first: Credentials,
    source: SharedCredentialsProvider,
}

impl Opened {
    /// Fetches the credentials of this configuration.
    pub(crate) async fn with(sdk: &SdkConfig, args: &AccountArgs) -> Result<Self> {
        let source = sdk.credentials_provider().context("no source of AWS credentials is configured")?;
        let profile = args.profile();
        let first = source.provide_credentials().await.map_err(|error| {
            let remedy = remedy(&error, profile.as_deref());
            anyhow!("{remedy}\n({})", chain(&error))
        })?;
        Ok(Self { first, source })
    }

    fn is_over(&self) -> bool {
        self.first.expiry().is_some_and(|expiry| expiry < now() + MARGIN)
    }
}

impl ProvideCredentials for Opened {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        if self.is_over() {
            self.source.provide_credentials()
        } else {
            Providing::ready(Ok(self.first.clone()))
        }
    }
}

/// Says what to do where credentials cannot be had.
fn remedy(error: &CredentialsError, profile: Option<&str>) -> String {
    let said = chain(error);
    let name = profile.unwrap_or("default");
    // The SDK has no types for these: the texts are held by tools/cli/tests/aws.rs.
    if ["SSO", "sso/cache", "UnauthorizedException"].iter().any(|word| said.contains(word)) {
        let profile = profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default();
        return format!(
            "the session of the profile {name} in Identity Center has expired or was never opened: run \
             `aws sso login{profile}`"
        );
    }
    if let (CredentialsError::CredentialsNotLoaded(..), None) = (error, profile) {
        return "there are no AWS credentials: give --profile, or make a profile with `aws configure sso`"
            .to_owned();
    }
    format!("the profile {name} gives no AWS credentials")
}

/// What to do where AWS says that credentials have expired, whoever was asked.
pub fn remedy_of_expired(said: &str) -> Option<&'static str> {
    // "Common Errors" of AWS's API references; ExpiredTokenException is DynamoDB's and KMS's.
    ["ExpiredToken", "RequestExpired"].iter().any(|code| said.contains(code)).then_some(
        "the AWS credentials have expired: get new ones, for a profile of Identity Center by \
         `aws sso login --profile NAME`",
    )
}

fn chain(error: &CredentialsError) -> String {
    ErrorChain(error).to_string()
}

#[expect(clippy::disallowed_methods, reason = "the edge: credentials expire by the time of day")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_aws_calls_expired_have_a_remedy_whoever_was_asked() {
        for said in [
            "unhandled error (ExpiredTokenException)",
            "service error: ExpiredToken: over",
            "(RequestExpired)",
        ] {
            assert!(remedy_of_expired(said).is_some_and(|remedy| remedy.contains("aws sso login")), "{said}");
        }
        assert_eq!(remedy_of_expired("AccessDeniedException"), None);
    }

    #[test]
    fn credentials_serve_until_shortly_before_they_expire() {
        let opened = |expiry: Option<SystemTime>| {
            let first = Credentials::new("AKID", "secret", None, expiry, "a test");
            Opened { first: first.clone(), source: SharedCredentialsProvider::new(first) }
        };
        assert!(!opened(None).is_over() && opened(Some(now())).is_over());
        assert!(opened(Some(now() + MARGIN / 2)).is_over() && !opened(Some(now() + MARGIN * 2)).is_over());
    }
}

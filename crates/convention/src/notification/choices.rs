//! What a stack chooses where the convention leaves a choice to the sender.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::change::Resource;
use super::endpoint::ENDPOINTS;
use super::time::{EventInstant, ParseEventInstantError};
use super::version::{ApiVersion, ParseApiVersionError};

/// What a stack chooses where the convention leaves a choice to the sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Choices {
    /// Which version a URL names in place of one that has ended.
    pub api_versions: ApiVersionOverrides,
    /// Whether edits that the initiator made itself are notified.
    pub notify_initiator_edits: bool,
}

impl Default for Choices {
    /// As the texts are read: the version of birth, and no exemption of the initiator's edits.
    fn default() -> Self {
        Self { api_versions: ApiVersionOverrides::default(), notify_initiator_edits: true }
    }
}

/// Which API versions take the place of ended ones in URLs; none by default.
///
/// "Comportamento durante o período de convivência" (Convenção de Webhook) has a resource notified under the version that it
/// was created through. What holds after that version has ended is written nowhere (D28 of `docs/compliance.json`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ApiVersionOverrides(Vec<ApiVersionOverride>);

/// An API version that takes the place of another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ApiVersionOverride {
    /// The API.
    pub api: &'static str,
    /// The version that resources were created through.
    pub created: ApiVersion,
    /// The version that URLs name instead.
    pub named: ApiVersion,
    /// For events at this instant and later.
    pub since: EventInstant,
}

impl ApiVersionOverrides {
    /// Finds the override for an event of a resource: of several, the one that began last.
    ///
    /// The instant of the event decides, not that of the attempt: all attempts at a notification, and its replay, then name
    /// one version as long as the overrides stay, and what was sent can be computed again from them and the state change.
    ///
    /// Overrides do not chain: v4 to v5 and v5 to v6 have what was created through v4 named v5, whatever the dates.
    pub fn of(&self, resource: &Resource, event: EventInstant) -> Option<&ApiVersionOverride> {
        let api = resource.endpoint.row().api;
        let applies = |other: &&ApiVersionOverride| {
            other.api == api && other.created == resource.api_version && other.since <= event
        };
        self.0.iter().filter(applies).max_by_key(|other| other.since)
    }
}

impl FromStr for ApiVersionOverrides {
    type Err = ParseApiVersionOverridesError;

    /// Reads `payments=v4:v5@2026-08-20`, or several separated by commas. A date begins at midnight in Brasília; an RFC 3339
    /// instant is taken as it is. An empty text means no override.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut overrides: Vec<ApiVersionOverride> = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let refused = |reason| ParseApiVersionOverridesError { item: item.to_owned(), reason };
            let read = ApiVersionOverride::read(item).map_err(refused)?;
            let same = |other: &ApiVersionOverride| {
                (other.api, other.created, other.since) == (read.api, read.created, read.since)
            };
            if overrides.iter().any(same) {
                return Err(refused(OverrideError::Twice));
            }
            overrides.push(read);
        }
        Ok(Self(overrides))
    }
}

impl ApiVersionOverride {
    fn read(item: &str) -> Result<Self, OverrideError> {
        let parts = || {
            let (api, rest) = item.split_once('=')?;
            let (versions, since) = rest.split_once('@')?;
            let (created, named) = versions.split_once(':')?;
            Some((api.trim(), created.trim(), named.trim(), since.trim()))
        };
        let (api, created, named, since) = parts().ok_or(OverrideError::Form)?;
        let known = ENDPOINTS.iter().map(|row| row.api).find(|known| *known == api);
        let api = known.ok_or_else(|| OverrideError::Api(api.to_owned()))?;
        let version = |text: &str| {
            text.parse::<ApiVersion>().map_err(|error| OverrideError::Version(text.to_owned(), error))
        };
        let (created, named) = (version(created)?, version(named)?);
        if named <= created {
            return Err(OverrideError::NotLater(created, named));
        }
        let since = instant(since).map_err(|error| OverrideError::Since(since.to_owned(), error))?;
        Ok(Self { api, created, named, since })
    }
}

/// Names the APIs with a webhook, each once.
fn apis_with_webhook() -> String {
    let mut apis: Vec<&str> = Vec::new();
    for row in ENDPOINTS {
        if !apis.contains(&row.api) {
            apis.push(row.api);
        }
    }
    apis.join(", ")
}

/// Reads a date, which begins at midnight in Brasília, or an instant.
///
/// The ecosystem's calendars are in Brasília time: UTC-3 the whole year since Decreto 9.772 of 2019 ended daylight saving time.
fn instant(text: &str) -> Result<EventInstant, ParseEventInstantError> {
    let is_date = text.len() == "2026-08-20".len();
    if is_date { format!("{text}T00:00:00-03:00").parse() } else { text.parse() }
}

impl fmt::Display for ApiVersionOverrides {
    /// Writes a text that can be read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, other) in self.0.iter().enumerate() {
            write!(f, "{}{other}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for ApiVersionOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api, created, named, since } = self;
        write!(f, "{api}={created}:{named}@{since}")
    }
}

/// A text that is no list of overrides.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("{item:?} overrides no API version: {reason}")]
pub struct ParseApiVersionOverridesError {
    item: String,
    reason: OverrideError,
}

/// What is wrong with an override.
#[derive(Debug, Error, Eq, PartialEq)]
enum OverrideError {
    #[error("expected api=version:version@date, such as payments=v4:v5@2026-08-20")]
    Form,
    #[error("{0:?} is no API with a webhook; those are {apis}", apis = apis_with_webhook())]
    Api(String),
    #[error("{0:?} is {1}")]
    Version(String, #[source] ParseApiVersionError),
    #[error("{1} is not later than {0}, which it is to take the place of")]
    NotLater(ApiVersion, ApiVersion),
    #[error("{0:?} is no date: {1}")]
    Since(String, #[source] ParseEventInstantError),
    #[error("another one names the same API, version and instant")]
    Twice,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::change::{StateChange, Subject};
    use super::*;

    /// Which version the notification of a payment names that was created through this one.
    fn named(overrides: &str, (api, resource): (&str, &str), created: &str, event: &str) -> Option<String> {
        let (id, to) = if resource == "pix_payment" { ("p-1", "ACSC") } else { ("urn:b:1", "CONSUMED") };
        let change = json!({
            "client_id": "c-1", "api": api, "resource": resource, "resource_id": id, "api_version": created, "to": to,
            "event_instant": event,
        });
        let change = StateChange::from_json(&change, "").unwrap();
        let Subject::Resource(resource) = &change.subject else { panic!("{change:?}") };
        let overrides: ApiVersionOverrides = overrides.parse().unwrap();
        overrides.of(resource, change.event_instant).map(|found| found.named.to_string())
    }

    const PAYMENT: (&str, &str) = ("payments", "pix_payment");

    #[test]
    fn an_override_holds_for_its_api_and_version_from_its_instant_on() {
        let one = "payments=v4:v5@2026-08-20";
        let v5 = Some("v5".to_owned());
        // Midnight in Brasília is 03:00 in UTC.
        assert_eq!(named(one, PAYMENT, "v4", "2026-08-20T02:59:59.999Z"), None);
        assert_eq!(named(one, PAYMENT, "v4", "2026-08-20T03:00:00Z"), v5);
        assert_eq!(named(one, PAYMENT, "v4", "2027-01-01T00:00:00Z"), v5);
        assert_eq!(named(one, ("payments", "consent"), "v4", "2026-08-20T00:00:00-03:00"), v5);
        for (resource, created) in
            [(PAYMENT, "v3"), (PAYMENT, "v5"), (("automatic-payments", "recurring_consent"), "v4")]
        {
            assert_eq!(named(one, resource, created, "2027-01-01T00:00:00Z"), None, "{resource:?} {created}");
        }
        assert_eq!(named("", PAYMENT, "v4", "2027-01-01T00:00:00Z"), None);
        let at = "payments=v4:v5@2026-08-20T00:00:00Z";
        assert_eq!(named(at, PAYMENT, "v4", "2026-08-20T00:00:00Z"), v5);
    }

    #[test]
    fn of_several_overrides_the_one_that_began_last_holds() {
        let several = "payments=v4:v6@2027-08-20, payments=v4:v5@2026-08-20,payments=v5:v6@2027-08-20";
        assert_eq!(named(several, PAYMENT, "v4", "2026-12-01T00:00:00Z"), Some("v5".to_owned()));
        assert_eq!(named(several, PAYMENT, "v4", "2027-12-01T00:00:00Z"), Some("v6".to_owned()));
        assert_eq!(named(several, PAYMENT, "v5", "2026-12-01T00:00:00Z"), None);
        let read: ApiVersionOverrides = several.parse().unwrap();
        assert_eq!(read.to_string().parse(), Ok(read));
        // They do not chain: v4 stays v5, although v5 has ended, too.
        let chained = "payments=v4:v5@2026-08-20,payments=v5:v6@2027-08-20";
        assert_eq!(named(chained, PAYMENT, "v4", "2027-12-01T00:00:00Z"), Some("v5".to_owned()));
        assert_eq!(named(chained, PAYMENT, "v5", "2027-12-01T00:00:00Z"), Some("v6".to_owned()));
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        for (text, why) in [
            ("payments", "expected api=version:version@date, such as payments=v4:v5@2026-08-20"),
            ("payments=v4:v5", "expected api=version:version@date, such as payments=v4:v5@2026-08-20"),
            (
                "payments=v4@2026-08-20",
                "expected api=version:version@date, such as payments=v4:v5@2026-08-20",
            ),
            (
                "payment=v4:v5@2026-08-20",
                "\"payment\" is no API with a webhook; those are payments, enrollments, automatic-payments",
            ),
            (
                "payments=4:v5@2026-08-20",
                "\"4\" is not an API version: expected v1 to v99, without minor version or leading zero",
            ),
            ("payments=v5:v5@2026-08-20", "v5 is not later than v5, which it is to take the place of"),
            ("payments=v5:v4@2026-08-20", "v4 is not later than v5, which it is to take the place of"),
            ("payments=v4:v5@2026-02-30", "\"2026-02-30\" is no date: not an instant: no such date or time"),
        ] {
            let error = text.parse::<ApiVersionOverrides>().unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} overrides no API version: {why}"));
        }
        let twice =
            "payments=v4:v5@2026-08-20,payments=v4:v6@2026-08-20T03:00:00Z".parse::<ApiVersionOverrides>();
        assert!(
            twice.unwrap_err().to_string().ends_with("another one names the same API, version and instant")
        );
    }

    #[test]
    fn an_override_is_written_with_its_instant() {
        let overrides: ApiVersionOverrides = "payments=v4:v5@2026-08-20".parse().unwrap();
        assert_eq!(overrides.0[0].to_string(), "payments=v4:v5@2026-08-20T03:00:00Z");
    }
}

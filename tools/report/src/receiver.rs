//! What is known of receivers, and of our certificates.

use jiff::Timestamp;
use serde::Serialize;

/// What is known of an initiator beside its notifications.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Receiver {
    /// Its state when the report was made; `None` if it is no longer registered.
    pub webhook: Option<Webhook>,
    /// The organisation of its software statement.
    pub organisation_id: Option<String>,
    /// The software of its software statement.
    pub software_id: Option<String>,
    /// The webhook version of its profile.
    pub webhook_version: Option<String>,
    /// The mandatory notifications that this profile misses, as stable codes.
    pub profile_warnings: Vec<&'static str>,
    /// When its host's certificate ends; `None` if none was seen.
    pub certificate_ends: Option<Timestamp>,
    /// Deliveries of the month to a host that did not ask for a client certificate; `None` if not known.
    pub without_mtls: Option<u64>,
    /// Suspensions of the month; `None` if not known.
    pub suspensions: Option<Vec<Suspended>>,
    /// How soon its registrations were used; `None` if not known.
    pub synchronisation: Option<Synchronisation>,
}

/// The state of a registration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Webhook {
    /// It is notified.
    Enabled,
    /// It asked not to be notified.
    Disabled,
    /// The Directory does not list it as active.
    Suspended,
}

impl Webhook {
    /// Returns the state as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Suspended => "suspended",
        }
    }
}

/// A suspension, or its end.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Suspended {
    /// When.
    pub at: Timestamp,
    /// Why, as a stable code; `None` if it was notified again.
    pub code: Option<String>,
}

/// How soon registrations were used for the first time: the convention demands notifications within ten minutes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Synchronisation {
    /// Registrations that were used for the first time in the month.
    pub registrations: u64,
    /// Those that took longer than ten minutes.
    pub over_ten_minutes: u64,
    /// The longest time from the call to the first attempt, without the time in which there was nothing to notify, in seconds.
    pub worst_seconds: Option<i64>,
}

/// A certificate of ours.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Certificate {
    /// The authorisation server whose it is, as the function names it.
    pub owner: String,
    /// Whole days until it ends, when they were measured.
    pub days_left: i64,
    /// When that was measured.
    pub measured_at: Timestamp,
}

//! What a run is planned of: receivers and their moods, state changes, registration calls, faults of AWS.

use std::time::Duration;

use serde_json::{Value, json};

use super::dice::Dice;
use super::time::instant;

/// What a receiver does to one request or connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    /// 202 with the id echoed.
    Accept,
    /// The same after some seconds.
    AcceptSlowly,
    /// The same, and the connection is closed.
    AcceptAndClose,
    /// 202 with another id.
    WrongEcho,
    /// 202 without an id.
    NoEcho,
    /// 202 with more body than anybody reads.
    BigBody,
    /// 202 with a body that never ends.
    EndlessBody,
    /// This status.
    Status(u16),
    /// The request is read and never answered.
    Hang,
    /// The connection is closed when the request has been read.
    Reset,
    /// The answer is no HTTP.
    Garbage,
    /// The name does not resolve.
    NoName,
    /// Its name servers do not answer ours.
    NameServersGone,
    /// A router on the way knows no way to it.
    Unreachable,
    /// Nobody listens.
    Refuse,
    /// Nobody answers, not even to a connection.
    Silent,
    /// The connection is closed before TLS.
    CloseBeforeTls,
}

impl Deed {
    pub(super) const ALL: [Self; 21] = [
        Self::Accept,
        Self::AcceptSlowly,
        Self::AcceptAndClose,
        Self::WrongEcho,
        Self::NoEcho,
        Self::BigBody,
        Self::EndlessBody,
        Self::Status(200),
        Self::Status(307),
        Self::Status(404),
        Self::Status(429),
        Self::Status(503),
        Self::Hang,
        Self::Reset,
        Self::Garbage,
        Self::NoName,
        Self::NameServersGone,
        Self::Unreachable,
        Self::Refuse,
        Self::Silent,
        Self::CloseBeforeTls,
    ];

    /// Says whether the receiver takes the notification: 202, whatever else is wrong with the answer.
    pub(super) fn accepts(self) -> bool {
        match self {
            Self::Accept
            | Self::AcceptSlowly
            | Self::AcceptAndClose
            | Self::WrongEcho
            | Self::NoEcho
            | Self::BigBody
            | Self::EndlessBody => true,
            Self::Status(_)
            | Self::Hang
            | Self::Reset
            | Self::Garbage
            | Self::NoName
            | Self::NameServersGone
            | Self::Unreachable
            | Self::Refuse
            | Self::Silent
            | Self::CloseBeforeTls => false,
        }
    }

    /// Says whether it is done before there is a request.
    pub(super) fn is_before_tls(self) -> bool {
        matches!(
            self,
            Self::NoName
                | Self::NameServersGone
                | Self::Unreachable
                | Self::Refuse
                | Self::Silent
                | Self::CloseBeforeTls
        )
    }
}

/// How a receiver is for a while.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mood {
    /// It accepts.
    Well,
    /// It does anything.
    Moody,
    /// It does only this.
    Only(Deed),
}

/// How long a receiver keeps a connection that is idle.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    /// So long.
    pub idle: Duration,
    /// Whether its answers say so: `Keep-Alive: timeout=N`, in whole seconds.
    pub is_announced: bool,
}

impl Default for KeepAlive {
    /// As Node does.
    fn default() -> Self {
        Self { idle: Duration::from_secs(5), is_announced: false }
    }
}

/// A receiver.
#[derive(Clone, Debug)]
pub(super) struct ReceiverPlan {
    /// From when it is how.
    pub moods: Vec<(Duration, Mood)>,
    /// How long it keeps connections.
    pub keep_alive: KeepAlive,
    /// Whether it presents certificates that nobody asked for.
    pub is_hostile: bool,
}

impl ReceiverPlan {
    /// A receiver that is always so.
    pub(super) fn always(mood: Mood) -> Self {
        Self { moods: vec![(Duration::ZERO, mood)], keep_alive: KeepAlive::default(), is_hostile: false }
    }

    /// Draws what it does now.
    pub(super) fn deed(&self, now: Duration, dice: &mut Dice) -> Deed {
        let (_, mood) =
            self.moods.iter().rfind(|(from, _)| *from <= now).expect("the first is from the start");
        match mood {
            Mood::Well => Deed::Accept,
            Mood::Only(deed) => *deed,
            Mood::Moody if dice.per_cent(40) => Deed::Accept,
            Mood::Moody => dice.choose(&Deed::ALL),
        }
    }
}

/// A state change, and what the convention says of it, written down by hand.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The client's number.
    pub client: usize,
    /// When it happened.
    pub event: Duration,
    /// Whether the bank posts it long after.
    pub is_late: bool,
    /// What the bank posts.
    pub document: Value,
    /// The resource's identifier.
    pub resource: String,
    /// What follows the base URI.
    pub path: String,
    /// The body of its notification; nothing if it is not to be notified.
    pub body: Option<String>,
}

/// What the authorization server passes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Call {
    /// A registration with this base URI, by number.
    Put(u32),
    /// A registration without any.
    PutNone,
    /// The client is gone.
    Delete,
}

/// A call, and when it is passed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    /// The call.
    pub call: Call,
    /// When it is passed on.
    pub at: Duration,
    /// When it was answered, where it says so; else it is passed on as it is answered.
    pub called_at: Option<Duration>,
}

/// When requests to AWS fail.
#[derive(Clone, Debug)]
pub(super) struct Storm {
    /// From when.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
    /// The operation; all where there is none.
    pub operation: Option<&'static str>,
    /// Of how many in a hundred.
    pub per_cent: u64,
}

/// An event source mapping: how it polls its queue, and how many invocations it allows at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    /// How many messages an invocation gets at most.
    pub batch: usize,
    /// The longest time between two polls, in milliseconds.
    pub poll_ms: u64,
    /// How many invocations it allows at first.
    pub first: usize,
    /// How soon it allows one more while all are in use.
    pub one_more: Duration,
    /// How many it allows in the end.
    pub most: usize,
}

impl Mapping {
    /// `BatchSize` of `template.yaml`, and so many invocations from the start.
    pub(super) fn of(concurrency: usize) -> Self {
        let (first, most) = (concurrency, concurrency);
        Self { batch: 10, poll_ms: 40, first, one_more: Duration::ZERO, most }
    }
}

/// Kinds of state changes: API, resource, version, states, path, how an identifier begins, and whether `eventType` is sent.
/// Sources: Convenção de Webhook, "URI"; webhook OAS 1.3.0, bodies.
type Kind =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str, bool);
const KINDS: [Kind; 8] = [
    ("payments", "consent", "v5", "AUTHORISED", "CONSUMED", "payments/v5/consents", "urn:bancoex:", false),
    ("payments", "consent", "v3", "AUTHORISED", "REJECTED", "payments/v3/consents", "urn:bancoex:", false),
    ("payments", "pix_payment", "v5", "ACPD", "ACSC", "payments/v5/pix/payments", "p-", false),
    ("payments", "pix_payment", "v2", "ACPD", "RJCT", "payments/v2/pix/payments", "p-", false),
    (
        "enrollments",
        "enrollment",
        "v2",
        "AUTHORISED",
        "REVOKED",
        "enrollments/v2/enrollments",
        "urn:e:",
        true,
    ),
    (
        "automatic-payments",
        "recurring_consent",
        "v2",
        "AUTHORISED",
        "REVOKED",
        "automatic-payments/v2/recurring-consents",
        "urn:bancoex:",
        true,
    ),
    (
        "automatic-payments",
        "recurring_payment",
        "v2",
        "RCVD",
        "SCHD",
        "automatic-payments/v2/pix/recurring-payments",
        "r-",
        false,
    ),
    // Not notified: the state is no trigger.
    ("payments", "pix_payment", "v5", "RCVD", "ACCP", "payments/v5/pix/payments", "s-", false),
];

/// Draws a state change.
pub(super) fn change(dice: &mut Dice, client: usize, number: u32, event: Duration) -> Change {
    let (api, name, version, from, to, path, prefix, event_type) = dice.choose(&KINDS);
    let resource = format!("{prefix}{number}");
    let happened = instant(event);
    let seconds = instant(Duration::from_secs(event.as_secs()));
    let body = if event_type {
        format!(r#"{{"data":{{"timestamp":"{seconds}","eventType":"STATE_CHANGED"}}}}"#)
    } else {
        format!(r#"{{"data":{{"timestamp":"{seconds}"}}}}"#)
    };
    let document = json!({
        "client_id": client_name(client), "api": api, "resource": name, "resource_id": resource,
        "api_version": version, "from": from, "to": to, "event_instant": happened.to_string(),
    });
    let path = format!("/open-banking/webhook/v1/{path}/{resource}");
    Change { client, event, is_late: false, document, resource, path, body: (to != "ACCP").then_some(body) }
}

/// The client of this number.
pub(super) fn client_name(client: usize) -> String {
    format!("itp-{client}")
}

/// The base URI of a client's registration of this number.
pub(super) fn base_uri(client: usize, registration: u32) -> String {
    format!("https://r{client}m{registration}.itp.example/kong{registration}")
}

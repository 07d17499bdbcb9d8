//! What a seed makes happen: receivers and their moods, state changes, registrations, and what fails.

use std::time::Duration;

use serde_json::{Value, json};

use super::dice::Dice;
use super::world::World;

/// How the code is broken on purpose, to see that an invariant notices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Break {
    /// An attempt begins whatever the ledger says: the condition of that `UpdateItem` is taken away on its way to the table.
    NoConditionOnBegin,
    /// A message is deleted when the message of the next attempt is to be sent, which now and then dies with its sender.
    AcknowledgedBeforeRetry,
    /// A receiver's copy never grows old: `Receivers` gets a clock that stands still.
    CopyNeverExpires,
    /// A message that is kept comes back as the next attempt, with the one before it written down as failed.
    OurFaultConsumes,
    /// The write of `delivered` is answered and not done.
    SuccessNotRecorded,
    /// Each time a message is handed out looks like the first.
    EveryReceiveIsTheFirst,
    /// Whoever asks whether the ledger knows a notification is told that it does not.
    LedgerKnowsNothing,
}

impl Break {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NoConditionOnBegin,
        Self::AcknowledgedBeforeRetry,
        Self::CopyNeverExpires,
        Self::OurFaultConsumes,
        Self::SuccessNotRecorded,
        Self::EveryReceiveIsTheFirst,
        Self::LedgerKnowsNothing,
    ];
}

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
    /// Nobody listens.
    Refuse,
    /// Nobody answers, not even to a connection.
    Silent,
    /// The connection is closed before TLS.
    CloseBeforeTls,
}

impl Deed {
    const ALL: [Self; 19] = [
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
            | Self::Refuse
            | Self::Silent
            | Self::CloseBeforeTls => false,
        }
    }

    /// Says whether it is done before there is a request.
    pub(super) fn is_before_tls(self) -> bool {
        matches!(self, Self::NoName | Self::Refuse | Self::Silent | Self::CloseBeforeTls)
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

/// A receiver: from when it is how.
#[derive(Clone, Debug)]
pub(super) struct ReceiverPlan(pub Vec<(Duration, Mood)>);

impl ReceiverPlan {
    /// Draws what it does now.
    pub(super) fn deed(&self, now: Duration, dice: &mut Dice) -> Deed {
        let (_, mood) = self.0.iter().rfind(|(from, _)| *from <= now).expect("the first is from the start");
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
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    /// A registration with this base URI, by number.
    Put(u32),
    /// A registration without any.
    PutNone,
    /// The client is gone.
    Delete,
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

/// A whole run.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// Whether nothing of ours fails.
    pub calm: bool,
    /// The receivers, one a client.
    pub receivers: Vec<ReceiverPlan>,
    /// What the bank posts when, in one request.
    pub posts: Vec<(Duration, Vec<Change>)>,
    /// What each client's calls are.
    pub calls: Vec<Vec<(Duration, Call)>>,
    /// When AWS fails.
    pub storms: Vec<Storm>,
    /// Of how many invocations in a hundred the environment dies.
    pub crashes: u64,
    /// How the queue is polled.
    pub mapping: Mapping,
    /// Of how many messages in a hundred a copy comes.
    pub copies: u64,
    /// When the last fault ends.
    pub end: Duration,
}

impl Scenario {
    /// Draws a run.
    pub(super) fn of(world: &World) -> Self {
        let mut dice = world.dice("scenario", 0);
        let calm = dice.per_cent(35);
        let end = dice.millis(60_000, 240_000);
        let clients = 1 + dice.index(4);
        let receivers = (0..clients).map(|_| receiver(&mut dice, end)).collect();
        let calls = (0..clients).map(|_| calls(&mut dice, end)).collect();
        let posts = posts(&mut dice, clients, end);
        let storms =
            if calm { Vec::new() } else { (0..dice.index(4)).map(|_| storm(&mut dice, end)).collect() };
        let crashes = if calm { 0 } else { dice.choose(&[0, 0, 5, 15, 30]) };
        let mapping = Mapping::of(if calm { 1000 } else { dice.choose(&[1, 2, 5, 1000, 1000]) });
        let copies = dice.choose(&[0, 0, 5, 30]);
        Self { calm, receivers, posts, calls, storms, crashes, mapping, copies, end }
    }
}

fn receiver(dice: &mut Dice, end: Duration) -> ReceiverPlan {
    let mood = |dice: &mut Dice| match dice.below(5) {
        0 | 1 => Mood::Well,
        2 | 3 => Mood::Moody,
        _ => Mood::Only(dice.choose(&Deed::ALL)),
    };
    let mut moods = vec![(Duration::ZERO, mood(dice))];
    for _ in 0..dice.index(3) {
        let from = dice.millis(0, u64::try_from(end.as_millis()).unwrap_or(0));
        moods.push((from, mood(dice)));
    }
    moods.sort_by_key(|(from, _)| *from);
    ReceiverPlan(moods)
}

fn calls(dice: &mut Dice, end: Duration) -> Vec<(Duration, Call)> {
    let mut calls = vec![(dice.millis(0, 300), Call::Put(0))];
    let mut at = Duration::from_secs(5);
    for number in 1..=dice.choose(&[0_u32, 0, 1, 2, 3]) {
        at += dice.millis(5_000, 60_000);
        if at > end {
            break;
        }
        let call = match dice.below(6) {
            0 => Call::Delete,
            1 => Call::PutNone,
            _ => Call::Put(number),
        };
        calls.push((at, call));
    }
    calls
}

fn posts(dice: &mut Dice, clients: usize, end: Duration) -> Vec<(Duration, Vec<Change>)> {
    let mut posts = Vec::new();
    let mut number = 0;
    for _ in 0..=dice.index(5) {
        let at = Duration::from_secs(3) + dice.millis(0, u64::try_from(end.as_millis()).unwrap_or(0));
        let mut changes = Vec::new();
        for _ in 0..=dice.index(4) {
            number += 1;
            let late = dice.per_cent(10);
            let before = if late { dice.millis(2_000, 30_000) } else { dice.millis(0, 50) };
            let client = dice.index(clients);
            changes.push(Change { is_late: late, ..change(dice, client, number, at.saturating_sub(before)) });
        }
        if dice.per_cent(20) {
            changes.push(changes[0].clone());
        }
        if dice.per_cent(20) {
            let again = changes.iter().map(|change| Change { is_late: true, ..change.clone() });
            let again: Vec<_> = again.collect();
            posts.push((at + dice.millis(0, 20_000), again));
        }
        posts.push((at, changes));
    }
    posts.sort_by_key(|(at, _)| *at);
    posts
}

/// Kinds of state changes: API, resource, version, states, path, how an identifier begins, and whether `eventType` is sent.
/// Sources: Convenção de Webhook, "URI"; webhook OAS 1.3.0, bodies.
type Kind =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str, bool);
const KINDS: [Kind; 8] = [
    ("payments", "consent", "v4", "AUTHORISED", "CONSUMED", "payments/v4/consents", "urn:bancoex:", false),
    ("payments", "consent", "v3", "AUTHORISED", "REJECTED", "payments/v3/consents", "urn:bancoex:", false),
    ("payments", "pix_payment", "v4", "ACPD", "ACSC", "payments/v4/pix/payments", "p-", false),
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
    ("payments", "pix_payment", "v4", "RCVD", "ACCP", "payments/v4/pix/payments", "s-", false),
];

/// Draws a state change.
pub(super) fn change(dice: &mut Dice, client: usize, number: u32, event: Duration) -> Change {
    let (api, name, version, from, to, path, prefix, event_type) = dice.choose(&KINDS);
    let resource = format!("{prefix}{number}");
    let instant = World::instant(event);
    let seconds = World::instant(Duration::from_secs(event.as_secs()));
    let body = if event_type {
        format!(r#"{{"data":{{"timestamp":"{seconds}","eventType":"STATE_CHANGED"}}}}"#)
    } else {
        format!(r#"{{"data":{{"timestamp":"{seconds}"}}}}"#)
    };
    let document = json!({
        "client_id": client_name(client), "api": api, "resource": name, "resource_id": resource,
        "api_version": version, "from": from, "to": to, "event_instant": instant.to_string(),
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

fn storm(dice: &mut Dice, end: Duration) -> Storm {
    const OPERATIONS: [Option<&str>; 8] = [
        None,
        Some("UpdateItem"),
        Some("UpdateItem"),
        Some("GetItem"),
        Some("PutItem"),
        Some("SendMessage"),
        Some("SendMessageBatch"),
        Some("GetSecretValue"),
    ];
    let from = dice.millis(0, u64::try_from(end.as_millis()).unwrap_or(0));
    let until = (from + dice.millis(500, 60_000)).min(end);
    Storm { from, until, operation: dice.choose(&OPERATIONS), per_cent: dice.choose(&[10, 40, 90]) }
}

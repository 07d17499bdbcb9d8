//! What a seed makes happen: receivers and their moods, state changes, registrations, and what fails.

use std::time::Duration;

use serde_json::{Value, json};

use super::dice::Dice;
use super::hazards::Hazard;
use super::troubles::{Limit, LocalFault, Outage};
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
    /// A registration is decided by a read that is not consistent, and written whatever the row has become.
    StaleReadBelieved,
    /// A removal leaves nothing behind that an older call would find.
    RemovalForgotten,
    /// What the machine lacks passes for a receiver that refuses connections.
    LocalFaultIsTheirs,
    /// A table that takes no more of a delivery's write is taken to have taken it.
    ThrottledDeliveryForgotten,
    /// A connection that its receiver has closed is used all the same.
    ClosedConnectionsInUse,
    /// Of two processes with a copy each of one message, the second takes the first one's attempt for its own.
    CopiesShareAnAttempt,
    /// A receiver whose certificates cannot be used ends the refresh for all.
    HostileRowStopsRefresh,
    /// A registration call sets what an operator has set back to what it was at first.
    RegistrationResetsSettings,
}

impl Break {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::NoConditionOnBegin,
        Self::AcknowledgedBeforeRetry,
        Self::CopyNeverExpires,
        Self::OurFaultConsumes,
        Self::SuccessNotRecorded,
        Self::EveryReceiveIsTheFirst,
        Self::LedgerKnowsNothing,
        Self::StaleReadBelieved,
        Self::RemovalForgotten,
        Self::LocalFaultIsTheirs,
        Self::ThrottledDeliveryForgotten,
        Self::ClosedConnectionsInUse,
        Self::CopiesShareAnAttempt,
        Self::HostileRowStopsRefresh,
        Self::RegistrationResetsSettings,
    ];

    /// What must go wrong in a run for it to be noticed.
    pub(super) fn needs(self) -> Option<Hazard> {
        match self {
            Self::NoConditionOnBegin
            | Self::AcknowledgedBeforeRetry
            | Self::CopyNeverExpires
            | Self::OurFaultConsumes
            | Self::SuccessNotRecorded
            | Self::EveryReceiveIsTheFirst
            | Self::LedgerKnowsNothing
            | Self::CopiesShareAnAttempt => None,
            Self::StaleReadBelieved | Self::RemovalForgotten | Self::RegistrationResetsSettings => {
                Some(Hazard::ConcurrentCalls)
            }
            Self::LocalFaultIsTheirs => Some(Hazard::LocalFaults),
            Self::ThrottledDeliveryForgotten => Some(Hazard::TableLimits),
            Self::ClosedConnectionsInUse => Some(Hazard::ClosedConnections),
            Self::HostileRowStopsRefresh => Some(Hazard::HostileChains),
        }
    }
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
    const ALL: [Self; 21] = [
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

/// A whole run.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// Whether nothing of ours fails.
    pub calm: bool,
    /// The receivers, one a client.
    pub receivers: Vec<ReceiverPlan>,
    /// What the bank posts when, in one request.
    pub posts: Vec<(Duration, Vec<Change>)>,
    /// Whose calls are passed on, each once the one before it is answered.
    pub calls: Vec<(usize, Vec<Passed>)>,
    /// When AWS fails.
    pub storms: Vec<Storm>,
    /// Of how many invocations in a hundred the environment dies.
    pub crashes: u64,
    /// How often the queue hands a message out before it moves it (`maxReceiveCount`).
    pub max_receives: u32,
    /// How the queue is polled.
    pub mapping: Mapping,
    /// Of how many messages in a hundred a copy comes.
    pub copies: u64,
    /// Of how many reads in a hundred that need not be consistent the answer is old.
    pub stale_reads: u64,
    /// When a table takes few writes.
    pub limits: Vec<Limit>,
    /// What this machine lacks when.
    pub local_faults: Vec<LocalFault>,
    /// When nobody can be reached from here.
    pub outages: Vec<Outage>,
    /// When an operator changes the settings of which client: whether the header's older spelling is sent too.
    pub settings: Vec<(usize, Vec<(Duration, bool)>)>,
    /// When the directory function is to review the receivers.
    pub reviews: Vec<Duration>,
    /// From when the Directory calls a client active, or not.
    pub statuses: Vec<(Duration, usize, bool)>,
    /// When the last fault ends.
    pub end: Duration,
}

impl Scenario {
    /// Draws a run.
    pub(super) fn of(world: &World) -> Self {
        let mut dice = world.dice("scenario", 0);
        let calm = dice.per_cent(35);
        let end = dice.millis(60_000, 240_000);
        let mut drawn = world.dice("hazards", 0);
        let [stale_reads, closed, announced, limits, local, outages, concurrent, reviews, hostile] =
            Hazard::ALL.map(|hazard| {
                let is_drawn = drawn.per_cent(hazard.per_cent());
                (world.hazards().has(hazard) && is_drawn) || world.needs(hazard)
            });
        let clients = if outages { 4 } else { 1 + dice.index(4) };
        let mut receivers: Vec<_> = (0..clients).map(|_| receiver(&mut dice, end)).collect();
        let calls = (0..clients).map(|client| (client, calls(&mut dice, end))).collect();
        let posts = posts(&mut dice, clients, end);
        let storms =
            if calm { Vec::new() } else { (0..dice.index(4)).map(|_| storm(&mut dice, end)).collect() };
        let crashes = if calm { 0 } else { dice.choose(&[0, 0, 5, 15, 30]) };
        let mapping = Mapping::of(if calm { 1000 } else { dice.choose(&[1, 2, 5, 1000, 1000]) });
        let copies = dice.choose(&[0, 0, 5, 30]);
        let mut scenario = Self { calm, posts, calls, storms, crashes, mapping, copies, ..Self::quiet(end) };
        let dice = &mut drawn;
        if closed || announced {
            for receiver in &mut receivers {
                receiver.keep_alive = keep_alive(dice, closed, announced);
            }
            // Now and then, as each request takes its time to simulate.
            if dice.per_cent(25) || world.needs(Hazard::ClosedConnections) {
                scenario.in_a_row(dice, clients);
            }
        }
        if hostile {
            let at = dice.index(clients);
            receivers[at].is_hostile = true;
        }
        scenario.receivers = receivers;
        scenario.stale_reads = if stale_reads { dice.choose(&[10, 50, 100]) } else { 0 };
        if concurrent {
            scenario.calls = (0..clients)
                .flat_map(|client| {
                    super::calls::concurrent(dice, end).into_iter().map(move |calls| (client, calls))
                })
                .collect();
        }
        if concurrent {
            scenario.settings = super::calls::settings(dice, &scenario);
        }
        if reviews || hostile {
            super::calls::reviews(dice, clients, &mut scenario);
        }
        if !calm && limits {
            scenario.limits = (0..=dice.index(2)).map(|_| Limit::draw(dice, end)).collect();
        }
        if !calm && local {
            scenario.local_faults = (0..=dice.index(2)).map(|_| LocalFault::draw(dice, end)).collect();
        }
        if !calm && outages {
            super::troubles::draw_outage(dice, &mut scenario);
        }
        // Few enough that faults of a minute spend them. A process that dies with the last of them leaves that to the queue.
        if outages && scenario.crashes == 0 && scenario.storms.is_empty() && dice.per_cent(50) {
            scenario.max_receives = 6;
        }
        scenario.somebody_comes_back();
        scenario
    }

    /// Adds notifications to one receiver that come so soon after each other that its connection is used again.
    fn in_a_row(&mut self, dice: &mut Dice, clients: usize) {
        let (client, mut at) = (dice.index(clients), dice.millis(3_000, 30_000));
        for number in 0..8 {
            at += dice.millis(300, 3_900);
            self.posts.push((at, vec![change(dice, client, 2_000 + number, at)]));
        }
        self.posts.sort_by_key(|(at, _)| *at);
        self.end = self.end.max(at);
    }

    /// Has nobody out of reach for ever where all may be: then nobody could know that it is not us.
    fn somebody_comes_back(&mut self) {
        if self.receivers.len() >= 3 {
            for receiver in &mut self.receivers {
                receiver.moods.push((self.end, Mood::Moody));
            }
        }
    }

    /// A run in which nothing happens.
    pub(super) fn quiet(end: Duration) -> Self {
        Self {
            calm: true,
            receivers: Vec::new(),
            posts: Vec::new(),
            calls: Vec::new(),
            storms: Vec::new(),
            crashes: 0,
            max_receives: 150,
            mapping: Mapping::of(1000),
            copies: 0,
            stale_reads: 0,
            limits: Vec::new(),
            local_faults: Vec::new(),
            outages: Vec::new(),
            settings: Vec::new(),
            reviews: Vec::new(),
            statuses: Vec::new(),
            end,
        }
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
    ReceiverPlan { moods, keep_alive: KeepAlive::default(), is_hostile: false }
}

fn keep_alive(dice: &mut Dice, may_be_silent: bool, may_be_announced: bool) -> KeepAlive {
    let is_announced = may_be_announced && (!may_be_silent || dice.per_cent(50));
    let idle = if is_announced { Duration::from_secs(1 + dice.below(5)) } else { dice.millis(1_000, 3_000) };
    KeepAlive { idle, is_announced }
}

fn calls(dice: &mut Dice, end: Duration) -> Vec<Passed> {
    let passed = |at, call| Passed { call, at, called_at: None };
    let mut calls = vec![passed(dice.millis(0, 300), Call::Put(0))];
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
        calls.push(passed(at, call));
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

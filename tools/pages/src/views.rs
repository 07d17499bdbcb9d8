//! The pages, each a template with what it shows.

use std::collections::BTreeMap;

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use convention::delivery::NotificationView;
use http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use crate::attempt::Attempt;
use crate::chart::{self, BAD, GOOD, PLAIN};
use crate::figures::{Counts, Figures, Range};
use crate::model::{Alarm, Model, QueueDepths, Reading, UndeliveredGroup};
use crate::page::Page;
use crate::receiver::{self, Line, OutcomeLine};
use crate::timeline::{End, Step};

/// How many rows a list shows.
pub const ROWS: usize = 200;

/// How old something is that was read, and what is awaited.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// What it is, in the page's language.
    pub what: String,
    /// When it was read.
    pub at: Option<Timestamp>,
    /// For how long the next reading has been awaited.
    pub awaited: Option<SignedDuration>,
    /// Why the last reading failed.
    pub error: Option<String>,
}

/// A tile with one figure.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Its name.
    pub name: String,
    /// The figure; a dash where it is not measured.
    pub value: String,
    /// What it means, in a few words.
    pub note: String,
    /// How it is painted: `good`, `warn`, `bad` or nothing.
    pub class: &'static str,
}

/// An alarm and what to do about it.
#[derive(Clone, Debug)]
pub struct AlarmLine {
    /// The alarm.
    pub alarm: Alarm,
    /// The first step of its runbook, in the page's language.
    pub first_step: String,
    /// The address of its runbook.
    pub runbook: String,
}

/// How the stack is.
#[derive(Debug, Template)]
#[template(path = "now.html")]
pub struct Now {
    /// The frame.
    pub page: Page,
    /// The range.
    pub range: Range,
    /// The figures.
    pub tiles: Vec<Tile>,
    /// Pictures, each with its title and SVG.
    pub charts: Vec<(String, String)>,
    /// What is alarming.
    pub alarms: Vec<AlarmLine>,
    /// Whether alarms were read.
    pub knows_alarms: bool,
    /// Whether there are none to be read.
    pub is_local: bool,
    /// How old all that is.
    pub fresh: Vec<Freshness>,
}

/// Who is notified.
#[derive(Debug, Template)]
#[template(path = "receivers.html")]
pub struct Receivers {
    /// The frame.
    pub page: Page,
    /// The receivers, the worst first; `None` before they were read.
    pub lines: Option<Vec<Line>>,
    /// How old that is.
    pub fresh: Vec<Freshness>,
}

/// One receiver.
#[derive(Debug, Template)]
#[template(path = "receiver.html")]
pub struct Receiver {
    /// The frame.
    pub page: Page,
    /// Its line of the list.
    pub line: Line,
    /// Its attempts over time, as a picture.
    pub chart: Option<String>,
    /// Its failures with their sentences.
    pub outcomes: Vec<OutcomeLine>,
    /// Its last attempts, newest first.
    pub attempts: Vec<Attempt>,
    /// Its registration: names and values.
    pub registration: Vec<(String, String)>,
    /// What changed it: when, what and details.
    pub changes: Result<Vec<(Timestamp, String, String)>, String>,
    /// How old that is.
    pub fresh: Vec<Freshness>,
}

/// What is asked of notifications.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A resource, an interaction id or a notification id.
    pub id: String,
    /// A client.
    pub client: String,
    /// The begin of a window, as typed.
    pub from: String,
    /// Its end.
    pub to: String,
    /// Only failures.
    pub failed: bool,
}

/// Notifications that were found.
#[derive(Debug, Template)]
#[template(path = "notifications.html")]
pub struct Notifications {
    /// The frame.
    pub page: Page,
    /// What was asked.
    pub search: Search,
    /// By resource or id, from the ledger.
    pub found: Vec<NotificationView>,
    /// By client and time, from the attempts.
    pub attempts: Vec<Attempt>,
    /// Whether there are more than are shown.
    pub is_cut: bool,
    /// What is wrong with the question, or why it has no answer.
    pub notice: Option<String>,
    /// How old that is.
    pub fresh: Vec<Freshness>,
}

/// One notification.
#[derive(Debug, Template)]
#[template(path = "notification.html")]
pub struct NotificationPage {
    /// The frame.
    pub page: Page,
    /// What the ledger says.
    pub shown: NotificationView,
    /// The key of its receiver.
    pub receiver: String,
    /// Step by step.
    pub steps: Vec<Step>,
    /// Why it ended as it did, where that has a sentence.
    pub sentence: String,
}

/// What was given up.
#[derive(Debug, Template)]
#[template(path = "undelivered.html")]
pub struct Undelivered {
    /// The frame.
    pub page: Page,
    /// The groups; `None` before they were read.
    pub groups: Option<Vec<UndeliveredGroup>>,
    /// What rests in no list, as a sentence.
    pub rest: Option<String>,
    /// Replays since the start: number and how far each is.
    pub replays: Vec<ReplayLine>,
    /// How old that is.
    pub fresh: Vec<Freshness>,
}

/// A replay as it goes.
#[derive(Clone, Debug, Default)]
pub struct ReplayLine {
    /// Its number.
    pub number: usize,
    /// Who confirmed it.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// How many are to be sent.
    pub of: usize,
    /// How many were.
    pub sent: usize,
    /// How many the ledger knew already.
    pub already: usize,
    /// How many the queue refused.
    pub refused: usize,
    /// How many messages were deleted from the dead-letter queue.
    pub swept: Option<usize>,
    /// Whether it is over.
    pub is_over: bool,
    /// Why it stopped early.
    pub error: Option<String>,
}

/// The dry run of a replay.
#[derive(Debug, Template)]
#[template(path = "plan.html")]
pub struct PlanPage {
    /// The frame.
    pub page: Page,
    /// How many would be sent.
    pub to_send: u64,
    /// How many were replayed already.
    pub replayed: u64,
    /// By receiver, endpoint and outcome.
    pub groups: Vec<UndeliveredGroup>,
    /// Notifications a second.
    pub rate: u32,
    /// How long it takes at least.
    pub lasts: SignedDuration,
    /// US dollars if each is delivered at once, and if each receiver is silent again.
    pub usd: (String, String),
    /// The price list.
    pub prices: String,
    /// The plan's own secret: a plan is confirmed once.
    pub plan: String,
}

/// A replay.
#[derive(Debug, Template)]
#[template(path = "replay.html")]
pub struct ReplayPage {
    /// The frame.
    pub page: Page,
    /// How far it is.
    pub line: ReplayLine,
}

/// What would be sent for a state change.
#[derive(Debug, Template)]
#[template(path = "explain.html")]
pub struct Explain {
    /// The frame.
    pub page: Page,
    /// What was pasted.
    pub text: String,
    /// What would be sent, for each, as the command says.
    pub answers: Vec<String>,
}

/// What a command says.
#[derive(Debug, Template)]
#[template(path = "command.html")]
pub struct Command {
    /// The frame.
    pub page: Page,
    /// A sentence about it.
    pub about: String,
    /// Fields of its form: name, label, value, and a pattern's description.
    pub fields: Vec<Field>,
    /// Its picture.
    pub picture: Option<String>,
    /// What it says.
    pub text: Result<String, String>,
    /// The command that says the same.
    pub command: String,
}

/// A field of a form.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in the query.
    pub name: &'static str,
    /// What people read.
    pub label: String,
    /// What was typed.
    pub value: String,
    /// Values to choose from; empty for free text.
    pub choices: Vec<(String, String)>,
}

/// Something went wrong.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct Problem {
    /// The frame.
    pub page: Page,
    /// The status.
    pub status: StatusCode,
    /// What is wrong, and what to do.
    pub text: String,
}

/// Answers with a page.
pub fn answer(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Body::from(error.to_string())).into_response(),
    }
}

/// Says how old a reading is.
pub fn freshness<T>(page: &Page, what: (&str, &str), reading: &Reading<T>) -> Freshness {
    Freshness {
        what: page.t(what.0, what.1).to_owned(),
        at: reading.at,
        awaited: reading.reading_since.map(|since| page.now.duration_since(since)),
        error: reading.error.clone(),
    }
}

impl Now {
    /// Makes the page; `first_steps` has each alarm's first step and runbook.
    pub fn new(
        page: Page,
        model: &Model,
        range: Range,
        first_steps: &BTreeMap<String, (String, String)>,
    ) -> Self {
        let figures = model.figures(range, page.now);
        let tiles = tiles(&page, figures.as_ref(), model.queues.value);
        let charts = figures.as_ref().map(|figures| charts(&page, figures, range)).unwrap_or_default();
        let of = |alarm: &Alarm| {
            let (first_step, runbook) = first_steps.get(&alarm.name).cloned().unwrap_or_default();
            AlarmLine { alarm: alarm.clone(), first_step, runbook }
        };
        let alarms = model.alarms.value.iter().flatten().map(of).collect();
        let counts = ("The counts", "As contagens");
        let alarms_read = freshness(&page, ("The alarms", "Os alarmes"), &model.alarms);
        let fresh = [
            match &model.metrics {
                Some(metrics) => {
                    metrics.get(&range).map(|reading| freshness(&page, counts, reading)).unwrap_or_default()
                }
                None => of_history(&page, model),
            },
            freshness(&page, ("The queues", "As filas"), &model.queues),
        ];
        let fresh = fresh.into_iter().chain((!model.is_local).then_some(alarms_read)).collect();
        let (knows_alarms, is_local) = (model.alarms.value.is_some(), model.is_local);
        Self { page, range, tiles, charts, alarms, knows_alarms, is_local, fresh }
    }

    /// Each range: its address, its name, and whether it is shown.
    pub fn ranges(&self) -> Vec<(String, &str, bool)> {
        Range::ALL
            .into_iter()
            .map(|range| {
                let name = match range {
                    Range::Hour => self.page.t("last hour", "última hora"),
                    Range::Day => self.page.t("last day", "último dia"),
                    Range::Week => self.page.t("last week", "última semana"),
                };
                (self.page.to(&format!("now?range={}", range.name())), name, range == self.range)
            })
            .collect()
    }
}

/// How old the attempts are, and how far back they reach.
pub fn of_history(page: &Page, model: &Model) -> Freshness {
    let since = model.history.value.as_ref().and_then(crate::history::History::since);
    let mut fresh = freshness(page, ("The attempts", "As tentativas"), &model.history);
    if let Some(since) = since {
        fresh.what = format!("{} {} {}", fresh.what, page.t("since", "desde"), page.at(&since));
    }
    fresh
}

fn tiles(page: &Page, figures: Option<&Figures>, queues: Option<QueueDepths>) -> Vec<Tile> {
    let all = figures.map(|figures| figures.all);
    let count = |part: fn(&Counts) -> f64| all.map_or_else(dash, |all| page.number(part(&all)));
    let tile = |name: (&str, &str), value: String, note: String, class| Tile {
        name: page.t(name.0, name.1).to_owned(),
        value,
        note,
        class,
    };
    let some =
        |part: fn(&Counts) -> f64, class| if all.is_some_and(|all| part(&all) > 0.0) { class } else { "" };
    let success = figures.and_then(Figures::success);
    let share =
        success.map(|share| format!("{} {}", page.percent(share), page.t("of attempts", "das tentativas")));
    let mut tiles = vec![
        tile(("Delivered", "Entregues"), count(|all| all.delivered), share.unwrap_or_default(), ""),
        tile(
            ("Failed attempts", "Tentativas com falha"),
            count(|all| all.failed),
            page.t("each is tried three times", "cada uma é tentada três vezes").to_owned(),
            some(|all| all.failed, "warn"),
        ),
        late(page, all),
        tile(
            ("Undelivered", "Não entregues"),
            count(|all| all.undelivered),
            page.t("given up", "abandonadas").to_owned(),
            some(|all| all.undelivered, "bad"),
        ),
        tile(
            ("Our own faults", "Falhas nossas"),
            count(|all| all.own_faults),
            page.t("they cost no attempt", "não consomem tentativa").to_owned(),
            some(|all| all.own_faults, "bad"),
        ),
    ];
    if let Some(age) = all.and_then(|all| all.queue_age_s) {
        let class = if age > 300.0 { "bad" } else { "" };
        let note = page.t("oldest message", "mensagem mais antiga").to_owned();
        tiles.push(tile(("Queue age", "Idade da fila"), format!("{} s", page.number(age)), note, class));
    }
    if let Some(concurrency) = all.and_then(|all| all.concurrency) {
        let note = page.t("invocations of dispatch at once", "execuções simultâneas").to_owned();
        tiles.push(tile(("Concurrency", "Concorrência"), page.number(concurrency), note, ""));
    }
    if let Some(depths) = queues {
        let waiting = format!(
            "{} {}, {} {}",
            page.count(depths.in_flight),
            page.t("in flight", "em processamento"),
            page.count(depths.delayed),
            page.t("due later", "para mais tarde")
        );
        tiles.push(tile(
            ("Waiting in the queue", "Esperando na fila"),
            page.count(depths.waiting),
            waiting,
            "",
        ));
        let class = if depths.dead_lettered > 0 { "warn" } else { "" };
        let note = page.t("messages", "mensagens").to_owned();
        tiles.push(tile(
            ("Dead-letter queue", "Fila de não entregues"),
            page.count(depths.dead_lettered),
            note,
            class,
        ));
    }
    tiles
}

fn late(page: &Page, all: Option<Counts>) -> Tile {
    let late = all.and_then(|all| all.late);
    let mut note = page.t("over 1.5 s after the event", "mais de 1,5 s após o evento").to_owned();
    if let Some(worst) = all.and_then(|all| all.first_delay_p99_ms) {
        let of_part = page.t("worst p99", "pior p99");
        note = format!("{note}; {of_part} {} ms", page.number(worst));
    }
    Tile {
        name: page.t("Late first attempts", "Primeiras tentativas atrasadas").to_owned(),
        value: late.map_or_else(dash, |late| page.number(late)),
        note,
        class: if late.is_some_and(|late| late > 0.0) { "warn" } else { "" },
    }
}

fn dash() -> String {
    "–".to_owned()
}

fn charts(page: &Page, figures: &Figures, range: Range) -> Vec<(String, String)> {
    let delivered = page.t("delivered", "entregues");
    let failed = page.t("failed", "com falha");
    let attempts = page.t("Attempts: delivered and failed", "Tentativas: entregues e com falha");
    let given_up = page.t("Undelivered, and our own faults", "Não entregues e falhas nossas");
    let age = page
        .t("Age of the queue's oldest message, seconds", "Idade da mensagem mais antiga da fila, segundos");
    let concurrency = page.t("Invocations of dispatch at once", "Execuções simultâneas do dispatch");
    let all: [(&str, &[chart::Part<'_>]); 4] = [
        (
            attempts,
            &[(delivered, GOOD, |part| Some(part.delivered)), (failed, BAD, |part| Some(part.failed))],
        ),
        (
            given_up,
            &[
                (page.t("undelivered", "não entregues"), BAD, |part| Some(part.undelivered)),
                (page.t("own faults", "falhas nossas"), PLAIN, |part| Some(part.own_faults)),
            ],
        ),
        (age, &[(age, PLAIN, |part| part.queue_age_s)]),
        (concurrency, &[(concurrency, PLAIN, |part| part.concurrency)]),
    ];
    let drawn = all.into_iter().filter_map(|(title, parts)| {
        Some((title.to_owned(), chart::bars(page, figures, range, title, parts)?))
    });
    drawn.collect()
}

impl Receivers {
    /// Makes the page.
    pub fn new(page: Page, model: &Model) -> Self {
        let lines = model.receivers.value.is_some().then(|| receiver::lines(model, page.now));
        let fresh = of_receivers(&page, model);
        Self { page, lines, fresh }
    }
}

/// How old what is known of receivers is.
pub fn of_receivers(page: &Page, model: &Model) -> Vec<Freshness> {
    vec![
        freshness(page, ("The registrations", "Os cadastros"), &model.receivers),
        of_history(page, model),
        freshness(page, ("The undelivered", "As não entregues"), &model.undelivered),
        freshness(page, ("The certificates", "Os certificados"), &model.certificates),
    ]
}

/// A group as a form sends it.
pub fn group_value(group: &UndeliveredGroup) -> String {
    serde_json::json!([group.receiver, group.endpoint, group.outcome]).to_string()
}

/// How a status of the ledger is written.
pub fn status(page: &Page, status: &str) -> String {
    let (en, pt_br) = match status {
        "attempting" => ("attempting", "em tentativa"),
        "waiting" => ("waiting for the next attempt", "esperando a próxima tentativa"),
        "delivered" => ("delivered", "entregue"),
        "undelivered" => ("undelivered", "não entregue"),
        "cancelled" => ("cancelled", "cancelada"),
        other => (other, other),
    };
    page.t(en, pt_br).to_owned()
}

/// How a status is painted.
pub fn status_class(status: &str) -> &'static str {
    match status {
        "delivered" => "good",
        "undelivered" => "bad",
        "cancelled" => "warn",
        _ => "idle",
    }
}

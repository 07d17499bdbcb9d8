//! How the stack is.

use std::collections::BTreeMap;

use askama::Template;

use super::fresh::{Freshness, freshness, of_history};
use crate::chart::{self, BAD, GOOD, PLAIN};
use crate::figures::{Counts, Figures, Range};
use crate::model::{Alarm, Model, QueueDepths};
use crate::page::Page;

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

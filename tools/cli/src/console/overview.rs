//! The pages made of what was read.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use pages::chart::{self, BAD, GOOD};
use pages::figures::{Figures, Range};
use pages::receiver::{self, WINDOW, logged, outcomes};
use pages::views::{Now, Receiver, Receivers, Undelivered, answer, freshness, of_receivers};
use pages::{Model, Page};
use serde::Deserialize;

use super::app::App;
use super::frame::{Frame, live, problem};
use super::lookup::changes_of;
use super::runbooks::first_steps;
use crate::clients::fields;

/// How many of a receiver's last attempts are shown.
const LAST_ATTEMPTS: usize = 50;

#[derive(Debug, Deserialize)]
pub(super) struct Ranged {
    #[serde(default)]
    range: String,
}

/// How the stack is.
pub(super) async fn now(State(app): State<App>, Frame(page): Frame, Query(asked): Query<Ranged>) -> Response {
    let range = Range::named(&asked.range).unwrap_or_default();
    let steps = first_steps(page.language);
    answer(&Now::new(live(page), &app.model(), range, steps))
}

/// Who is notified.
pub(super) async fn receivers(State(app): State<App>, Frame(page): Frame) -> Response {
    answer(&Receivers::new(live(page), &app.model()))
}

/// One receiver.
pub(super) async fn receiver(
    State(app): State<App>,
    Path((_, _, key)): Path<(String, String, String)>,
    Frame(page): Frame,
) -> Response {
    let found = {
        let model = app.model();
        of_receiver(&model, &live(page.clone()), &key)
    };
    let Some(mut found) = found else {
        let text = if app.model().receivers.value.is_none() {
            (
                "The registrations were not read yet; try again in a moment.",
                "Os cadastros ainda não foram lidos; tente de novo em instantes.",
            )
        } else {
            ("No such client is registered.", "Esse cliente não está cadastrado.")
        };
        return problem(&page, StatusCode::NOT_FOUND, text);
    };
    found.changes = changes_of(&app, &page, &found.line.client_id).await;
    answer(&found)
}

fn of_receiver(model: &Model, page: &Page, key: &str) -> Option<Receiver> {
    let registered = model.receivers.value.as_ref()?.get(key)?;
    let line = receiver::lines(model, page.now).into_iter().find(|line| line.key == key)?;
    let logged = logged(registered);
    let since = page.now.saturating_sub(WINDOW).unwrap_or(Timestamp::MIN);
    let history = model.history.value.as_ref();
    let of_it =
        || history.into_iter().flat_map(|history| history.newest(since)).filter(|one| one.receiver == logged);
    let mut figures = Figures::empty(Range::Day, page.now);
    for attempt in of_it() {
        if let Some(part) = Range::Day.part_at(figures.since, attempt.ended) {
            let part = &mut figures.parts[part];
            *if attempt.is_delivered() { &mut part.delivered } else { &mut part.failed } += 1.0;
        }
    }
    let title = page.t(
        "Attempts of the last day: delivered and failed",
        "Tentativas do último dia: entregues e com falha",
    );
    let parts: [chart::Part<'_>; 2] = [
        (page.t("delivered", "entregues"), GOOD, |part| Some(part.delivered)),
        (page.t("failed", "com falha"), BAD, |part| Some(part.failed)),
    ];
    Some(Receiver {
        chart: chart::bars(page, &figures, Range::Day, title, &parts),
        outcomes: outcomes(&line.summary),
        attempts: of_it().take(LAST_ATTEMPTS).cloned().collect(),
        registration: fields(&registered.registration),
        changes: Ok(Vec::new()),
        fresh: of_receivers(page, model),
        line,
        page: page.clone(),
    })
}

/// What was given up.
pub(super) async fn undelivered(State(app): State<App>, Frame(page): Frame) -> Response {
    let page = live(page);
    let replays = app.replays().lines();
    let model = app.model();
    let fresh = vec![
        freshness(&page, ("The undelivered", "As não entregues"), &model.undelivered),
        freshness(&page, ("The queues", "As filas"), &model.queues),
    ];
    let groups = model.undelivered.value.as_ref().map(|undelivered| undelivered.groups.clone());
    answer(&Undelivered { groups, rest: rest(&page, &model), replays, fresh, page })
}

/// What no list has: rows of another version, and messages that SQS moved after faults of ours.
fn rest(page: &Page, model: &Model) -> Option<String> {
    let undelivered = model.undelivered.value.as_ref()?;
    let listed: u64 = undelivered.groups.iter().map(|group| group.count).sum();
    let unlisted = model.queues.value.map_or(0, |queues| queues.dead_lettered).saturating_sub(listed);
    let mut sentences = Vec::new();
    if undelivered.unreadable > 0 {
        let rows =
            page.t("rows cannot be read by this version.", "linhas não podem ser lidas por esta versão.");
        sentences.push(format!("{} {rows}", page.count(undelivered.unreadable)));
    }
    if unlisted > 0 {
        let messages = page.t(
            "messages rest in the dead-letter queue and in no list: `arauto undelivered` says why, `arauto replay --redrive` moves them back.",
            "mensagens estão na DLQ e em nenhuma lista: o `arauto undelivered` diz por quê, o `arauto replay --redrive` as devolve.",
        );
        sentences.push(format!("{} {messages}", page.count(unlisted)));
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

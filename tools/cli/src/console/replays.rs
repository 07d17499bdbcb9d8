//! Replays: the dry run, the confirmation, and how far each is.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use axum::Form;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use jiff::SignedDuration;
use pages::Page;
use pages::model::UndeliveredGroup;
use pages::views::{PlanPage, ReplayPage, answer};
use serde::Deserialize;

use super::app::{App, secret};
use super::frame::{Frame, live, problem};
use super::lookup::within;
use super::read::undelivered::{of_group, of_window};
use super::replay_book::Prepared;
use crate::caller::caller;
use crate::replay::{Plan, Round, Sent};
use crate::stack_ref::StackRef;
use crate::undelivered::{Listing, groups};

/// The rate of `arauto replay`, and its limits.
const DEFAULT_RATE: u32 = 10;
const MAX_RATE: u32 = 50;
/// The choice of a form: groups, each as its receiver, endpoint and outcome, and a rate.
fn choice(query: &str) -> (BTreeSet<[String; 3]>, u32) {
    let (mut chosen, mut rate) = (BTreeSet::new(), DEFAULT_RATE);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "group" => chosen.extend(serde_json::from_str::<[String; 3]>(&value)),
            "rate" => rate = value.parse().unwrap_or(DEFAULT_RATE).clamp(1, MAX_RATE),
            _ => {}
        }
    }
    (chosen, rate)
}

/// The dry run.
pub(super) async fn plan(State(app): State<App>, Frame(page): Frame, RawQuery(query): RawQuery) -> Response {
    let (chosen, rate) = choice(&query.unwrap_or_default());
    if chosen.is_empty() {
        let text = ("Choose what to replay first.", "Escolha antes o que reenviar.");
        return problem(&page, StatusCode::BAD_REQUEST, text);
    }
    match within(prepared(&app, &chosen, rate)).await {
        Ok(prepared) => {
            let Ok(id) = secret() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
            let shown = of_plan(page, &prepared.plan, id.clone());
            app.replays().prepare(id, prepared);
            answer(&shown)
        }
        Err(error) => {
            let error = format!("{error:#}");
            problem(&page, StatusCode::BAD_GATEWAY, (&error, &error))
        }
    }
}

async fn prepared(app: &App, chosen: &BTreeSet<[String; 3]>, rate: u32) -> Result<Prepared> {
    let target = StackRef::of_stack(&app.inner().stack)?;
    let made_at = app.now();
    // The hours in which these were given up, as the page has shown them: a week takes thousands of look-ups.
    let shown = app.model().undelivered.value.clone().unwrap_or_default().groups;
    let of_it = |group: &&UndeliveredGroup| {
        chosen.contains(&[group.receiver.clone(), group.endpoint.clone(), group.outcome.clone()])
    };
    let shown: Vec<_> = shown.iter().filter(of_it).collect();
    let first = shown.iter().map(|group| group.first).min().unwrap_or(made_at);
    let last = shown.iter().map(|group| group.last).max().unwrap_or(made_at);
    let filter = of_window(first, last);
    let mut listing = Listing::read(&target.rows(), &filter).await?;
    listing.notifications.retain(|listed| {
        let row = &listed.undelivered;
        let message = &row.message;
        let group = [
            message.receiver().to_string(),
            message.resource.endpoint.row().code.to_owned(),
            row.outcome.clone(),
        ];
        chosen.contains(&group)
    });
    Ok(Prepared { plan: Plan::new(listing, None, rate), filter, made_at })
}

fn of_plan(page: Page, plan: &Plan, id: String) -> PlanPage {
    let (at_once, silent, prices) = plan.prices();
    PlanPage {
        to_send: plan.to_send.len() as u64,
        replayed: plan.replayed.len() as u64,
        groups: groups(&plan.to_send).into_iter().map(of_group).collect(),
        rate: plan.rate,
        lasts: SignedDuration::from_secs(i64::try_from(plan.seconds()).unwrap_or(i64::MAX)),
        usd: (at_once, silent),
        prices,
        plan: id,
        page,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Confirmed {
    form: String,
    plan: String,
    sure: Option<String>,
}

/// Begins a replay that was confirmed.
pub(super) async fn replay(
    State(app): State<App>,
    Frame(page): Frame,
    Form(confirmed): Form<Confirmed>,
) -> Response {
    let refused = |status, text| problem(&page, status, text);
    if !app.inner().options.is_acting {
        return refused(
            StatusCode::FORBIDDEN,
            ("This console is read-only.", "Este console é somente leitura."),
        );
    }
    if !app.inner().access.is_form_token(&confirmed.form) || confirmed.sure.is_none() {
        return refused(StatusCode::FORBIDDEN, ("It was not confirmed.", "Não foi confirmado."));
    }
    let begun = app.replays().confirm(&confirmed.plan, app.now());
    let (number, prepared) = match begun {
        Ok(begun) => begun,
        Err(text) => return refused(StatusCode::CONFLICT, text),
    };
    let running = app.clone();
    let task = tokio::spawn(async move {
        let who = caller(&running.inner().stack.sdk).await;
        running.replays().update(number, |line| line.who.clone_from(&who));
        let error = run(&running, number, prepared, &who).await.err().map(|error| format!("{error:#}"));
        running.inner().has_replayed.store(true, Ordering::Relaxed);
        running.replays().update(number, |line| (line.is_over, line.error) = (true, error));
    });
    *app.inner().running.lock().await = Some(task);
    Redirect::to(&page.to(&format!("replays/{number}"))).into_response()
}

async fn run(app: &App, number: usize, prepared: Prepared, who: &str) -> Result<()> {
    let Prepared { plan, filter, .. } = prepared;
    let target = StackRef::of_stack(&app.inner().stack)?;
    let mut stop = app.inner().stop.clone();
    let shown = |sent: &Sent| {
        let Sent { sent, already, refused, .. } = *sent;
        app.replays()
            .update(number, |line| (line.sent, line.already, line.refused) = (sent, already, refused));
    };
    let round = Round::run(&target, (app.inner().clock.clone(), &filter, &plan), who, &mut stop, shown).await;
    shown(&round.sent);
    let complete = round.is_complete(&plan);
    round.sending?;
    let swept = round.sweeping?;
    app.replays().update(number, |line| line.swept = Some(swept.deleted));
    ensure!(complete, "not all was done");
    Ok(())
}

/// How far a replay is.
pub(super) async fn progress(
    State(app): State<App>,
    Path((_, _, number)): Path<(String, String, usize)>,
    Frame(page): Frame,
) -> Response {
    let line = app.replays().lines.iter().find(|line| line.number == number).cloned();
    let Some(line) = line else {
        return problem(&page, StatusCode::NOT_FOUND, ("There is no such replay.", "Não há esse reenvio."));
    };
    answer(&ReplayPage { page: live(page), line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_of_groups_as_the_page_named_them() {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("group", r#"["itp-1&rate=99","E2","timeout"]"#)
            .append_pair("group", r#"["itp-1","E1","timeout"]"#)
            .append_pair("group", "itp-1")
            .append_pair("rate", "1000")
            .finish();
        let (chosen, rate) = choice(&query);
        assert_eq!((chosen.len(), rate), (2, MAX_RATE));
        assert!(chosen.contains(&["itp-1&rate=99", "E2", "timeout"].map(str::to_owned)));
        assert_eq!(choice("").1, DEFAULT_RATE);
    }
}

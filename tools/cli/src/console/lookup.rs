//! What is looked up for one page: notifications, and what changed a registration.

use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use convention::codes::Code;
use convention::delivery::NotificationView;
use convention::notification::{ClientId, InteractionId, NotificationId, ReceiverKey};
use http::StatusCode;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use pages::Page;
use pages::attempt::Attempt;
use pages::page::brasilia;
use pages::timeline::{End, Step, steps};
use pages::views::{NotificationPage, Notifications, ROWS, Search, answer, of_history};
use platform::aws::{LedgerReader, dynamodb};
use platform::telemetry::{client_phrase, field_text, fields_of_line};
use serde::Deserialize;
use tokio::time::timeout;

use super::app::{App, Changes};
use super::frame::{Frame, live, problem};
use crate::attempts::LogGroups;
use crate::log_line::{RESUMED, SUSPENDED};
use crate::show::of_resource;
use crate::stack_ref::StackRef;

/// A look-up that takes longer is given up, and the page says so.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How far back the changes of a registration are looked for.
const CHANGES_OF: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long they are shown before they are looked for again: a month of a log is long.
const CHANGES_TTL: SignedDuration = SignedDuration::from_mins(5);

/// The sentences of `docs/logging.md`, "directory", that tell how a registration changed; the second is Portuguese.
const CHANGES: [(&str, &str); 5] = [
    ("A client was registered.", "Cliente cadastrado."),
    ("A client was removed.", "Cliente removido."),
    ("A receiver's settings were changed.", "Configurações do receptor alteradas."),
    (SUSPENDED, "Cliente suspenso: o Diretório não o lista como ativo."),
    (RESUMED, "Cliente notificado de novo: o Diretório o lista como ativo."),
];
/// Fields of these lines that people read.
const TOLD: [&str; 7] = [
    "webhook",
    "base_uri_changed",
    "webhook_version_before",
    "webhook_version",
    "code",
    "software_id",
    "called_ago_s",
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    id: String,
    client: String,
    from: String,
    to: String,
    failed: Option<String>,
}

/// Finds notifications.
pub(super) async fn notifications(
    State(app): State<App>,
    Frame(page): Frame,
    Query(asked): Query<Asked>,
) -> Response {
    let failed = asked.failed.is_some();
    let search = Search {
        id: asked.id.trim().to_owned(),
        client: asked.client.trim().to_owned(),
        from: asked.from,
        to: asked.to,
        failed,
    };
    let mut found = Notifications {
        search,
        found: Vec::new(),
        attempts: Vec::new(),
        is_cut: false,
        notice: None,
        fresh: vec![of_history(&page, &app.model())],
        page,
    };
    if found.search.id.is_empty() {
        of_attempts(&app, &mut found);
        return answer(&found);
    }
    match within(of_ledger(&app, &found.search.id)).await {
        Ok(all) if all.is_empty() => {
            let page = &found.page;
            let none = page.t(
                "The ledger has no notification of it. Either its change was not posted, or the convention has none for it (see Explain), or its client had no receiver then.",
                "O ledger não tem notificação dele. Ou a mudança não foi informada, ou a convenção não prevê notificação (veja Explicar), ou o cliente não tinha receptor.",
            );
            found.notice = Some(none.to_owned());
        }
        Ok(all) => found.found = all,
        Err(error) => found.notice = Some(format!("{error:#}")),
    }
    answer(&found)
}

async fn of_ledger(app: &App, id: &str) -> Result<Vec<NotificationView>> {
    let ledger = ledger(app)?;
    if let Ok(interaction) = id.parse::<InteractionId>() {
        let found: Vec<_> = ledger.attempt(interaction).await?.into_iter().collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let mut found = of_resource(&ledger, id, None).await?;
    if let Ok(notification) = id.parse::<NotificationId>() {
        found.extend(ledger.notification(&notification).await?);
        found.sort_by_key(NotificationView::when);
    }
    Ok(found)
}

fn ledger(app: &App) -> Result<LedgerReader> {
    let target = StackRef::of_stack(&app.inner().stack)?;
    Ok(LedgerReader::new(dynamodb(&target.sdk), target.ledger_table))
}

fn of_attempts(app: &App, found: &mut Notifications) {
    let page = &found.page;
    let (Ok(since), Ok(until)) = (instant(&found.search.from), instant(&found.search.to)) else {
        found.notice = Some(
            page.t(
                "A time is not understood: 2026-11-30T14:03.",
                "Não entendi um horário: 2026-11-30T14:03.",
            )
            .to_owned(),
        );
        return;
    };
    let (since, until) = (since.unwrap_or(Timestamp::MIN), until.unwrap_or(Timestamp::MAX));
    let client = found.search.client.parse::<ClientId>().ok();
    if client.is_none() && !found.search.client.is_empty() {
        found.notice = Some(page.t("This is no client id.", "Isto não é um client id.").to_owned());
        return;
    }
    let logged = client.as_ref().map(ClientId::logged);
    let model = app.model();
    let takes = |attempt: &&Attempt| {
        attempt.ended <= until
            && logged.is_none_or(|logged| logged == &*attempt.receiver.client_id)
            && !(found.search.failed && attempt.is_delivered())
    };
    let all = model.history.value.iter().flat_map(|history| history.newest(since));
    let mut attempts: Vec<_> = all.filter(takes).take(ROWS + 1).cloned().collect();
    found.is_cut = attempts.len() > ROWS;
    attempts.truncate(ROWS);
    if attempts.is_empty() && model.history.at.is_some() {
        found.notice =
            Some(page.t("No attempt of these was read.", "Nenhuma tentativa dessas foi lida.").to_owned());
    }
    found.attempts = attempts;
}

/// Reads what a field for local times has: a time of Brasília.
fn instant(text: &str) -> Result<Option<Timestamp>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let time: DateTime = text.trim().parse()?;
    Ok(Some(time.to_zoned_datetime(brasilia())?.timestamp()))
}

/// One notification, step by step.
pub(super) async fn notification(
    State(app): State<App>,
    Path((_, _, id)): Path<(String, String, String)>,
    Frame(page): Frame,
) -> Response {
    let Ok(id) = id.parse::<NotificationId>() else {
        return problem(
            &page,
            StatusCode::NOT_FOUND,
            ("This is no id of a notification.", "Isto não é um id de notificação."),
        );
    };
    let found = within(async { Ok(ledger(&app)?.notification(&id).await?) }).await;
    match found {
        Ok(Some(shown)) => answer(&of_notification(live(page), shown)),
        Ok(None) => {
            let text = (
                "The ledger has no such notification: no attempt of it has begun yet, it has expired, or it was never accepted.",
                "O ledger não tem essa notificação: nenhuma tentativa começou ainda, ela expirou ou nunca foi aceita.",
            );
            problem(&page, StatusCode::NOT_FOUND, text)
        }
        Err(error) => {
            let error = format!("{error:#}");
            problem(&page, StatusCode::BAD_GATEWAY, (&error, &error))
        }
    }
}

fn of_notification(page: Page, shown: NotificationView) -> NotificationPage {
    let steps = steps(&shown, page.now);
    let code = match steps.last() {
        Some(Step::Ended(End::Cancelled(code) | End::Undelivered(Some(code)))) => Code::named(code),
        _ => None,
    };
    let sentence = code.map(Code::row).map(|row| page.t(row.en, row.pt_br).to_owned()).unwrap_or_default();
    let client = shown.client_id.parse::<ClientId>().ok();
    let key = client
        .map(|client| ReceiverKey::new(shown.authorisation_server.as_deref(), &client).as_str().to_owned());
    NotificationPage {
        receiver: key.unwrap_or_else(|| shown.client_id.clone()),
        shown,
        steps,
        sentence,
        page,
    }
}

/// What changed a client's registration within a month, newest first.
pub(super) async fn changes_of(app: &App, page: &Page, client: &str) -> Result<Changes, String> {
    let known =
        app.changes().get(client).filter(|known| app.now().duration_since(known.0) < CHANGES_TTL).cloned();
    let read = if let Some((_, read)) = known {
        read
    } else {
        let read = within(changes(app, client)).await.map_err(|error| format!("{error:#}"));
        app.changes().insert(client.to_owned(), (app.now(), read.clone()));
        read
    };
    let changes = read?;
    Ok(changes.into_iter().map(|(at, sentence, more)| (at, said(page, &sentence), more)).collect())
}

async fn changes(app: &App, client: &str) -> Result<Changes> {
    let client: ClientId = client.parse()?;
    let mut groups = LogGroups::of_directory(&app.inner().stack)?;
    let now = app.now();
    let since = now.saturating_sub(CHANGES_OF)?;
    let pattern = client_phrase(&client).unwrap_or_default();
    let sentences = CHANGES.map(|(sentence, _)| sentence);
    let mut told = Vec::new();
    groups
        .read_if_there((since, now), &pattern, |at, line| {
            let Some(fields) = fields_of_line(line.trim_end(), &sentences) else { return Ok(()) };
            let text = |name: &str| field_text(&fields, name);
            if text("client_id").as_deref() == Some(client.as_str()) {
                let more: Vec<_> =
                    TOLD.iter().filter_map(|name| Some(format!("{name}={}", text(name)?))).collect();
                told.push((at, text("message").unwrap_or_default(), more.join(" ")));
            }
            Ok(())
        })
        .await?;
    told.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    Ok(told)
}

/// Says a change in the page's language.
fn said(page: &Page, sentence: &str) -> String {
    let known = CHANGES.iter().find(|(en, _)| *en == sentence);
    known.map_or_else(|| sentence.to_owned(), |(en, pt_br)| page.t(en, pt_br).to_owned())
}

pub(super) async fn within<T>(look_up: impl Future<Output = Result<T>>) -> Result<T> {
    let waited = timeout(TIMEOUT, look_up).await;
    waited.with_context(|| format!("The stack did not answer within {} s.", TIMEOUT.as_secs()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_time_is_one_of_brasilia() {
        assert_eq!(instant("2026-11-30T14:03").unwrap(), "2026-11-30T17:03:00Z".parse().ok());
        assert_eq!(instant("2026-11-30T14:03:10").unwrap(), "2026-11-30T17:03:10Z".parse().ok());
        assert_eq!(instant(" ").unwrap(), None);
        assert!(instant("yesterday").is_err());
    }

    #[test]
    fn the_sentences_of_changes_are_those_that_directory_logs() {
        let documented = include_str!("../../../../docs/logging.md");
        for (sentence, _) in CHANGES {
            assert!(documented.contains(&format!("*{sentence}*")), "{sentence}");
        }
    }
}

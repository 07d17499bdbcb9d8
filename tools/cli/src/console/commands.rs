//! Pages that say what commands say: explain, bill, capacity, polling.

use anyhow::Result;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::Response;
use capacity::CapacityArgs;
use clap::Args;
use convention::directory::Registration;
use convention::notification::{AuthorisationServers, Choices, ClientId, Ecosystem, ReceiverKey};
use http::StatusCode;
use pages::views::{Command, Explain, Field, answer};
use pages::{Model, Page};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::app::App;
use super::frame::{Frame, problem};
use crate::bill::{self, BillArgs};
use crate::explain::Explainer;
use crate::polling::{self, PollingArgs};

#[derive(Debug, Default, Deserialize)]
pub(super) struct Pasted {
    #[serde(default)]
    form: String,
    #[serde(default)]
    text: String,
}

/// A state change to begin with, in Open Insurance.
const INSURANCE_EXAMPLE: &str = r#"{
  "client_id": "iniciadora-1", "api": "quote", "resource": "quote", "resource_id": "urn:seguradoraex:C1", "api_version": "v2",
  "to": "ACKN", "event_instant": "2026-11-30T12:00:00-03:00"
}"#;

/// A state change to begin with, in Open Finance.
const EXAMPLE: &str = r#"{
  "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1", "api_version": "v5",
  "from": "RCVD", "to": "ACSC", "event_instant": "2026-11-30T12:00:00-03:00"
}"#;

/// Where a state change is pasted.
pub(super) async fn explain_form(State(app): State<App>, Frame(page): Frame) -> Response {
    let text = example(app.model().ecosystem).to_owned();
    answer(&Explain { page, text, answers: Vec::new() })
}

fn example(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::OpenFinance => EXAMPLE,
        Ecosystem::OpenInsurance => INSURANCE_EXAMPLE,
    }
}

/// What would be sent for what was pasted.
pub(super) async fn explain(
    State(app): State<App>,
    Frame(page): Frame,
    Form(pasted): Form<Pasted>,
) -> Response {
    if !app.inner().access.is_form_token(&pasted.form) {
        return problem(
            &page,
            StatusCode::FORBIDDEN,
            ("Another page sent this.", "Outra página enviou isto."),
        );
    }
    let answers = explained(&app, &page, &pasted.text);
    answer(&Explain { page, text: pasted.text, answers })
}

fn explained(app: &App, page: &Page, text: &str) -> Vec<String> {
    let servers: AuthorisationServers = app.model().authorisation_servers.parse().unwrap_or_default();
    let choices = app.model().choices.clone();
    let chosen = chosen(page, choices.as_ref());
    let mut assumptions = Vec::new();
    // The registration of the client that a change names decides, as it would.
    let found = Explainer::read(text, |change| {
        let server = servers.server_of(change["brand"].as_str()).unwrap_or_default();
        let client = change["client_id"].as_str().and_then(|client_id| client_id.parse::<ClientId>().ok());
        let key = client.map(|client_id| ReceiverKey::new(server.as_deref(), &client_id));
        let model = app.model();
        let registered = model.receivers.value.as_ref().zip(key).and_then(|(all, key)| all.get(key.as_str()));
        let (receiver, note) = assumed(page, registered.map(|registered| &registered.registration));
        assumptions.push(note);
        let policy = app.inner().policy();
        let ecosystem = ecosystem(&model, registered.map(|registered| &registered.registration));
        Explainer {
            receiver: Some(receiver),
            servers: servers.clone(),
            choices: choices.clone().unwrap_or_default(),
            ecosystem,
            policy,
            now: page.now,
        }
    });
    let found = found.map(|answers| {
        let both = answers.into_iter().zip(assumptions);
        both.map(|(answer, note)| format!("{note}\n{chosen}\n\n{answer}")).collect::<Vec<_>>()
    });
    match found {
        Ok(answers) if answers.is_empty() => {
            vec![page.t("There is no state change in it.", "Não há mudança de estado nisso.").to_owned()]
        }
        Ok(answers) => answers,
        Err(error) => vec![format!("{error:#}")],
    }
}

/// A sentence about the stack's choices that a change is explained with.
fn chosen(page: &Page, choices: Option<&Choices>) -> String {
    let Some(Choices { api_versions, notify_initiator_edits }) = choices else {
        let note = page.t(
            "The stack's choices are not known: ApiVersionOverrides is assumed empty, and NotifyInitiatorEdits=true.",
            "As escolhas da stack não são conhecidas: supõem-se ApiVersionOverrides vazio e NotifyInitiatorEdits=true.",
        );
        return note.to_owned();
    };
    format!(
        "{} ApiVersionOverrides=\"{api_versions}\", NotifyInitiatorEdits={notify_initiator_edits}.",
        page.t("By the stack's choices:", "Pelas escolhas da stack:")
    )
}

/// The ecosystem that a change is explained by: the registration's, or without one the stack's.
fn ecosystem(model: &Model, registered: Option<&Registration>) -> Ecosystem {
    registered.map_or(model.ecosystem, |registration| registration.settings.ecosystem)
}

/// The receiver that a change is explained for, and a sentence about it.
fn assumed(page: &Page, registered: Option<&Registration>) -> (Value, String) {
    let Some(registration) = registered else {
        let note = page.t(
            "No such client is registered, as far as was read: an invented receiver is assumed.",
            "Esse cliente não está cadastrado, até onde se leu: supõe-se um receptor inventado.",
        );
        return (json!({ "webhook_uris": ["https://receiver.example"] }), note.to_owned());
    };
    let mut receiver = as_posted(registration);
    let note = match registration.suspension {
        Some(suspension) => {
            receiver["webhook_uris"] = json!([]);
            format!(
                "{} {}.",
                page.t("The client is suspended:", "O cliente está suspenso:"),
                suspension.code()
            )
        }
        None => page.t("By the client's registration:", "Pelo cadastro do cliente:").to_owned(),
    };
    (receiver, note)
}

/// A registration as the API takes it.
fn as_posted(registration: &Registration) -> Value {
    let settings = &registration.settings;
    let mut posted = json!({
        "webhook_uris": registration.base_uri.iter().collect::<Vec<_>>(),
        "webhook_version": settings.webhook_version,
        "success_statuses": settings.success_statuses,
    });
    if settings.ecosystem == Ecosystem::OpenFinance {
        posted["notify_optional"] = settings.notify_optional.into();
        let also_send = settings.also_send_x_authorisation_server_id;
        posted["also_send_x_authorisation_server_id"] = also_send.into();
    }
    posted
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BillAsked {
    region: String,
    ledger: String,
    source: String,
    alone: String,
}

/// What notifications cost, by the model; or on the local stack by its lines.
pub(super) async fn bill(
    State(app): State<App>,
    Frame(page): Frame,
    Query(asked): Query<BillAsked>,
) -> Response {
    let is_local = app.inner().stack.local.is_some() && asked.source == "lines";
    let mut words = vec!["bill".to_owned()];
    words.push(if is_local { "--local" } else { "--model" }.to_owned());
    words.extend(["--region".to_owned(), or(&asked.region, "us-east-1")]);
    if !is_local {
        words.extend(["--source".to_owned(), or(&asked.source, "api")]);
        words.extend((asked.ledger == "lean").then(|| "--lean".to_owned()));
        words.extend((asked.alone == "alone").then(|| "--alone".to_owned()));
    }
    let (text, picture) = match of_words::<BillArgs>(&words) {
        Ok(args) => match apart(move || async move { bill::said(&args).await }).await {
            Ok((text, picture)) => (Ok(text), Some(picture)),
            Err(error) => (Err(format!("{error:#}")), None),
        },
        Err(error) => (Err(error), None),
    };
    let choice = |name, label: (&str, &str), value: String, choices: &[(&str, &str)]| Field {
        name,
        label: page.t(label.0, label.1).to_owned(),
        value,
        choices: choices.iter().map(|(value, name)| ((*value).to_owned(), (*name).to_owned())).collect(),
    };
    let mut sources =
        vec![("api", "API"), ("sqs", "SQS"), ("eventbridge", "EventBridge"), ("kinesis", "Kinesis")];
    if app.inner().stack.local.is_some() {
        sources.push(("lines", page.t("lines of the local stack", "linhas do stack local")));
    }
    let fields = vec![
        choice(
            "region",
            ("Prices of", "Preços de"),
            or(&asked.region, "us-east-1"),
            &[("us-east-1", "us-east-1"), ("sa-east-1", "sa-east-1")],
        ),
        choice(
            "source",
            ("State changes come by", "Mudanças chegam por"),
            or(&asked.source, "api"),
            &sources,
        ),
        choice(
            "ledger",
            ("LedgerWrites", "LedgerWrites"),
            or(&asked.ledger, "full"),
            &[("full", "full"), ("lean", "lean")],
        ),
        choice(
            "alone",
            ("Changes come", "Chegam"),
            or(&asked.alone, "together"),
            &[
                ("together", page.t("in full batches", "em lotes cheios")),
                ("alone", page.t("alone", "sozinhas")),
            ],
        ),
    ];
    let about = page.t(
        "What a million notifications cost by AWS's list prices. The command can price your own log lines instead.",
        "Quanto custa um milhão de notificações pelos preços de tabela da AWS. O comando também calcula com as suas linhas de log.",
    );
    let about = about.to_owned();
    answer(&Command { about, fields, picture, text, command: command(&words), page })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CapacityAsked {
    rate: String,
    receivers: String,
    dead: String,
}

/// What a load takes, by the model.
pub(super) async fn capacity(Frame(page): Frame, Query(asked): Query<CapacityAsked>) -> Response {
    let is_asked = !asked.rate.is_empty();
    let (rate, receivers, dead) = (or(&asked.rate, "10"), or(&asked.receivers, "50"), or(&asked.dead, "0"));
    let words = ["capacity", "--rate", &rate, "--receivers", &receivers, "--dead", &dead].map(str::to_owned);
    let text = if is_asked {
        match of_words::<CapacityArgs>(&words) {
            // It plays the load, for seconds: other pages are answered meanwhile.
            Ok(args) => match spawn_blocking(move || capacity::said(&args)).await {
                Ok(said) => said.map_err(|error| format!("{error:#}")),
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error),
        }
    } else {
        Err(page
            .t(
                "Give a load; the answer takes some seconds.",
                "Informe uma carga; a resposta leva alguns segundos.",
            )
            .to_owned())
    };
    let field = |name, label: (&str, &str), value| Field {
        name,
        label: page.t(label.0, label.1).to_owned(),
        value,
        choices: Vec::new(),
    };
    let fields = vec![
        field("rate", ("Notifications a second", "Notificações por segundo"), rate),
        field("receivers", ("Receivers", "Receptores"), receivers),
        field("dead", ("of which never answer", "dos quais nunca respondem"), dead),
    ];
    let about = page.t(
        "What this load takes on AWS, and which limit breaks first: a simulation, which asks nobody.",
        "O que essa carga exige na AWS, e qual limite cai primeiro: uma simulação, que não consulta ninguém.",
    );
    let about = about.to_owned();
    answer(&Command { about, fields, picture: None, text, command: command(&words), page })
}

/// How much initiators poll although they are notified.
pub(super) async fn polling(State(app): State<App>, Frame(page): Frame) -> Response {
    let options = &app.inner().options;
    let mut words = vec!["polling".to_owned()];
    words.extend(options.access_logs.iter().map(|path| path.display().to_string()));
    words.extend(options.format.iter().flat_map(|format| ["--format".to_owned(), format.clone()]));
    words.extend(options.name.iter().flat_map(|name| ["--stack-name".to_owned(), name.clone()]));
    words.extend(["--lang".to_owned(), page.tag().to_owned()]);
    let (text, picture) = if options.access_logs.is_empty() {
        let none = page.t(
            "Start the console with --access-log FILE --format FORMAT to see which initiators poll although they are notified.",
            "Inicie o console com --access-log ARQUIVO --format FORMATO para ver quais iniciadoras consultam apesar de notificadas.",
        );
        (Err(none.to_owned()), None)
    } else {
        let stack = app.inner().stack.clone();
        match of_words::<PollingArgs>(&words) {
            Ok(args) => match apart(move || async move { polling::said(&args, &stack).await }).await {
                Ok((text, picture)) => (Ok(text), Some(picture)),
                Err(error) => (Err(format!("{error:#}")), None),
            },
            Err(error) => (Err(error), None),
        }
    };
    let command = if options.access_logs.is_empty() { String::new() } else { command(&words) };
    let about = page.t(
        "GETs of your resources by initiators, with and without notifications.",
        "Consultas das iniciadoras aos seus recursos, com e sem notificações.",
    );
    let about = about.to_owned();
    answer(&Command { about, fields: Vec::new(), picture, text, command, page })
}

/// Does what computes for long on another thread, so that other pages are answered meanwhile.
async fn apart<T: Send + 'static, F: Future<Output = Result<T>>>(
    work: impl FnOnce() -> F + Send + 'static,
) -> Result<T> {
    let runtime = Handle::current();
    spawn_blocking(move || runtime.block_on(work())).await?
}

fn or(text: &str, default: &str) -> String {
    if text.trim().is_empty() { default.to_owned() } else { text.trim().to_owned() }
}

fn command(words: &[String]) -> String {
    format!("arauto {}", words.join(" "))
}

/// Reads a command's options as its command line would.
fn of_words<T: Args>(words: &[String]) -> Result<T, String> {
    let command = T::augment_args(clap::Command::new("arauto"));
    let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
    T::from_arg_matches(&matches).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use convention::address::AddressPolicy;

    use super::*;

    #[test]
    fn a_change_of_an_unknown_client_is_explained_in_the_ecosystem_of_the_stack() {
        for of_stack in Ecosystem::ALL {
            let model = Model { ecosystem: of_stack, ..Model::default() };
            let explainer = |_: &Value| Explainer {
                choices: Choices::default(),
                receiver: Some(json!({ "webhook_uris": ["https://receiver.example"] })),
                servers: AuthorisationServers::default(),
                ecosystem: ecosystem(&model, None),
                policy: AddressPolicy::Public,
                now: "2026-11-30T16:00:00Z".parse().unwrap(),
            };
            let told = Explainer::read(example(of_stack), explainer).unwrap();
            assert_eq!(told.len(), 1);
            assert!(told[0].contains("https://receiver.example/open-"), "{}", told[0]);
        }
    }
}

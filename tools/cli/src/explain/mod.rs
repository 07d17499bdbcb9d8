//! `arauto explain`: the request that would be sent for a state change, or the reason for sending none.
//!
//! It parses and plans with the functions of intake and dispatch, so it always agrees with them.

mod documents;
mod explanation;

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use convention::FieldError;
use convention::address::AddressPolicy;
use convention::codes::Code;
use convention::directory::{Receiver, Registration, RegistrationRequest, StatementUris, target_in};
use convention::notification::{
    ApiVersionOverride, ApiVersionOverrides, AuthorisationServers, Choices, Ecosystem, InteractionId,
    MissingAuthorisationServerId, Notification, NotificationId, Plan, ReceiverKey, StateChange, plan,
};
use jiff::Timestamp;
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::{Value, json};

use self::documents::{Document, Documents};
pub use self::explanation::Explanation;
use self::explanation::{Then, invalid};

/// Show what would be sent for state changes, or why nothing would
///
/// Reads JSON in any form: one state change or many, a line each, pretty-printed or in an array, or a whole body of POST
/// /v1/state-changes. A state change may be {"change": {…}, "receiver": {…}} with a receiver as in PUT
/// /v1/clients/{clientId}. It needs neither network nor account.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  echo '{\"change\":{\"client_id\":\"itp-1\",\"api\":\"payments\",\"resource\":\"pix_payment\",\
    \"resource_id\":\"p-1\",\"api_version\":\"v5\",\"from\":\"RCVD\",\"to\":\"ACSC\",\
    \"event_instant\":\"2026-03-10T12:00:00-03:00\"},\
    \"receiver\":{\"webhook_uris\":[\"https://itp.com/kong3\"]}}' | arauto explain\n\n\
    Exit codes: 0 every state change was explained; 1 the input could not be read; 2 wrong usage; 3 one is invalid, or a setting is missing."
)]
pub struct ExplainArgs {
    /// File with the state changes; - is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// File with the receiver for state changes without one, as in PUT /v1/clients/{clientId}
    #[arg(long, value_name = "FILE")]
    receiver: Option<PathBuf>,
    /// Our authorisation servers: an id, or brand=id,brand=id
    #[arg(long, value_name = "IDS", default_value = "", value_parser = parse_servers)]
    authorisation_servers: Servers,
    /// API versions that URLs name in place of ended ones, such as payments=v4:v5@2026-08-20
    #[arg(long, value_name = "OVERRIDES", default_value = "", value_parser = parse_overrides)]
    api_version_overrides: Overrides,
    /// Do not notify edits by the initiator itself, as with NotifyInitiatorEdits=false
    #[arg(long)]
    ignore_initiator_edits: bool,
    /// The ecosystem that the stack serves: open-finance or open-insurance
    #[arg(long, value_name = "NAME", default_value_t)]
    ecosystem: Ecosystem,
    /// Also allow receivers on this machine, as in the local stack
    #[arg(long)]
    allow_loopback_receivers: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

type Servers = AuthorisationServers;

fn parse_servers(text: &str) -> Result<Servers, String> {
    text.parse::<Servers>().map_err(|error| error.to_string())
}

type Overrides = ApiVersionOverrides;

fn parse_overrides(text: &str) -> Result<Overrides, String> {
    text.parse::<Overrides>().map_err(|error| error.to_string())
}

/// The context of explanations.
#[derive(Debug)]
pub struct Explainer {
    /// The receiver for state changes without one.
    pub receiver: Option<Value>,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// What the stack chooses where the convention leaves a choice.
    pub choices: Choices,
    /// The ecosystem that the stack serves.
    pub ecosystem: Ecosystem,
    /// The policy for receivers' addresses.
    pub policy: AddressPolicy,
    /// The clock.
    pub now: Timestamp,
}

impl Explainer {
    /// Explains each state change of a text, for people; `explainer_of` says in which context one is read.
    pub(crate) fn read(
        text: &str,
        mut explainer_of: impl FnMut(&Value) -> Self,
    ) -> anyhow::Result<Vec<String>> {
        let mut documents = Documents::new(Box::new(io::Cursor::new(text.to_owned())));
        let mut texts = Vec::new();
        while let Some(document) = documents.next()? {
            let value = document.value.as_ref().unwrap_or(&Value::Null);
            let explainer = explainer_of(value.get("change").unwrap_or(value));
            let mut out = Vec::new();
            explainer.document(document).write_for_people(&mut out)?;
            texts.push(String::from_utf8_lossy(&out).into_owned());
        }
        Ok(texts)
    }

    /// Explains one document of the input.
    fn document(&self, document: Document) -> Explanation {
        let Document { line, change, value } = document;
        let explanation = match value {
            Ok(value) => self.explain(line, &value),
            Err(error) => {
                let detail = format!("This is not JSON: {error}.");
                invalid(line, vec![FieldError { pointer: String::new(), code: "not_json", detail }])
            }
        };
        Explanation { change, ..explanation }
    }

    /// Explains one state change, with or without its receiver.
    pub fn explain(&self, line: usize, document: &Value) -> Explanation {
        let wrapped = document.get("change").is_some();
        let (change, pointer) = if wrapped { (&document["change"], "/change") } else { (document, "") };
        let posted = StateChange::posted_in(self.ecosystem, change, pointer, self.now);
        // An unknown brand is explained by the plan.
        let is_known = |change: &StateChange| self.servers.of_brand(change.brand.as_deref()).is_ok();
        let checked = posted.and_then(|change| {
            if is_known(&change) {
                self.servers.check(&change, pointer)?;
            }
            Ok(change)
        });
        let change = match checked {
            Ok(change) => change,
            Err(errors) => return invalid(line, errors),
        };
        let named = document.get("receiver").filter(|_| wrapped);
        match named.or(self.receiver.as_ref()).map(|receiver| self.receiver(receiver, &change)).transpose() {
            Ok(receiver) => {
                let (receiver, warnings) = receiver.unwrap_or_default();
                let plan = plan(&change, receiver.as_ref(), &self.servers, &self.choices);
                // An unknown brand is explained by the plan.
                let server = self.servers.server_of(change.brand.as_deref()).unwrap_or_default();
                let key = ReceiverKey::new(server.as_deref(), &change.client_id);
                let then = change.expired().map(|expired| self.then(line, &expired, receiver.as_ref(), &key));
                let explained = explained(line, &change, plan, &key);
                let warnings = [warnings, explained.warnings].concat();
                Explanation { warnings, then, ..explained }
            }
            Err(errors) => invalid(line, errors),
        }
    }

    /// Explains the change that follows by time alone.
    fn then(
        &self,
        line: usize,
        expired: &StateChange,
        receiver: Option<&Receiver>,
        key: &ReceiverKey,
    ) -> Box<Then> {
        let plan = plan(expired, receiver, &self.servers, &self.choices);
        let expires_at = expired.event_instant.to_string();
        Box::new(Then { expires_at, explanation: explained(line, expired, plan, key) })
    }

    /// Creates the receiver of a registration with these metadata.
    fn receiver(
        &self,
        value: &Value,
        change: &StateChange,
    ) -> Result<(Option<Receiver>, Vec<&'static str>), Vec<FieldError>> {
        let request = RegistrationRequest::from_json_in(self.ecosystem, value, "/receiver")?;
        let uris = request.webhook_uris.as_deref();
        let decided = target_in(self.ecosystem, StatementUris::NotPresented, uris, self.policy);
        let decided = decided.map_err(|refusals| {
            refusals.iter().map(|refusal| refusal.field_error("/receiver/webhook_uris")).collect::<Vec<_>>()
        })?;
        let warnings = decided.1.iter().map(|warning| warning.code()).collect();
        // Registered at the time of the event, so that the age of the registration decides nothing.
        let since = change.event_instant.timestamp();
        let registration = Registration::new(change.client_id.clone(), request, decided, None, since);
        Ok((registration.receiver(self.policy), warnings))
    }
}

fn explained(line: usize, change: &StateChange, plan: Plan, receiver: &ReceiverKey) -> Explanation {
    let base = Explanation { line, decision: "", ..Explanation::EMPTY };
    match plan {
        Plan::Notify(notification) => notified(line, change, &notification, receiver),
        Plan::NotNotifiable(rule) => Explanation {
            decision: "not_notifiable",
            rule: Some(rule.code()),
            detail: Some(rule.sentence().to_owned()),
            warnings: rule.warning().into_iter().collect(),
            ..base
        },
        Plan::NoReceiver => Explanation {
            decision: Code::NoReceiver.as_str(),
            detail: Some(Code::NoReceiver.row().en.to_owned()),
            ..base
        },
        Plan::Misconfigured(missing) => Explanation {
            decision: "misconfigured",
            rule: Some(MissingAuthorisationServerId::CODE.as_str()),
            detail: Some(format!("Our own fault: {missing}. Give --authorisation-servers.")),
            ..base
        },
    }
}

fn notified(
    line: usize,
    change: &StateChange,
    notification: &Notification,
    receiver: &ReceiverKey,
) -> Explanation {
    let notification_id = NotificationId::of(change, &notification.resource, receiver);
    let id = InteractionId::new(notification_id.partition(), Rng::system().bits());
    let headers = notification.headers_of_attempt(id);
    let detail = notification.api_version_override.map(|instead| {
        let ApiVersionOverride { api, created, named, since } = instead;
        format!(
            "The URL names {named}, although the resource was created through {created} of {api}: \
             ApiVersionOverrides has {instead}, and the event is not before {since}."
        )
    });
    Explanation {
        line,
        decision: "notify",
        required: Some(notification.required),
        endpoint: Some(notification.resource.endpoint.row().code),
        notification_id: Some(notification_id.to_string()),
        method: Some(Notification::METHOD),
        url: Some(notification.url.clone()),
        detail,
        headers: Some(headers.map(|(name, value)| (name.to_string(), json!(value))).collect()),
        body: serde_json::from_str(&notification.body).ok(),
        ..Explanation::EMPTY
    }
}

/// Runs the command; `false` if a state change is invalid or our configuration lacks something.
pub fn run(args: &ExplainArgs) -> anyhow::Result<bool> {
    let explainer = Explainer {
        receiver: args.receiver.as_deref().map(read_receiver).transpose()?,
        servers: args.authorisation_servers.clone(),
        choices: Choices {
            api_versions: args.api_version_overrides.clone(),
            notify_initiator_edits: !args.ignore_initiator_edits,
        },
        ecosystem: args.ecosystem,
        now: Clock::system().now(),
        policy: if args.allow_loopback_receivers {
            AddressPolicy::PublicAndLoopback
        } else {
            AddressPolicy::Public
        },
    };
    if args.file.as_os_str() == "-" && io::stdin().is_terminal() {
        writeln!(io::stderr().lock(), "reading state changes from the terminal; Ctrl-D ends them").ok();
    }
    let mut documents = Documents::new(open(&args.file)?);
    let mut out = io::stdout().lock();
    let (mut any, mut good) = (false, true);
    while let Some(document) =
        documents.next().with_context(|| format!("failed to read {}", args.file.display()))?
    {
        any = true;
        let explanation = explainer.document(document);
        good &= !explanation.is_fault();
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&explanation)?)?;
        } else {
            explanation.write_for_people(&mut out)?;
        }
    }
    if !any {
        bail!("there is no state change in {}: give a JSON object, or several", args.file.display());
    }
    Ok(good)
}

fn open(file: &std::path::Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file).with_context(|| format!("failed to open {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

fn read_receiver(file: &std::path::Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

//! `arauto explain`: the request that would be sent for a state change, or the reason for sending none.
//!
//! It parses and plans with the functions of intake and dispatch, so it always agrees with them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use convention::FieldError;
use convention::address::AddressPolicy;
use convention::codes::Code;
use convention::directory::{Receiver, Registration, RegistrationRequest, StatementUris, target};
use convention::notification::{
    AuthorisationServers, InteractionId, MissingAuthorisationServerId, Notification, NotificationId, Plan,
    ReceiverKey, StateChange, plan,
};
use jiff::Timestamp;
use platform::clock::Clock;
use platform::rng::Rng;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Show what would be sent for state changes, or why nothing would
///
/// Reads JSON lines: a state change as in POST /v1/state-changes, or {"change": {…}, "receiver": {…}} with a receiver
/// as in PUT /v1/clients/{clientId}. It needs neither network nor account.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  echo '{\"change\":{\"client_id\":\"itp-1\",\"api\":\"payments\",\"resource\":\"pix_payment\",\
    \"resource_id\":\"p-1\",\"api_version\":\"v4\",\"from\":\"RCVD\",\"to\":\"ACSC\",\
    \"event_instant\":\"2026-03-10T12:00:00-03:00\"},\
    \"receiver\":{\"webhook_uris\":[\"https://itp.com/kong3\"]}}' | arauto explain\n\n\
    Exit codes: 0 every line was explained; 1 a line is invalid, or a setting is missing; 2 wrong usage."
)]
pub struct ExplainArgs {
    /// File with the lines; - is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// File with the receiver for lines without one, as in PUT /v1/clients/{clientId}
    #[arg(long, value_name = "FILE")]
    receiver: Option<PathBuf>,
    /// Our authorisation servers: an id, or brand=id,brand=id
    #[arg(long, value_name = "IDS", default_value = "", value_parser = parse_servers)]
    authorisation_servers: Servers,
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

/// The explanation of one state change.
#[derive(Debug, Serialize)]
pub struct Explanation {
    line: usize,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// The context of explanations.
#[derive(Debug)]
pub struct Explainer {
    /// The receiver for lines without one.
    pub receiver: Option<Value>,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// The policy for receivers' addresses.
    pub policy: AddressPolicy,
    /// The clock.
    pub now: Timestamp,
}

impl Explainer {
    /// Explains one line.
    pub fn explain(&self, line: usize, text: &str) -> Explanation {
        let document: Value = match serde_json::from_str(text) {
            Ok(document) => document,
            Err(error) => {
                let detail = format!("The line is not JSON: {error}.");
                let error = FieldError { pointer: String::new(), code: "not_json", detail };
                return invalid(line, vec![error]);
            }
        };
        let wrapped = document.get("change").is_some();
        let (change, pointer) = if wrapped { (&document["change"], "/change") } else { (&document, "") };
        let change = match StateChange::posted(change, pointer, self.now) {
            Ok(change) => change,
            Err(errors) => return invalid(line, errors),
        };
        let named = document.get("receiver").filter(|_| wrapped);
        match named.or(self.receiver.as_ref()).map(|receiver| self.receiver(receiver, &change)).transpose() {
            Ok(receiver) => {
                let (receiver, warnings) = receiver.unwrap_or_default();
                let plan = plan(&change, receiver.as_ref(), &self.servers);
                // An unknown brand is explained by the plan.
                let server = self.servers.server_of(change.brand.as_deref()).unwrap_or_default();
                let key = ReceiverKey::new(server.as_deref(), &change.client_id);
                Explanation { warnings, ..explained(line, &change, plan, &key) }
            }
            Err(errors) => invalid(line, errors),
        }
    }

    /// Creates the receiver of a registration with these metadata.
    fn receiver(
        &self,
        value: &Value,
        change: &StateChange,
    ) -> Result<(Option<Receiver>, Vec<&'static str>), Vec<FieldError>> {
        let request = RegistrationRequest::from_json(value, "/receiver")?;
        let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), self.policy);
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
    Explanation {
        line,
        decision: "notify",
        required: Some(notification.required),
        endpoint: Some(notification.resource.endpoint.row().code),
        notification_id: Some(notification_id.to_string()),
        method: Some(Notification::METHOD),
        url: Some(notification.url.clone()),
        headers: Some(headers.map(|(name, value)| (name.to_string(), json!(value))).collect()),
        body: serde_json::from_str(&notification.body).ok(),
        ..Explanation::EMPTY
    }
}

fn invalid(line: usize, errors: Vec<FieldError>) -> Explanation {
    Explanation { line, decision: "invalid", errors, ..Explanation::EMPTY }
}

impl Explanation {
    const EMPTY: Self = Self {
        line: 0,
        decision: "",
        required: None,
        endpoint: None,
        notification_id: None,
        method: None,
        url: None,
        headers: None,
        body: None,
        rule: None,
        detail: None,
        warnings: Vec::new(),
        errors: Vec::new(),
    };

    /// Says whether the caller or we must fix something.
    pub fn is_fault(&self) -> bool {
        matches!(self.decision, "invalid" | "misconfigured")
    }

    fn write_for_people(&self, out: &mut impl Write) -> io::Result<()> {
        let required = match self.required {
            Some(true) => " (required)",
            Some(false) => " (optional, and the receiver asks for it)",
            None => "",
        };
        let endpoint = self.endpoint.map(|code| format!(" {code}")).unwrap_or_default();
        writeln!(out, "line {}: {}{endpoint}{required}", self.line, self.decision)?;
        if let (Some(method), Some(url)) = (self.method, &self.url) {
            writeln!(out, "  {method} {url}")?;
        }
        for (name, value) in self.headers.iter().flatten() {
            let fresh = if name == "x-webhook-interaction-id" { "   (another for each attempt)" } else { "" };
            writeln!(out, "  {name}: {}{fresh}", value.as_str().unwrap_or_default())?;
        }
        if let Some(body) = &self.body {
            writeln!(out, "  {body}")?;
        }
        match (self.rule, &self.detail) {
            (Some(rule), Some(detail)) => writeln!(out, "  {rule}: {detail}")?,
            (None, Some(detail)) => writeln!(out, "  {detail}")?,
            _ => {}
        }
        for warning in &self.warnings {
            writeln!(out, "  warning: {warning}")?;
        }
        for FieldError { pointer, code, detail } in &self.errors {
            let pointer = if pointer.is_empty() { "/" } else { pointer };
            writeln!(out, "  {pointer}: {code}: {detail}")?;
        }
        Ok(())
    }
}

/// Runs the command; `false` if a line is invalid or our configuration lacks something.
pub fn run(args: &ExplainArgs) -> anyhow::Result<bool> {
    let explainer = Explainer {
        receiver: args.receiver.as_deref().map(read_receiver).transpose()?,
        servers: args.authorisation_servers.clone(),
        now: Clock::system().now(),
        policy: if args.allow_loopback_receivers {
            AddressPolicy::PublicAndLoopback
        } else {
            AddressPolicy::Public
        },
    };
    let mut out = io::stdout().lock();
    let (mut lines, mut good) = (0, true);
    for (index, line) in open(&args.file)?.lines().enumerate() {
        let line =
            line.with_context(|| format!("failed to read line {} of {}", index + 1, args.file.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        lines += 1;
        let explanation = explainer.explain(index + 1, &line);
        good &= !explanation.is_fault();
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&explanation)?)?;
        } else {
            explanation.write_for_people(&mut out)?;
        }
    }
    if lines == 0 {
        bail!("there is no state change in {}: give one JSON object a line", args.file.display());
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

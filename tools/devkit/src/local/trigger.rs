//! `arauto trigger`: made-up state changes, to see a notification arrive.

use std::io::{self, IsTerminal as _, Write as _};

use account::outputs::account_id;
use account::{ApiRequest, ChosenStack, StackArgs, Token};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use convention::notification::{AuthorisationServers, Ecosystem, Endpoint, Scope};
use http::Method;
use jiff::Timestamp;
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::{Value, json};
use terminal::{Align, Table, WrongUsage};

use super::bank::change;
use super::up::CLIENT;

const EXAMPLES: &str = "\
Examples:
  arauto trigger
  arauto trigger pix-payment enrollment --client itp-2
  arauto trigger pix-payment --client itp-1 --stack-name arauto-homologation --profile bank --yes

Exit codes: 0 all were accepted; 1 there was no answer; 2 wrong usage; 3 one was not accepted, or you did not agree.";

/// Post made-up state changes, one of each kind or of those that are named
///
/// They are of resources that do not exist, whose ids begin with arauto-trigger, urn:bancoex:arauto-trigger or
/// urn:seguradoraex:arauto-trigger. What an authorisation server publishes in Open Insurance (I2, I4, I5) exists: it is said of
/// the brand's server, and only where it is named. Without --stack-name they go to the local stack that `arauto up` keeps, for its receiver. On AWS a real receiver is
/// notified, so it asks first, on a terminal, or wants --yes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TriggerArgs {
    /// What changes; by default all that is a resource of the newest contract of the stack's ecosystem
    kinds: Vec<Kind>,
    /// The client that is notified; on the local stack that of its receiver by default
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// The brand whose client it is, where it is not the default brand's
    #[arg(long)]
    brand: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
    /// Post without asking
    #[arg(long)]
    yes: bool,
    /// Print the state changes and the answer as one JSON object
    #[arg(long)]
    json: bool,
}

/// A kind of resource, by the endpoint at which its changes are notified.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    #[value(alias = "E1")]
    PaymentConsent,
    #[value(alias = "E2")]
    PixPayment,
    #[value(alias = "E3")]
    Enrollment,
    #[value(alias = "E4")]
    RecurringConsent,
    #[value(alias = "E5")]
    RecurringPayment,
    #[value(alias = "I1")]
    Quote,
    #[value(alias = "I2")]
    CapitalizationProducts,
    #[value(alias = "I3")]
    CapitalizationQuote,
    #[value(alias = "I4")]
    DamageAndPersonFields,
    #[value(alias = "I5")]
    CapitalizationFields,
}

impl Kind {
    fn endpoint(self) -> Endpoint {
        match self {
            Self::PaymentConsent => Endpoint::PaymentConsent,
            Self::PixPayment => Endpoint::PixPayment,
            Self::Enrollment => Endpoint::Enrollment,
            Self::RecurringConsent => Endpoint::RecurringConsent,
            Self::RecurringPayment => Endpoint::RecurringPayment,
            Self::Quote => Endpoint::Quote,
            Self::CapitalizationProducts => Endpoint::CapitalizationProducts,
            Self::CapitalizationQuote => Endpoint::CapitalizationQuote,
            Self::DamageAndPersonFields => Endpoint::DamageAndPersonFields,
            Self::CapitalizationFields => Endpoint::CapitalizationFields,
        }
    }

    /// Returns the kinds of an ecosystem that its newest contract has and that can be made up. What a server publishes cannot.
    fn of(ecosystem: Ecosystem) -> Vec<Self> {
        let is_of = |kind: &&Self| {
            let row = kind.endpoint().row();
            row.ecosystem == ecosystem && row.until.is_none() && row.scope == Scope::Resource
        };
        Self::value_variants().iter().filter(is_of).copied().collect()
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Runs the command; `false` if a state change was not accepted.
pub async fn run_trigger(args: TriggerArgs) -> Result<bool> {
    let stack = args.stack.find("").await?;
    // Those of the local stack are not known; it serves Open Finance.
    let parameter = |name| stack.parameter(name).unwrap_or_default();
    let ecosystem = parameter("Ecosystem").parse().unwrap_or_default();
    let kinds = if args.kinds.is_empty() { &Kind::of(ecosystem) } else { &args.kinds };
    let client = match (&args.client, &stack.local) {
        (Some(client), _) => client.as_str(),
        (None, Some(_)) => CLIENT,
        (None, None) => {
            return Err(WrongUsage("give --client: a receiver on AWS is a real one".to_owned()).into());
        }
    };
    let servers: AuthorisationServers = parameter("AuthorisationServers").parse().unwrap_or_default();
    let tag = format!("arauto-trigger-{:08x}", Rng::system().bits() >> 32);
    let mut changes = changes(kinds, client, args.brand.as_deref(), &tag, Clock::system().now());
    of_server(kinds, &mut changes, &servers, args.brand.as_deref())?;
    if stack.local.is_none() && !args.yes && !agreed(&stack, client, kinds.len()).await? {
        return Ok(false);
    }
    let body = json!({ "changes": changes }).to_string().into_bytes();
    let request = ApiRequest { method: Method::POST, path: "/v1/state-changes".to_owned(), body };
    let answer = request.send_to(&stack, Token::of_environment()?.as_ref()).await?;
    let said: Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("the API answered {}: {}", answer.status, answer.text()))?;
    let all = said["verdicts"].as_array().is_some_and(|list| list.iter().all(is_accepted));
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({ "changes": changes, "status": answer.status, "answer": said }))?;
        return Ok(all);
    }
    write!(out, "{}", table(kinds, &said))?;
    if said["verdicts"].is_null() {
        writeln!(out, "{} {said:#}", answer.status)?;
    }
    writeln!(out, "\n`arauto show --notification ID` shows what becomes of each.")?;
    Ok(all)
}

fn is_accepted(verdict: &Value) -> bool {
    verdict["verdict"] == "accepted"
}

/// One state change of each kind; a kind that is named twice is a resource of its own each time.
fn changes(kinds: &[Kind], client: &str, brand: Option<&str>, tag: &str, now: Timestamp) -> Vec<Value> {
    let one = |(place, kind): (usize, &Kind)| {
        let mut change = change(kind.endpoint(), client, &format!("{tag}-{place}"), now);
        if let Some(brand) = brand {
            change["brand"] = json!(brand);
        }
        change
    };
    (1..).zip(kinds).map(one).collect()
}

/// Has what a server publishes be of the brand's, since intake takes no other; refused where the stack names none.
fn of_server(
    kinds: &[Kind],
    changes: &mut [Value],
    servers: &AuthorisationServers,
    brand: Option<&str>,
) -> Result<()> {
    for (kind, change) in kinds.iter().zip(changes) {
        if kind.endpoint().row().scope == Scope::Server {
            let Ok(server) = servers.of_brand(brand) else {
                let text =
                    format!("{} needs a stack whose AuthorisationServers names the brand's", kind.name());
                return Err(WrongUsage(text).into());
            };
            change["resource_id"] = json!(server);
        }
    }
    Ok(())
}

fn table(kinds: &[Kind], answer: &Value) -> Table<3> {
    let mut table = Table::new([Align::Left; 3]);
    for (kind, verdict) in kinds.iter().zip(answer["verdicts"].as_array().into_iter().flatten()) {
        let id = verdict["notification_id"].as_str().or_else(|| verdict["rule"].as_str()).unwrap_or_default();
        table.row([kind.name().as_str(), verdict["verdict"].as_str().unwrap_or_default(), id]);
    }
    table
}

/// Asks on a terminal; without one, `--yes` is the only way.
async fn agreed(stack: &ChosenStack, client: &str, count: usize) -> Result<bool> {
    let account = account_id(&stack.sdk).await.map(|id| format!(", account {id},")).unwrap_or_default();
    let notice = format!(
        "{stack}{account} would notify the receiver of {client} of {count} changes that never happened"
    );
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(WrongUsage(format!("{notice}; nothing was posted, --yes does it")).into());
    }
    write!(io::stderr().lock(), "{notice}.\ntype trigger to post them: ")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("failed to read the answer")?;
    Ok(line.trim() == "trigger")
}

#[cfg(test)]
mod tests {
    use convention::notification::{ENDPOINTS, StateChange};

    use super::*;

    #[test]
    fn each_kind_is_a_change_that_must_be_notified_and_names_itself_made_up() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let kinds = [Kind::of(Ecosystem::OpenFinance), vec![Kind::PixPayment]].concat();
        let changes = changes(&kinds, "itp-1", Some("a"), "arauto-trigger-1", now);
        assert_eq!(kinds.len(), ENDPOINTS.len() + 1);
        let mut ids = Vec::new();
        for (kind, change) in kinds.iter().zip(&changes) {
            let read = StateChange::posted(change, "", now).unwrap();
            assert_eq!((change["brand"].as_str(), read.brand.as_deref()), (Some("a"), Some("a")), "{kind:?}");
            ids.push(change["resource_id"].as_str().unwrap().to_owned());
        }
        assert!(ids.iter().all(|id| id.contains("arauto-trigger-1-")), "{ids:?}");
        assert_ne!(ids[1], ids[5]);
        let answer = json!({ "verdicts": [{ "verdict": "accepted", "notification_id": "339c" }] });
        assert_eq!(table(&kinds, &answer).to_string(), "payment-consent  accepted  339c\n");
    }

    #[test]
    fn each_kind_of_open_insurance_is_a_change_that_its_stack_takes_and_no_other() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(Kind::of(Ecosystem::OpenInsurance), [Kind::Quote], "what is published cannot be made up");
        let of_insurance = |kind: &&Kind| kind.endpoint().row().ecosystem == Ecosystem::OpenInsurance;
        let kinds: Vec<_> = Kind::value_variants().iter().filter(of_insurance).copied().collect();
        let mut posted = changes(&kinds, "iniciadora-1", None, "arauto-trigger-1", now);
        let servers: AuthorisationServers = "a=server-1,b=server-2".parse().unwrap();
        of_server(&kinds, &mut posted, &servers, Some("b")).unwrap();
        assert_eq!(posted.iter().filter(|change| change["resource_id"] == "server-2").count(), 3);
        let without = AuthorisationServers::default();
        assert!(of_server(&kinds, &mut posted.clone(), &without, None).is_err());
        of_server(&[Kind::Quote], &mut posted.clone(), &without, None).unwrap();
        for change in posted {
            StateChange::posted_in(Ecosystem::OpenInsurance, &change, "", now).unwrap();
            let refused = StateChange::posted(&change, "", now).unwrap_err();
            assert_eq!(refused[0].pointer, "/api");
        }
    }
}

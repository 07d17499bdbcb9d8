//! The command: finds the receiver and what to look with, has it examined and judged, and prints what was found.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use account::StackArgs;
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use convention::address::AddressPolicy;
use convention::directory::{BaseUri, Settings};
use convention::notification::ClientId;
use platform::clock::Clock;
use platform::config::environment;
use terminal::{Language, Progress, WrongUsage};

use super::here::{IdentitySource, Receiver, Stack, look};
use super::html::html;
use super::judge::judge_registered;
use super::remote;
use super::report::{Outcome, Report};
use crate::stack_ref::authorisation_server;

/// Say what will make notifications to a receiver fail, and what to do
///
/// Opens at most 16 connections, one after the other, within 35 s: name and each address, TLS versions, suites and groups,
/// the chain as presented and as verified, days left, revocation, whether our certificate is asked for and accepted, whether
/// somebody without one is refused, renegotiation, ALPN, keep-alive and redirections. What it asks over HTTP is HEAD of a
/// notification's path. No notification is sent without --post.
///
/// Without a stack the roots of ICP-Brasil are trusted, and lists and OCSP are asked for at their sources; with one, its
/// trust anchors and its data on revocation decide, as they do in dispatch. The local stack of arauto up is that one only for
/// --client and for a base URI on this machine. Without a certificate of ours it is not checked
/// whether the receiver accepts it. --from dispatch looks from the network of the function and with its identity, and needs
/// lambda:InvokeFunction. Connections are direct: a proxy of this machine's environment is not used.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  arauto doctor receiver https://webhook.itp.example/base\n  \
    arauto doctor receiver --client itp-1 --from dispatch --stack-name arauto-production --html report.html\n  \
    arauto doctor receiver --client itp-1    # the local stack of arauto up\n  \
    arauto doctor receiver https://webhook.itp.example/base --json | jq -r '.findings[] | select(.verdict == \"will_fail\") | .code'\n\n\
    Exit codes: 0 nothing of what was looked at will fail (what may fail is listed); 1 it could not be looked at, for a \
    fault of ours or for lack of time; 2 wrong usage; 3 something will fail, or the client is not registered.")]
pub struct ReceiverArgs {
    /// The base URI, as it is or would be registered
    #[arg(value_name = "BASE_URI", required_unless_present = "client", conflicts_with = "client")]
    base_uri: Option<String>,
    /// A registered client, whose base URI is looked at
    #[arg(long, value_name = "ID")]
    client: Option<ClientId>,
    /// The authorisation server whose identity is presented, where it is not that of the default brand
    #[arg(long, value_name = "UUID", value_parser = authorisation_server)]
    authorisation_server: Option<String>,
    /// Where to look from
    #[arg(long, value_enum, default_value = "here")]
    from: From,
    /// Also send one notification, of a payment or quote that does not exist, as dispatch would send it
    #[arg(long)]
    post: bool,
    /// File with our certificate chain (PEM), to be presented
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// File with its key (PEM); it is not shown, stored or sent
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Present the identity in the stack's secret, as its custodian may; no key is shown or stored
    #[arg(long, conflicts_with = "certificate")]
    identity_secret: bool,
    /// File with the authorities of receivers (PEM), instead of the stack's
    #[arg(long, value_name = "FILE")]
    trust_anchors: Option<PathBuf>,
    /// Write the report as a page to attach to a ticket
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object, with the sentences in both languages
    #[arg(long)]
    json: bool,
    /// The language of the report; that of the locale if absent
    #[arg(long, value_enum)]
    lang: Option<Language>,
    #[command(flatten)]
    stack: StackArgs,
}

/// Where to look from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum From {
    /// This machine
    Here,
    /// The function that sends notifications, in its network
    Dispatch,
}

/// Says whether a base URI leads to this machine: only the policy of the local stack allows it.
fn is_on_this_machine(base_uri: &str) -> bool {
    let is_allowed = |policy| BaseUri::parse_stored(base_uri, policy).is_ok();
    is_allowed(AddressPolicy::PublicAndLoopback) && !is_allowed(AddressPolicy::Public)
}

/// Says where was looked from, and whose trust decided.
fn from_here(stack: Option<&str>, language: Language) -> String {
    let here = language.choose("this machine", "esta máquina");
    match stack {
        Some(stack) => format!("{here}{}{stack}", language.choose(", with the stack ", ", com a stack ")),
        None => here.to_owned(),
    }
}

/// Runs the command; `false` if something will fail, an error if nothing will and a fault of ours kept it from looking.
pub(in crate::doctor) async fn run(args: ReceiverArgs) -> Result<bool> {
    args.check()?;
    let language = args.lang.unwrap_or_else(|| Language::of_locale(&environment));
    let progress = Mutex::new(Progress::new(!args.json));
    let say = |what: &str| progress.lock().unwrap_or_else(PoisonError::into_inner).say(what);
    let stack = args.stack().await?;
    let Some(receiver) = args.receiver(stack.as_ref()).await? else {
        let client = args.client.as_ref().map(ClientId::as_str).unwrap_or_default();
        writeln!(io::stderr().lock(), "arauto: no client {client} is registered with a base URI").ok();
        return Ok(false);
    };
    let on_dispatch = stack.as_ref().filter(|_| args.from == From::Dispatch);
    let (facts, from) = if let Some(stack) = on_dispatch {
        say("dispatch is looking, for 35 s at most");
        let facts = remote::examine(&stack.chosen, &receiver, args.post).await?;
        (facts, format!("dispatch ({})", stack.chosen))
    } else {
        let with = (args.identity_source(stack.as_ref()), args.trust_anchors.as_ref());
        let facts = Box::pin(look(&receiver, stack.as_ref(), with, args.post, &say)).await?;
        (facts, from_here(stack.as_ref().map(|stack| stack.chosen.label()).as_deref(), language))
    };
    drop(progress);
    let findings = judge_registered(&facts, receiver.suspension, Clock::system().now());
    args.print(&Report { facts, from, findings }, language)
}

impl ReceiverArgs {
    fn check(&self) -> Result<()> {
        let wrong = |text: &str| Err(WrongUsage(text.to_owned()).into());
        if self.base_uri.as_ref().is_some_and(|uri| !uri.starts_with("https://")) {
            return wrong("a base URI begins with https://, as https://webhook.itp.example/base does");
        }
        let own = self.certificate.is_some() || self.identity_secret || self.trust_anchors.is_some();
        if self.from == From::Dispatch && own {
            return wrong(
                "--from dispatch looks with the identity and the trust anchors of dispatch: give none",
            );
        }
        Ok(())
    }

    fn names_a_stack(&self) -> bool {
        self.stack.name().is_some() || self.stack.account.is_given()
    }

    fn needs_a_stack(&self) -> bool {
        self.client.is_some() || self.from == From::Dispatch || self.identity_secret
    }

    /// Says whether a stack has a say. The authority of tests of the local one knows the receivers of this machine only.
    fn wants_a_stack(&self) -> bool {
        let is_local = self.base_uri.as_deref().is_some_and(is_on_this_machine);
        self.names_a_stack() || self.needs_a_stack() || is_local
    }

    /// Finds the stack that is named or needed; for a receiver on this machine the local one, if it is up.
    async fn stack(&self) -> Result<Option<Stack>> {
        if !self.wants_a_stack() {
            return Ok(None);
        }
        let (named, needed) = (self.names_a_stack(), self.needs_a_stack());
        let chosen = match self.stack.find("").await {
            Ok(chosen) => chosen,
            Err(error) if named || needed => return Err(error),
            Err(_) => return Ok(None),
        };
        Stack::read(chosen, self.stack.name()).await.map(Some)
    }

    async fn receiver(&self, stack: Option<&Stack>) -> Result<Option<Receiver>> {
        let authorisation_server = self.authorisation_server.clone();
        match (&self.client, stack, &self.base_uri) {
            (Some(client), Some(stack), _) => stack.client(client, authorisation_server.as_deref()).await,
            (_, _, Some(base_uri)) => {
                let ecosystem = stack.map(Stack::ecosystem).unwrap_or_default();
                let (base_uri, settings) = (base_uri.clone(), Settings::of(ecosystem));
                Ok(Some(Receiver { base_uri, authorisation_server, settings, suspension: None }))
            }
            _ => bail!("no stack knows the client"),
        }
    }

    fn identity_source(&self, stack: Option<&Stack>) -> IdentitySource<'_> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => IdentitySource::Files(certificate, key),
            // The key of a local stack is one of tests.
            _ if self.identity_secret || stack.is_some_and(|stack| stack.chosen.local.is_some()) => {
                IdentitySource::Secret
            }
            _ => IdentitySource::Nowhere,
        }
    }

    fn print(&self, report: &Report, language: Language) -> Result<bool> {
        if let Some(file) = &self.html {
            let written = fs::write(file, html(report, language));
            written.with_context(|| format!("failed to write {}", file.display()))?;
        }
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", report.json())?;
        } else {
            write!(out, "{}", report.text(language))?;
        }
        match report.outcome() {
            Outcome::Works => Ok(true),
            Outcome::Fails => Ok(false),
            Outcome::Unknown => {
                bail!("a fault of ours, or the end of the time, kept something from being looked at")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: ReceiverArgs,
    }

    fn wants_a_stack(line: &str) -> bool {
        let words = std::iter::once("receiver").chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap().args.wants_a_stack()
    }

    #[test]
    fn the_local_stack_judges_receivers_of_this_machine_and_clients_alone() {
        for local in ["localhost:8443", "itp.localhost", "127.0.0.1:8443", "[::1]:8443"] {
            assert!(wants_a_stack(&format!("https://{local}/base")), "{local}");
        }
        for elsewhere in ["webhook.itp.example", "8.8.8.8", "10.0.0.1", "localhost.itp.example", "bad_uri<"] {
            assert!(!wants_a_stack(&format!("https://{elsewhere}/base")), "{elsewhere}");
        }
        for named in [
            "--client itp-1",
            "https://itp.example/base --stack-name arauto",
            "https://itp.example/base --from dispatch",
        ] {
            assert!(wants_a_stack(named), "{named}");
        }
    }

    #[test]
    fn whose_trust_decided_is_told() {
        assert_eq!(from_here(None, Language::En), "this machine");
        assert_eq!(
            from_here(Some("local (sa-east-1)"), Language::En),
            "this machine, with the stack local (sa-east-1)"
        );
        assert_eq!(
            from_here(Some("local (sa-east-1)"), Language::PtBr),
            "esta máquina, com a stack local (sa-east-1)"
        );
    }
}

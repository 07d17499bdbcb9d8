//! Gathers what a report is made of. What cannot be read of receivers is not known, and stops nothing.

use std::io::{self, Write as _};

use ::evidence::Digest;
use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use report::{Basis, Certificate, Check, Counts, Gathered, InitiatorKey, Month, Receiver, Report, Selection};

use super::evidence::{Evidence, told};
use super::places::{OfStack, Places};
use super::receivers::{FromLogs, certificates, registrations, synchronisations, together};
use super::{evidence, ledger};
use crate::verify::Finding;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The month.
    pub month: Month,
    /// Of whom.
    pub selection: Selection,
    /// Heads that were noted before.
    pub heads: Vec<Digest>,
    /// The current time.
    pub now: Timestamp,
}

/// Makes the report.
pub async fn gather(places: &Places, asked: &Asked, mut tell: impl FnMut(&str)) -> Result<Report> {
    let (counts, basis) = counted(places, asked, &mut tell).await?;
    let (mut receivers, mut own_certificates) = (None, None);
    if let Some(stack) = &places.of_stack {
        let keys: Vec<_> = match &asked.selection {
            Selection::All => counts.initiators.keys().cloned().collect(),
            Selection::Only(keys) => keys.iter().cloned().collect(),
        };
        receivers = receivers_of(stack, asked, keys, &mut tell).await;
        tell("certificates");
        let measured = known("our certificates", stack.logs.certificates(asked.now).await).flatten();
        own_certificates = measured.and_then(|all| of_selection(all, asked, stack));
    }
    let report = Report::new(Gathered {
        month: asked.month,
        selection: asked.selection.clone(),
        made_at: asked.now,
        made_by: format!("arauto {}", env!("CARGO_PKG_VERSION")),
        stack: places.stack.clone(),
        basis,
        counts,
        receivers,
        own_certificates,
    });
    check_known(&report)?;
    Ok(report)
}

/// Refuses a report of an initiator that nobody knows: an id that was mistyped would get a spotless one.
fn check_known(report: &Report) -> Result<()> {
    let asked = report.only.iter().flatten();
    let is_known = |key: &&InitiatorKey| {
        let one = report.initiators.iter().find(|one| one.key == **key);
        one.is_some_and(|one| {
            let is_registered = one.receiver.as_ref().is_some_and(|receiver| receiver.webhook.is_some());
            is_registered || one.figures.notifications + one.figures.attempts > 0
        })
    };
    match asked.into_iter().find(|key| !is_known(key)) {
        None => Ok(()),
        Some(key) => bail!(
            "nothing is known of the client {} in {}: check its id, and --authorisation-server",
            key.client_id,
            report.month
        ),
    }
}

/// Counts by the evidence; by the ledger where there is none of the month.
async fn counted(places: &Places, asked: &Asked, tell: &mut impl FnMut(&str)) -> Result<(Counts, Basis)> {
    let of = (asked.month, &asked.selection);
    let mut wrong = None;
    if let Some(source) = &places.evidence {
        let read = evidence::read(source, of, &asked.heads, asked.now, &mut *tell).await;
        match read.context("the evidence could not be read")? {
            Evidence::Counted(counted) => return Ok(*counted),
            Evidence::Nothing { wrong: found } => wrong = found,
        }
    }
    if !asked.heads.is_empty() {
        bail!("no hour of {} is sealed, so that no head can be checked", asked.month);
    }
    let Some(stack) = &places.of_stack else { bail!("no hour of {} is sealed in the copy", asked.month) };
    if let Some(from) = stack.ledger.kept_from.filter(|from| *from >= asked.month.end()) {
        bail!(
            "nothing is known of {}: it has no evidence, and the ledger begins at {from:.0} (LedgerRetentionDays, or the stack was \
             created then)",
            asked.month
        );
    }
    let (counts, mut basis) = ledger::read(&stack.ledger, of, asked.now, &mut *tell).await?;
    if let Some(Finding { code, subject, .. }) = wrong {
        basis.check = Check::Differs;
        basis.differences = vec![told(code, subject)];
    }
    Ok((counts, basis))
}

async fn receivers_of(
    stack: &OfStack,
    asked: &Asked,
    counted: Vec<InitiatorKey>,
    tell: &mut impl FnMut(&str),
) -> Option<std::collections::BTreeMap<InitiatorKey, Receiver>> {
    tell("receivers");
    let registered = known("the receivers", registrations(&stack.receivers).await)?;
    let certificates = known("the certificates of receivers", certificates(&stack.directory).await);
    let synchronised = synchronisations(&stack.directory, asked.month, asked.now).await;
    let synchronised = known("first notifications", synchronised).flatten();
    let without_mtls = stack.logs.without_mtls(asked.month, asked.now, tell).await;
    let suspensions = stack.logs.suspensions(asked.month, asked.now, tell).await;
    let logs = FromLogs {
        without_mtls: known("the log of dispatch", without_mtls).flatten(),
        suspensions: known("the log of directory", suspensions).flatten(),
    };
    Some(together(counted, &registered, certificates.as_ref(), synchronised.as_ref(), &logs))
}

/// Those of the brands of the initiators that the report is of; `None` if that is not known.
fn of_selection(all: Vec<Certificate>, asked: &Asked, stack: &OfStack) -> Option<Vec<Certificate>> {
    let Selection::Only(keys) = &asked.selection else { return Some(all) };
    if all.len() == 1 {
        return Some(all);
    }
    let default =
        stack.servers.as_ref().and_then(|servers| servers.ids().next()).map(str::to_ascii_lowercase);
    let servers: Option<Vec<_>> =
        keys.iter().map(|key| key.authorisation_server.clone().or_else(|| default.clone())).collect();
    let servers = servers?;
    Some(all.into_iter().filter(|one| servers.contains(&one.owner.to_ascii_lowercase())).collect())
}

/// Says on standard error what could not be read.
fn known<T>(what: &str, read: Result<T>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            writeln!(io::stderr().lock(), "arauto: warning: not known: {what}: {error:#}").ok();
            None
        }
    }
}

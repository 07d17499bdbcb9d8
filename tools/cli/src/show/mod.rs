//! `arauto show`: one notification, or all of a resource, from the ledger.

mod text;

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use clap::{ArgGroup, Args};
use convention::delivery::NotificationView;
use convention::notification::{Ecosystem, Endpoint, InteractionId, NotificationId};
use platform::aws::{LedgerError, LedgerReader, dynamodb};

use crate::stack_ref::LedgerArgs;

/// Show a notification from the ledger: event, receiver, and every attempt with its times, outcome and TLS
///
/// Found by the x-webhook-interaction-id that a receiver quotes in a ticket, by the resource, or by the id in the
/// answer to the state change. Each is one read. Without options it reads the local stack that `arauto up` runs.
#[derive(Args, Clone, Debug)]
#[command(
    group = ArgGroup::new("what").required(true),
    after_help = "Examples:\n  arauto show --interaction-id 339c89c7-469c-46be-a882-45a01e824cda\n  \
    arauto show --resource urn:bancoex:C1DD33123 --endpoint E1\n  \
    arauto show --notification 339c89c7469c6be05b1f0d2a97c3e481 --json\n\n\
    Exit codes: 0 found; 1 the ledger could not be read; 2 wrong usage; 3 not found."
)]
pub struct ShowArgs {
    /// The x-webhook-interaction-id of one of its attempts
    #[arg(long, value_name = "ID", group = "what")]
    interaction_id: Option<InteractionId>,
    /// The identifier of the changed resource: shows all of its notifications
    #[arg(long, value_name = "ID", group = "what")]
    resource: Option<String>,
    /// The id of the notification, from the answer to its state change
    #[arg(long, value_name = "ID", group = "what")]
    notification: Option<NotificationId>,
    /// Endpoint of the resource, E1 to E5 or I1 to I5; default: all
    #[arg(long, value_name = "CODE", requires = "resource", value_parser = endpoint)]
    endpoint: Option<Endpoint>,
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Print each notification as a line of JSON, as in the API's answer
    #[arg(long)]
    json: bool,
}

/// Runs the command; `false` if nothing was found.
pub async fn run(args: ShowArgs) -> Result<bool> {
    let target = args.ledger.find().await?;
    let reader = LedgerReader::new(dynamodb(&target.sdk), target.ledger_table.clone());
    let found = args.look_up(&reader).await.with_context(|| {
        format!(
            "failed to read the ledger {}: check its name, your region and your credentials",
            target.ledger_table
        )
    })?;
    if found.is_empty() {
        writeln!(io::stderr().lock(), "arauto: {}", args.not_found(&target.ledger_table)).ok();
        return Ok(false);
    }
    let mut out = io::stdout().lock();
    for shown in &found {
        if args.json {
            writeln!(out, "{}", serde_json::to_string(shown)?)?;
        } else {
            text::write(&mut out, shown)?;
        }
    }
    Ok(true)
}

impl ShowArgs {
    async fn look_up(&self, reader: &LedgerReader) -> Result<Vec<NotificationView>> {
        if let Some(id) = &self.notification {
            return Ok(reader.notification(id).await?.into_iter().collect());
        }
        if let Some(id) = self.interaction_id {
            return Ok(reader.attempt(id).await?.into_iter().collect());
        }
        Ok(of_resource(reader, self.resource.as_deref().unwrap_or_default(), self.endpoint).await?)
    }

    /// Describes what was not found and what to check.
    fn not_found(&self, table: &str) -> String {
        let what = if let Some(id) = &self.notification {
            format!(
                "no notification {id} is in the ledger {table}. A state change that was answered with it and is not here yet \
                     waits in the queue"
            )
        } else if let Some(id) = self.interaction_id {
            format!(
                "no attempt {id} is in the ledger {table}. The id must be the one that the request carried in \
                     x-webhook-interaction-id, all of it"
            )
        } else {
            let id = self.resource.as_deref().unwrap_or_default();
            let at = self.endpoint.map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
            format!(
                "no notification of {id:?}{at} is in the ledger {table}. Write the identifier as the state change has it, \
                     upper and lower case included"
            )
        };
        format!(
            "{what}. Check that the table is that of the environment you mean, and that the event is no older than \
                 LedgerRetentionDays"
        )
    }
}

/// Finds the notifications of a resource ordered by time, at one endpoint or at all.
pub async fn of_resource(
    reader: &LedgerReader,
    id: &str,
    endpoint: Option<Endpoint>,
) -> Result<Vec<NotificationView>, LedgerError> {
    let mut found = Vec::new();
    let rows = Ecosystem::ALL.into_iter().flat_map(Ecosystem::endpoints);
    for row in rows.filter(|row| endpoint.is_none_or(|asked| asked == row.endpoint)) {
        found.extend(reader.resource(row.endpoint, id).await?);
    }
    found.sort_by_key(NotificationView::when);
    Ok(found)
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::from_code(text)
        .ok_or_else(|| "expected the code of an endpoint, E1 to E5 or I1 to I5".to_owned())
}

//! `arauto clients list`: all registrations.

use std::io::{self, Write as _};

use account::StackArgs;
use anyhow::{Context as _, Result};
use clap::Args;
use convention::directory::Registration;
use terminal::{Align, Table};

use super::table::receivers;
use super::view::{to_json, webhook};

/// List the registered clients, and where each is notified
///
/// Reads the whole table of receivers. Without options it reads the local stack that `arauto up` runs.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto clients list\n  arauto clients list --stack-name arauto-production --profile bank --json\n\n\
    Exit codes: 0 they are listed; 1 the table could not be read; 2 wrong usage."
)]
pub(super) struct ListArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Print each client as a line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: ListArgs) -> Result<bool> {
    let stack = args.stack.find("").await?;
    let all =
        receivers(&stack)?.all().await.with_context(|| format!("failed to read the receivers of {stack}"))?;
    let mut registered = Vec::new();
    for one in all {
        match one {
            Ok(registration) => registered.push(registration),
            // One row that another version wrote hides no other.
            Err(error) => writeln!(io::stderr().lock(), "arauto: warning: {error}").unwrap_or_default(),
        }
    }
    registered.sort_by(|one, other| key(one).cmp(&key(other)));
    let mut out = io::stdout().lock();
    if args.json {
        registered.iter().try_for_each(|one| writeln!(out, "{}", to_json(one)))?;
    } else if registered.is_empty() {
        writeln!(out, "No client is registered with {stack}.")?;
    } else {
        write!(out, "{}", table(&registered))?;
    }
    Ok(true)
}

fn key(registration: &Registration) -> (Option<&str>, &str) {
    (registration.authorisation_server.as_deref(), registration.client_id.as_str())
}

fn table(registered: &[Registration]) -> Table<5> {
    let mut table = Table::new([Align::Left; 5]);
    table.row(["client", "webhook", "version", "base URI", "brand"]);
    for one in registered {
        table.row([
            one.client_id.to_string(),
            webhook(one).to_owned(),
            to_json(one)["webhook_version"].as_str().unwrap_or_default().to_owned(),
            one.base_uri.clone().unwrap_or_default(),
            one.authorisation_server.clone().unwrap_or_default(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registration(value: serde_json::Value) -> Registration {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn each_client_says_whether_and_where_it_is_notified() {
        let base = json!({
            "client_id": "itp-1", "base_uri": "https://itp.example/kong3", "webhook_uris": ["https://itp.example/kong3"],
            "webhook_version": "1.3.0", "success_statuses": [202], "notify_optional": false,
            "also_send_x_authorisation_server_id": false, "registered_at": "2026-11-22T12:00:00Z",
            "notifies_since": "2026-11-22T12:00:00Z", "warnings": ["multiple_webhook_uris"],
        });
        let with = |name: &str, value: serde_json::Value| {
            let mut other = base.clone();
            other[name] = value;
            registration(other)
        };
        let all = [
            registration(base.clone()),
            with("base_uri", json!(null)),
            with("suspension", json!("software_not_active")),
        ];
        assert_eq!(all.each_ref().map(webhook), ["enabled", "disabled", "suspended"]);
        let text = table(&all).to_string();
        assert!(text.starts_with("client  webhook    version  base URI"), "{text}");
        assert!(text.contains("itp-1   enabled    1.3.0    https://itp.example/kong3"), "{text}");
        let shown = to_json(&all[0]);
        assert_eq!(
            (&shown["webhook_version"], &shown["warnings"][0]),
            (&json!("1.3.0"), &json!("multiple_webhook_uris"))
        );
        let text = super::super::view::table(&all[2]).to_string();
        assert!(text.contains("suspension") && !text.contains("null"), "{text}");
    }
}

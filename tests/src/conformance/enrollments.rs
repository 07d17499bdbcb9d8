//! Payments without redirection: rejected, revoked and edited enrollments.

use anyhow::{Context, Result, ensure};
use devkit::local::AUTHORISATION_SERVER_ID;
use serde_json::{Value, json};

use super::module::Module;
use super::suite::{Initiator, Resource, Suite, Told};

const PLAN: &str = "no-redirect-payments-webhook_test-plan_v2-2";
const VERSION: &str = "v2";
const HEADER: &str = "x-authorization-server-id";

pub(super) const MODULES: &[Module] = &[
    Module { plan: PLAN, name: "webhook-rejected", play: |suite| Box::pin(rejected(suite)) },
    Module { plan: PLAN, name: "webhook-revoked", play: |suite| Box::pin(revoked(suite)) },
    Module { plan: PLAN, name: "webhook_event-type", play: |suite| Box::pin(event_type(suite)) },
];

async fn rejected(suite: &Suite<'_>) -> Result<Told> {
    let change = json!({ "from": "AWAITING_RISK_SIGNALS", "to": "REJECTED" });
    let mut told = notified(suite, &change).await?;
    told["header"] = HEADER.into();
    Ok(told)
}

async fn revoked(suite: &Suite<'_>) -> Result<Told> {
    let change = json!({ "from": "AUTHORISED", "to": "REVOKED", "cause": "REVOGADO_MANUALMENTE" });
    notified(suite, &change).await
}

/// The account holder edits limits and expiry of an enrollment.
async fn event_type(suite: &Suite<'_>) -> Result<Told> {
    let change = json!({
        "from": "AUTHORISED", "to": "AUTHORISED", "actor": "DETENTORA",
        "changed_fields": ["transactionLimit", "dailyLimit", "expirationDateTime"],
    });
    notified(suite, &change).await
}

/// Notifies one change, exactly once, and says of which type it was.
async fn notified(suite: &Suite<'_>, change: &Value) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let enrollment = Resource::new("enrollments", "enrollment", VERSION);
    initiator.posts(&enrollment.change(&initiator.client, change)).await?;
    let received = initiator.receives(1).await?;
    // As the suite's configuration has it in `server.authorisationServerId`.
    let id = received[0].header(HEADER);
    ensure!(id == Some(AUTHORISATION_SERVER_ID), "{HEADER} is {id:?}");
    let body = received[0].body.json().context("the body is no JSON")?;
    let event_type = body["data"]["eventType"].clone();
    initiator.stays_at().await;
    Ok(json!({ "calls": { "E3": initiator.count("E3", &enrollment) }, "event_type": event_type }))
}

//! Automatic payments: the sweeping plan and the plan of automatic Pix.

use anyhow::{Result, ensure};
use devkit::receiver::Endpoint;
use serde_json::{Value, json};

use super::module::Module;
use super::suite::{Initiator, Resource, Suite, Told, event_type};

const SWEEPING: &str = "automatic-payments-webhook_test-plan_v2-2";
const PIX: &str = "automatic-pix-payments-webhook_test-plan_v2-2";
const VERSION: &str = "v2";

pub(super) const MODULES: &[Module] = &[
    Module { plan: SWEEPING, name: "webhook-acsc", play: |suite| Box::pin(acsc(suite)) },
    Module {
        plan: SWEEPING,
        name: "webhook-multiple-consents",
        play: |suite| Box::pin(multiple_consents(suite)),
    },
    Module {
        plan: SWEEPING,
        name: "webhook-rejected",
        play: |suite| Box::pin(ends(suite, "AWAITING_AUTHORISATION", "REJECTED")),
    },
    Module {
        plan: SWEEPING,
        name: "webhook-revoked",
        play: |suite| Box::pin(ends(suite, "AUTHORISED", "REVOKED")),
    },
    Module { plan: PIX, name: "automatic-pix-webhook", play: |suite| Box::pin(exactly_once(suite)) },
];

fn consent() -> Resource {
    Resource::new("automatic-payments", "recurring_consent", VERSION)
}

fn payment() -> Resource {
    Resource::new("automatic-payments", "recurring_payment", VERSION)
}

/// Waits until so many messages have come, and makes sure that no more do. Only those of consents have an event type, which is
/// `STATE_CHANGED`.
async fn receives_no_more_than(initiator: &Initiator<'_>, count: usize) -> Result<()> {
    for message in initiator.receives(count).await? {
        let expected = match message.endpoint.map(Endpoint::as_str) {
            Some("E4") => json!("STATE_CHANGED"),
            _ => Value::Null,
        };
        ensure!(event_type(&message)? == expected, "the event type of {message} is not {expected}");
    }
    let came = initiator.stays_at().await;
    ensure!(came == count, "{came} messages instead of {count}");
    Ok(())
}

async fn acsc(suite: &Suite<'_>) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let (consent, payment) = (consent(), payment());
    initiator.moves(&consent, &["AWAITING_AUTHORISATION", "AUTHORISED"]).await?;
    initiator.moves(&payment, &["RCVD", "ACCP", "ACPD", "ACSC"]).await?;
    initiator.moves(&consent, &["AUTHORISED", "CONSUMED"]).await?;
    receives_no_more_than(&initiator, 2).await?;
    let calls = (initiator.count("E4", &consent), initiator.count("E5", &payment));
    Ok(json!({ "calls": { "E4 CONSUMED": calls.0, "E5 ACSC": calls.1 } }))
}

/// More than one customer approves: only then must AUTHORISED be told.
async fn multiple_consents(suite: &Suite<'_>) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let consent = consent();
    initiator.moves(&consent, &["AWAITING_AUTHORISATION", "PARTIALLY_ACCEPTED", "AUTHORISED"]).await?;
    initiator.receives(1).await?;
    let authorised = initiator.count("E4", &consent);
    initiator.moves(&consent, &["AUTHORISED", "CONSUMED"]).await?;
    receives_no_more_than(&initiator, 2).await?;
    let consumed = initiator.count("E4", &consent) - authorised;
    Ok(json!({ "calls": { "E4 AUTHORISED": authorised, "E4 CONSUMED": consumed } }))
}

/// The initiator itself ends the consent by PATCH, and is notified all the same.
async fn ends(suite: &Suite<'_>, from: &str, to: &str) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let consent = consent();
    let change = json!({ "from": from, "to": to, "actor": "INICIADORA" });
    initiator.posts(&consent.change(&initiator.client, &change)).await?;
    receives_no_more_than(&initiator, 1).await?;
    Ok(json!({ "calls": { format!("E4 {to}"): initiator.count("E4", &consent) } }))
}

/// The webhook is called exactly once for each status, though the bank's event bus brings each change twice.
async fn exactly_once(suite: &Suite<'_>) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let ways = [("ACPD", "ACSC"), ("RCVD", "SCHD"), ("SCHD", "CANC")];
    let payments = ways.map(|_| payment());
    for ((from, to), payment) in ways.iter().zip(&payments) {
        let change = payment.moved(&initiator.client, from, to);
        tokio::try_join!(initiator.posts(&change), initiator.posts(&change))?;
        initiator.posts(&change).await?;
    }
    receives_no_more_than(&initiator, ways.len()).await?;
    let [acsc, schd, canc] = payments.each_ref().map(|payment| initiator.count("E5", payment));
    Ok(json!({ "calls": { "E5 ACSC": acsc, "E5 SCHD": schd, "E5 CANC": canc } }))
}

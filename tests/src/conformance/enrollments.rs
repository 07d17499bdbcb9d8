//! Payments without redirection: rejected, revoked and edited enrollments, for enrollments 2.2 and 2.3.
//!
//! The modules of both versions say the same of themselves. Those of 2.3 go the whole way of an enrollment, and edit one field
//! after another.

use anyhow::{Result, ensure};
use devkit::local::AUTHORISATION_SERVER_ID;
use serde_json::{Value, json};

use super::module::Module;
use super::suite::{Initiator, Resource, Suite, Told, event_type};

const V2_2: &str = "no-redirect-payments-webhook_test-plan_v2-2";
const V2_3: &str = "no-redirect-payments-webhook_test-plan_v2-3";
/// What the paths of both versions have.
const VERSION: &str = "v2";
const HEADER: &str = "x-authorization-server-id";
/// What an enrollment passes through until it is authorised (developer portal, "Máquina de estados", Vínculo de dispositivo).
const WAY: &[&str] =
    &["AWAITING_RISK_SIGNALS", "AWAITING_ACCOUNT_HOLDER_VALIDATION", "AWAITING_ENROLLMENT", "AUTHORISED"];
/// What the account holder may edit, as both versions of `webhook_event-type` list it: at once, and one after another.
const AT_ONCE: &[&[&str]] = &[&["transactionLimit", "dailyLimit", "expirationDateTime"]];
const ONE_BY_ONE: &[&[&str]] = &[&["transactionLimit"], &["dailyLimit"], &["expirationDateTime"]];

pub(super) const MODULES: &[Module] = &[
    Module { plan: V2_2, name: "webhook-rejected", play: |suite| Box::pin(rejected(suite, &WAY[..1])) },
    Module { plan: V2_2, name: "webhook-revoked", play: |suite| Box::pin(revoked(suite, &WAY[3..])) },
    Module { plan: V2_2, name: "webhook_event-type", play: |suite| Box::pin(edited(suite, AT_ONCE)) },
    Module { plan: V2_3, name: "webhook-rejected", play: |suite| Box::pin(rejected(suite, &WAY[..2])) },
    Module { plan: V2_3, name: "webhook-revoked", play: |suite| Box::pin(revoked(suite, WAY)) },
    Module { plan: V2_3, name: "webhook_event-type", play: |suite| Box::pin(edited(suite, ONE_BY_ONE)) },
];

/// The initiator rejects it by PATCH before its account holder has authorised it.
async fn rejected(suite: &Suite<'_>, way: &[&str]) -> Result<Told> {
    let mut told = ends(suite, way, &json!({ "to": "REJECTED", "actor": "INICIADORA" })).await?;
    told["header"] = HEADER.into();
    Ok(told)
}

async fn revoked(suite: &Suite<'_>, way: &[&str]) -> Result<Told> {
    ends(suite, way, &json!({ "to": "REVOKED", "cause": "REVOGADO_MANUALMENTE" })).await
}

/// Takes an enrollment through states, then to its end, which alone is notified.
async fn ends(suite: &Suite<'_>, way: &[&str], end: &Value) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let enrollment = enrollment();
    initiator.moves(&enrollment, way).await?;
    let mut end = end.clone();
    end["from"] = way.last().copied().into();
    initiator.posts(&enrollment.change(&initiator.client, &end)).await?;
    notified(&initiator, &enrollment, 1).await
}

/// The account holder edits fields of an authorised enrollment, some at a time. Each edit is notified.
async fn edited(suite: &Suite<'_>, edits: &[&[&str]]) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let enrollment = enrollment();
    for fields in edits {
        let edit = json!({
            "from": "AUTHORISED", "to": "AUTHORISED", "actor": "DETENTORA", "changed_fields": fields,
        });
        initiator.posts(&enrollment.change(&initiator.client, &edit)).await?;
    }
    notified(&initiator, &enrollment, edits.len()).await
}

fn enrollment() -> Resource {
    Resource::new("enrollments", "enrollment", VERSION)
}

/// Waits for so many messages, makes sure that no more come, and says of which type they are.
async fn notified(initiator: &Initiator<'_>, enrollment: &Resource, count: usize) -> Result<Told> {
    let received = initiator.receives(count).await?;
    let first = event_type(&received[0])?;
    for message in &received {
        // As the suite's configuration has it in `server.authorisationServerId`.
        let id = message.header(HEADER);
        ensure!(id == Some(AUTHORISATION_SERVER_ID), "{HEADER} is {id:?}");
        ensure!(event_type(message)? == first, "{message} is of another type than {first}");
    }
    initiator.stays_at().await;
    let calls = initiator.count("E3", enrollment);
    ensure!(calls == count, "{calls} messages instead of {count}");
    Ok(json!({ "calls": { "E3": calls }, "event_type": first }))
}

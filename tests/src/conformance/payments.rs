//! DCR – PAGTO: `acsc`, `schd`, `webhook`, `remove-webhook`, `wrong-webhook`, for payments v4 and v5.

use anyhow::{Result, ensure};
use convention::directory::Operation;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::module::Module;
use super::suite::{Initiator, Resource, Suite, Told};
use crate::world::PREFIX;

const V4: &str = "dcr-dcm-pagto_test-plan-v4";
const V5: &str = "dcr-dcm-pagto_test-plan-v5";

pub(super) const MODULES: &[Module] = &[
    Module { plan: V4, name: "webhook-acsc", play: |suite| Box::pin(acsc(suite, "v4")) },
    Module { plan: V4, name: "webhook-schd", play: |suite| Box::pin(schd(suite, "v4")) },
    Module { plan: V4, name: "webhook", play: |suite| Box::pin(by_dcm(suite, "v4")) },
    Module { plan: V4, name: "remove-webhook", play: |suite| Box::pin(remove(suite, "v4")) },
    Module { plan: V4, name: "wrong-webhook", play: |suite| Box::pin(wrong(suite)) },
    Module { plan: V5, name: "webhook-acsc", play: |suite| Box::pin(acsc(suite, "v5")) },
    Module { plan: V5, name: "webhook-schd", play: |suite| Box::pin(schd(suite, "v5")) },
    Module { plan: V5, name: "webhook", play: |suite| Box::pin(by_dcm(suite, "v5")) },
    Module { plan: V5, name: "remove-webhook", play: |suite| Box::pin(remove(suite, "v5")) },
    Module { plan: V5, name: "wrong-webhook", play: |suite| Box::pin(wrong(suite)) },
];

/// A consent and the payment made of it.
struct Payment {
    consent: Resource,
    payment: Resource,
}

impl Payment {
    fn new(version: &str) -> Self {
        Self {
            consent: Resource::new("payments", "consent", version),
            payment: Resource::new("payments", "pix_payment", version),
        }
    }

    /// The customer authorises, the payment is posted and takes its way.
    async fn made(&self, by: &Initiator<'_>, states: &[&str]) -> Result<()> {
        by.moves(&self.consent, &["AWAITING_AUTHORISATION", "AUTHORISED", "CONSUMED"]).await?;
        by.moves(&self.payment, states).await
    }
}

const SETTLED: &[&str] = &["RCVD", "ACCP", "ACPD", "ACSC"];

async fn acsc(suite: &Suite<'_>, version: &str) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    settles(&initiator, version).await
}

/// A payment settles, and both of its notifications come to the URLs of its version.
async fn settles(initiator: &Initiator<'_>, version: &str) -> Result<Told> {
    let made = Payment::new(version);
    made.made(initiator, SETTLED).await?;
    let received = initiator.receives(2).await?;
    let (consent, payment) = (initiator.count("E1", &made.consent), initiator.count("E2", &made.payment));
    // The URLs that the suite listens at, as its steps write them.
    let base = format!("{PREFIX}/open-banking/webhook/v1/payments/{version}");
    for url in
        [format!("{base}/consents/{}", made.consent.id), format!("{base}/pix/payments/{}", made.payment.id)]
    {
        ensure!(received.iter().any(|message| message.path == url), "nothing came to {url}: {received:?}");
    }
    Ok(json!({
        "calls": { "E1 CONSUMED": at_least_one(consent), "E2 ACSC": at_least_one(payment) },
        "within_s": suite_seconds(initiator),
        "checks": ["mtls", "x-webhook-interaction-id", "test_start <= timestamp <= now"],
    }))
}

async fn schd(suite: &Suite<'_>, version: &str) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let made = Payment::new(version);
    made.made(&initiator, &["RCVD", "SCHD"]).await?;
    initiator.receives(2).await?;
    let scheduled = initiator.count("E2", &made.payment);
    Ok(json!({ "calls": { "E2 SCHD": at_least_one(scheduled) }, "within_s": suite_seconds(&initiator) }))
}

/// Registered without a URI, which a DCM call then adds.
async fn by_dcm(suite: &Suite<'_>, version: &str) -> Result<Told> {
    let initiator = Initiator::new(suite, "202").await?;
    let uri = [initiator.mock.base_uri()];
    let (status, answer) = initiator.call(Operation::Dcr, None, &uri).await?;
    ensure!(status == 200 && answer["webhook"] == "disabled", "{status} {answer}");
    let (status, answer) = initiator.call(Operation::Dcm, Some(&uri), &uri).await?;
    ensure!(status == 200 && answer["webhook"] == "enabled", "{status} {answer}");
    initiator.wait().await;
    settles(&initiator, version).await?;
    Ok(json!({ "calls": "as acsc" }))
}

/// The first messages are answered 503, the next 202; then the URI is withdrawn, and the client deleted.
async fn remove(suite: &Suite<'_>, version: &str) -> Result<Told> {
    let initiator = Initiator::registered(suite, "503,202").await?;
    let made = Payment::new(version);
    made.made(&initiator, SETTLED).await?;
    let received = initiator.receives(4).await?;
    let payments: Vec<_> = received
        .iter()
        .filter(|message| message.resource_id.as_deref() == Some(made.payment.id.as_str()))
        .collect();
    let [first, second] = payments[..] else { anyhow::bail!("{} messages of the payment", payments.len()) };
    let waited = second.received_at.duration_since(first.received_at);
    let statuses = [first.answered.as_str(), second.answered.as_str()];
    ensure!(statuses == ["503", "202"], "{statuses:?}");
    ensure!(first.body == second.body && first.path == second.path, "the retry differs");

    let (status, answer) = initiator.call(Operation::Dcm, None, &[initiator.mock.base_uri()]).await?;
    ensure!(status == 200 && answer["webhook"] == "disabled", "{status} {answer}");
    initiator.wait().await;
    let before = initiator.mock.count();
    Payment::new(version).made(&initiator, SETTLED).await?;
    let calls = initiator.stays_at().await - before;

    let path = format!("/v1/clients/{}", initiator.client);
    let deleted =
        suite.world.call(Method::DELETE, &path, "/v1/clients/{clientId}", "application/json", "").await?;
    ensure!(deleted.status == 204, "the deletion was answered {}", deleted.status);
    Ok(json!({
        "second_call_within_s": if waited <= SignedDuration::from_secs(60) { 60 } else { waited.as_secs() },
        "ids_differ": first.interaction_id != second.interaction_id,
        "calls": calls,
    }))
}

/// Metadata and statement do not agree: refused, and what was registered before stays.
async fn wrong(suite: &Suite<'_>) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let (right, wrong) = ([initiator.mock.base_uri()], ["https://evil.example.com".to_owned()]);
    let stranger = Initiator::new(suite, "202").await?;
    let (new_status, _) = stranger.call(Operation::Dcr, Some(&wrong), &right).await?;
    let (status, answer) = initiator.call(Operation::Dcm, Some(&wrong), &right).await?;
    ensure!(new_status == status, "a registration is answered {new_status}, a change of one {status}");
    settles(&initiator, "v5").await?;
    Ok(json!({ "http_status": status, "error": answer["error"] }))
}

/// The bank's clock is ahead: what it says happened has not happened yet where the message arrives.
pub(super) async fn clock_ahead(suite: &Suite<'_>, seconds: i64) -> Result<Told> {
    let initiator = Initiator::registered(suite, "202").await?;
    let payment = Resource::new("payments", "pix_payment", "v5");
    let ahead = SignedDuration::from_secs(seconds);
    let change = payment.change_in(&initiator.client, ahead, &json!({ "from": "ACPD", "to": "ACSC" }));
    initiator.posts(&change).await?;
    let received = initiator.mock.wait_for(1, suite.timeouts.message).await?;
    Ok(match initiator.check(&received[0]) {
        Ok(()) => json!({ "suite_result": "pass" }),
        Err(error) => json!({ "suite_result": "fail", "reason": error.to_string() }),
    })
}

fn at_least_one(count: usize) -> Value {
    if count >= 1 { "at least 1".into() } else { count.into() }
}

/// The seconds within which messages were waited for; more, and waiting would have failed.
fn suite_seconds(initiator: &Initiator<'_>) -> u64 {
    initiator.suite.timeouts.message.as_secs()
}

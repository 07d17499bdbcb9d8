//! The rotation of identities, on the Secrets Manager of the local stack: dispatch in this process with a secret of its own and a
//! clock that the test moves, so that five minutes pass at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use convention::delivery::AttemptMessage;
use convention::notification::{Endpoint, StateChange};
use devkit::pki::{ClientSubject, Identity, Validity};
use devkit::receiver::{MockReceiver, Received};
use dispatch::Dispatch;
use jiff::SignedDuration;
use platform::aws::secrets_manager;
use platform::rng::Rng;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::aws::{Measured, TestClock};
use crate::dispatch::{hand_over, on_stack};
use crate::world::{World, new_change, now, tag};

const ONE: &str = "11111111-aaaa-4000-8000-000000000001";
const OTHER: &str = "22222222-bbbb-4000-8000-000000000002";
/// What an alarm of the template watches.
const NOT_RELOADED: &str = "IdentityNotReloaded";
/// How long dispatch uses identities before it refreshes them.
const REFRESH_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// For what should come at once, on a machine that compiles meanwhile.
const SOON: Duration = Duration::from_secs(20);

/// One environment of dispatch that stays warm.
struct Warm<'a> {
    world: &'a World,
    secret: String,
    dispatch: Arc<Dispatch>,
    test_clock: TestClock,
    metrics: Measured,
    client: String,
    mock: MockReceiver,
}

impl<'a> Warm<'a> {
    async fn new(world: &'a World, answers: &str, secret: &Value) -> Result<Self> {
        let secrets = secrets_manager(&world.stack.sdk_config());
        let made =
            secrets.create_secret().name(tag("identity")).secret_string(secret.to_string()).send().await?;
        let arn = made.arn.context("the secret has no ARN")?;
        let (test_clock, metrics) = (TestClock::starting_now(), Measured::default());
        let edges = (test_clock.clock(), Rng::system());
        let brands = format!("one={ONE},other={OTHER}");
        let dispatch = on_stack(&world.stack, &arn, &brands, edges, metrics.writer("dispatch"))?;
        dispatch.identities.prepare().await?;
        let (client, mock) = world.receiver(answers).await?;
        Ok(Self { world, secret: arn, dispatch, test_clock, metrics, client, mock })
    }

    /// Puts a new version into the secret.
    async fn put(&self, text: &str) -> Result<()> {
        let secrets = secrets_manager(&self.world.stack.sdk_config());
        secrets.put_secret_value().secret_id(&self.secret).secret_string(text).send().await?;
        Ok(())
    }

    fn message(&self, brand: &str) -> Result<AttemptMessage> {
        let mut change = new_change(Endpoint::PixPayment, &self.client);
        change["brand"] = json!(brand);
        let change = StateChange::from_json(&change, "").map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        AttemptMessage::first(change, now()).context("it is notified")
    }

    /// Has a brand notify, and returns the common name of the certificate that the receiver saw.
    async fn presents(&self, brand: &str) -> Result<String> {
        let message = self.message(brand)?;
        let resource = message.resource.id.to_string();
        let kept = hand_over(&self.dispatch, &[message]).await?;
        ensure!(kept.is_empty(), "a message of {brand} was kept");
        let received = self.mock.wait_for(1, SOON).await?;
        let is_it = |request: &&Received| request.resource_id.as_deref() == Some(resource.as_str());
        let request = received.iter().find(is_it).context("the receiver did not see it")?;
        let certificate = request.client_certificate.as_ref().context("no certificate was presented")?;
        let (_, name) = certificate.subject.split_once("CN=").context("it has no common name")?;
        Ok(name.to_owned())
    }

    /// Lets the secret grow old, and has it refreshed beside a notification, which still goes out with what was in use.
    async fn refreshes(&self, in_use: &str) -> Result<()> {
        self.test_clock.advance(REFRESH_INTERVAL);
        ensure!(
            self.presents("one").await? == in_use,
            "the notification that came with the refresh waited for it"
        );
        Ok(())
    }

    /// Waits until a brand presents this certificate.
    async fn comes_to_present(&self, brand: &str, name: &str) -> Result<()> {
        let deadline = Instant::now() + SOON;
        loop {
            let presented = self.presents(brand).await?;
            if presented == name {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{brand} still presents {presented}, not {name}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until so many refusals have been counted.
    async fn counts(&self, refused: usize) -> Result<()> {
        let deadline = Instant::now() + SOON;
        while self.metrics.values(NOT_RELOADED).len() < refused {
            ensure!(Instant::now() < deadline, "{:?} refusals", self.metrics.values(NOT_RELOADED));
            sleep(Duration::from_millis(50)).await;
        }
        ensure!(self.metrics.values(NOT_RELOADED).len() == refused, "more was refused than that");
        Ok(())
    }
}

/// Makes an identity of this name that ends after so many hours.
fn identity(world: &World, name: &str, hours: i64) -> Result<Identity> {
    let subject = ClientSubject { common_name: format!("{name}.example"), ..ClientSubject::default() };
    let not_after = now() + SignedDuration::from_hours(hours);
    let validity = Validity { not_before: not_after - SignedDuration::from_hours(1000), not_after };
    world.pki.sender_authority.client_with(&subject, validity)
}

fn pair(chain: &Identity, key: &Identity) -> Value {
    json!({ "certificate_chain": chain.chain_pem, "private_key": key.key_pem })
}

/// A new version is taken up while dispatch is warm; the one before it serves until then, and to the end of what began with it.
pub async fn a_new_identity_is_taken_up_while_warm_and_the_old_one_serves_until_then(
    world: &World,
) -> Result<()> {
    let (old, new) = (identity(world, "old", 900)?, identity(world, "new", 900)?);
    let of_both = |one: &Identity| json!({ ONE: pair(one, one), OTHER: pair(&old, &old) });
    let warm = Warm::new(world, "202,202,delay:2s:202,202", &of_both(&old)).await?;
    warm.put(&of_both(&new).to_string()).await?;
    warm.test_clock.advance(REFRESH_INTERVAL - SignedDuration::from_secs(1));
    ensure!(warm.presents("one").await? == "old.example", "it was looked at too early");
    warm.test_clock.advance(SignedDuration::from_secs(1));
    ensure!(warm.presents("one").await? == "old.example", "the notification waited for the look");

    // Begun with the old one, or with the new one if it is there already; either way it ends well while the other is in use.
    let slow = tokio::spawn({
        let (dispatch, message) = (Arc::clone(&warm.dispatch), warm.message("one")?);
        async move { hand_over(&dispatch, &[message]).await }
    });
    warm.comes_to_present("one", "new.example").await?;
    ensure!(slow.await??.is_empty(), "an exchange was lost in the rotation");
    ensure!(warm.presents("other").await? == "old.example", "a brand changed that was not rotated");
    ensure!(warm.metrics.values(NOT_RELOADED).is_empty(), "a good version was refused");
    Ok(())
}

/// A new version that cannot be used is refused, brand by brand; what was in use stays, and an alarm's metric counts it.
pub async fn a_bad_new_identity_is_refused_and_the_old_one_stays_with_an_alarm(world: &World) -> Result<()> {
    let (old, new) = (identity(world, "old", 900)?, identity(world, "new", 900)?);
    let expired = identity(world, "new", -1)?;
    let both = |one: Value, other: Value| json!({ ONE: one, OTHER: other }).to_string();
    let broken =
        json!({ "certificate_chain": "-----BEGIN CERTIFICATE-----\nno base64", "private_key": old.key_pem });
    let good = || pair(&old, &old);
    let warm = Warm::new(world, "202", &json!({ ONE: good(), OTHER: good() })).await?;
    let bad = [
        ("a key of another certificate", both(pair(&new, &old), good())),
        ("an expired certificate", both(pair(&expired, &expired), good())),
        ("broken PEM", both(broken, good())),
        ("a text that is no JSON", "no JSON".to_owned()),
        ("an empty object", "{}".to_owned()),
    ];
    for (refused, (what, secret)) in (1..).zip(bad) {
        warm.put(&secret).await?;
        warm.refreshes("old.example").await.context(what)?;
        warm.counts(refused).await.context(what)?;
        for brand in ["one", "other"] {
            ensure!(
                warm.presents(brand).await? == "old.example",
                "{what}: {brand} does not present the old one"
            );
        }
    }
    // Partly bad: the one brand goes on to its new identity, the other stays with its old one.
    warm.put(&both(pair(&new, &new), pair(&new, &old))).await?;
    warm.refreshes("old.example").await?;
    warm.counts(6).await?;
    warm.comes_to_present("one", "new.example").await?;
    ensure!(warm.presents("other").await? == "old.example", "a bad identity of one brand was used");

    // Mended: nothing more is counted.
    warm.put(&both(pair(&new, &new), pair(&new, &new))).await?;
    warm.refreshes("new.example").await?;
    warm.comes_to_present("other", "new.example").await?;
    warm.counts(6).await
}

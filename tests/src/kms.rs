//! A key that never leaves the local stack's KMS: requested, certified, stored, and presented to nginx.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use arauto::csr;
use convention::address::AddressPolicy;
use convention::delivery::EXCHANGE_DEADLINE;
use convention::directory::{Operation, Registration, RegistrationRequest, StatementUris, target};
use convention::notification::{
    AuthorisationServers, Choices, Endpoint, InteractionId, Notification, Partition, Plan, plan,
};
use devkit::local::AUTHORISATION_SERVER_ID;
use devkit::pki::ClientSubject;
use http::Method;
use jiff::SignedDuration;
use platform::aws::{Keys, kms};
use platform::rng::Rng;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::Instant;

use crate::aws::{Measured, TestClock};
use crate::dispatch::on_stack;
use crate::judges::{Nginx, find_nginx};
use crate::kms_identity::make_key;
use crate::world::{
    PREFIX, THIRD_BRAND, THIRD_NAME, THIRD_SERVER, World, first_message, new_change, now, tag,
};

/// For what should come at once, on a machine that compiles meanwhile.
const SOON: Duration = Duration::from_secs(20);

/// nginx, with either version of TLS, takes the certificate of a brand whose key only KMS has.
pub async fn nginx_takes_a_certificate_whose_key_never_leaves_kms(world: &World) -> Result<()> {
    let program = find_nginx().context("nginx is gone")?;
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let nginx = Nginx::speaking(protocol, &program, &world.pki, None).await?;
        let client = tag("itp");
        let body = world.registration(&client, Operation::Dcr, Some(&[nginx.base_uri(PREFIX)]), json!({}));
        let path = format!("/v1/clients/{client}?brand={THIRD_BRAND}");
        let (route, json) = ("/v1/clients/{clientId}", "application/json");
        let answer = world.call(Method::PUT, &path, route, json, &body.to_string()).await?;
        ensure!(answer.status == 200, "{}", answer.text());
        let mut change = new_change(Endpoint::PaymentConsent, &client);
        change["brand"] = json!(THIRD_BRAND);
        let id = world.notify(&change).await?;
        let requests = nginx.requests(1, SOON).await?;
        let request = &requests[0];
        ensure!(request["verified"] == "SUCCESS" && request["status"] == "202", "{request}");
        ensure!(request["tls"] == protocol && request["resumed"] == ".", "{request}");
        let name = format!("CN={THIRD_NAME}");
        ensure!(request["subject"].as_str().is_some_and(|subject| subject.contains(&name)), "{request}");
        world.ended(&id, "delivered", SOON).await?;
    }
    Ok(())
}

/// Posts on a new connection, again and again, with a key here and with one in KMS; says what that takes.
pub async fn measure(world: &World) -> Result<String> {
    const POSTS: usize = 50;
    let program = find_nginx().context("nginx is gone")?;
    let nginx = Nginx::start(&program, &world.pki, None).await?;
    let test_clock = TestClock::starting_now();
    let (clock, metrics) = (test_clock.clock(), Measured::default().writer("dispatch"));
    let brands = format!("here={AUTHORISATION_SERVER_ID},kms={THIRD_SERVER}");
    let secret = world.stack.output("IdentitySecretArn")?;
    let dispatch = on_stack(&world.stack, secret, &brands, (clock, Rng::system()), metrics)?;
    let servers: AuthorisationServers = brands.parse()?;
    let notification = notification(&nginx.base_uri(PREFIX))?;
    let mut said = String::new();
    for brand in ["here", "kms"] {
        let client = dispatch.identities.client(&servers.identity_owner(Some(brand))?).await?;
        let mut took = Vec::new();
        for _ in 0..POSTS {
            // No connection is kept for so long.
            test_clock.advance(SignedDuration::from_secs(10));
            let id = InteractionId::new(Partition::of(&notification.resource), Rng::system().bits());
            let started = Instant::now();
            let exchange = client.post(&notification, id, EXCHANGE_DEADLINE).await?;
            took.push(started.elapsed());
            ensure!(exchange.answer.is_ok_and(|answer| answer.status == 202), "nginx refused");
        }
        took.sort();
        let (median, p90) = (took[POSTS / 2], took[POSTS * 9 / 10]);
        writeln!(said, "key {brand}: {POSTS} posts on new connections, median {median:.1?}, p90 {p90:.1?}")?;
    }
    Ok(said)
}

/// A notification for the receiver at this base URI.
fn notification(base: &str) -> Result<Box<Notification>> {
    let wrong = |errors: &dyn std::fmt::Debug| anyhow::anyhow!("{errors:?}");
    let message = first_message("itp-1")?;
    let request = json!({ "webhook_uris": [base] });
    let request = RegistrationRequest::from_json(&request, "").map_err(|errors| wrong(&errors))?;
    let policy = AddressPolicy::PublicAndLoopback;
    let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), policy);
    let decided = decided.map_err(|errors| wrong(&errors))?;
    let (client, since) = (message.change.client_id.clone(), now() - SignedDuration::from_hours(1));
    let registration = Registration::new(client, request, decided, None, since);
    match plan(
        &message.change,
        registration.receiver(policy).as_ref(),
        &AuthorisationServers::default(),
        &Choices::default(),
    ) {
        Plan::Notify(notification) => Ok(notification),
        other @ (Plan::NotNotifiable(_) | Plan::NoReceiver | Plan::Misconfigured(_)) => Err(wrong(&other)),
    }
}

/// A certificate request that KMS signed is one that openssl verifies.
pub async fn openssl_verifies_a_request_that_kms_signed(world: &World) -> Result<()> {
    let key = make_key(&world.stack).await?;
    let keys = Keys::new(kms(&world.stack.sdk_config()));
    let pem = csr::by_kms(&ClientSubject::default(), &keys, &key).await?;
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-verify", "-noout", "-text"]).kill_on_drop(true);
    openssl.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = openssl.stderr(std::process::Stdio::piped()).spawn().context("no openssl")?;
    child.stdin.take().context("openssl reads nothing")?.write_all(pem.as_bytes()).await?;
    let output = child.wait_with_output().await?;
    let said = String::from_utf8([output.stdout, output.stderr].concat())?;
    ensure!(output.status.success() && said.contains("verify OK"), "{said}");
    ensure!(said.contains("OFBBR-") && said.contains("TLS Web Client Authentication"), "{said}");
    Ok(())
}

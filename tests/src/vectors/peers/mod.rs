//! Receivers on sockets of this machine, and exchanges with them by the product's own client.

mod openssl;
mod pki;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use convention::address::AddressPolicy;
use convention::delivery::EXCHANGE_DEADLINE;
use convention::directory;
use convention::notification::{Endpoint, InteractionId, Notification, Partition, WebhookVersion};
use devkit::receiver::{MockReceiver, Received, Settings};
use jiff::SignedDuration;
use mtls::revocation::Revocation;
use mtls::{Client, Exchange, Identity, Network};
use platform::clock::Clock;
use platform::rng::Rng;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::example;
use crate::aws::Functions;

pub(super) use openssl::{OpenSsl, is_installed};
pub(super) use pki::{LIST_URL, client_certificate, expired, named, of_a_stranger, receiver};

/// Runs a future to its end, and stops whatever it has started.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(future))
}

/// Returns the product's client with the identity of this process, which knows of no revocation.
pub(super) async fn client() -> Result<Client, String> {
    client_with(&nothing_known().await)
}

/// Returns what is known of revocation before anything was asked.
pub(super) async fn nothing_known() -> Arc<Revocation> {
    let functions = Functions::default();
    functions.revocation(&functions.test_clock, SignedDuration::from_hours(1))
}

/// Returns the product's client with the identity of this process.
pub(super) fn client_with(revocation: &Arc<Revocation>) -> Result<Client, String> {
    let own = pki::sender();
    let identity = Identity::from_pem(&own.chain_pem, &own.key_pem).map_err(|error| error.to_string())?;
    client_of(&identity, revocation)
}

/// Returns the product's client with this identity.
pub(super) fn client_of(identity: &Identity, revocation: &Arc<Revocation>) -> Result<Client, String> {
    Client::new(identity, &pki::anchors(), Network::system(AddressPolicy::PublicAndLoopback), revocation)
        .map_err(|error| format!("no client: {error}"))
}

/// Returns a notification for the receiver at this address.
pub(super) fn notification(address: SocketAddr) -> Result<Box<Notification>, String> {
    let settings = directory::Settings::default();
    let receiver =
        example::receiver_with(&format!("https://{address}"), AddressPolicy::PublicAndLoopback, settings)?;
    let profile = WebhookVersion::default();
    let change = example::Change::notified(Endpoint::PixPayment, example::api_version(), profile)?.valid()?;
    example::notification(&change, &receiver)
}

/// Posts one notification to the receiver at this address; returns what it was named, too.
pub(super) async fn post(client: &Client, address: SocketAddr) -> Result<(Exchange, String), String> {
    let notification = notification(address)?;
    let id = InteractionId::new(Partition::of(&notification.resource), Rng::system().bits());
    let exchange = client.post(&notification, id, EXCHANGE_DEADLINE).await;
    Ok((exchange.map_err(|error| error.to_string())?, id.to_string()))
}

/// Starts a receiver on a socket.
pub(super) async fn start(settings: Settings) -> Result<MockReceiver, String> {
    MockReceiver::start(settings).await.map_err(|error| format!("no receiver: {error:#}"))
}

/// Posts one notification to a new receiver; returns what it was named and what the receiver saw.
pub(super) async fn exchange(settings: Settings) -> Result<(Exchange, String, Vec<Received>), String> {
    let mock = start(settings).await?;
    let (exchange, id) = post(&client().await?, mock.address()).await?;
    Ok((exchange, id, mock.received()))
}

/// Returns after how many milliseconds a healthy receiver sees its request, posted behind as many to one that hangs.
///
/// The one that hangs is a bare listener: it does not even begin a handshake, so that nothing of it costs time here.
pub(super) async fn start_beside_hanging(hanging: usize, settings: Settings) -> Result<i64, String> {
    let dead = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = dead.local_addr().map_err(|error| error.to_string())?;
    let mut tasks = JoinSet::new();
    // Accepts every connection and says nothing on any of them.
    tasks.spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = dead.accept().await {
            held.push(connection);
        }
    });
    let healthy = start(settings).await?;
    let client = client().await?;
    let started = Clock::system().now();
    for _ in 0..hanging {
        let client = client.clone();
        tasks.spawn(async move { drop(post(&client, address).await) });
    }
    // Behind the others, as its message would be.
    let behind =
        tokio::spawn(async move { post(&client, healthy.address()).await.map(|_| healthy.received()) });
    let seen = behind.await.map_err(|error| error.to_string())??;
    let first = seen.first().ok_or("the healthy receiver saw nothing")?;
    if tasks.len() <= hanging {
        return Err("the dead receiver does not hang".to_owned());
    }
    i64::try_from(first.received_at.duration_since(started).as_millis()).map_err(|error| error.to_string())
}

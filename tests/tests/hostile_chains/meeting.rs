//! The product's own client meets a receiver in memory, which presents what it is told to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use convention::address::AddressPolicy;
use convention::delivery::EXCHANGE_DEADLINE;
use convention::directory::{self, Registration, RegistrationRequest, StatementUris, target};
use convention::notification::{
    AuthorisationServers, Choices, InteractionId, Notification, Partition, Plan, StateChange, plan,
};
use devkit::receiver::{Presented, Receiver, Settings};
use mtls::revocation::Revocation;
use mtls::{Client, Network, Transport};
use platform::rng::Rng;
use serde_json::json;
use tests::aws::PKI;
use tokio::io::duplex;

use super::pki::{Der, HOST, anchors, identity, receiver};

/// Where receivers are; nobody connects to it.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));

/// A client and a receiver that closes after each answer, so that each exchange is a handshake.
pub(crate) struct Meeting {
    client: Client,
    presented: Presented,
}

impl Meeting {
    pub(crate) fn new(revocation: &Arc<Revocation>) -> Self {
        let presented = Presented::unchecked(Vec::new(), &receiver().key.private()).unwrap();
        let client = Client::new(&identity(), &anchors(), network(&presented), revocation).unwrap();
        Self { client, presented }
    }

    /// Posts a notification to a receiver that presents these certificates; returns the outcome's code.
    pub(crate) async fn outcome(&self, presented: &[Der]) -> String {
        self.presented.change(presented.to_vec());
        let notification = notification();
        let id = InteractionId::new(Partition::of(&notification.resource), Rng::system().bits());
        match self.client.post(&notification, id, EXCHANGE_DEADLINE).await {
            Ok(exchange) => exchange.outcome(id, &directory::Settings::default()).code().to_owned(),
            Err(fault) => fault.code().as_str().to_owned(),
        }
    }
}

fn network(presented: &Presented) -> Network {
    let settings = Settings {
        presents: Some(presented.clone()),
        client_ca_pem: None,
        answers: "last:202".parse().unwrap(),
        ..Settings::new(PKI.receiver.clone(), "")
    };
    let receiver = Receiver::new(settings).unwrap();
    let look_up = async |_: String, port: u16| Ok(vec![SocketAddr::new(ADDRESS, port)]);
    let open = move |_: SocketAddr| {
        let (receiver, (ours, theirs)) = (receiver.clone(), duplex(256 * 1024));
        tokio::spawn(receiver.serve(theirs, SocketAddr::new(ADDRESS, 1)));
        async move { Ok(Box::new(ours) as Box<dyn Transport>) }
    };
    Network::new(AddressPolicy::Public, look_up, open)
}

fn notification() -> Notification {
    let now = "2026-11-22T13:15:30Z".parse().unwrap();
    let change = json!({
        "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1",
        "api_version": "v5", "from": "RCVD", "to": "ACSC", "event_instant": "2026-11-22T10:15:30-03:00",
    });
    let change = StateChange::posted(&change, "", now).unwrap();
    let request = json!({ "webhook_uris": [format!("https://{HOST}/kong3")] });
    let request = RegistrationRequest::from_json(&request, "").unwrap();
    let policy = AddressPolicy::Public;
    let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), policy).unwrap();
    let registration = Registration::new(change.client_id.clone(), request, decided, None, now);
    match plan(
        &change,
        registration.receiver(policy).as_ref(),
        &AuthorisationServers::default(),
        &Choices::default(),
    ) {
        Plan::Notify(notification) => *notification,
        other @ (Plan::NotNotifiable(_) | Plan::NoReceiver | Plan::Misconfigured(_)) => panic!("{other:?}"),
    }
}

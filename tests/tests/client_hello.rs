//! The first message of a handshake, as it goes out on a socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use convention::address::AddressPolicy;
use convention::delivery::EXCHANGE_DEADLINE;
use convention::directory::{Registration, RegistrationRequest, StatementUris, target};
use convention::notification::{
    AuthorisationServers, Choices, InteractionId, Notification, Partition, Plan, StateChange, plan,
};
use jiff::SignedDuration;
use mtls::{Client, Identity, KeyExchange, Network, TrustAnchors};
use platform::config::Settings;
use platform::rng::Rng;
use serde_json::json;
use tests::aws::{Functions, PKI};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

const LOOPBACK: AddressPolicy = AddressPolicy::PublicAndLoopback;

/// A notification for a receiver at this port.
fn notification(port: u16) -> Notification {
    let now = "2026-11-22T13:15:30Z".parse().unwrap();
    let change = json!({
        "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1",
        "api_version": "v5", "from": "RCVD", "to": "ACSC", "event_instant": "2026-11-22T10:15:30-03:00",
    });
    let change = StateChange::posted(&change, "", now).unwrap();
    let request = json!({ "webhook_uris": [format!("https://localhost:{port}")] });
    let request = RegistrationRequest::from_json(&request, "").unwrap();
    let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), LOOPBACK).unwrap();
    let registration = Registration::new(change.client_id.clone(), request, decided, None, now);
    match plan(
        &change,
        registration.receiver(LOOPBACK).as_ref(),
        &AuthorisationServers::default(),
        &Choices::default(),
    ) {
        Plan::Notify(notification) => *notification,
        other @ (Plan::NotNotifiable(_) | Plan::NoReceiver | Plan::Misconfigured(_)) => panic!("{other:?}"),
    }
}

/// The record that dispatch's client begins a connection with, where the functions are set so.
async fn hello(setting: Option<&str>) -> Vec<u8> {
    let settings = |name: &str| setting.filter(|_| name == "ARAUTO_HYBRID_KEY_EXCHANGE").map(str::to_owned);
    let key_exchange = KeyExchange::of_settings(&Settings::new(&settings)).unwrap();
    let functions = Functions::default();
    let revocation = functions.revocation(&functions.test_clock, SignedDuration::from_hours(1));
    let identity = Identity::from_pem(&PKI.sender.chain_pem, &PKI.sender.key_pem).unwrap();
    let trust = TrustAnchors::from_pem(PKI.receiver_authority.root_pem()).unwrap();
    let network = Network::system(LOOPBACK).exchanging_keys(key_exchange);
    let client = Client::new(&identity, &trust, network, &revocation).unwrap();

    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let notification = notification(receiver.local_addr().unwrap().port());
    let id = InteractionId::new(Partition::of(&notification.resource), Rng::system().bits());
    let read = async {
        let (mut connection, _) = receiver.accept().await.unwrap();
        let mut head = [0; 5];
        connection.read_exact(&mut head).await.unwrap();
        let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        connection.read_exact(&mut body).await.unwrap();
        [head.to_vec(), body].concat()
    };
    let post = client.post(&notification, id, EXCHANGE_DEADLINE.min(Duration::from_secs(5)));
    tokio::join!(read, post).0
}

/// The groups of the extension `supported_groups` (RFC 8446, section 4.2.7), found by their numbers.
fn offers(hello: &[u8], group: u16) -> bool {
    // Type 10, the length of the extension, the length of the list.
    let extension = hello.windows(6).position(|bytes| {
        let number = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        number(0) == 10 && number(2) == number(4) + 2
    });
    let start = extension.unwrap() + 6;
    let length = usize::from(u16::from_be_bytes([hello[start - 2], hello[start - 1]]));
    hello[start..start + length].chunks(2).any(|bytes| bytes == group.to_be_bytes())
}

/// Of the registry "TLS Supported Groups".
const X25519: u16 = 29;
const SECP256R1: u16 = 23;
const SECP384R1: u16 = 24;
const X25519MLKEM768: u16 = 4588;

#[tokio::test]
async fn the_hello_is_short_and_offers_classical_groups_unless_a_parameter_says_otherwise() {
    for setting in [None, Some("false")] {
        let hello = hello(setting).await;
        // Handshake, ClientHello.
        assert_eq!((hello[0], hello[5]), (22, 1));
        assert!(hello.len() < 600, "{} bytes", hello.len());
        for (group, offered) in
            [(X25519, true), (SECP256R1, true), (SECP384R1, true), (X25519MLKEM768, false)]
        {
            assert_eq!(offers(&hello, group), offered, "{group}");
        }
    }
    let hello = hello(Some("true")).await;
    assert!(hello.len() > 1200, "{} bytes", hello.len());
    assert!(offers(&hello, X25519MLKEM768) && offers(&hello, X25519));
}

//! The product's own client meets a receiver in memory, which presents what it is told to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use convention::address::AddressPolicy;
use convention::delivery::EXCHANGE_DEADLINE;
use convention::directory::{Registration, RegistrationRequest, Settings, StatementUris, target};
use convention::notification::{
    AuthorisationServers, InteractionId, Notification, Partition, Plan, StateChange, plan,
};
use mtls::revocation::Revocation;
use mtls::{Client, Network, Transport};
use platform::rng::Rng;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio_rustls::TlsAcceptor;

use super::pki::{Der, HOST, anchors, identity, receiver};

/// Where receivers are; nobody connects to it.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));

/// A client and a receiver that closes after each answer, so that each exchange is a handshake.
pub(crate) struct Meeting {
    client: Client,
    presents: Arc<Presents>,
}

#[derive(Debug)]
struct Presents(Mutex<Arc<CertifiedKey>>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Meeting {
    pub(crate) fn new(revocation: &Arc<Revocation>) -> Self {
        let presents = Arc::new(Presents(Mutex::new(certified(Vec::new()))));
        let client = Client::new(&identity(), &anchors(), network(&presents), revocation).unwrap();
        Self { client, presents }
    }

    /// Posts a notification to a receiver that presents these certificates; returns the outcome's code.
    pub(crate) async fn outcome(&self, presented: &[Der]) -> String {
        *self.presents.0.lock().unwrap_or_else(PoisonError::into_inner) = certified(presented.to_vec());
        let notification = notification();
        let id = InteractionId::new(Partition::of(&notification.resource), Rng::system().bits());
        match self.client.post(&notification, id, EXCHANGE_DEADLINE).await {
            Ok(exchange) => exchange.outcome(id, &Settings::default()).code().to_owned(),
            Err(fault) => fault.code().as_str().to_owned(),
        }
    }
}

fn certified(presented: Vec<Der>) -> Arc<CertifiedKey> {
    // rustls would look the chain over in a constructor of a higher level.
    Arc::new(CertifiedKey::new(presented, any_supported_type(&receiver().key.private()).unwrap()))
}

fn network(presents: &Arc<Presents>) -> Network {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::<Presents>::clone(presents));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let look_up = async |_: String, port: u16| Ok(vec![SocketAddr::new(ADDRESS, port)]);
    let open = move |_: SocketAddr| {
        let (acceptor, (ours, theirs)) = (acceptor.clone(), duplex(256 * 1024));
        tokio::spawn(async move {
            // What becomes of a handshake that fails is for the sender to say.
            let Ok(mut stream) = acceptor.accept(theirs).await else { return };
            answer(&mut stream).await.unwrap_or_default();
        });
        async move { Ok(Box::new(ours) as Box<dyn Transport>) }
    };
    Network::new(AddressPolicy::Public, look_up, open)
}

async fn answer(stream: &mut (impl AsyncRead + tokio::io::AsyncWrite + Unpin)) -> io::Result<()> {
    let mut request = Vec::new();
    let id = loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        if header("content-length: ").is_some_and(|length| length.parse() == Ok(body.len())) {
            break header("x-webhook-interaction-id: ").unwrap_or_default();
        }
    };
    let answer = format!(
        "HTTP/1.1 202 Accepted\r\nx-webhook-interaction-id: {id}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn notification() -> Notification {
    let now = "2026-11-22T13:15:30Z".parse().unwrap();
    let change = json!({
        "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1",
        "api_version": "v4", "from": "RCVD", "to": "ACSC", "event_instant": "2026-11-22T10:15:30-03:00",
    });
    let change = StateChange::posted(&change, "", now).unwrap();
    let request = json!({ "webhook_uris": [format!("https://{HOST}/kong3")] });
    let request = RegistrationRequest::from_json(&request, "").unwrap();
    let policy = AddressPolicy::Public;
    let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), policy).unwrap();
    let registration = Registration::new(change.client_id.clone(), request, decided, None, now);
    match plan(&change, registration.receiver(policy).as_ref(), &AuthorisationServers::default()) {
        Plan::Notify(notification) => *notification,
        other @ (Plan::NotNotifiable(_) | Plan::NoReceiver | Plan::Misconfigured(_)) => panic!("{other:?}"),
    }
}

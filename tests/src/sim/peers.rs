//! The receivers: servers in memory behind real mutual TLS, each in the mood that its plan says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webhook::address::AddressPolicy;
use webhook::peer::{Network, Transport};

use super::dice::Dice;
use super::invariants;
use super::life::Life;
use super::request::{Request, next_request};
use super::scenario::{Deed, ReceiverPlan, base_uri};
use super::world::{Arrival, World, epoch};
use arauto::pki::{ClientSubject, Identity, TestPki};

/// The certificates of all runs: making RSA keys takes longer than a run.
pub(super) static PKI: LazyLock<(TestPki, Identity)> = LazyLock::new(|| {
    let pki = TestPki::new(&ClientSubject::default(), epoch()).expect("certificates can be made");
    let receiver = pki.receiver_authority.server(&["*.itp.example"]).expect("a certificate can be made");
    (pki, receiver)
});
static TLS: LazyLock<TlsAcceptor> = LazyLock::new(acceptor);

/// A server that has been idle for so long closes, as Node's does.
const IDLE: Duration = Duration::from_secs(5);
/// How much of a connection is under way at a time, more than any message has.
const BUFFER: usize = 256 * 1024;
/// The limit of the whole exchange and of the end of an answer's body, guarantee G6.
const EXCHANGE: Duration = Duration::from_secs(15);
const BODY: Duration = Duration::from_secs(1);

/// All receivers. Copies are the same ones.
#[derive(Clone)]
pub(super) struct Peers(Arc<Inner>);

struct Inner {
    world: World,
    plans: Vec<(ReceiverPlan, Mutex<Dice>)>,
}

impl Peers {
    pub(super) fn new(world: &World, plans: &[ReceiverPlan]) -> Self {
        let with_dice = |(number, plan): (usize, &ReceiverPlan)| {
            (plan.clone(), Mutex::new(world.dice("receiver", number as u64)))
        };
        let plans = plans.iter().enumerate().map(with_dice).collect();
        Self(Arc::new(Inner { world: world.clone(), plans }))
    }

    /// The network as one environment sees it.
    pub(super) fn network(&self, life: &Life) -> Network {
        let (looks, opens, life) = (self.clone(), self.clone(), life.clone());
        Network::new(
            AddressPolicy::Public,
            move |host, port| looks.clone().look_up(host, port),
            move |address| opens.clone().open(address, life.clone()),
        )
    }

    /// The address tells the client and the registration.
    async fn look_up(self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        let numbers = host.strip_prefix('r').and_then(|rest| rest.split_once('.')?.0.split_once('m'));
        let (client, registration) = numbers.ok_or_else(|| io::Error::other("no such name"))?;
        let (Ok(client), Ok(registration)) = (client.parse::<u8>(), registration.parse::<u8>()) else {
            return Err(io::Error::other("no such name"));
        };
        let (deed, wait) = self.draw(client.into(), 5);
        sleep(wait).await;
        if deed == Deed::NoName {
            self.trouble(client.into(), deed);
            return Err(io::Error::other("no such name"));
        }
        Ok(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::new(200, 160, client, registration)), port)])
    }

    async fn open(self, address: SocketAddr, life: Life) -> io::Result<Box<dyn Transport>> {
        let IpAddr::V4(v4) = address.ip() else { return Err(io::ErrorKind::ConnectionRefused.into()) };
        let [.., client, registration] = v4.octets();
        let (deed, wait) = self.draw(client.into(), 40);
        sleep(wait).await;
        match deed {
            Deed::Refuse => {
                self.trouble(client.into(), deed);
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Deed::Silent => {
                self.trouble(client.into(), deed);
                return std::future::pending().await;
            }
            _ => {}
        }
        let (ours, theirs) = duplex(BUFFER);
        if deed == Deed::CloseBeforeTls {
            self.trouble(client.into(), deed);
        } else {
            tokio::spawn(self.serve(theirs, client.into(), registration.into()));
        }
        Ok(Box::new(life.wire(ours)))
    }

    async fn serve(self, stream: DuplexStream, client: usize, registration: u32) {
        let Ok(mut stream) = TLS.accept(stream).await else { return };
        let mut buffer = Vec::new();
        while let Ok(Some(request)) = timeout(IDLE, next_request(&mut stream, &mut buffer)).await {
            if !self.answer(&mut stream, &request, client, registration).await {
                break;
            }
        }
        stream.shutdown().await.ok();
    }

    /// Answers one request; `false` if the connection ends.
    async fn answer(
        &self,
        stream: &mut TlsStream<DuplexStream>,
        request: &Request,
        client: usize,
        registration: u32,
    ) -> bool {
        let world = &self.0.world;
        let (mut deed, wait) = self.draw(client, 150);
        if deed.is_before_tls() {
            deed = Deed::Reset;
        }
        let interaction_id = request.header("x-webhook-interaction-id").to_owned();
        let is_begun = world.facts().begun.contains_key(&interaction_id);
        let arrival = Arrival {
            at: world.now(),
            client,
            base_uri: base_uri(client, registration),
            resource: request.path.rsplit('/').next().unwrap_or_default().to_owned(),
            interaction_id,
            accepts: deed.accepts(),
            is_begun,
        };
        world.note(format_args!(
            "r{client}m{registration} gets {} {}, and does {deed:?}",
            request.path, arrival.interaction_id
        ));
        invariants::arrived(world, &arrival, request, registration);
        let id = arrival.interaction_id.clone();
        world.facts().arrivals.push(arrival);
        if !deed.accepts() {
            self.trouble(client, deed);
        }
        sleep(if deed == Deed::AcceptSlowly { wait * 60 } else { wait }).await;
        let echo = format!("x-webhook-interaction-id: {id}\r\n");
        let (head, goes_on) = match deed {
            Deed::Accept | Deed::AcceptSlowly => (answer(202, &echo, 0), true),
            Deed::AcceptAndClose => (answer(202, &format!("{echo}connection: close\r\n"), 0), false),
            Deed::WrongEcho => {
                let other = "x-webhook-interaction-id: 00000000-0000-4000-8000-000000000000\r\n";
                (answer(202, other, 0), true)
            }
            Deed::NoEcho => (answer(202, "", 0), true),
            Deed::BigBody => (answer(202, &echo, 200_000) + &"x".repeat(200_000), true),
            Deed::EndlessBody => {
                stream.write_all(answer(202, &echo, 10).as_bytes()).await.ok();
                self.expects_to_be_left(stream, "the body's end", BODY).await;
                return false;
            }
            Deed::Status(status) => (answer(status, &echo, 0), true),
            Deed::Hang => {
                self.expects_to_be_left(stream, "the answer", EXCHANGE).await;
                return false;
            }
            Deed::Garbage => ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), false),
            Deed::Reset | Deed::NoName | Deed::Refuse | Deed::Silent | Deed::CloseBeforeTls => return false,
        };
        stream.write_all(head.as_bytes()).await.is_ok() && goes_on
    }

    /// Guarantee G6: whoever is kept waiting leaves in time.
    async fn expects_to_be_left(&self, stream: &mut TlsStream<DuplexStream>, what: &str, limit: Duration) {
        let mut byte = [0];
        if timeout(limit + Duration::from_millis(50), stream.read(&mut byte)).await.is_err() {
            let world = &self.0.world;
            world.violated(
                "G6_no_exchange_is_longer_than_its_limit",
                format_args!("{what} is waited for after {limit:?}"),
            );
        }
    }

    fn draw(&self, client: usize, wait_ms: u64) -> (Deed, Duration) {
        let (plan, dice) = &self.0.plans[client];
        let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
        (plan.deed(self.0.world.now(), &mut dice), dice.millis(1, wait_ms))
    }

    fn trouble(&self, client: usize, deed: Deed) {
        let now = self.0.world.now();
        self.0.world.note(format_args!("THEIRS r{client} {deed:?}"));
        self.0.world.facts().theirs.push((client, now, format!("{deed:?}")));
    }
}

fn answer(status: u16, headers: &str, length: usize) -> String {
    format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\n\r\n")
}

/// Certificates go by the clock of the run, which begins at the epoch.
#[derive(Debug)]
struct AtEpoch;

impl TimeProvider for AtEpoch {
    fn current_time(&self) -> Option<UnixTime> {
        let since: Duration = epoch().duration_since(Timestamp::UNIX_EPOCH).try_into().ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}

fn acceptor() -> TlsAcceptor {
    let (pki, receiver) = &*PKI;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(pki.sender_authority.root_pem().as_bytes()) {
        roots.add(root.expect("a certificate")).expect("a root");
    }
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .expect("there is a root");
    let chain = CertificateDer::pem_slice_iter(receiver.chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .expect("a chain");
    let key = PrivateKeyDer::from_pem_slice(receiver.key_pem.as_bytes()).expect("a key");
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(AtEpoch))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.3")
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .expect("the key is the certificate's");
    config.send_tls13_tickets = 0;
    TlsAcceptor::from(Arc::new(config))
}

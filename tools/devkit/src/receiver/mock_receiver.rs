use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use rustls::SupportedProtocolVersion;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::Answers;
use super::contract::WebhookVersion;
use super::event::Received;
use super::finding::Contract;
use super::journal::{Connections, Journal, Refusal};
use super::prefix::Prefix;
use super::serve::Service;
use super::{admin, tls};
use crate::pki::Identity;

/// How many requests a mock keeps unless told otherwise: a few MB.
const KEPT: usize = 10_000;

/// How a mock is to behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to serve what was received, on plain HTTP; a loopback address.
    pub admin: Option<SocketAddr>,
    /// The server certificate and its key.
    pub identity: Identity,
    /// Who issues client certificates; none is asked for if this is `None`.
    pub client_ca_pem: Option<String>,
    /// The versions of TLS on offer.
    pub tls_versions: &'static [&'static SupportedProtocolVersion],
    /// Whether TLS sessions can be resumed, so as to catch a sender that does.
    pub resumption: bool,
    /// Closes a connection that brings no request for so long; never, if `None`.
    pub idle: Option<Duration>,
    /// The path of the base URI.
    pub prefix: Prefix,
    /// The contract to judge requests by.
    pub webhook_version: WebhookVersion,
    /// How to answer.
    pub answers: Answers,
    /// How many requests to keep; older ones are forgotten.
    pub keep: usize,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

/// A running receiver; stops when dropped.
#[derive(Debug)]
pub struct MockReceiver {
    journal: Arc<Journal>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    prefix: Prefix,
    tasks: JoinSet<()>,
}

impl Settings {
    /// A receiver on a free loopback port that demands a client certificate of the authority given.
    pub fn new(identity: Identity, client_ca_pem: &str) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin: None,
            identity,
            client_ca_pem: Some(client_ca_pem.to_owned()),
            tls_versions: rustls::ALL_VERSIONS,
            resumption: false,
            idle: None,
            prefix: Prefix::default(),
            webhook_version: WebhookVersion::default(),
            answers: Answers::default(),
            keep: KEPT,
            clock: wall_clock,
        }
    }
}

impl MockReceiver {
    /// Binds the addresses and starts to serve, on the runtime of the caller.
    pub async fn start(settings: Settings) -> Result<Self> {
        let acceptor = tls::acceptor(&settings)?;
        let listener = bind(settings.listen).await?;
        let address = listener.local_addr().context("the listener has no address")?;
        let journal = Arc::new(Journal::new(settings.answers, settings.keep));
        let mut tasks = JoinSet::new();

        let mut admin_address = None;
        if let Some(admin) = settings.admin {
            ensure!(
                admin.ip().is_loopback(),
                "the admin address {admin} is not a loopback address, and must be one"
            );
            let listener = bind(admin).await?;
            admin_address = Some(listener.local_addr().context("the admin listener has no address")?);
            tasks.spawn(admin::serve(listener, Arc::clone(&journal)));
        }
        let service = Service {
            acceptor,
            contract: Contract { version: settings.webhook_version, prefix: settings.prefix.clone() },
            journal: Arc::clone(&journal),
            idle: settings.idle,
            clock: settings.clock,
        };
        tasks.spawn(Arc::new(service).serve(listener));
        Ok(Self { journal, address, admin: admin_address, prefix: settings.prefix, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves what it received.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// What a client registers in `webhook_uris` to be notified here, as seen from this machine.
    pub fn base_uri(&self) -> String {
        format!("https://localhost:{}{}", self.address.port(), self.prefix.as_str())
    }

    /// The requests kept, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.journal.received()
    }

    /// How many requests came since the start or the last [`MockReceiver::forget`].
    pub fn count(&self) -> usize {
        *self.journal.count().borrow()
    }

    /// Waits until so many requests came since the start or the last [`MockReceiver::forget`], and returns those kept.
    ///
    /// A request counts when it was read, before it is answered.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> Result<Vec<Received>> {
        let mut counter = self.journal.count();
        let waited = timeout(patience, counter.wait_for(|&seen| seen >= count)).await.map(drop);
        if waited.is_err() {
            let seen = self.count();
            bail!("{seen} of {count} requests came within {patience:?}");
        }
        Ok(self.received())
    }

    /// Forgets all requests and starts sequences of answers over.
    pub fn forget(&self) {
        self.journal.forget();
    }

    /// Answers differently from now on; sequences start over.
    pub fn set_answers(&self, answers: Answers) {
        self.journal.set_answers(answers);
    }

    /// Sends each request from now on to the caller, who may lag 1,024 behind.
    pub fn subscribe(&self) -> broadcast::Receiver<Received> {
        self.journal.subscribe()
    }

    /// Sends each failed handshake from now on to the caller.
    pub fn subscribe_refusals(&self) -> broadcast::Receiver<Refusal> {
        self.journal.subscribe_refusals()
    }

    /// The connections so far.
    pub fn connections(&self) -> Connections {
        self.journal.connections()
    }

    /// Closes everything and waits until it is closed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))
}

#[expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]
pub(super) fn wall_clock() -> Timestamp {
    Timestamp::now()
}

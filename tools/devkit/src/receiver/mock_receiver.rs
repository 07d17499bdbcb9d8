use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::admin;
use super::answer::Answers;
use super::event::Received;
use super::finding::Contract;
use super::journal::{Connections, Journal, Refusal};
use super::prefix::Prefix;
use super::serve::Service;
use super::settings::Settings;

/// A receiver without a socket, for connections that others carry. Copies are the same one.
#[derive(Clone)]
pub struct Receiver(Arc<Service>);

impl Receiver {
    /// Makes a receiver; where to listen is of no meaning.
    pub fn new(settings: Settings) -> Result<Self> {
        let acceptor = settings.tls()?.acceptor()?;
        Ok(Self(Arc::new(Service {
            acceptor,
            contract: Contract { version: settings.webhook_version, prefix: settings.prefix },
            journal: Arc::new(Journal::new(settings.answers, settings.keep)),
            idle: settings.idle,
            clock: settings.clock,
        })))
    }

    /// Serves one connection of this peer, from its handshake until it ends.
    pub async fn serve<S>(self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.0.serve_stream(stream, peer).await;
    }

    /// The requests kept, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.0.journal.received()
    }
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

impl MockReceiver {
    /// Binds the addresses and starts to serve, on the runtime of the caller.
    pub async fn start(settings: Settings) -> Result<Self> {
        let (admin, prefix, listen) = (settings.admin, settings.prefix.clone(), settings.listen);
        let Receiver(service) = Receiver::new(settings)?;
        let listener = bind(listen).await?;
        let address = listener.local_addr().context("the listener has no address")?;
        let journal = Arc::clone(&service.journal);
        let mut tasks = JoinSet::new();

        let mut admin_address = None;
        if let Some(admin) = admin {
            ensure!(
                admin.ip().is_loopback(),
                "the admin address {admin} is not a loopback address, and must be one"
            );
            let listener = bind(admin).await?;
            admin_address = Some(listener.local_addr().context("the admin listener has no address")?);
            tasks.spawn(admin::serve(listener, Arc::clone(&journal)));
        }
        tasks.spawn(service.serve(listener));
        Ok(Self { journal, address, admin: admin_address, prefix, tasks })
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
    pub async fn wait_for(&self, count: usize, within: Duration) -> Result<Vec<Received>> {
        let mut counter = self.journal.count();
        let waited = timeout(within, counter.wait_for(|&seen| seen >= count)).await.map(drop);
        if waited.is_err() {
            let seen = self.count();
            bail!("{seen} of {count} requests came within {within:?}");
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

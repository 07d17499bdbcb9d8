//! Name look-up and TCP connections: the operating system's network, or one that a test provides.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use convention::address::AddressPolicy;
use http1::IdleBudget;
use platform::telemetry::UsageMeter;
use tokio::net::TcpStream;

use super::egress::Egress;
use super::identity::KeyExchange;
use super::metered::Metered;
use super::transport::Transport;

/// Maximum number of open files of an environment ("Lambda quotas", AWS Lambda Developer Guide). Without a free one,
/// nothing can be sent.
const MAX_OPEN_FILES: usize = 1_024;
/// Files that are not idle connections to receivers: 32 idle connections to AWS, for each of ten messages one file under
/// way (a request to AWS, a look-up or a new connection), and a dozen of the process and its runtime. The rest is spare.
const RESERVED_FILES: usize = 64;
/// Maximum number of idle connections to receivers over all identities. Beyond it, the connections that are idle already
/// stay: of receivers that are served in turn, evicting the oldest would lose them all.
const MAX_IDLE: usize = MAX_OPEN_FILES - RESERVED_FILES;

type Answer<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// A network and the addresses that may be connected to. It is a value, so that tests and the simulator can provide
/// their own.
///
/// It only looks up and connects: timeouts, the check of addresses and TLS are added by its users.
#[derive(Clone)]
pub struct Network {
    policy: AddressPolicy,
    key_exchange: KeyExchange,
    idle_budget: IdleBudget,
    egress: Egress,
    /// A host name that must exist, and a port.
    own_name: Option<(Arc<str>, u16)>,
    look_up: Arc<dyn Fn(String, u16) -> Answer<Vec<SocketAddr>> + Send + Sync>,
    open: Arc<dyn Fn(SocketAddr) -> Answer<Box<dyn Transport>> + Send + Sync>,
}

impl Network {
    /// Uses the machine's network.
    pub fn system(policy: AddressPolicy) -> Self {
        Self::new(
            policy,
            |host, port| async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) },
            |address| async move {
                let stream = TcpStream::connect(address).await?;
                // Send small requests at once. A socket without this option still works.
                stream.set_nodelay(true).unwrap_or_default();
                Ok(Box::new(stream) as Box<dyn Transport>)
            },
        )
    }

    /// Creates a network of two functions: one looks up the addresses of a host, the other connects to an address.
    pub fn new<L, O>(
        policy: AddressPolicy,
        look_up: impl Fn(String, u16) -> L + Send + Sync + 'static,
        open: impl Fn(SocketAddr) -> O + Send + Sync + 'static,
    ) -> Self
    where
        L: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
        O: Future<Output = io::Result<Box<dyn Transport>>> + Send + 'static,
    {
        Self {
            policy,
            key_exchange: KeyExchange::default(),
            idle_budget: IdleBudget::of(MAX_IDLE),
            egress: Egress::default(),
            own_name: None,
            look_up: Arc::new(move |host, port| Box::pin(look_up(host, port))),
            open: Arc::new(move |address| Box::pin(open(address))),
        }
    }

    /// Sets a name that must exist, and a port. If neither a receiver's name nor this one resolves, the fault is
    /// ours.
    #[must_use]
    pub fn with_own_name(self, own_name: Option<(String, u16)>) -> Self {
        Self { own_name: own_name.map(|(name, port)| (name.into(), port)), ..self }
    }

    /// Counts the bytes of every connection.
    #[must_use]
    pub fn metered(self, meter: &UsageMeter) -> Self {
        let (open, meter) = (self.open, meter.clone());
        let counted = move |address| -> Answer<Box<dyn Transport>> {
            let (opened, meter) = (open(address), meter.clone());
            Box::pin(async move { Ok(Box::new(Metered::new(opened.await?, meter)) as Box<dyn Transport>) })
        };
        Self { open: Arc::new(counted), ..self }
    }

    /// Sets the groups that handshakes offer.
    #[must_use]
    pub fn exchanging_keys(self, key_exchange: KeyExchange) -> Self {
        Self { key_exchange, ..self }
    }

    /// Returns the groups that handshakes offer.
    pub(super) fn key_exchange(&self) -> KeyExchange {
        self.key_exchange
    }

    /// Returns the policy for addresses.
    pub fn policy(&self) -> AddressPolicy {
        self.policy
    }

    /// Returns the idle budget that all connections to receivers share.
    pub(super) fn idle_budget(&self) -> IdleBudget {
        self.idle_budget.clone()
    }

    /// Returns the state of egress, shared by all users of this network.
    pub(super) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Says whether the name that must exist resolves; `true` if none was set.
    pub(super) async fn resolves_own_name(&self) -> bool {
        let Some((name, port)) = &self.own_name else { return true };
        self.look_up(name, *port).await.is_ok_and(|addresses| !addresses.is_empty())
    }

    /// Looks up the addresses of a host.
    pub(super) async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (self.look_up)(host.to_owned(), port).await
    }

    /// Opens a connection.
    pub(super) async fn open(&self, address: SocketAddr) -> io::Result<Box<dyn Transport>> {
        (self.open)(address).await
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("policy", &self.policy).finish_non_exhaustive()
    }
}

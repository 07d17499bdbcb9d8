//! The network of the corpus: names that resolve as a row says, and pipes in memory to the mock receiver's scripts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use convention::address::AddressPolicy;
use devkit::receiver::wire::{Arrived, Step, play};
use mtls::{Network, Transport};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use super::offer::Offer;

/// The address that names have where a row says nothing else; nobody goes there.
pub(crate) const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8));

/// Who answers at an address.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    /// A receiver with TLS. The connection is closed after the last step.
    Tls(Offer, Vec<Step>),
    /// Somebody without.
    Plain(Vec<Step>),
    /// Nobody.
    Refuses,
    /// Nobody, and packets are dropped.
    Silent,
}

/// What a name resolves to.
#[derive(Clone, Debug)]
pub(crate) enum Names {
    /// The first look-up finds the first, and so on; the last stays.
    Are(Vec<Vec<IpAddr>>),
    /// An error.
    Fail,
    /// Nothing, ever.
    Hang,
}

/// What came of it all.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often a name was looked up.
    pub(crate) look_ups: usize,
    /// What was connected to.
    pub(crate) opened: Vec<IpAddr>,
    /// How many bytes the sender read, TLS included.
    pub(crate) read: usize,
}

/// What was seen so far. Copies are the same one.
#[derive(Clone, Default)]
pub(crate) struct Log {
    seen: Arc<Mutex<Seen>>,
    /// What came as application data over TLS.
    pub(crate) arrived: Arrived,
}

impl Log {
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a network on which each further connection meets the next server, and the last stays.
pub(crate) fn network(names: Names, servers: Vec<Server>, log: &Log) -> Network {
    let (lookups, connections) = (log.clone(), log.clone());
    let look_up = move |_: String, port: u16| {
        let at = lookups.seen().look_ups;
        lookups.seen().look_ups += 1;
        let names = names.clone();
        async move {
            match names {
                Names::Are(answers) => {
                    let answer = answers.get(at).or_else(|| answers.last()).cloned().unwrap_or_default();
                    Ok(answer.into_iter().map(|address| SocketAddr::new(address, port)).collect())
                }
                Names::Fail => Err(io::Error::other("no such name")),
                Names::Hang => std::future::pending().await,
            }
        }
    };
    let open = move |address: SocketAddr| {
        let at = connections.seen().opened.len();
        connections.seen().opened.push(address.ip());
        let server = servers.get(at).or_else(|| servers.last()).cloned().unwrap_or(Server::Refuses);
        let log = connections.clone();
        async move {
            let (ours, mut theirs) = duplex(16 * 1024);
            match server {
                Server::Refuses => return Err(io::ErrorKind::ConnectionRefused.into()),
                Server::Silent => std::future::pending().await,
                Server::Plain(steps) => {
                    tokio::spawn(async move {
                        play(&mut theirs, &steps, &Arrived::default()).await.unwrap_or_default();
                    });
                }
                Server::Tls(offer, steps) => {
                    let log = log.clone();
                    tokio::spawn(async move {
                        // What becomes of a handshake that fails is for the sender to say.
                        let Ok(mut stream) = offer.acceptor().accept(theirs).await else { return };
                        play(&mut stream, &steps, &log.arrived).await.unwrap_or_default();
                    });
                }
            }
            Ok(Box::new(Counted { stream: ours, log }) as Box<dyn Transport>)
        }
    };
    Network::new(AddressPolicy::Public, look_up, open)
}

/// Counts what the sender reads.
struct Counted {
    stream: DuplexStream,
    log: Log,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.log.seen().read += buf.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

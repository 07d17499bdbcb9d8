//! A receiver in memory that does what a row of the corpus says, byte by byte, under time that stands still.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use convention::address::AddressPolicy;
use mtls::{Network, Transport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::sleep;

use super::pki::Offer;

/// The address that names have where a row says nothing else; nobody goes there.
pub(crate) const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8));

/// What a receiver does after its handshake, one step after the other.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads the whole request.
    Read,
    /// Reads so many bytes of it.
    ReadBytes(usize),
    /// Sends this; `{id}` is the id of the request.
    Send(Vec<u8>),
    /// Sends this again and again, with a pause after each.
    Forever(Vec<u8>, Duration),
    /// Says and reads nothing more.
    Hang,
}

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
    /// What came as application data, by connection; those without any are left out.
    pub(crate) requests: Vec<Vec<u8>>,
    /// How many bytes the sender read, TLS included.
    pub(crate) read: usize,
}

/// What was seen so far. Copies are the same one.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Seen>>);

impl Log {
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            let (ours, theirs) = duplex(16 * 1024);
            match server {
                Server::Refuses => return Err(io::ErrorKind::ConnectionRefused.into()),
                Server::Silent => std::future::pending().await,
                Server::Plain(steps) => {
                    tokio::spawn(
                        async move { play(theirs, steps, Log::default()).await.unwrap_or_default() },
                    );
                }
                Server::Tls(offer, steps) => {
                    let log = log.clone();
                    tokio::spawn(async move {
                        // What becomes of a handshake that fails is for the sender to say.
                        let Ok(stream) = offer.acceptor().accept(theirs).await else { return };
                        play(stream, steps, log).await.unwrap_or_default();
                    });
                }
            }
            Ok(Box::new(Counted { stream: ours, log }) as Box<dyn Transport>)
        }
    };
    Network::new(AddressPolicy::Public, look_up, open)
}

async fn play(mut stream: impl AsyncRead + AsyncWrite + Unpin, steps: Vec<Step>, log: Log) -> io::Result<()> {
    let mut request = Request { bytes: Vec::new(), at: None, log };
    for step in steps {
        match step {
            Step::Read => {
                request.start();
                while !request.is_whole() {
                    request.read(&mut stream, 4096).await?;
                }
            }
            Step::ReadBytes(bytes) => {
                request.start();
                while request.bytes.len() < bytes {
                    request.read(&mut stream, bytes - request.bytes.len()).await?;
                }
            }
            Step::Send(bytes) => {
                stream.write_all(&with_id(bytes, &request.bytes)).await?;
                stream.flush().await?;
            }
            Step::Forever(bytes, pause) => loop {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                sleep(pause).await;
            },
            Step::Hang => std::future::pending().await,
        }
    }
    stream.shutdown().await
}

/// The request that is being read, noted as it comes.
struct Request {
    bytes: Vec<u8>,
    at: Option<usize>,
    log: Log,
}

impl Request {
    fn start(&mut self) {
        (self.bytes, self.at) = (Vec::new(), None);
    }

    async fn read(&mut self, stream: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<()> {
        let mut buffer = vec![0; most];
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.bytes.extend_from_slice(&buffer[..read]);
        let mut seen = self.log.seen();
        let at = *self.at.get_or_insert(seen.requests.len());
        if at == seen.requests.len() {
            seen.requests.push(Vec::new());
        }
        seen.requests[at].clone_from(&self.bytes);
        Ok(())
    }

    fn is_whole(&self) -> bool {
        let text = String::from_utf8_lossy(&self.bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        length.is_some_and(|length| length.parse() == Ok(body.len()))
    }
}

fn with_id(bytes: Vec<u8>, request: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    let request = String::from_utf8_lossy(request);
    let id = request.lines().find_map(|line| line.strip_prefix("x-webhook-interaction-id: "));
    text.replace("{id}", id.unwrap_or_default()).into_bytes()
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

//! Receivers over mutual TLS, in this process: what arrives, and when.
//!
//! TLS and HTTP are the mock receiver's. Its journal is not: it keeps each request, parses it and judges it by the contract, which
//! would take processor time away from what is measured on the same machine. This one notes an instant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use devkit::pki::TestPki;
use devkit::receiver::http::{Reply, serve};
use devkit::receiver::{Presented, ServerTls};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

use crate::link;
use crate::usage::Cpu;

/// How long a process that has sent its request may take until it waits.
pub(crate) const SETTLES: Duration = Duration::from_millis(2);
const INTERACTION_ID: &str = "x-webhook-interaction-id";

/// What receivers do with what arrives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Conduct {
    /// Every connection ends with its first answer.
    pub(crate) closes: bool,
    /// So many in a hundred are answered 500.
    pub(crate) failing_percent: usize,
    /// The first receiver takes connections and answers nothing.
    pub(crate) first_is_dead: bool,
    /// The time to a receiver and back.
    pub(crate) round_trip: Duration,
}

impl Conduct {
    /// Says whether this notification is answered 500. Of a thousand in a row exactly so many percent are, as many at each of ten
    /// receivers and about as many in each batch of ten: a batch that fails as a whole would be put back with one request.
    fn fails(&self, number: usize) -> bool {
        number.wrapping_mul(617) % 1000 < 10 * self.failing_percent
    }
}

/// When notifications were handed to what sends them, and when they arrived. Each has a number, which its URL ends with.
#[derive(Debug)]
pub(crate) struct Journal {
    zero: Instant,
    handed_out: Vec<AtomicU64>,
    arrived: Vec<AtomicU64>,
    requests: AtomicUsize,
    handshakes: AtomicUsize,
    /// The process whose processor time is noted when a request arrives, and what it then was, in nanoseconds; 0 for none.
    watched: AtomicU32,
    used: AtomicU64,
}

impl Journal {
    /// A journal of so many notifications.
    pub(crate) fn new(most: usize) -> Self {
        let blank = || (0..most).map(|_| AtomicU64::new(0)).collect();
        Self {
            zero: Instant::now(),
            handed_out: blank(),
            arrived: blank(),
            requests: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            watched: AtomicU32::new(0),
            used: AtomicU64::new(0),
        }
    }

    /// From now on notes what this process has used when a request arrives.
    pub(crate) fn watch(&self, process: u32) {
        self.watched.store(process, Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
    }

    /// The processor time that the watched process had used when the last request arrived, in microseconds.
    pub(crate) fn used_us(&self) -> Option<f64> {
        let used = self.used.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a few seconds")]
        (used > 0).then(|| used as f64 / 1e3)
    }

    /// Notes what the watched process has used, if there is one. It waits for the answer, so that it uses no more meanwhile; the
    /// kernel adds what it has used when it begins to wait.
    async fn note_use(&self) {
        let process = self.watched.load(Ordering::Relaxed);
        if process == 0 {
            return;
        }
        sleep(SETTLES).await;
        if let Ok(cpu) = Cpu::of(process) {
            self.used.store(cpu.ns(), Ordering::Relaxed);
        }
    }

    /// Notes that these are handed out now.
    pub(crate) fn hand_out(&self, numbers: std::ops::Range<usize>) {
        let now = self.now();
        for number in numbers {
            self.handed_out[number].store(now, Ordering::Relaxed);
        }
    }

    fn arrive(&self, number: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(arrived) = self.arrived.get(number) {
            arrived.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The milliseconds from hand-out to arrival of each of these that arrived.
    pub(crate) fn latencies_ms(&self, numbers: impl Iterator<Item = usize>) -> Vec<f64> {
        numbers
            .filter_map(|number| {
                let arrived = self.arrived[number].load(Ordering::Relaxed);
                let handed_out = self.handed_out[number].load(Ordering::Relaxed);
                #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a few minutes")]
                (arrived > 0).then(|| arrived.saturating_sub(handed_out) as f64 / 1e6)
            })
            .collect()
    }

    /// How many requests and how many full handshakes there were.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.requests.load(Ordering::Relaxed), self.handshakes.load(Ordering::Relaxed))
    }

    /// Nanoseconds since the journal began; never 0, which stands for what has not happened.
    fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }
}

/// Receivers that listen; they end with the value.
#[derive(Debug)]
pub(crate) struct Receivers {
    /// Their base URIs.
    pub(crate) base_uris: Vec<String>,
    /// What arrived.
    pub(crate) journal: Arc<Journal>,
    _tasks: JoinSet<()>,
}

impl Receivers {
    /// Starts so many receivers that demand our client certificate.
    pub(crate) async fn start(pki: &TestPki, count: usize, conduct: Conduct, most: usize) -> Result<Self> {
        let tls = ServerTls::new(Presented::new(&pki.receiver)?, pki.sender_authority.root_pem());
        let acceptor = tls.acceptor()?;
        let journal = Arc::new(Journal::new(most));
        let (mut base_uris, mut tasks) = (Vec::new(), JoinSet::new());
        for number in 0..count {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for a receiver")?;
            let port = listener.local_addr()?.port();
            let port = if conduct.round_trip.is_zero() {
                port
            } else {
                let (outside, link) = link::listen(port, conduct.round_trip).await?;
                tasks.spawn(link);
                outside
            };
            base_uris.push(format!("https://localhost:{port}/bench"));
            let receiver = Receiver {
                acceptor: acceptor.clone(),
                journal: Arc::clone(&journal),
                conduct,
                dead: conduct.first_is_dead && number == 0,
            };
            tasks.spawn(receiver.accept(listener));
        }
        Ok(Self { base_uris, journal, _tasks: tasks })
    }
}

#[derive(Clone)]
struct Receiver {
    acceptor: TlsAcceptor,
    journal: Arc<Journal>,
    conduct: Conduct,
    dead: bool,
}

impl Receiver {
    async fn accept(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            connections.spawn(self.clone().serve(stream));
        }
    }

    /// Serves a connection until it ends, however it does: what did not arrive is found out by counting.
    async fn serve(self, stream: TcpStream) {
        stream.set_nodelay(true).ok();
        let Ok(stream) = self.acceptor.accept(stream).await else { return };
        self.journal.handshakes.fetch_add(1, Ordering::Relaxed);
        serve(stream, None, |request| self.answer(request)).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply<Full<Bytes>> {
        let number = request.uri().path().rsplit('/').next().and_then(|id| id.parse().ok());
        let number: usize = number.unwrap_or(usize::MAX);
        self.journal.arrive(number);
        self.journal.note_use().await;
        if self.dead {
            std::future::pending::<()>().await;
        }
        let mut response = Response::new(Full::default());
        let fails = self.conduct.fails(number);
        *response.status_mut() = if fails { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::ACCEPTED };
        if let Some(id) = request.headers().get(INTERACTION_ID) {
            response.headers_mut().insert(INTERACTION_ID, id.clone());
        }
        if self.conduct.closes {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        request.into_body().collect().await.ok();
        Reply::Response(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_spread_over_receivers_and_batches() {
        for (percent, least, most) in [(0, 0, 0), (1, 0, 1), (30, 2, 4), (100, 10, 10)] {
            let conduct = Conduct { failing_percent: percent, ..Conduct::default() };
            for receiver in 0..10 {
                let failed = (0..100).filter(|batch| conduct.fails(10 * batch + receiver)).count();
                assert_eq!(failed, percent, "at receiver {receiver}");
            }
            for batch in 0..100 {
                let failed = (0..10).filter(|place| conduct.fails(10 * batch + place)).count();
                assert!((least..=most).contains(&failed), "{failed} in batch {batch}");
            }
        }
    }

    #[test]
    fn a_latency_is_of_what_arrived() {
        let journal = Journal::new(3);
        journal.hand_out(0..3);
        journal.arrive(0);
        journal.arrive(2);
        // What nobody handed out is counted, so that it is noticed.
        journal.arrive(3);
        assert_eq!(journal.latencies_ms(0..3).len(), 2);
        assert_eq!(journal.counts(), (3, 0));
    }
}

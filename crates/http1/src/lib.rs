#![doc = include_str!("../README.md")]

mod keep_alive;

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::rt::{Read, Write};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::time::timeout;

use self::keep_alive::KeepAlive;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Timeout for telling the other side that a connection is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns the HTTP/1.1 settings for all connections: head and body of a request are short here and sent in one
/// piece.
pub fn settings() -> Builder {
    let mut settings = Builder::new();
    settings.writev(false);
    settings
}

/// A byte stream that carries HTTP/1.1.
pub trait Stream: Read + Write + Unpin + Send + 'static {}

impl<S: Read + Write + Unpin + Send + 'static> Stream for S {}

/// The body of a request.
pub trait Payload: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static {}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static> Payload for B {}

/// A connection with facts about it.
pub struct PooledConnection<S: Stream, B: Payload, F> {
    sender: SendRequest<B>,
    /// `None` once it has ended. Boxed, because an exchange moves it out of the pool and back.
    connection: Option<Box<Connection<S, B>>>,
    /// The idle limits that the other side has announced.
    announced: KeepAlive,
    /// What was learnt while connecting.
    pub facts: F,
}

/// A request without an answer.
enum Unanswered<B> {
    /// The reason and the request, of which nothing was sent.
    Unsent(Box<Request<B>>, hyper::Error),
    /// Part of it may have arrived.
    Failed(hyper::Error),
}

impl<B> From<Unanswered<B>> for hyper::Error {
    fn from(unanswered: Unanswered<B>) -> Self {
        match unanswered {
            Unanswered::Unsent(_, error) | Unanswered::Failed(error) => error,
        }
    }
}

impl<S: Stream, B: Payload, F> PooledConnection<S, B, F> {
    /// Starts HTTP/1.1 on a connection.
    pub async fn over(stream: S, settings: &Builder, facts: F) -> hyper::Result<Self> {
        let (sender, connection) = settings.handshake(stream).await?;
        Ok(Self { sender, connection: Some(Box::new(connection)), announced: KeepAlive::default(), facts })
    }

    /// Says whether a request can be sent; `false` if the other side has closed.
    async fn is_open(&mut self) -> bool {
        let Self { sender, connection, .. } = self;
        alongside(connection, sender.ready()).await.is_ok()
    }

    /// Sends a request and waits for the head of its answer. The target is a path, and the headers name the host.
    pub async fn send(&mut self, request: Request<B>) -> hyper::Result<Response<Incoming>> {
        Ok(self.try_send(request).await?)
    }

    async fn try_send(&mut self, request: Request<B>) -> Result<Response<Incoming>, Unanswered<B>> {
        let Self { sender, connection, announced, .. } = self;
        let sent = alongside(connection, sender.try_send_request(request)).await;
        let response = sent.map_err(|mut error| match error.take_message() {
            Some(request) => Unanswered::Unsent(Box::new(request), error.into_error()),
            None => Unanswered::Failed(error.into_error()),
        })?;
        announced.observe(response.headers());
        Ok(response)
    }

    /// Reads a body to its end, so that the connection can be reused; `None` if it is longer than `most` bytes.
    pub async fn read(&mut self, mut body: Incoming, most: usize) -> hyper::Result<Option<Bytes>> {
        // A body in one piece, as nearly all are, is not copied.
        let (mut first, mut all) = (Bytes::new(), BytesMut::new());
        while !body.is_end_stream() {
            let Some(frame) = alongside(&mut self.connection, body.frame()).await else { break };
            let Ok(data) = frame?.into_data() else { continue };
            if first.len().max(all.len()) + data.len() > most {
                return Ok(None);
            }
            if first.is_empty() {
                first = data;
            } else {
                if all.is_empty() {
                    all.extend_from_slice(&first);
                }
                all.extend_from_slice(&data);
            }
        }
        Ok(Some(if all.is_empty() { first } else { all.freeze() }))
    }

    /// Waits until the other side closes an idle connection.
    pub async fn closed(&mut self) {
        if let Some(connection) = self.connection.take() {
            // How it ends does not matter.
            drop(connection.await);
        }
    }

    /// Says whether the connection can be reused: `false` if the last answer announced that it will be closed.
    async fn is_reusable(&mut self) -> bool {
        let Self { sender, connection, .. } = self;
        poll_fn(|cx| {
            // Usually it can: after an answer in one piece, the connection is already ready for the next request.
            if !sender.is_ready()
                && connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready())
            {
                *connection = None;
            }
            Poll::Ready(connection.is_some() && sender.is_ready())
        })
        .await
    }
}

impl<S: Stream, B: Payload, F> Poolable for PooledConnection<S, B, F> {
    fn idle_limit(&self) -> Option<SignedDuration> {
        self.announced.idle_limit()
    }

    fn close(self) {
        if let (Some(connection), Ok(runtime)) = (self.connection, Handle::try_current()) {
            drop(self.sender);
            // The connection is finished whether or not the close was received.
            runtime.spawn(async { timeout(CLOSE_TIMEOUT, connection).await.is_ok() });
        }
    }
}

/// Drives a connection while a future on it is awaited.
async fn alongside<S: Stream, B: Payload, T>(
    connection: &mut Option<Box<Connection<S, B>>>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        // The waiting future gets the error of the connection.
        if connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            *connection = None;
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// A connection that can be pooled.
pub trait Poolable {
    /// Returns how long the other side allows it to be idle, if announced; zero if it must not be reused.
    fn idle_limit(&self) -> Option<SignedDuration> {
        None
    }

    /// Closes it in the background, as the other side expects.
    fn close(self);
}

/// A shared limit of idle connections. Copies share it.
#[derive(Clone, Debug)]
pub struct IdleBudget(Arc<AtomicUsize>);

impl IdleBudget {
    /// Creates a budget of this many connections.
    pub fn of(connections: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(connections)))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give_back(&self, connections: usize) {
        self.0.fetch_add(connections, Ordering::Relaxed);
    }
}

/// Idle connections by authority.
pub struct Pool<C> {
    idle: Mutex<Idle<C>>,
    budget: IdleBudget,
    /// Maximum idle time of a reused connection.
    idle_timeout: SignedDuration,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

struct Idle<C> {
    by_authority: HashMap<String, Vec<(C, Timestamp)>>,
    looked_at: Timestamp,
}

impl<C: Poolable> Pool<C> {
    /// Creates an empty pool with this maximum idle time, measured by `now`, and this budget.
    pub fn new(
        idle_timeout: SignedDuration,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        budget: IdleBudget,
    ) -> Self {
        let idle = Idle { by_authority: HashMap::new(), looked_at: Timestamp::MIN };
        Self { idle: Mutex::new(idle), budget, idle_timeout, now: Box::new(now) }
    }

    /// Pools a connection for the next request to this authority, if the budget allows.
    pub fn put(&self, authority: &str, connection: C) {
        let now = (self.now)();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.idle_limit().is_some_and(|limit| limit.is_zero()) || !self.budget.take() {
            return connection.close();
        }
        match idle.by_authority.get_mut(authority) {
            Some(others) => others.push((connection, now)),
            None => {
                idle.by_authority.insert(authority.to_owned(), vec![(connection, now)]);
            }
        }
    }

    /// Takes the last used connection to this authority if it is young enough by the time of day. The clocks of hyper
    /// and tokio may stand still while the environment is frozen. After the clock was set back, ages are unknown and
    /// no connection is reused.
    pub fn take(&self, authority: &str) -> Option<C> {
        let now = (self.now)();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_young(idle.looked_at, now, self.idle_timeout) {
            idle.looked_at = now;
            for connections in idle.by_authority.values_mut() {
                for (old, _) in
                    connections.extract_if(.., |(connection, since)| !self.is_usable(connection, *since, now))
                {
                    self.budget.give_back(1);
                    old.close();
                }
            }
            idle.by_authority.retain(|_, connections| !connections.is_empty());
        }
        let (connection, since) = idle.by_authority.get_mut(authority)?.pop()?;
        self.budget.give_back(1);
        if self.is_usable(&connection, since, now) {
            return Some(connection);
        }
        connection.close();
        None
    }

    /// Says whether a connection has been idle no longer than both sides allow.
    fn is_usable(&self, connection: &C, since: Timestamp, now: Timestamp) -> bool {
        let limit = connection.idle_limit().map_or(self.idle_timeout, |limit| limit.min(self.idle_timeout));
        is_young(since, now, limit)
    }
}

fn is_young(since: Timestamp, now: Timestamp, idle_timeout: SignedDuration) -> bool {
    let idle = now.duration_since(since);
    !idle.is_negative() && idle <= idle_timeout
}

/// Releases pool slots when an identity is replaced.
impl<C> Drop for Pool<C> {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.budget.give_back(idle.by_authority.values().map(Vec::len).sum());
    }
}

impl<S: Stream, B: Payload, F> Pool<PooledConnection<S, B, F>> {
    /// Sends a request over an idle connection to this authority or else over a new one, and waits for its answer.
    ///
    /// Another connection is tried only if the first was already closed and nothing was sent on it.
    pub async fn answered<E: From<hyper::Error>, C>(
        &self,
        authority: &str,
        mut request: Request<B>,
        connect: impl FnOnce() -> C,
    ) -> Result<(PooledConnection<S, B, F>, Response<Incoming>), E>
    where
        C: Future<Output = Result<PooledConnection<S, B, F>, E>>,
    {
        while let Some(mut connection) = self.take(authority) {
            if !connection.is_open().await {
                continue;
            }
            match connection.try_send(request).await {
                Ok(response) => return Ok((connection, response)),
                Err(Unanswered::Unsent(unsent, _)) => request = *unsent,
                Err(Unanswered::Failed(error)) => return Err(error.into()),
            }
        }
        let mut new = connect().await?;
        let response = new.send(request).await?;
        Ok((new, response))
    }

    /// Pools a connection for the next request to this authority, unless its last answer announced that it will be
    /// closed.
    pub async fn keep(&self, authority: &str, mut connection: PooledConnection<S, B, F>) {
        if connection.is_reusable().await {
            self.put(authority, connection);
        }
    }
}

#[cfg(test)]
mod tests;

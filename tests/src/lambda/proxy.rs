//! What stands between a function and AWS: it sees every call, and can stop the function before or after any of them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::http::serve;

/// What happens to the function at a point.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deed {
    /// Nothing: the points are only noted.
    Watch,
    /// The function is stopped at this point.
    Stop(Reached),
}

/// A point of a function's way: just before AWS gets a call, or just after AWS has answered it. Calls are told by what they are
/// about and by how often such a one came before: calls that are under way at a time come in any order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reached(String);

impl Reached {
    /// Says whether the point is at a call about this.
    pub fn is_about(&self, what: &str) -> bool {
        self.0.contains(what)
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A proxy before AWS, for one function. Copies are the same one.
#[derive(Clone, Debug)]
pub struct Proxy(Arc<State>);

#[derive(Debug)]
struct State {
    address: SocketAddr,
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    trap: Mutex<Trap>,
    reached: Notify,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Trap {
    /// Calls before the first invocation are those of the start, and are not counted.
    armed: bool,
    deed: Deed,
    points: Vec<Reached>,
}

impl Proxy {
    /// Passes calls on to this endpoint.
    pub async fn start(upstream: &str, deed: Deed) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the proxy")?;
        let proxy = Self(Arc::new(State {
            address: listener.local_addr()?,
            upstream: upstream.to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            trap: Mutex::new(Trap { armed: false, deed, points: Vec::new() }),
            reached: Notify::new(),
            tasks: Mutex::default(),
        }));
        let state = Arc::downgrade(&proxy.0);
        let answer = move |request| {
            let state = state.clone();
            async move { state.upgrade()?.pass_on(request).await }
        };
        proxy.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(serve(listener, answer));
        Ok(proxy)
    }

    /// Where the function finds AWS.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Starts to count.
    pub fn arm(&self) {
        self.0.trap().armed = true;
    }

    /// Passes everything on from now on.
    pub fn disarm(&self) {
        *self.0.trap() = Trap { armed: false, deed: Deed::Watch, points: Vec::new() };
    }

    /// Returns the points so far.
    pub fn points(&self) -> Vec<Reached> {
        self.0.trap().points.clone()
    }

    /// Waits until the point has been reached at which the function is to be stopped.
    pub async fn reached(&self) {
        self.0.reached.notified().await;
    }
}

impl State {
    async fn pass_on(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let call = name(&head, &body);
        self.goes_on(&format!("before {call}"))?;
        head.uri = format!("{}{}", self.upstream, head.uri.path_and_query()?).parse().ok()?;
        let answer = self.client.request(Request::from_parts(head, Full::new(body))).await.ok()?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        self.goes_on(&format!("after {call}"))?;
        Some(Response::from_parts(head, Full::new(body)))
    }

    /// Notes a point; nothing if the function is stopped there.
    fn goes_on(&self, point: &str) -> Option<()> {
        let mut trap = self.trap();
        if !trap.armed {
            return Some(());
        }
        let same = trap.points.iter().filter(|earlier| earlier.0.starts_with(point)).count();
        let here = Reached(format!("{point} #{}", same + 1));
        let stops = matches!(&trap.deed, Deed::Stop(stop) if *stop == here);
        // Once it is to be stopped nothing it still says is heard.
        let stopped = stops || matches!(&trap.deed, Deed::Stop(stop) if trap.points.contains(stop));
        trap.points.push(here);
        if stops {
            self.reached.notify_one();
        }
        (!stopped).then_some(())
    }

    fn trap(&self) -> std::sync::MutexGuard<'_, Trap> {
        self.trap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names a call by operation and what it is about, for example `UpdateItem arauto-LedgerTable-1`.
fn name(head: &http::request::Parts, body: &[u8]) -> String {
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let queue = input["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()?.split('-').next());
    let of = queue.or_else(|| input["TableName"].as_str()).unwrap_or_default();
    let kind =
        input["Item"]["name"]["S"].as_str().and_then(|name| name.split('#').next()).unwrap_or_default();
    format!("{operation} {of} {kind}").trim_end().to_owned()
}

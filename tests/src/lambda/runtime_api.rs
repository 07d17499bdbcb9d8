//! The Runtime API of Lambda, as far as a function of one invocation at a time uses it.
//!
//! Source: "Using the Lambda runtime API for custom runtimes", AWS Lambda Developer Guide.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use platform::clock::Clock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinSet;

use super::http::serve;

/// How long an invocation may last, in milliseconds; told to the function, which does not ask.
const TIMEOUT_MS: i64 = 45_000;

/// The Runtime API for one process.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Value>,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    invocations: Mutex<mpsc::Receiver<Value>>,
    answers: mpsc::Sender<Value>,
    /// Rings when the function asks for something to do.
    asked: Notify,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub(super) async fn start() -> Result<Self> {
        let (invocations, next) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let shared =
            Arc::new(Shared { invocations: Mutex::new(next), answers: answered, asked: Notify::new() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the Runtime API")?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        let answering = Arc::clone(&shared);
        tasks.spawn(serve(listener, move |request| {
            let shared = Arc::clone(&answering);
            async move { shared.answer(request).await }
        }));
        Ok(Self { address, invocations, answers, shared, _tasks: tasks })
    }

    /// Where it listens, as `AWS_LAMBDA_RUNTIME_API` wants it.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the function asks for something to do.
    pub(super) async fn asked(&self) {
        self.shared.asked.notified().await;
    }

    /// Hands the function an event and waits for its answer.
    pub(super) async fn invoke(&mut self, event: Value) -> Result<Value> {
        self.invocations.send(event).await.context("the Runtime API has stopped")?;
        self.answers.recv().await.context("the Runtime API has stopped")
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        if head.method == Method::GET {
            self.asked.notify_one();
            // Where nothing is to be done the process waits here, as an idle environment does.
            let event = self.invocations.lock().await.recv().await?;
            let deadline = Clock::system().now().as_millisecond() + TIMEOUT_MS;
            let response = Response::builder()
                .header("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000")
                .header("lambda-runtime-deadline-ms", deadline)
                .header(
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:us-east-1:000000000000:function:dispatch",
                );
            return response.body(Full::new(Bytes::from(event.to_string()))).ok();
        }
        let body = body.collect().await.ok()?.to_bytes();
        self.answers.send(serde_json::from_slice(&body).unwrap_or_default()).await.ok()?;
        Response::builder().status(StatusCode::ACCEPTED).body(Full::default()).ok()
    }
}

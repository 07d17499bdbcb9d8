//! A collector of traces on this machine: what it was sent, and what it is going to answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

/// A collector. Copies are the same one.
#[derive(Clone, Debug)]
pub struct FakeCollector {
    /// Where spans are sent.
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Export {
    /// The path.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What a collector answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status, and `Retry-After` in seconds if there is one.
    Status(u16, Option<u64>),
    /// Success with this body.
    Body(Vec<u8>),
    /// Nothing, for ever.
    Never,
}

#[derive(Debug, Default)]
struct State {
    exports: Vec<Export>,
    /// What is answered before everything is taken.
    answers: VecDeque<Answer>,
}

impl FakeCollector {
    /// Starts a collector.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}/v1/traces", listener.local_addr()?);
        let this = Self { endpoint, state: Arc::default() };
        let state = Arc::clone(&this.state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                let answer = service_fn(move |request| answer(Arc::clone(&state), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Ok(this)
    }

    /// Answers the next requests so.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().answers.extend(answers);
    }

    /// Returns the requests that came, taken or not, oldest first.
    pub fn exports(&self) -> Vec<Export> {
        self.state().exports.clone()
    }

    /// Returns the spans of all requests.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.exports().into_iter().map(|export| {
            ExportTraceServiceRequest::decode(export.body).expect("a collector is sent what OTLP says")
        });
        let resources = requests.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let export = Export { path: head.uri.path().to_owned(), headers: head.headers, body };
    let answer = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.exports.push(export);
        state.answers.pop_front()
    };
    let mut response = Response::new(Full::default());
    match answer {
        None => {}
        Some(Answer::Body(body)) => *response.body_mut() = Full::from(body),
        Some(Answer::Never) => std::future::pending().await,
        Some(Answer::Status(status, retry_after)) => {
            *response.status_mut() = status.try_into().expect("a status");
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
        }
    }
    Ok(response)
}

/// Returns an attribute of a span as text; `None` where there is none.
pub fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

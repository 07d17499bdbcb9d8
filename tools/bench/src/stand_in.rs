//! What stands in for DynamoDB, SQS and Secrets Manager: answers from memory, and counts every request.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How often each operation was asked for, as `DynamoDB.UpdateItem`.
pub(crate) type Requests = BTreeMap<String, u64>;

/// The services; they end with the value.
#[derive(Debug)]
pub(crate) struct StandIn {
    /// Where they are, as `AWS_ENDPOINT_URL` wants it.
    pub(crate) endpoint: String,
    state: Arc<State>,
    _task: JoinSet<()>,
}

#[derive(Debug, Default)]
struct State {
    secrets: HashMap<String, String>,
    /// Rows of the table of receivers, by client.
    receivers: HashMap<String, Value>,
    requests: Mutex<Requests>,
    /// The first request to write a row: head and body, as the SDK signed it.
    sample: Mutex<Option<Sample>>,
}

/// A request of dispatch, which the floors send again and again, with this signature or with one of their own.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The headers but `host` and `content-length`.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
}

impl StandIn {
    /// Starts with these secrets and rows.
    pub(crate) async fn start(
        secrets: HashMap<String, String>,
        receivers: HashMap<String, Value>,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for AWS")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State { secrets, receivers, ..State::default() });
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { endpoint, state, _task: task })
    }

    /// How often each operation was asked for until now.
    pub(crate) fn requests(&self) -> Requests {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first request that wrote a row.
    pub(crate) fn sample(&self) -> Option<Sample> {
        self.state.sample.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        stream.set_nodelay(true).ok();
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| state.answer(request));
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let target =
            head.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (service, operation) = target.split_once('.').unwrap_or_default();
        let service = service.split('_').next().unwrap_or_default();
        *self
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(format!("{service}.{operation}"))
            .or_default() += 1;
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if operation == "UpdateItem" {
            self.keep(&head.headers, &body);
        }
        let answer = match operation {
            // What is written is never read again here, so it is not even parsed.
            "UpdateItem" => return Ok(json_answer(Bytes::from_static(b"{}"))),
            _ => self.look_up(operation, &serde_json::from_slice(&body).unwrap_or_default()),
        };
        Ok(json_answer(Bytes::from(answer.to_string())))
    }

    fn look_up(&self, operation: &str, input: &Value) -> Value {
        match operation {
            "GetItem" => {
                let row =
                    input["Key"]["client_id"]["S"].as_str().and_then(|client| self.receivers.get(client));
                row.map_or_else(|| json!({}), |row| json!({ "Item": row }))
            }
            "Query" | "Scan" => json!({ "Items": [], "Count": 0, "ScannedCount": 0 }),
            "GetSecretValue" => {
                let text = input["SecretId"].as_str().and_then(|id| self.secrets.get(id));
                json!({ "SecretString": text, "VersionId": "1" })
            }
            "SendMessage" => json!({ "MessageId": "1", "MD5OfMessageBody": "" }),
            "SendMessageBatch" => {
                let entries = input["Entries"].as_array().into_iter().flatten();
                let taken = entries
                    .map(|entry| json!({ "Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "" }));
                json!({ "Successful": taken.collect::<Vec<_>>(), "Failed": [] })
            }
            _ => json!({}),
        }
    }

    fn keep(&self, headers: &http::HeaderMap, body: &Bytes) {
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        if sample.is_none() {
            let headers = headers
                .iter()
                .filter(|(name, _)| *name != http::header::HOST && *name != http::header::CONTENT_LENGTH)
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect();
            *sample = Some(Sample { headers, body: String::from_utf8_lossy(body).into_owned() });
        }
    }
}

fn json_answer(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let json = http::HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}

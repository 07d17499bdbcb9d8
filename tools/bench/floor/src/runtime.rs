//! Invocations of Lambda: the floor of a start, and of a notification that is alone in its batch.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;

use crate::aws::{Aws, Signature, connect};
use crate::post::Receivers;
use crate::setup::Setup;

const INVOCATION: &str = "/2018-06-01/runtime/invocation";
const REQUEST_ID: &str = "lambda-runtime-aws-request-id";

/// Starts with the requests to AWS that dispatch starts with, and sends the notification of each invocation: its event is the
/// notification's number.
pub(crate) async fn serve(runtime_api: &str, setup: &Setup) -> Result<()> {
    let (receivers, aws) = (Receivers::new(setup)?, Aws::new(setup)?);
    for _ in 0..setup.requests_at_start {
        aws.ask(Signature::Now).await?;
    }
    let mut runtime = Runtime::at(runtime_api).await?;
    let mut requests = setup.requests_before_first;
    loop {
        let (id, number) = runtime.next().await?;
        for _ in 0..requests {
            aws.ask(Signature::Now).await?;
        }
        receivers.post(number).await?;
        aws.ask(Signature::Now).await?;
        runtime.done(&id).await?;
        // The beginning in the ledger; what is known of a receiver is read once.
        requests = 1;
    }
}

struct Runtime {
    connection: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Runtime {
    async fn at(address: &str) -> Result<Self> {
        Ok(Self { connection: connect(address).await?, host: HeaderValue::from_str(address)? })
    }

    /// Waits for an invocation; returns its id and the number of its notification.
    async fn next(&mut self) -> Result<(String, usize)> {
        let answer = self.ask(Method::GET, &format!("{INVOCATION}/next"), Bytes::new()).await?;
        let id = answer.0.get(REQUEST_ID).context("an invocation has an id")?.to_str()?.to_owned();
        Ok((id, std::str::from_utf8(&answer.1)?.trim().parse()?))
    }

    async fn done(&mut self, id: &str) -> Result<()> {
        self.ask(Method::POST, &format!("{INVOCATION}/{id}/response"), Bytes::from_static(b"{}")).await?;
        Ok(())
    }

    async fn ask(&mut self, method: Method, path: &str, body: Bytes) -> Result<(http::HeaderMap, Bytes)> {
        self.connection.ready().await?;
        let request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
        let answer = self.connection.send_request(request.body(Full::new(body))?).await?;
        ensure!(answer.status().is_success(), "the Runtime API answers {}", answer.status());
        let (head, body) = answer.into_parts();
        Ok((head.headers, body.collect().await?.to_bytes()))
    }
}

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{Setup, head};

/// The stand-in for AWS, asked with one request that is signed already.
pub(crate) struct Aws {
    authority: String,
    head: http::request::Parts,
    body: Bytes,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Aws {
    pub(crate) fn new(setup: &Setup) -> Result<Self> {
        let uri: Uri = setup.aws.parse()?;
        let authority = uri.authority().context("the address of AWS has no host")?.to_string();
        let head = head(&uri, &setup.aws_headers)?;
        Ok(Self { authority, head, body: Bytes::from(setup.aws_body.clone()), idle: Mutex::default() })
    }

    pub(crate) async fn ask(&self) -> Result<()> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => connect(&self.authority).await?,
        };
        connection.ready().await?;
        let request = Request::from_parts(self.head.clone(), Full::new(self.body.clone()));
        let answer = connection.send_request(request).await?;
        answer.into_body().collect().await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(())
    }
}

async fn connect(authority: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Asks for the first invocation, and waits as an idle function does.
pub(crate) async fn first_next(runtime_api: &str) -> Result<()> {
    let mut connection = connect(runtime_api).await?;
    let request = Request::get("/2018-06-01/runtime/invocation/next").header(http::header::HOST, runtime_api);
    connection.send_request(request.body(Full::default())?).await?;
    Ok(())
}

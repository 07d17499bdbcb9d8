//! The stand-in for AWS, as the floor asks it.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri, header, request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use ledger_writer::{Headers, Signer};
use tokio::net::TcpStream;

use crate::setup::{AwsCredentials, Setup, head};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// When a request is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signature {
    /// Before the first is sent, once for all.
    InAdvance,
    /// As it is sent.
    Now,
}

/// The stand-in for AWS, asked again and again for what one request of dispatch asked.
pub(crate) struct Aws {
    authority: String,
    /// That request, with the signature it had.
    presigned: request::Parts,
    /// The same without one.
    unsigned: request::Parts,
    content_type: String,
    target: String,
    signer: Mutex<Signer>,
    body: Bytes,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Aws {
    pub(crate) fn new(setup: &Setup) -> Result<Self> {
        let uri: Uri = setup.aws.parse()?;
        let authority = uri.authority().context("the address of AWS has no host")?.to_string();
        let mut presigned = head(&uri, &setup.aws_headers)?;
        // Room for the length, so that no copy is hashed anew for it.
        presigned.headers.reserve(1);
        let mut unsigned = presigned.clone();
        unsigned.headers.remove(DATE);
        unsigned.headers.remove(header::AUTHORIZATION);
        let text = |name: &HeaderName| -> Result<String> {
            let value = unsigned.headers.get(name).with_context(|| format!("AWS is sent no {name}"))?;
            Ok(value.to_str()?.to_owned())
        };
        Ok(Self {
            content_type: text(&header::CONTENT_TYPE)?,
            target: text(&TARGET)?,
            signer: Mutex::new(signer(&setup.aws_credentials, &setup.aws_region, &authority)),
            body: Bytes::from(setup.aws_body.clone()),
            idle: Mutex::default(),
            authority,
            presigned,
            unsigned,
        })
    }

    pub(crate) async fn ask(&self, signature: Signature) -> Result<()> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => connect(&self.authority).await?,
        };
        connection.ready().await?;
        let head = match signature {
            Signature::InAdvance => self.presigned.clone(),
            Signature::Now => self.signed(now())?,
        };
        let answer = connection.send_request(Request::from_parts(head, Full::new(self.body.clone()))).await?;
        answer.into_body().collect().await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(())
    }

    /// Signs the request as dispatch does: by a signer that keeps the key of the day, into a copy of the headers that stay.
    fn signed(&self, now: Timestamp) -> Result<request::Parts> {
        let headers = Headers { content_type: &self.content_type, target: &self.target };
        let added = self
            .signer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sign(&headers, &self.body, now)
            .context("no instant to sign at")?;
        let mut head = self.unsigned.clone();
        head.headers.insert(DATE, HeaderValue::from_str(&added.date)?);
        head.headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&added.authorization)?);
        Ok(head)
    }
}

fn signer(credentials: &AwsCredentials, region: &str, host: &str) -> Signer {
    let AwsCredentials { access_key_id, secret_access_key, session_token } = credentials;
    let credentials =
        Credentials::new(access_key_id, secret_access_key, session_token.clone(), None, "floor");
    Signer::new(credentials, region, "dynamodb", host)
}

#[expect(clippy::disallowed_methods, reason = "the edge: a signature states the time it was made")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Opens a connection for plain HTTP.
pub(crate) async fn connect(authority: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "127.0.0.1:8000";
    const HEADERS: Headers<'_> =
        Headers { content_type: "application/x-amz-json-1.0", target: "DynamoDB_20120810.UpdateItem" };

    fn credentials(session_token: Option<&str>) -> AwsCredentials {
        AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCY".to_owned(),
            session_token: session_token.map(str::to_owned),
        }
    }

    /// What the benchmark hands over of a request that dispatch signed at this instant.
    fn setup(session_token: Option<&str>, now: Timestamp) -> Setup {
        let body = r#"{"TableName":"ledger"}"#;
        let signed = signer(&credentials(session_token), "us-east-1", HOST)
            .sign(&HEADERS, body.as_bytes(), now)
            .unwrap();
        let mut headers = vec![
            ("content-type", HEADERS.content_type),
            ("x-amz-target", HEADERS.target),
            ("x-amz-date", &signed.date),
            ("authorization", &signed.authorization),
        ];
        headers.extend(session_token.map(|token| ("x-amz-security-token", token)));
        Setup {
            aws: format!("http://{HOST}"),
            aws_headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            aws_body: body.to_owned(),
            aws_region: "us-east-1".to_owned(),
            aws_credentials: credentials(session_token),
            ..Setup::default()
        }
    }

    #[test]
    fn the_signature_at_the_time_of_the_sample_is_that_of_the_sample_and_changes_later() {
        let then: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-11-23T12:00:01Z".parse().unwrap();
        for token in [None, Some("a+token/with=signs")] {
            let aws = Aws::new(&setup(token, then)).unwrap();
            assert_eq!(aws.signed(then).unwrap().headers, aws.presigned.headers);

            let signed = aws.signed(later).unwrap();
            assert_eq!(signed.headers[DATE], "20261123T120001Z");
            assert_ne!(signed.headers[header::AUTHORIZATION], aws.presigned.headers[header::AUTHORIZATION]);
            assert_eq!(signed.headers.len(), aws.presigned.headers.len());
        }
    }
}

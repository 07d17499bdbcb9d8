//! A connection to a service of AWS over which requests go that are written out already.
//!
//! hyper carries a request through queues, maps and channels, which it needs for whatever may be asked and answered:
//! some 20,000 instructions for one whose head is always the same (`docs/adr/0031-ledger-fast-path.md`). Here one is
//! written, and of its answer the status is read, and where it ends.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Uri};
use httparse::{EMPTY_HEADER, Header, Status};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

use super::http::{BoxError, Connection};
use crate::http1::Poolable;

/// No answer that is longer is read to its end. What a write is answered has a few hundred bytes.
const LONGEST: usize = 16 * 1024;
/// Headers of an answer at most.
const MAX_HEADERS: usize = 32;

/// Such a connection. One whose exchange fails or is given up is not to be used again.
pub(super) struct Wire {
    stream: TokioIo<Connection>,
    /// Kept from one request to the next, as memory that was used just now is the fastest.
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// What is known of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether no other request can follow.
    pub(super) is_last: bool,
}

impl Wire {
    pub(super) fn new(stream: Connection) -> Self {
        Self {
            stream: TokioIo::new(stream),
            request: Vec::with_capacity(4096),
            answer: Vec::with_capacity(1024),
        }
    }

    /// Says whether a request can be sent: nothing has come since the last answer, neither the end nor what nobody asked for.
    pub(super) async fn is_open(&mut self) -> bool {
        poll_fn(|cx| {
            let mut unasked = [0];
            let polled = Pin::new(&mut self.stream).poll_read(cx, &mut ReadBuf::new(&mut unasked));
            Poll::Ready(polled.is_pending())
        })
        .await
    }

    /// Sends the request that `write` writes, and reads what matters of its answer.
    pub(super) async fn exchange(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<Answer> {
        self.request.clear();
        write(&mut self.request);
        self.stream.write_all(&self.request).await?;
        self.stream.flush().await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = read(&self.answer)? {
                return Ok(answer);
            }
            if self.answer.len() >= LONGEST {
                return Err(io::Error::other("the answer is too long"));
            }
        }
    }
}

impl Poolable for Wire {
    /// Services of AWS need no farewell.
    fn close(self) {}
}

/// Reads an answer of which these bytes have come; `None` if more of it must.
///
/// Where it does not say how long it is (RFC 9112, section 6.3), it is the last of its connection, and its end is not waited for.
fn read(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let Status::Complete(start) = head.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let status = head.code.unwrap_or_default();
    // One that is to be followed by another (RFC 9110, section 15.2) was not asked for.
    if status < 200 {
        return Err(io::Error::other("an interim answer"));
    }
    let of = |name: &'static str| {
        let named = head.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value)
    };
    let goes_on =
        head.version == Some(1) && of("connection").all(|value| value.eq_ignore_ascii_case(b"keep-alive"));
    let mut lengths = of("content-length").map(length);
    let (Some(Some(length)), None, None) = (lengths.next(), lengths.next(), of("transfer-encoding").next())
    else {
        return Ok(Some(Answer { status, is_last: true }));
    };
    let body = bytes.len() - start;
    if body < length && start.saturating_add(length) <= LONGEST {
        return Ok(None);
    }
    Ok(Some(Answer { status, is_last: !goes_on || body != length }))
}

fn length(value: &[u8]) -> Option<usize> {
    value.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(value).ok()?.parse().ok())?
}

/// Reads a request that was written out, for a link that is no wire.
pub(super) fn parse(to: &Uri, written: &[u8]) -> Result<Request<SdkBody>, BoxError> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let Status::Complete(start) = head.parse(written)? else { return Err("the head has no end".into()) };
    let body = Bytes::copy_from_slice(written.get(start..).unwrap_or_default());
    let request = Request::builder().method(head.method.unwrap_or_default()).uri(to);
    let with =
        |request: http::request::Builder, header: &Header<'_>| request.header(header.name, header.value);
    Ok(head.headers.iter().fold(request, with).body(SdkBody::from(body))?)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Response;
    use http_body_util::{BodyExt as _, Full};
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use proptest::prelude::*;
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: aws\r\ncontent-length: 5\r\n\r\nhello";
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}";
    const GOES_ON: Answer = Answer { status: 200, is_last: false };
    const IS_LAST: Answer = Answer { status: 200, is_last: true };

    fn hello(request: &mut Vec<u8>) {
        request.extend_from_slice(REQUEST);
    }

    fn wire() -> (Wire, DuplexStream) {
        let (ours, theirs) = duplex(4096);
        (Wire::new(Box::new(TokioIo::new(ours))), theirs)
    }

    #[tokio::test]
    async fn a_server_of_others_understands_one_request_after_the_other_and_says_when_it_is_the_last() {
        let (mut wire, theirs) = wire();
        let echo = service_fn(async |request: Request<Incoming>| {
            let status = if request.headers().contains_key("host") { 200 } else { 400 };
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            let status = if body == "hello" { status } else { 400 };
            Ok::<_, Infallible>(Response::builder().status(status).body(Full::new(body)).expect("an answer"))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(theirs), echo));
        for _ in 0..3 {
            assert!(wire.is_open().await);
            assert_eq!(wire.exchange(hello).await.unwrap(), GOES_ON);
        }
        let last = b"POST / HTTP/1.1\r\nhost: aws\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
        assert_eq!(wire.exchange(|request| request.extend_from_slice(last)).await.unwrap(), IS_LAST);
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_or_says_what_nobody_asked_for_is_not_open() {
        let (mut closed, theirs) = wire();
        drop(theirs);
        assert!(!closed.is_open().await);

        let (mut talks, mut theirs) = wire();
        theirs.write_all(ANSWER.as_bytes()).await.unwrap();
        assert!(!talks.is_open().await);
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_none() {
        let (mut wire, mut theirs) = wire();
        tokio::spawn(async move {
            theirs.read_exact(&mut [0; REQUEST.len()]).await.expect("a request");
            theirs.write_all(ANSWER.split_at(30).0.as_bytes()).await.expect("it is heard");
        });
        assert_eq!(wire.exchange(hello).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_head_without_an_end_is_not_read_for_ever() {
        let (mut wire, mut theirs) = wire();
        tokio::spawn(async move { while theirs.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.is_ok() {} });
        assert!(wire.exchange(hello).await.is_err());
    }

    #[test]
    fn what_is_not_plain_is_the_last() {
        for (head, body) in [
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2", "{}"),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2", "{}"),
            ("HTTP/1.1 200 OK", "{}"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2", "{}"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2", "{}"),
            ("HTTP/1.1 200 OK\r\nContent-Length: +2", "{}"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999", "{}"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2", "{}HTTP/1.1 200 OK"),
        ] {
            let answer = format!("{head}\r\n\r\n{body}");
            assert_eq!(read(answer.as_bytes()).unwrap(), Some(IS_LAST), "{answer}");
        }
        assert!(read(b"HTTP/1.1 100 Continue\r\n\r\n").is_err());
        assert!(read(b"SSH-2.0-OpenSSH\r\n").is_err());
    }

    proptest! {
        #[test]
        fn an_answer_is_read_once_it_is_whole(at in 0..ANSWER.len()) {
            prop_assert_eq!(read(ANSWER.as_bytes().get(..at).unwrap_or_default()).unwrap(), None);
            prop_assert_eq!(read(ANSWER.as_bytes()).unwrap(), Some(GOES_ON));
        }

        #[test]
        fn any_bytes_can_be_read(bytes in any::<Vec<u8>>(), at in 0..ANSWER.len()) {
            read(&bytes).ok();
            let (before, after) = ANSWER.as_bytes().split_at(at);
            read(&[before, &bytes, after].concat()).ok();
        }
    }

    #[test]
    fn a_request_that_was_written_out_is_read_back_for_a_link_that_is_no_wire() {
        let request = parse(&Uri::from_static("http://aws/"), REQUEST).unwrap();
        assert_eq!(request.headers()["host"], "aws");
        assert_eq!((request.method().as_str(), request.body().bytes()), ("POST", Some(b"hello".as_slice())));
        assert!(parse(&Uri::from_static("http://aws/"), b"POST / HTTP/1.1\r\n").is_err());
    }
}

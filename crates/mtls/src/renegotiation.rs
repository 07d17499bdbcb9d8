//! Watches the records of a connection for the size of an answer and for requests to renegotiate.
//!
//! On TLS 1.2, a receiver may ask for a second handshake, as some do to request the client certificate for one path
//! only. FAPI-BR 2.2.1, section 6.4, forbids it and rustls has none: it answers with a warning, and the error that
//! follows does not tell the reason. The type of a record is not encrypted in TLS 1.2, and after its `Finished` a
//! server has one handshake message left to send: `HelloRequest` (RFC 5246, section 7.4.1.1). TLS 1.3 has no such
//! records.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use convention::delivery::{BODY_LIMIT, HEADER_LIMIT};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Record types (RFC 5246, section 6.2.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
/// Length of a record's header: type, two bytes of version, two of length.
const HEADER: usize = 5;
/// Maximum size of one answer in bytes: head, body, and the overhead of TLS, chunks and interim answers. hyper limits
/// the size of a head but not the number of interim answers (1xx).
const ANSWER_LIMIT: usize = HEADER_LIMIT + BODY_LIMIT;

/// The receiver asked for a second handshake and then broke the connection.
#[derive(Debug, Error)]
#[error("the receiver asked for a second handshake, which the norm forbids")]
pub(super) struct WantsRenegotiation;

/// The state of parsing the headers of a receiver's records.
#[derive(Debug, Default)]
struct Records {
    header: [u8; HEADER],
    /// Number of bytes read of the current header.
    read: usize,
    /// Number of bytes left of the current record.
    left: usize,
    encrypted: bool,
    /// Number of handshake records since encryption began: the first is `Finished`.
    handshakes: u8,
}

impl Records {
    fn take(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            self.header[self.read] = *byte;
            self.read += 1;
            bytes = rest;
            if self.read == HEADER {
                self.read = 0;
                self.left = usize::from(u16::from_be_bytes([self.header[3], self.header[4]]));
                match self.header[0] {
                    CHANGE_CIPHER_SPEC => self.encrypted = true,
                    HANDSHAKE if self.encrypted => self.handshakes = self.handshakes.saturating_add(1),
                    _ => {}
                }
            }
        }
    }
}

/// A connection whose incoming records are watched.
#[derive(Debug)]
pub(super) struct Watching<S> {
    stream: S,
    records: Records,
    /// Number of bytes received since the last request began.
    answered: usize,
}

/// The answer exceeds the maximum size.
#[derive(Debug, Error)]
#[error("the answer is longer than {ANSWER_LIMIT} bytes")]
pub(super) struct AnswerTooLong;

impl<S> Watching<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, records: Records::default(), answered: 0 }
    }

    /// Resets the count for a new request.
    pub(super) fn expect_answer(&mut self) {
        self.answered = 0;
    }

    /// Says whether a second handshake was asked for.
    pub(super) fn wants_renegotiation(&self) -> bool {
        self.records.handshakes > 1
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watching<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answered >= ANSWER_LIMIT {
            return Poll::Ready(Err(io::Error::other(AnswerTooLong)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let came = buf.filled().get(before..).unwrap_or_default();
        self.answered += came.len();
        self.records.take(came);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watching<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, length: u16) -> Vec<u8> {
        let mut record = vec![kind, 3, 3];
        record.extend(length.to_be_bytes());
        record.extend(vec![HANDSHAKE; usize::from(length)]);
        record
    }

    fn handshakes(bytes: &[u8], at_once: usize) -> u8 {
        let mut records = Records::default();
        bytes.chunks(at_once).for_each(|bytes| records.take(bytes));
        records.handshakes
    }

    #[test]
    fn only_a_handshake_record_after_finished_asks_for_another_handshake() {
        let first = [record(HANDSHAKE, 80), record(HANDSHAKE, 900), record(CHANGE_CIPHER_SPEC, 1)].concat();
        let finished = record(HANDSHAKE, 40);
        let answer = [record(23, 300), record(23, 0), record(21, 26)].concat();
        let whole = [first, finished, answer].concat();
        let asking = [whole.clone(), record(HANDSHAKE, 28)].concat();
        for at_once in [1, 3, 5, 7, 64, 4096] {
            assert_eq!(handshakes(&whole, at_once), 1, "{at_once}");
            assert_eq!(handshakes(&asking, at_once), 2, "{at_once}");
        }
    }
}

//! The body of an answer: a text, then filling up to a length. It is made as it is sent, so it may be longer than memory.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

const FILLING: &[u8] = &[b'x'; 16 * 1024];

pub(super) struct Filler {
    text: Option<Bytes>,
    left: u64,
}

impl Filler {
    /// A text, filled up to so many bytes.
    pub(super) fn new(text: Bytes, bytes: u64) -> Self {
        Self { left: bytes.max(text.len() as u64), text: Some(text) }
    }
}

impl Body for Filler {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = match self.text.take() {
            Some(text) if !text.is_empty() => text,
            _ => Bytes::from_static(FILLING),
        };
        piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

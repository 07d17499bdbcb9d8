//! What an environment of Lambda may do: anything while it is awake, nothing while it is frozen, nothing ever after a kill.
//!
//! Tasks that the code under test spawned cannot be found and stopped. So everything by which the world could notice them
//! asks here first: requests to AWS, and each read and write of a connection. After a kill they wait for ever.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::way::Way;

/// The life of one environment. Copies are the same one.
#[derive(Clone, Debug)]
pub(super) struct Life(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    state: State,
    waiting: Vec<Waker>,
    mourning: Vec<Waker>,
    wires: Vec<Arc<Mutex<Option<DuplexStream>>>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Awake,
    Frozen,
    Dead,
}

impl Default for Life {
    fn default() -> Self {
        let (waiting, mourning, wires) = (Vec::new(), Vec::new(), Vec::new());
        Self(Arc::new(Mutex::new(Inner { state: State::Awake, waiting, mourning, wires })))
    }
}

impl Life {
    /// Stops everything until the thaw.
    pub(super) fn freeze(&self) {
        let mut inner = self.lock();
        if inner.state == State::Awake {
            inner.state = State::Frozen;
        }
    }

    /// Goes on.
    pub(super) fn thaw(&self) {
        let mut inner = self.lock();
        if inner.state == State::Frozen {
            inner.state = State::Awake;
            wake(&mut inner.waiting);
        }
    }

    /// Ends it: its connections close, as the kernel closes them.
    pub(super) fn kill(&self) {
        let wires = {
            let mut inner = self.lock();
            inner.state = State::Dead;
            inner.waiting.clear();
            wake(&mut inner.mourning);
            std::mem::take(&mut inner.wires)
        };
        for wire in wires {
            wire.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// Says whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.lock().state == State::Dead
    }

    /// Waits until something may be done.
    pub(super) async fn awake(&self) {
        poll_fn(|context| self.poll_awake(context)).await;
    }

    /// Waits for the end.
    pub(super) async fn over(&self) {
        poll_fn(|context| {
            let mut inner = self.lock();
            if inner.state == State::Dead {
                return Poll::Ready(());
            }
            inner.mourning.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Makes one end of a connection this environment's; `way` counts what it reads.
    pub(super) fn wire(&self, end: DuplexStream, way: Way, hides_its_end: bool) -> Wire {
        let end = Arc::new(Mutex::new(Some(end)));
        let mut inner = self.lock();
        inner.wires.retain(|wire| Arc::strong_count(wire) > 1);
        inner.wires.push(Arc::clone(&end));
        Wire { life: self.clone(), end, way, hides_its_end, asked: None }
    }

    fn poll_awake(&self, context: &Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        match inner.state {
            State::Awake => return Poll::Ready(()),
            State::Frozen => inner.waiting.push(context.waker().clone()),
            // Nobody wakes it any more.
            State::Dead => {}
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(wakers: &mut Vec<Waker>) {
    for waker in wakers.drain(..) {
        waker.wake();
    }
}

/// One end of a connection, which stands still and ends with its environment.
#[derive(Debug)]
pub(super) struct Wire {
    life: Life,
    end: Arc<Mutex<Option<DuplexStream>>>,
    way: Way,
    /// Broken on purpose: that the other side has closed is seen only once something was written.
    hides_its_end: bool,
    /// Who waits for that.
    asked: Option<Waker>,
}

/// Whoever drops a connection closes it, as a socket does.
impl Drop for Wire {
    fn drop(&mut self) {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Wire {
    fn poll<T>(
        &self,
        context: &mut Context<'_>,
        act: impl FnOnce(Pin<&mut DuplexStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        std::task::ready!(self.life.poll_awake(context));
        match self.end.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(end) => act(Pin::new(end), context),
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.poll(context, |end, context| end.poll_read(context, buffer));
        let bytes = buffer.filled().len() - before;
        self.way.read(bytes);
        if self.hides_its_end && matches!(read, Poll::Ready(Ok(()))) && bytes == 0 {
            self.get_mut().asked = Some(context.waker().clone());
            return Poll::Pending;
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.poll(context, |end, context| end.poll_write(context, bytes));
        if self.hides_its_end && matches!(&written, Poll::Ready(Err(_))) {
            let this = self.get_mut();
            this.hides_its_end = false;
            this.asked.take().into_iter().for_each(Waker::wake);
            return Poll::Ready(Ok(bytes.len()));
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, AsyncWrite::poll_shutdown)
    }
}

/// A receiver's end of a connection, which counts what it sends.
#[derive(Debug)]
pub(super) struct Counted {
    end: DuplexStream,
    way: Way,
}

impl Counted {
    pub(super) fn new(end: DuplexStream, way: Way) -> Self {
        Self { end, way }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.end).poll_write(context, bytes);
        if let Poll::Ready(Ok(bytes)) = &written {
            self.way.sent(*bytes);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_shutdown(context)
    }
}

//! The HTTP side of a receiver, on any stream: a socket, TLS over one, a pipe in memory.

use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

/// Between two pieces of what never ends, so that it costs little.
pub(super) const ENDLESS_PAUSE: Duration = Duration::from_millis(10);

/// What a receiver does with a request.
#[derive(Debug)]
pub enum Reply<B> {
    /// It answers.
    Response(Response<B>),
    /// It does what no server of HTTP does.
    Seizure(Seizure),
}

/// What is done to a connection when HTTP is not enough.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seizure {
    /// It is reset (TCP RST); where there is no socket, it ends.
    Reset,
    /// These bytes are sent, and it is closed in an orderly way: TLS says that it ends.
    Send(Bytes),
    /// These bytes are sent, and it ends without a word of TLS.
    Truncate(Bytes),
    /// 100 Continue is sent for ever.
    Informational,
}

/// Serves the requests of a connection until it ends, or brings no request for as long as `idle`.
pub async fn serve<S, B, F, A>(stream: S, idle: Option<Duration>, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Reply<B>>,
{
    let (seize, mut seized) = mpsc::channel(1);
    let answer = &answer;
    let service = service_fn(move |request| {
        let seize = seize.clone();
        // Boxed so that the connection can be moved, which `into_parts` needs.
        Box::pin(async move {
            match answer(request).await {
                Reply::Response(response) => Ok::<_, Infallible>(response),
                Reply::Seizure(seizure) => {
                    seize.send(seizure).await.ok();
                    pending().await
                }
            }
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // It runs from the end of one request to the header of the next, so it bounds idleness as well.
        .header_read_timeout(idle)
        .serve_connection(TokioIo::new(stream), service);
    let seizure = tokio::select! {
        // How a connection ends is its caller's business: what it asked was seen.
        _ = &mut connection => return,
        Some(seizure) = seized.recv() => seizure,
    };
    seizure.carry_out(connection.into_parts().io.into_inner()).await;
}

impl Seizure {
    async fn carry_out<S: AsyncRead + AsyncWrite + Unpin + 'static>(self, mut stream: S) {
        match self {
            // With no time to linger, closing sends RST.
            Self::Reset => {
                if let Some(socket) = socket(&stream) {
                    socket.set_zero_linger().ok();
                }
            }
            Self::Send(bytes) => {
                if stream.write_all(&bytes).await.is_ok() {
                    stream.shutdown().await.ok();
                }
            }
            Self::Truncate(bytes) => {
                if stream.write_all(&bytes).await.is_ok() {
                    stream.flush().await.ok();
                }
            }
            Self::Informational => {
                while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok()
                    && stream.flush().await.is_ok()
                {
                    sleep(ENDLESS_PAUSE).await;
                }
            }
        }
    }
}

/// The socket under a stream, where there is one.
fn socket(stream: &dyn Any) -> Option<&TcpStream> {
    let over_tls = stream.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
    over_tls.or_else(|| stream.downcast_ref::<TcpStream>())
}

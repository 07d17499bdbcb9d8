//! The HTTP of the Runtime API and of the proxy before AWS: a request that is not answered is left waiting.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Answers every connection of a listener; one that gets `None` for an answer is left waiting.
pub(super) async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Option<Response<Full<Bytes>>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve_connection(stream, answer.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the requests of one connection; `None` leaves one without an answer and closes.
async fn serve_connection<F, A>(stream: tokio::net::TcpStream, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone,
    A: Future<Output = Option<Response<Full<Bytes>>>>,
{
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move {
            match answer(request).await {
                Some(response) => Ok::<_, Infallible>(response),
                None => std::future::pending().await,
            }
        }
    });
    let io = hyper_util::rt::TokioIo::new(stream);
    // A process that was killed breaks its connections; that is what these tests are about.
    hyper::server::conn::http1::Builder::new().serve_connection(io, service).await.unwrap_or_default();
}

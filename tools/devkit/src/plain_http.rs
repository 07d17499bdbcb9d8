//! Plain HTTP, as the mocks serve it to scripts and as the Directory speaks it.

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower_service::Service as _;

use crate::accept::accept;

/// Serves routes until the task is aborted, and ends all connections with it, as `axum::serve` does not.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    accept(listener, |stream, _| {
        // Routes are always ready for the next request.
        let router = router.clone();
        let service = service_fn(move |request| router.clone().call(request));
        async move {
            // How a connection ends is its caller's business: what it asked is kept.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        }
    })
    .await;
}

//! What authorities and attackers publish, behind one socket that notes what is asked of it. It is no receiver: nothing is posted
//! to it, and revocation lists come over plain HTTP.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

pub(crate) struct Web {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    pages: BTreeMap<String, Vec<u8>>,
    asked: Vec<String>,
}

impl Web {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let answer = service_fn(move |request| answer(Arc::clone(&state), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { address, state }
    }

    /// The address of a page.
    pub(crate) fn url(&self, page: &str) -> String {
        format!("http://{}{page}", self.address)
    }

    pub(crate) fn serve(&self, page: &str, bytes: Vec<u8>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pages.insert(page.to_owned(), bytes);
    }

    /// The pages that were asked for, each once.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let page = request.uri().path().to_owned();
    request.into_body().collect().await.ok();
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let found = state.pages.get(&page).cloned();
    state.asked.push(page);
    let mut response = Response::new(Full::from(found.clone().unwrap_or_default()));
    if found.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

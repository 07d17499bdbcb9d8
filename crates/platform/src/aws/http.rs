//! Sends requests to AWS over pooled connections, and counts them.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector as SdkConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http1::{IdleBudget, Pool, PooledConnection, Stream, settings};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use ledger_writer::HttpClient;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service as _;

use crate::clock::Clock;
use crate::telemetry::{Usage, UsageMeter};

/// Timeout of connecting; a slower service is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum idle time of a reused connection. An assumption: AWS does not publish when its services close idle
/// connections, and one that was closed while the environment was frozen costs a try.
const IDLE: SignedDuration = SignedDuration::from_secs(15);

/// Maximum number of idle connections: three for each message of a batch, and two for the secrets. Dispatch reserves as
/// many of its open files (`crates/mtls/src/network.rs`).
const MAX_IDLE: usize = 32;

/// The header that names a request's operation.
const TARGET: &str = "x-amz-target";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to AWS. Copies share the connections.
#[derive(Clone, Debug)]
pub struct Http {
    link: Link,
    meter: Option<UsageMeter>,
    max_answer: usize,
}

#[derive(Clone, Debug)]
enum Link {
    System(Arc<System>),
    /// A connector provided by a test.
    Other(SharedHttpConnector),
}

impl Http {
    /// Uses the machine's network and the system's trust store.
    pub fn system(clock: Clock) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let pool = Pool::new(IDLE, clock.into_fn(), IdleBudget::of(MAX_IDLE));
        let system = System { tcp, tls: OnceLock::new(), pool };
        Self { link: Link::System(Arc::new(system)), meter: None, max_answer: usize::MAX }
    }

    /// Uses this connector.
    pub fn over(connector: SharedHttpConnector) -> Self {
        Self { link: Link::Other(connector), meter: None, max_answer: usize::MAX }
    }

    /// Counts every request: AWS bills each of the SDK's tries.
    #[must_use]
    pub fn metered(self, meter: &UsageMeter) -> Self {
        Self { meter: Some(meter.clone()), ..self }
    }

    /// Returns an empty body for an answer that has more bytes; for services other than AWS. Has no effect with [`Self::over`].
    #[must_use]
    pub fn with_max_answer(self, bytes: usize) -> Self {
        Self { max_answer: bytes, ..self }
    }

    /// Creates the connector for the SDK's clients.
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    fn count(&self, usage: Usage) {
        if let Some(meter) = &self.meter {
            meter.add(usage, 1);
        }
    }
}

impl SdkConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.count(Usage::of_request(request.headers().get(TARGET).unwrap_or_default()));
        match &self.link {
            Link::Other(connector) => connector.call(request),
            Link::System(system) => {
                let (system, max_answer) = (Arc::clone(system), self.max_answer);
                HttpConnectorFuture::new_boxed(Box::pin(async move {
                    let request = request.try_into_http1x().map_err(unusable)?;
                    let answer = system.exchange(request, max_answer).await?;
                    HttpResponse::try_from(answer.map(SdkBody::from)).map_err(unusable)
                }))
            }
        }
    }
}

impl HttpClient for Http {
    async fn send(&self, request: Request<SdkBody>) -> Option<StatusCode> {
        match &self.link {
            Link::Other(_) => {
                let answer = self.call(HttpRequest::try_from(request).ok()?).await.ok()?;
                StatusCode::from_u16(answer.status().as_u16()).ok()
            }
            Link::System(system) => {
                let target = request.headers().get(TARGET).and_then(|target| target.to_str().ok());
                self.count(Usage::of_request(target.unwrap_or_default()));
                // Boxed, because it would be part of every attempt's future.
                Some(Box::pin(system.exchange(request, self.max_answer)).await.ok()?.status())
            }
        }
    }
}

fn unusable(error: impl Into<BoxError>) -> ConnectorError {
    ConnectorError::user(error.into())
}

/// The machine's network.
struct System {
    tcp: HttpConnector,
    /// Created at first use, because reading the system's trust store is slow.
    tls: OnceLock<TlsConnector>,
    pool: Pool<PooledConnection<Connection, SdkBody, ()>>,
}

/// A TCP connection, with or without TLS.
type Connection = Box<dyn Stream>;

impl std::fmt::Debug for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

/// A request without an answer.
struct Unanswered(ConnectorError);

impl From<hyper::Error> for Unanswered {
    fn from(error: hyper::Error) -> Self {
        Self(ConnectorError::io(error.into()))
    }
}

impl System {
    async fn exchange(
        &self,
        mut request: Request<SdkBody>,
        max_answer: usize,
    ) -> Result<Response<Bytes>, ConnectorError> {
        let to = std::mem::take(request.uri_mut());
        let target = to.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(target);
        let authority = to.authority().ok_or_else(|| unusable("the endpoint names no host"))?;
        if !request.headers().contains_key(header::HOST) {
            let host = HeaderValue::from_str(authority.as_str()).map_err(unusable)?;
            request.headers_mut().insert(header::HOST, host);
        }
        // AWS services never use both schemes on one port, so the scheme is not part of the pool's key.
        let place = authority.as_str();
        // Boxed, because most requests need no new connection.
        let connect = || Box::pin(self.connect_in_time(&to));
        let answered = self.pool.answered(place, request, connect).await;
        let (mut exchanges, answer) = answered.map_err(|Unanswered(error)| error)?;
        let (head, body) = answer.into_parts();
        let body =
            exchanges.read(body, max_answer).await.map_err(|error| ConnectorError::io(error.into()))?;
        if body.is_some() {
            self.pool.keep(place, exchanges).await;
        }
        Ok(Response::from_parts(head, body.unwrap_or_default()))
    }

    async fn connect_in_time(
        &self,
        to: &Uri,
    ) -> Result<PooledConnection<Connection, SdkBody, ()>, Unanswered> {
        let connected = timeout(CONNECT_TIMEOUT, self.connect(to)).await;
        let stream = connected
            .map_err(|elapsed| Unanswered(ConnectorError::timeout(elapsed.into())))?
            .map_err(|error| Unanswered(ConnectorError::io(error)))?;
        Ok(PooledConnection::over(stream, &settings(), ()).await?)
    }

    async fn connect(&self, to: &Uri) -> Result<Connection, BoxError> {
        let stream = self.tcp.clone().call(to.clone()).await?;
        if to.scheme() != Some(&Scheme::HTTPS) {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(to.host().unwrap_or_default().to_owned())?;
        let stream = self.tls()?.connect(name, stream.into_inner()).await?;
        Ok(Box::new(TokioIo::new(stream)))
    }

    fn tls(&self) -> Result<&TlsConnector, BoxError> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let mut trusted = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        trusted.add_parsable_certificates(found.certs);
        if trusted.is_empty() {
            return Err(io::Error::other("the system has no certificates of authorities").into());
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| TlsConnector::from(Arc::new(config))))
    }
}

//! How requests reach AWS: over connections that are kept, each request counted.

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
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::Builder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service as _;

use crate::edge::Clock;
use crate::http1::{Exchanges, Kept, Pool, Unanswered};
use crate::telemetry::{Meter, Usage};

/// A service that takes longer than this to connect is asked again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection idle for longer is not used again: services of AWS close theirs after 20 s or later, and one that was closed
/// while the environment was frozen would cost a try.
const IDLE: SignedDuration = SignedDuration::from_secs(15);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to AWS. Copies share their connections.
#[derive(Clone, Debug)]
pub struct Http {
    link: Link,
    meter: Option<Meter>,
}

#[derive(Clone, Debug)]
enum Link {
    System(Arc<System>),
    /// What a test gives.
    Other(SharedHttpConnector),
}

impl Http {
    /// Uses the network of the machine, and trusts the authorities that its system trusts.
    pub fn system(clock: Clock) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let system = System { tcp, tls: OnceLock::new(), pool: Pool::new(IDLE), clock };
        Self { link: Link::System(Arc::new(system)), meter: None }
    }

    /// Sends with this.
    pub fn over(connector: SharedHttpConnector) -> Self {
        Self { link: Link::Other(connector), meter: None }
    }

    /// Has every request counted: AWS asks money for each of the SDK's tries.
    #[must_use]
    pub fn metered(self, meter: &Meter) -> Self {
        Self { meter: Some(meter.clone()), ..self }
    }

    /// Makes the connector of the SDK's clients.
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    /// Sends a request and reads its answer whole.
    pub(super) async fn exchange(
        &self,
        request: Request<SdkBody>,
    ) -> Result<Response<Bytes>, ConnectorError> {
        self.count(request.headers().get(TARGET).map(HeaderValue::as_bytes));
        match &self.link {
            Link::System(system) => system.exchange(request).await,
            Link::Other(connector) => {
                let request = HttpRequest::try_from(request).map_err(unusable)?;
                let (head, body) =
                    connector.call(request).await?.try_into_http1x().map_err(unusable)?.into_parts();
                let body = body.collect().await.map_err(ConnectorError::io)?;
                Ok(Response::from_parts(head, body.to_bytes()))
            }
        }
    }

    fn count(&self, target: Option<&[u8]>) {
        if let Some(meter) = &self.meter {
            let target = target.and_then(|target| str::from_utf8(target).ok());
            meter.add(Usage::of_request(target.unwrap_or_default()), 1);
        }
    }
}

/// The header that names a request's operation.
const TARGET: &str = "x-amz-target";

impl SdkConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.count(request.headers().get(TARGET).map(str::as_bytes));
        match &self.link {
            Link::Other(connector) => connector.call(request),
            Link::System(system) => {
                let system = Arc::clone(system);
                HttpConnectorFuture::new_boxed(Box::pin(async move {
                    let request = request.try_into_http1x().map_err(unusable)?;
                    let answer = system.exchange(request).await?;
                    HttpResponse::try_from(answer.map(SdkBody::from)).map_err(unusable)
                }))
            }
        }
    }
}

fn unusable(error: impl Into<BoxError>) -> ConnectorError {
    ConnectorError::user(error.into())
}

/// The network of the machine.
struct System {
    tcp: HttpConnector,
    /// Made when it is first needed, as reading the certificates of the system's authorities takes its time.
    tls: OnceLock<TlsConnector>,
    pool: Pool<Connection>,
    clock: Clock,
}

impl std::fmt::Debug for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

enum Connection {
    Plain(Exchanges<TokioIo<TcpStream>, SdkBody>),
    Tls(Exchanges<TokioIo<TlsStream<TcpStream>>, SdkBody>),
}

impl Kept for Connection {
    fn close(self) {
        match self {
            Self::Plain(exchanges) => exchanges.close(),
            Self::Tls(exchanges) => exchanges.close(),
        }
    }
}

impl System {
    async fn exchange(&self, mut request: Request<SdkBody>) -> Result<Response<Bytes>, ConnectorError> {
        let to = std::mem::take(request.uri_mut());
        let target = to.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(target);
        let authority = to.authority().ok_or_else(|| unusable("the endpoint names no host"))?;
        if !request.headers().contains_key(header::HOST) {
            let host = HeaderValue::from_str(authority.as_str()).map_err(unusable)?;
            request.headers_mut().insert(header::HOST, host);
        }
        // No service of AWS speaks both ways on one port, so the scheme is no part of the place.
        let place = authority.as_str();
        while let Some(mut kept) = self.pool.take(place, self.clock.now()) {
            if !kept.is_open().await {
                continue;
            }
            request = match self.answered(place, kept, request).await {
                Ok(answer) => return Ok(answer),
                Err(Unanswered::Unsent(unsent, _)) => *unsent,
                Err(Unanswered::Failed(error)) => return Err(ConnectorError::io(error.into())),
            };
        }
        let connected = timeout(CONNECT_TIMEOUT, Box::pin(self.connect(&to))).await;
        let new = connected
            .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?
            .map_err(ConnectorError::io)?;
        self.answered(place, new, request).await.map_err(|unanswered| match unanswered {
            Unanswered::Unsent(_, error) | Unanswered::Failed(error) => ConnectorError::io(error.into()),
        })
    }

    async fn answered(
        &self,
        place: &str,
        mut connection: Connection,
        request: Request<SdkBody>,
    ) -> Result<Response<Bytes>, Unanswered<SdkBody>> {
        let (answer, is_reusable) = match &mut connection {
            Connection::Plain(exchanges) => whole(exchanges, request).await?,
            Connection::Tls(exchanges) => whole(exchanges, request).await?,
        };
        if is_reusable {
            self.pool.keep(place, connection, self.clock.now());
        }
        Ok(answer)
    }

    async fn connect(&self, to: &Uri) -> Result<Connection, BoxError> {
        let stream = self.tcp.clone().call(to.clone()).await?;
        let settings = Builder::new();
        if to.scheme() != Some(&Scheme::HTTPS) {
            return Ok(Connection::Plain(Exchanges::over(stream, &settings).await?));
        }
        let name = ServerName::try_from(to.host().unwrap_or_default().to_owned())?;
        let stream = self.tls()?.connect(name, stream.into_inner()).await?;
        Ok(Connection::Tls(Exchanges::over(TokioIo::new(stream), &settings).await?))
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

impl Connection {
    async fn is_open(&mut self) -> bool {
        match self {
            Self::Plain(exchanges) => exchanges.is_open().await,
            Self::Tls(exchanges) => exchanges.is_open().await,
        }
    }
}

/// Sends a request and reads its answer whole; says whether the connection can be used again.
async fn whole<S>(
    exchanges: &mut Exchanges<S, SdkBody>,
    request: Request<SdkBody>,
) -> Result<(Response<Bytes>, bool), Unanswered<SdkBody>>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (head, body) = exchanges.send(request).await?.into_parts();
    let body = exchanges.read(body, usize::MAX).await.map_err(Unanswered::Failed)?.unwrap_or_default();
    Ok((Response::from_parts(head, body), exchanges.is_reusable().await))
}

//! Fetches what others publish (key sets, lists, statuses) within limits of size and time, and never from a
//! non-public address.

mod signed;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use convention::address::AddressPolicy;
use jiff::{SignedDuration, Timestamp};
use mtls::{KeyExchange, check_addresses};
use platform::aws::Document;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CACHE_CONTROL, ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode, redirect};
use thiserror::Error;

/// Timeout of connecting.
const CONNECT_BUDGET: Duration = Duration::from_secs(3);
/// Timeout of a whole fetch, body included.
pub const BUDGET: Duration = Duration::from_secs(10);
/// Maximum freshness that an answer may claim, so that a withdrawal is noticed within a day.
const MAX_FRESHNESS: Duration = Duration::from_hours(24);

/// Maximum length of a stored `ETag` in bytes; real ones have about forty. A longer one is ignored, and the document
/// is fetched in full each time, because the rows have no room for it.
const MAX_ETAG_LENGTH: usize = 512;

/// Fetches documents.
#[derive(Clone, Debug)]
pub struct Fetcher {
    http: Client,
    policy: AddressPolicy,
}

/// The result of a fetch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fetched {
    /// The known document is still current (304).
    NotModified {
        /// How long it stays fresh.
        fresh_for: Option<Duration>,
    },
    /// A document.
    Document {
        /// Its content.
        bytes: Vec<u8>,
        /// Its `ETag`.
        etag: Option<String>,
        /// How long it stays fresh.
        fresh_for: Option<Duration>,
    },
}

impl Fetcher {
    /// Creates a fetcher that connects to the addresses that `policy` allows; `more` configures the client further,
    /// for example with a certificate.
    pub fn new(
        policy: AddressPolicy,
        more: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, FetchError> {
        // One provider for the whole process; a second call finds it installed. Authorities' servers include old
        // front ends.
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        KeyExchange::Classical.limit(&mut provider);
        provider.install_default().unwrap_or_default();
        let builder = Client::builder()
            .dns_resolver(CheckedResolver(policy))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_BUDGET)
            .timeout(BUDGET)
            .no_proxy()
            .user_agent(concat!("arauto/", env!("CARGO_PKG_VERSION")));
        let http = more(builder).build().map_err(FetchError::Client)?;
        Ok(Self { http, policy })
    }

    /// Gets a document of at most `limit` bytes, unless its version is still `etag`.
    pub async fn get(
        &self,
        url: &str,
        accept: &'static str,
        etag: Option<&str>,
        limit: usize,
    ) -> Result<Fetched, FetchError> {
        let mut request = self.request(Method::GET, url)?.header(ACCEPT, accept);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        self.send(request, limit).await
    }

    /// Creates a request to a checked URL, for [`Fetcher::send`].
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, FetchError> {
        Ok(self.http.request(method, self.checked(url)?))
    }

    /// Sends a request and reads at most `limit` bytes of the answer. Redirects are not followed.
    pub async fn send(&self, request: RequestBuilder, limit: usize) -> Result<Fetched, FetchError> {
        receive(request.send().await.map_err(FetchError::from_network)?, limit).await
    }

    /// Checks hosts that are addresses, which the resolver never sees.
    fn checked(&self, url: &str) -> Result<reqwest::Url, FetchError> {
        self.checked_url(reqwest::Url::parse(url).map_err(|_| FetchError::Url)?)
    }

    fn checked_url(&self, url: reqwest::Url) -> Result<reqwest::Url, FetchError> {
        let host = url.host_str().ok_or(FetchError::Url)?.trim_matches(['[', ']']);
        if let Ok(address) = host.parse::<IpAddr>()
            && check_addresses(&[SocketAddr::new(address, 0)], self.policy).is_err()
        {
            return Err(FetchError::Blocked);
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FetchError::Url);
        }
        Ok(url)
    }
}

/// Freshness of a document whose source states none; equal to the interval of the schedule.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(5);

/// Creates the document to store from a fetch: the known one with a new age, or a new one that `reduce` has checked
/// and reduced.
pub(crate) fn renew<E: From<FetchError>>(
    known: Option<Document>,
    fetched: Fetched,
    now: Timestamp,
    reduce: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, E>,
) -> Result<Document, E> {
    let until = |fresh_for: Option<Duration>| {
        let fresh_for = fresh_for.and_then(|fresh_for| fresh_for.try_into().ok()).unwrap_or(FRESH_FOR);
        now.saturating_add(fresh_for).unwrap_or(Timestamp::MAX)
    };
    match (fetched, known) {
        (Fetched::NotModified { fresh_for }, Some(known)) if known.etag.is_some() => {
            Ok(Document { fetched_at: now, fresh_until: until(fresh_for), ..known })
        }
        // A 304 without a conditional request is not a valid answer.
        (Fetched::NotModified { .. }, _) => Err(FetchError::Status(304).into()),
        (Fetched::Document { bytes, etag, fresh_for }, _) => {
            Ok(Document { bytes: reduce(bytes)?, fetched_at: now, fresh_until: until(fresh_for), etag })
        }
    }
}

async fn receive(response: Response, limit: usize) -> Result<Fetched, FetchError> {
    let fresh_for = fresh_for(response.headers());
    match response.status() {
        StatusCode::NOT_MODIFIED => Ok(Fetched::NotModified { fresh_for }),
        StatusCode::OK => {
            let etag = etag(response.headers());
            let bytes = read(response, limit).await?;
            Ok(Fetched::Document { bytes, etag, fresh_for })
        }
        status => Err(FetchError::Status(status.as_u16())),
    }
}

fn etag(headers: &HeaderMap) -> Option<String> {
    let etag = headers.get(ETAG)?.to_str().ok()?;
    (etag.len() <= MAX_ETAG_LENGTH).then(|| etag.to_owned())
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(FetchError::from_network)? {
        if bytes.len() + chunk.len() > limit {
            return Err(FetchError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads the freshness of an answer (RFC 9111, section 5.2.2).
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    // Several header lines form one list (RFC 9110, section 5.3).
    let lines = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|line| line.to_str().ok());
    let directives = lines.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    let directives: Vec<_> = directives.split(',').map(str::trim).collect();
    if directives.iter().any(|directive| matches!(*directive, "no-store" | "no-cache")) {
        return Some(Duration::ZERO);
    }
    let seconds = directives.iter().find_map(|directive| directive.strip_prefix("max-age="))?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_FRESHNESS))
}

/// Resolves names and refuses the whole name if any address is not allowed, so that the checked address is the one
/// connected to (guarantee G7).
struct CheckedResolver(AddressPolicy);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            check_addresses(&found, policy).map_err(|_| BlockedAddress)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A name with a non-public address.
#[derive(Debug, Error)]
#[error("an address of the host is not allowed")]
struct BlockedAddress;

/// Why a document could not be fetched.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The HTTP client could not be created.
    #[error("the HTTP client could not be created")]
    Client(#[source] reqwest::Error),
    /// The URL cannot be fetched.
    #[error("the URL cannot be fetched")]
    Url,
    /// The host's address is not public; nothing was connected to.
    #[error("the host's address is not allowed")]
    Blocked,
    /// The status is neither 200 nor 304.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// A redirect has no target, or an invalid one.
    #[error("the redirect has no valid target")]
    RedirectTarget,
    /// There are too many redirects.
    #[error("there are too many redirects")]
    TooManyRedirects,
    /// The answer is larger than allowed.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The fetch took too long.
    #[error("there was no complete answer in time")]
    Timeout,
    /// The connection was not made, or it broke.
    #[error("the connection failed")]
    Network(#[source] reqwest::Error),
}

impl FetchError {
    fn from_network(error: reqwest::Error) -> Self {
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            if cause.is::<BlockedAddress>() {
                return Self::Blocked;
            }
            source = cause.source();
        }
        // Without the URL, which may contain what must not be logged.
        if error.is_timeout() { Self::Timeout } else { Self::Network(error.without_url()) }
    }

    /// Returns the error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Url => "invalid_url",
            Self::Blocked => "blocked_address",
            Self::Status(_) => "status",
            Self::RedirectTarget => "invalid_redirect",
            Self::TooManyRedirects => "too_many_redirects",
            Self::TooLarge { .. } => "too_large",
            Self::Timeout => "timeout",
            Self::Network(_) => "network",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_whose_name_is_too_long_has_none() {
        for (length, kept) in [(1, true), (512, true), (513, false), (392 * 1024, false)] {
            let headers = HeaderMap::from_iter([(ETAG, "x".repeat(length).parse().expect("a header"))]);
            assert_eq!(etag(&headers).is_some(), kept, "{length}");
        }
    }

    #[test]
    fn several_lines_of_cache_control_are_one_list() {
        for (lines, seconds) in [
            (&["public, max-age=900"][..], Some(900)),
            (&["public", "MAX-AGE=900"], Some(900)),
            (&["max-age=900", "no-cache"], Some(0)),
            (&["max-age=soon"], None),
            (&[], None),
        ] {
            let line = |line: &&'static str| (CACHE_CONTROL, line.parse().expect("a header"));
            let mut headers = HeaderMap::new();
            for (name, value) in lines.iter().map(line) {
                headers.append(name, value);
            }
            assert_eq!(fresh_for(&headers), seconds.map(Duration::from_secs), "{lines:?}");
        }
    }
}

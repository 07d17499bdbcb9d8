//! Fetching what is signed, lists and statuses of authorities, wherever it was moved to.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, IF_NONE_MATCH, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use tokio::time::timeout;

use super::{BUDGET, FetchError, Fetched, Fetcher, receive};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 3;
/// The longest target of a redirect, in bytes.
const MAX_LOCATION_LENGTH: usize = 4096;

impl Fetcher {
    /// Gets a signed document of at most `limit` bytes, unless it is the version that `etag` names, and follows redirects.
    pub async fn get_signed(
        &self,
        url: &str,
        accept: &'static str,
        etag: Option<&str>,
        limit: usize,
    ) -> Result<Fetched, FetchError> {
        let request = |target| {
            let request = self.http.request(Method::GET, target).header(ACCEPT, accept);
            match etag {
                Some(etag) => request.header(IF_NONE_MATCH, etag),
                None => request,
            }
        };
        self.follow(url, request, limit, BUDGET).await
    }

    /// Posts a question whose answer is signed and has at most `limit` bytes, and follows redirects.
    ///
    /// The question is asked again wherever 301, 302, 307 and 308 lead. For 301 and 302 clients may make a GET of it (RFC 9110,
    /// section 15.4.2), which an OCSP responder has no answer to; a question changes nothing, so that repeating it is harmless.
    pub async fn post_signed(
        &self,
        url: &str,
        content_type: &'static str,
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Fetched, FetchError> {
        let body = Bytes::from(body);
        let request = |target| {
            self.http.request(Method::POST, target).header(CONTENT_TYPE, content_type).body(body.clone())
        };
        self.follow(url, request, limit, BUDGET).await
    }

    /// Sends a request to an address, then to those it leads to, all of it within `budget`.
    ///
    /// Every target passes the checks that the first address passes: scheme, host, and the addresses that the host resolves to
    /// (guarantee G7). Leading from `https` to `http` is no reason to refuse: the signature is what counts, and authorities
    /// publish over `http` by rule (RFC 5280, section 8).
    async fn follow(
        &self,
        url: &str,
        request: impl Fn(Url) -> RequestBuilder,
        limit: usize,
        budget: Duration,
    ) -> Result<Fetched, FetchError> {
        let fetch = async {
            let mut target = self.checked(url)?;
            for _ in 0..=MAX_REDIRECTS {
                let response = request(target.clone()).send().await.map_err(FetchError::from_network)?;
                if !leads_on(response.status()) {
                    return receive(response, limit).await;
                }
                target = self.checked_url(location(&target, &response)?)?;
            }
            Err(FetchError::TooManyRedirects)
        };
        timeout(budget, fetch).await.unwrap_or(Err(FetchError::Timeout))
    }
}

fn leads_on(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// Reads where an answer leads, relative to where it came from (RFC 9110, section 10.2.2).
fn location(from: &Url, response: &Response) -> Result<Url, FetchError> {
    let location = response.headers().get(LOCATION).ok_or(FetchError::RedirectTarget)?;
    if location.len() > MAX_LOCATION_LENGTH {
        return Err(FetchError::RedirectTarget);
    }
    let location = location.to_str().map_err(|_| FetchError::RedirectTarget)?;
    from.join(location).map_err(|_| FetchError::RedirectTarget)
}

#[cfg(test)]
mod tests;

//! Fetches signed documents (revocation lists and OCSP statuses), following redirects.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, IF_NONE_MATCH, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use tokio::time::timeout;

use super::{BUDGET, FetchError, Fetched, Fetcher, receive};

/// Maximum number of redirects.
const MAX_REDIRECTS: usize = 3;
/// Maximum length of a redirect's target, in bytes.
const MAX_LOCATION_LENGTH: usize = 4096;

impl Fetcher {
    /// Gets a signed document of at most `limit` bytes, unless its version is still `etag`, and follows redirects.
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

    /// Posts a request whose answer is signed and has at most `limit` bytes, and follows redirects.
    ///
    /// The request is repeated as a POST for 301, 302, 307 and 308. For 301 and 302 clients may switch to GET (RFC
    /// 9110, section 15.4.2), which an OCSP responder would not understand; an OCSP request has no effects, so
    /// repeating it is harmless.
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

    /// Sends a request to an address and follows its redirects, within `budget` in total.
    ///
    /// Every target passes the same checks as the first address: scheme, host, and the addresses that the host
    /// resolves to (guarantee G7). A redirect from `https` to `http` is accepted: the signature is what counts, and
    /// authorities publish over `http` by rule (RFC 5280, section 8).
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

/// Reads the target of a redirect, relative to its origin (RFC 9110, section 10.2.2).
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

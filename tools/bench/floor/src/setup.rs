//! What the floor is told before its first batch.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use http::Uri;
use serde::Deserialize;

/// What it is told on the first line.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct Setup {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) trust: PathBuf,
    /// The stand-in for AWS.
    pub(crate) aws: String,
    /// The URL of a notification at each receiver, which its number follows.
    pub(crate) receivers: Vec<String>,
    /// The headers of a notification beside `host`, and its body.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The same of a request to AWS, which dispatch has signed.
    pub(crate) aws_headers: Vec<(String, String)>,
    pub(crate) aws_body: String,
    /// What signs it anew.
    pub(crate) aws_region: String,
    pub(crate) aws_credentials: AwsCredentials,
    /// Requests to AWS before the first invocation is asked for.
    #[serde(default)]
    pub(crate) requests_at_start: usize,
    /// Requests to AWS before the POST of the first invocation.
    #[serde(default)]
    pub(crate) requests_before_first: usize,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct AwsCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

impl Setup {
    /// Reads the first line.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("the setup cannot be read")
    }
}

/// Makes the head of a POST that is sent again and again.
pub(crate) fn head(uri: &Uri, headers: &[(String, String)]) -> Result<http::request::Parts> {
    let authority = uri.authority().context("a URL has a host")?.as_str();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = http::Request::post(path).header(http::header::HOST, authority);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    Ok(request.body(())?.into_parts().0)
}

//! Calls to a stack's API: signed as its own systems do, or with a bearer token.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use http::{Method, Uri};
use terminal::WrongUsage;

use crate::aws_http::{ApiAnswer, Caller, call_with_token, http_client};
use crate::chosen_stack::ChosenStack;
use crate::token::Token;

const JSON: &str = "application/json";

/// One request to the API.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The JSON body; empty for none.
    pub body: Vec<u8>,
}

impl ApiRequest {
    /// Sends the request to the API of a stack, with the token if there is one, else signed.
    pub async fn send_to(self, stack: &ChosenStack, token: Option<&Token>) -> Result<ApiAnswer> {
        let Some(local) = &stack.local else {
            let url = stack.output("ApiUrl")?;
            return match token {
                Some(token) => self.send_with_token(url, token).await,
                None => self.send_signed(url, &stack.sdk).await,
            };
        };
        match token {
            Some(token) => local.call_api_with_token(self.method, &self.path, JSON, self.body, token).await,
            None => local.call_api(self.method, &self.path, JSON, self.body).await,
        }
    }

    /// Sends the request signed, with these credentials.
    pub async fn send_signed(self, url: &str, sdk: &SdkConfig) -> Result<ApiAnswer> {
        let region = sdk.region().context("no AWS region is set")?.to_string();
        let provider = sdk.credentials_provider().context("no AWS credentials are set")?;
        let credentials = provider.provide_credentials().await.context("failed to get AWS credentials")?;
        let caller = Caller::new(client_of(url)?, credentials, &region, "execute-api");
        caller.call(self.method, &join(url, &self.path), JSON, self.body).await
    }

    /// Sends the request with a token, which is never sent unencrypted but on this machine.
    pub async fn send_with_token(self, url: &str, token: &Token) -> Result<ApiAnswer> {
        let (scheme, host) = parts(url)?;
        if scheme != "https" && !is_this_machine(&host) {
            return Err(WrongUsage(format!("a token is sent over https only, not to {url}")).into());
        }
        let http = client_of(url)?;
        call_with_token(&http, self.method, &join(url, &self.path), JSON, self.body, token).await
    }
}

/// A client that finds names below `localhost` on this machine, whatever its resolver says (RFC 6761, 6.3).
fn client_of(url: &str) -> Result<reqwest::Client> {
    let (scheme, host) = parts(url)?;
    let port = url.parse::<Uri>()?.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    let here = host.ends_with(".localhost").then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    http_client(here.map(|address| (host.as_str(), address)))
}

fn parts(url: &str) -> Result<(String, String)> {
    let wrong =
        || WrongUsage(format!("{url:?} is not a URL, such as https://ID.execute-api.REGION.amazonaws.com"));
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    match (uri.scheme_str(), uri.host()) {
        (Some(scheme @ ("http" | "https")), Some(host)) => Ok((scheme.to_owned(), host.to_owned())),
        _ => Err(wrong().into()),
    }
}

fn is_this_machine(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].contains(&host) || host.ends_with(".localhost")
}

fn join(url: &str, path: &str) -> String {
    format!("{}{path}", url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_never_sent_unencrypted_to_another_machine() {
        let token = Token::new("eyJhbGciOi.J9.c2ln").unwrap();
        for url in
            ["http://api.bancoex.example", "http://localhost.bancoex.example", "ftp://localhost", "api"]
        {
            let request = ApiRequest { method: Method::GET, path: "/v1".to_owned(), body: vec![] };
            let error = request.send_with_token(url, &token).await.unwrap_err();
            assert!(error.downcast_ref::<WrongUsage>().is_some(), "{url}: {error:#}");
            assert!(!format!("{error:?}").contains("eyJ"));
        }
        assert!(is_this_machine("a1b2.execute-api.localhost"));
    }
}

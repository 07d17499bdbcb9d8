//! Signature Version 4 of a POST to `/`, which is how AWS services with a JSON protocol are called.
//!
//! Source: "AWS Signature Version 4 for API requests", AWS Identity and Access Management User Guide. The SDK's
//! signer handles any request and derives the day's key for each; here the SDK's functions derive it once. The floor
//! of the benchmark uses this signer too.

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// The headers of a request besides `host`, in alphabetical order.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `content-type`: the version of the JSON protocol.
    pub content_type: &'a str,
    /// `x-amz-target`: API and operation of the service.
    pub target: &'a str,
}

/// Signs requests to one service in one region with one set of credentials.
#[derive(Debug)]
pub struct Signer {
    credentials: Credentials,
    region: String,
    service: String,
    host: String,
    of_day: Option<OfDay>,
}

/// The parts shared by all requests of a day.
#[derive(Debug)]
struct OfDay {
    /// `20261122/us-east-1/dynamodb/aws4_request`, for example.
    scope: String,
    key: Vec<u8>,
}

/// The headers that signing adds to a request.
#[derive(Debug, Eq, PartialEq)]
pub struct Signed {
    /// `x-amz-date`: when it was signed.
    pub date: String,
    /// `authorization`: the signature, its credential and the signed headers.
    pub authorization: String,
}

impl Signer {
    /// Creates a signer with these credentials for a service, such as `dynamodb`, at this host.
    pub fn new(credentials: Credentials, region: &str, service: &str, host: &str) -> Self {
        let [region, service, host] = [region, service, host].map(str::to_owned);
        Self { credentials, region, service, host, of_day: None }
    }

    /// Returns the credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Signs a request at an instant; `None` for an instant that the system's time type cannot hold. A session token
    /// of the credentials is signed as `x-amz-security-token`.
    pub fn sign(&mut self, headers: &Headers<'_>, body: &[u8], now: Timestamp) -> Option<Signed> {
        let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        self.prepare(&date, now)?;
        let Self { credentials, host, of_day, .. } = self;
        let OfDay { scope, key } = of_day.as_ref()?;
        let Headers { content_type, target } = headers;
        let (token, signed_headers) = match credentials.session_token() {
            Some(token) => (
                format!("x-amz-security-token:{token}\n"),
                "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            ),
            None => (String::new(), "content-type;host;x-amz-date;x-amz-target"),
        };
        let body = hex::encode(Sha256::digest(body));
        let canonical = format!(
            "POST\n/\n\ncontent-type:{content_type}\nhost:{host}\nx-amz-date:{date}\n{token}x-amz-target:{target}\n\n\
             {signed_headers}\n{body}"
        );
        let canonical = hex::encode(Sha256::digest(canonical));
        let signature =
            calculate_signature(key, format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{canonical}").as_bytes());
        let id = credentials.access_key_id();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
        );
        Some(Signed { date, authorization })
    }

    /// Derives the day's key, unless it is cached.
    fn prepare(&mut self, date: &str, now: Timestamp) -> Option<()> {
        let day = date.get(..8)?;
        if !self.of_day.as_ref().is_some_and(|of_day| of_day.scope.starts_with(day)) {
            let Self { credentials, region, service, .. } = &*self;
            let secret = credentials.secret_access_key();
            let key = generate_signing_key(secret, now.try_into().ok()?, region, service).as_ref().to_vec();
            self.of_day = Some(OfDay { scope: format!("{day}/{region}/{service}/aws4_request"), key });
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;

    use super::*;

    const HOST: &str = "dynamodb.sa-east-1.amazonaws.com";
    const HEADERS: Headers<'_> =
        Headers { content_type: "application/x-amz-json-1.0", target: "DynamoDB_20120810.UpdateItem" };

    /// The result of the SDK's signer for the same request.
    fn of_the_sdk(credentials: Credentials, body: &[u8], now: Timestamp) -> Signed {
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("sa-east-1")
            .name("dynamodb")
            .time(SystemTime::try_from(now).unwrap())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = [("content-type", HEADERS.content_type), ("x-amz-target", HEADERS.target)];
        let uri = format!("https://{HOST}/");
        let request = SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(body));
        let (instructions, _) = sign(request.unwrap(), &params).unwrap().into_parts();
        let (headers, _) = instructions.into_parts();
        let of = |name: &str| headers.iter().find(|header| header.name() == name).unwrap().value().to_owned();
        Signed { date: of("x-amz-date"), authorization: of("authorization") }
    }

    #[test]
    fn a_signature_is_that_of_the_sdk_on_every_day_and_with_a_token_or_without() {
        for token in [None, Some("a+token/with=signs")] {
            let credentials = Credentials::new(
                "AKIDEXAMPLE",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCY",
                token.map(str::to_owned),
                None,
                "tests",
            );
            let mut signer = Signer::new(credentials.clone(), "sa-east-1", "dynamodb", HOST);
            for (now, body) in [
                ("2026-11-22T12:00:00.25Z", "{}"),
                ("2026-11-22T23:59:59Z", r#"{"TableName":"ledger"}"#),
                ("2026-11-23T00:00:00Z", "ção"),
            ] {
                let now: Timestamp = now.parse().unwrap();
                let ours = signer.sign(&HEADERS, body.as_bytes(), now).unwrap();

                assert_eq!(ours, of_the_sdk(credentials.clone(), body.as_bytes(), now));
            }
        }
    }
}

//! Signature Version 4 of a POST to `/`, as services of AWS that speak JSON take all their requests.
//!
//! Source: "AWS Signature Version 4 for API requests", AWS Identity and Access Management User Guide. The SDK's signer takes any
//! request, and derives the key of the day for each; here it is derived once.

use std::fmt::Write as _;

use aws_credential_types::Credentials;
use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;

/// The headers of a request beside `host`, in the order of their names.
pub(super) struct Headers<'a> {
    pub(super) content_type: &'a str,
    pub(super) target: &'a str,
}

/// Signs requests to one service in one region with one set of credentials.
#[derive(Debug)]
pub(super) struct Signer {
    credentials: Credentials,
    /// `us-east-1/dynamodb`, for example.
    place: String,
    host: String,
    /// Day, scope and the key for them.
    of_day: Option<(String, String, hmac::Key)>,
}

/// What signing adds to a request.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Signed {
    pub(super) date: String,
    pub(super) authorization: String,
}

impl Signer {
    pub(super) fn new(credentials: Credentials, region: &str, service: &str, host: &str) -> Self {
        Self { credentials, place: format!("{region}/{service}"), host: host.to_owned(), of_day: None }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn sign(&mut self, headers: &Headers<'_>, body: &[u8], now: Timestamp) -> Signed {
        let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = date.get(..8).unwrap_or_default();
        let (token, signed_headers) = match self.credentials.session_token() {
            Some(token) => (
                format!("x-amz-security-token:{token}\n"),
                "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            ),
            None => (String::new(), "content-type;host;x-amz-date;x-amz-target"),
        };
        let canonical = format!(
            "POST\n/\n\ncontent-type:{}\nhost:{}\nx-amz-date:{date}\n{token}x-amz-target:{}\n\n{signed_headers}\n{}",
            headers.content_type,
            self.host,
            headers.target,
            hex(digest::digest(&digest::SHA256, body).as_ref()),
        );
        let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let access_key = self.credentials.access_key_id().to_owned();
        let (scope, key) = self.of_day(day);
        let signature = hmac::sign(key, format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}").as_bytes());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed_headers}, Signature={}",
            hex(signature.as_ref())
        );
        Signed { date, authorization }
    }

    fn of_day(&mut self, day: &str) -> (&str, &hmac::Key) {
        if self.of_day.as_ref().is_none_or(|(of, ..)| of != day) {
            let scope = format!("{day}/{}/aws4_request", self.place);
            let first = hmac::Key::new(
                hmac::HMAC_SHA256,
                format!("AWS4{}", self.credentials.secret_access_key()).as_bytes(),
            );
            let key = scope.split('/').fold(first, |key, part| {
                hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
            });
            self.of_day = Some((day.to_owned(), scope, key));
        }
        let (_, scope, key) = self.of_day.as_ref().expect("it was made just now");
        (scope, key)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
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

    /// What the SDK's signer makes of the same request.
    fn of_the_sdk(credentials: Credentials, body: &[u8], now: Timestamp) -> Signed {
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("sa-east-1")
            .name("dynamodb")
            .time(SystemTime::from(now))
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
                let ours = signer.sign(&HEADERS, body.as_bytes(), now);

                assert_eq!(ours, of_the_sdk(credentials.clone(), body.as_bytes(), now));
            }
        }
    }
}

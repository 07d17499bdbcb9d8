//! Signature Version 4 of a POST to `/`, as services of AWS that speak JSON take all their requests.
//!
//! Source: "AWS Signature Version 4 for API requests", AWS Identity and Access Management User Guide. The SDK's signer takes any
//! request, and derives the key of the day for each; here it is derived once. A crate of its own, so that the floor of the
//! benchmark signs as dispatch does.

use aws_credential_types::Credentials;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use jiff::tz::Offset;
use sha2::{Digest as _, Sha256};

/// The headers of a request beside `host`, in the order of their names.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `content-type`: the version of JSON.
    pub content_type: &'a str,
    /// `x-amz-target`: the service's API and the operation.
    pub target: &'a str,
}

/// Signs requests to one service in one region with one set of credentials.
#[derive(Debug)]
pub struct Signer {
    credentials: Credentials,
    /// `us-east-1/dynamodb`, for example.
    place: String,
    host: String,
    of_day: Option<OfDay>,
    /// What is signed is written here, so that nothing is allocated for it.
    canonical: String,
}

/// What is the same for all requests of a day.
#[derive(Debug)]
struct OfDay {
    /// `20261122`, for example.
    day: String,
    /// `20261122/us-east-1/dynamodb/aws4_request`, for example.
    scope: String,
    key: Hmac<Sha256>,
}

/// What signing adds to a request.
#[derive(Debug, Eq, PartialEq)]
pub struct Signed {
    /// `x-amz-date`: when it was signed.
    pub date: String,
    /// `authorization`: the signature, and by whom and of what it is.
    pub authorization: String,
}

impl Signer {
    /// Signs with these credentials for a service, `dynamodb` for example, that is asked at this host.
    pub fn new(credentials: Credentials, region: &str, service: &str, host: &str) -> Self {
        Self {
            credentials,
            place: format!("{region}/{service}"),
            host: host.to_owned(),
            of_day: None,
            canonical: String::new(),
        }
    }

    /// What is signed with.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Signs a request at an instant. The session token of the credentials, where they have one, is signed as
    /// `x-amz-security-token`.
    pub fn sign(&mut self, headers: &Headers<'_>, body: &[u8], now: Timestamp) -> Signed {
        let date = date(now);
        self.prepare(date.get(..8).unwrap_or_default());
        let Self { credentials, host, of_day, canonical, .. } = self;
        let OfDay { scope, key, .. } = of_day.as_ref().expect("it was made just now");
        let token = credentials.session_token();
        let signed_headers = match token {
            Some(_) => "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            None => "content-type;host;x-amz-date;x-amz-target",
        };
        let (before, token, after) = match token {
            Some(token) => ("x-amz-security-token:", token, "\n"),
            None => ("", "", ""),
        };
        canonical.clear();
        canonical.extend(["POST\n/\n\ncontent-type:", headers.content_type, "\nhost:", host]);
        canonical.extend(["\nx-amz-date:", &date, "\n", before, token, after]);
        canonical.extend(["x-amz-target:", headers.target, "\n\n", signed_headers, "\n"]);
        push_hex(canonical, &Sha256::digest(body));
        let digest = Sha256::digest(canonical.as_bytes());
        canonical.clear();
        canonical.extend(["AWS4-HMAC-SHA256\n", &date, "\n", scope, "\n"]);
        push_hex(canonical, &digest);
        let signature = key.clone().chain_update(canonical.as_bytes()).finalize().into_bytes();
        let mut authorization = String::with_capacity(320);
        authorization.extend(["AWS4-HMAC-SHA256 Credential=", credentials.access_key_id(), "/", scope]);
        authorization.extend([", SignedHeaders=", signed_headers, ", Signature="]);
        push_hex(&mut authorization, &signature);
        Signed { date, authorization }
    }

    /// Derives the key of a day, unless it is there already.
    fn prepare(&mut self, day: &str) {
        if self.of_day.as_ref().is_some_and(|of_day| of_day.day == day) {
            return;
        }
        let scope = format!("{day}/{}/aws4_request", self.place);
        let secret = format!("AWS4{}", self.credentials.secret_access_key());
        let key = scope.split('/').fold(key(secret.as_bytes()), |signing, part| {
            key(&signing.chain_update(part.as_bytes()).finalize().into_bytes())
        });
        self.of_day = Some(OfDay { day: day.to_owned(), scope, key });
    }
}

fn key(bytes: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(bytes).expect("a key of any length will do")
}

/// Writes an instant as `20261122T120000Z`.
fn date(now: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(now);
    let (date, time) = (at.date(), at.time());
    let parts = [date.year() / 100, date.year() % 100, date.month().into(), date.day().into()];
    let parts = parts.into_iter().chain([time.hour(), time.minute(), time.second()].map(i16::from));
    let mut text = *b"yyyymmddThhmmssZ";
    for (at, part) in [0, 2, 4, 6, 9, 11, 13].into_iter().zip(parts) {
        let part = u8::try_from(part).unwrap_or_default();
        text[at] = b'0' + part / 10;
        text[at + 1] = b'0' + part % 10;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes the digits of a hash of 256 bits.
fn push_hex(text: &mut String, hash: &[u8]) {
    let mut digits = [0; 64];
    hex::encode_to_slice(hash, &mut digits).expect("a hash has 32 bytes");
    text.push_str(str::from_utf8(&digits).expect("digits are ASCII"));
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
                let ours = signer.sign(&HEADERS, body.as_bytes(), now);

                assert_eq!(ours, of_the_sdk(credentials.clone(), body.as_bytes(), now));
            }
        }
    }
}

//! What a vector says came of an attempt, and what the product makes of it.

use convention::delivery::{Answer, Failure, Outcome};
use convention::directory::{RegistrationRequest, Settings};
use devkit::receiver::{self, Answers};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::vectors::compare::there;
use crate::vectors::peers::{block_on, exchange, receiver};

/// One attempt, as a vector tells it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attempt {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    result: String,
    #[serde(default, deserialize_with = "there")]
    status: Option<u16>,
    #[serde(default, deserialize_with = "there")]
    retry_after_s: Option<u64>,
    #[serde(default, deserialize_with = "there")]
    body: Option<String>,
    #[serde(default, deserialize_with = "there")]
    body_bytes: Option<u64>,
}

/// What the product makes of an attempt.
pub(super) struct Result {
    pub(super) outcome: Outcome,
    /// Whether a redirection was followed, where one was answered.
    pub(super) followed: Option<bool>,
    pub(super) body_bytes: u64,
    pub(super) body_cut: bool,
}

impl Attempt {
    /// Lets the product make of it what it does. An answer is really given, by a receiver on a socket.
    pub(super) fn result(&self) -> std::result::Result<Result, String> {
        match (self.result.as_str(), self.status) {
            ("http", Some(status)) => self.answered(status),
            ("http", None) => Err("an attempt cannot be judged: http without status".to_owned()),
            (result, None)
                if self.retry_after_s.is_none() && self.body.is_none() && self.body_bytes.is_none() =>
            {
                let failure = failure(result).ok_or_else(|| format!("unknown result {result:?}"))?;
                Ok(Result {
                    outcome: Outcome::Failed(failure),
                    followed: None,
                    body_bytes: 0,
                    body_cut: false,
                })
            }
            (result, _) => Err(format!("an attempt cannot be judged: {result} with parts of an answer")),
        }
    }

    fn answered(&self, status: u16) -> std::result::Result<Result, String> {
        let body = self.body.clone().unwrap_or_default();
        let body_bytes = self.body_bytes.unwrap_or(body.len() as u64);
        let code = StatusCode::from_u16(status).map_err(|error| format!("{status}: {error}"))?;
        let mut told = receiver::Answer::from(code).body(body, body_bytes);
        if (300..400).contains(&status) {
            told = told.header(LOCATION, HeaderValue::from_static("/elsewhere"));
        }
        if let Some(seconds) = self.retry_after_s {
            told = told.header(RETRY_AFTER, seconds.into());
        }
        let told = receiver::Settings { answers: Answers::always(told), ..receiver() };
        let (exchange, id, seen) = block_on(exchange(told))??;
        let answer =
            exchange.answer.map_err(|failure| format!("the answer {status} did not arrive: {failure}"))?;
        let outcome = Outcome::of(&answer, &id, &Settings::default());
        let followed = (300..400).contains(&status).then_some(seen.len() > 1);
        Ok(Result { outcome, followed, body_bytes, body_cut: answer.body_cut })
    }
}

/// Says whether a receiver's settings can make a delivery of this status.
pub(super) fn can_be_a_success(status: u16) -> bool {
    let asked = json!({ "success_statuses": [202, status] });
    let answer = Answer { status, interaction_id: None, body_cut: false };
    RegistrationRequest::from_json(&asked, "").is_ok_and(|asked| {
        let settings = asked.settings.applied_to(&Settings::default());
        is_delivered(&Outcome::of(&answer, "", &settings))
    })
}

/// Says whether an outcome is a delivery.
pub(super) fn is_delivered(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Delivered { .. })
}

/// Finds the failure that a vector names: by the product's code, else by what the words can only mean.
fn failure(result: &str) -> Option<Failure> {
    let named = ALL.into_iter().find(|failure| failure.code() == result);
    let says = |word: &str| result.contains(word);
    let meant = || match result {
        _ if ["tls", "handshake", "certificate"].iter().any(|word| result.starts_with(word)) => {
            Some(Failure::TlsHandshake)
        }
        _ if says("dns") || says("resol") => Some(Failure::DnsError),
        _ if says("refused") => Some(Failure::ConnectionRefused),
        _ if says("unreachable") || (says("connect") && says("timeout")) => Some(Failure::ConnectTimeout),
        _ if says("timeout") => Some(Failure::Timeout),
        _ if says("reset") || says("closed") || says("eof") => Some(Failure::ConnectionReset),
        _ if says("invalid") || says("malformed") || says("protocol") => Some(Failure::InvalidResponse),
        _ => None,
    };
    named.or_else(meant)
}

/// Every failure without an answer.
const ALL: [Failure; 27] = [
    Failure::Timeout,
    Failure::InvalidResponse,
    Failure::AnswerTooLong,
    Failure::ConnectionReset,
    Failure::ConnectionRefused,
    Failure::ConnectTimeout,
    Failure::DnsError,
    Failure::BlockedAddress,
    Failure::InvalidUrl,
    Failure::UnknownCa,
    Failure::HostnameMismatch,
    Failure::CertificateExpired,
    Failure::CertificateNotYetValid,
    Failure::CertificateRevoked,
    Failure::RevocationUnknown,
    Failure::CertificatePurpose,
    Failure::CertificateInvalid,
    Failure::ChainTooLarge,
    Failure::ProtocolVersion,
    Failure::NoCommonSuite,
    Failure::ClientCertificateRefused,
    Failure::RenegotiationRefused,
    Failure::NoCommonProtocol,
    Failure::NameNotServed,
    Failure::NotTls,
    Failure::HandshakeClosed,
    Failure::TlsHandshake,
];

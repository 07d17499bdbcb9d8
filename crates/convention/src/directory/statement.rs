//! The software statement of a DCR or DCM call: claims about a client, signed by the Directory.
//!
//! Sources: DCR-BR 2.1.0, sections 7.1 and 9.3.1; RFC 7591, section 2.3; RFC 7515 (JWS).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::key_set::{Keys, Named};
use crate::json::UniqueJson;

/// Maximum size of a statement in bytes. Those of the Directory have about 5,000.
pub const STATEMENT_LIMIT: usize = 64 * 1024;
/// Maximum age of a statement at the time of its call (DCR-BR 2.1.0, section 7.1, item 3).
const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);
/// Maximum difference of two clocks that follow NTP. The profile names none; `iat` is in whole seconds.
pub(super) const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);
/// The only algorithm (DCR-BR 2.1.0, section 7.1, item 2).
const ALGORITHM: &str = "PS256";

/// The software that a statement is about.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Software {
    /// Claim `software_id`: the id of the software statement in the Directory.
    pub software_id: String,
    /// Claim `org_id`: the id of its organisation in the Directory.
    pub organisation_id: String,
}

/// The claims of a verified statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// The software that it is about.
    pub software: Software,
    /// Claim `software_api_webhook_uris`, if present.
    pub webhook_uris: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: f64,
    software_id: String,
    org_id: String,
    org_status: Option<String>,
    software_api_webhook_uris: Option<Vec<String>>,
}

impl Statement {
    /// Verifies a statement: compact JWS, PS256 only, signed by one of the Directory's keys, from one of
    /// these issuers, and at most five minutes old at `called_at`, the time of its call.
    ///
    /// Errors never quote the statement.
    pub fn verify(
        jws: &str,
        keys: &Keys,
        issuers: &[String],
        called_at: Timestamp,
    ) -> Result<Self, VerifyError> {
        let kid = key_id(jws)?;
        let key = match keys.named(&kid) {
            Named::Key(key) => key,
            Named::Unreadable => return Err(VerifyError::KeyUnreadable),
            Named::Unknown => return Err(StatementError::UnknownKey.into()),
        };
        let mut validation = Validation::new(Algorithm::PS256);
        // Statements have no expiry and no audience. Issuer and issue time are checked below, with specific
        // errors.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<UniqueJson>(jws, &key, &validation).map_err(|error| {
            match error.kind() {
                jsonwebtoken::errors::ErrorKind::Json(_) => StatementError::Payload.into(),
                // The unreadable key with this kid may be the one that signed.
                _ if keys.has_unusable_key(&kid) => VerifyError::KeyUnreadable,
                _ => StatementError::Signature.into(),
            }
        })?;
        Ok(Self::judged(&token.claims.0, issuers, called_at)?)
    }

    /// Checks the claims of a genuine statement.
    fn judged(payload: &Value, issuers: &[String], called_at: Timestamp) -> Result<Self, StatementError> {
        if !payload.is_object() {
            // serde would also read an array as the claims, by position.
            return Err(StatementError::Payload);
        }
        let claims = Claims::deserialize(payload).map_err(|_| missing_claim(payload))?;
        if !issuers.contains(&claims.iss) {
            return Err(StatementError::Issuer);
        }
        let issued_at = instant(claims.iat).ok_or(StatementError::Claim("iat"))?;
        let age = called_at.duration_since(issued_at);
        if age < -CLOCK_SKEW {
            return Err(StatementError::IssuedInFuture);
        }
        if age > MAX_AGE {
            return Err(StatementError::TooOld);
        }
        if claims.org_status.is_some_and(|status| status != "Active") {
            return Err(StatementError::OrganisationNotActive);
        }
        for (name, id) in [("software_id", &claims.software_id), ("org_id", &claims.org_id)] {
            if !is_id(id) {
                return Err(StatementError::Claim(name));
            }
        }
        Ok(Self {
            software: Software { software_id: claims.software_id, organisation_id: claims.org_id },
            webhook_uris: claims.software_api_webhook_uris,
        })
    }
}

/// Returns the key id of a well-formed statement whose header names PS256.
fn key_id(jws: &str) -> Result<String, StatementError> {
    if jws.len() > STATEMENT_LIMIT {
        return Err(StatementError::TooLarge);
    }
    let mut parts = jws.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(StatementError::NotCompact);
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| StatementError::NotCompact);
    decode(payload)?;
    decode(signature)?;
    let UniqueJson(header) = serde_json::from_slice(&decode(header)?).map_err(|_| StatementError::Header)?;
    if !header.is_object() {
        return Err(StatementError::Header);
    }
    let header = Header::deserialize(header).map_err(|_| StatementError::Header)?;
    if header.alg != ALGORITHM {
        return Err(StatementError::Algorithm);
    }
    if header.crit.is_some() {
        // RFC 7515, section 4.1.11: a critical extension that is not understood makes the JWS invalid.
        return Err(StatementError::Critical);
    }
    // Reports a JWS that the verifier cannot decode here rather than as a fault of the payload.
    jsonwebtoken::decode_header(jws).map_err(|_| StatementError::Header)?;
    header.kid.ok_or(StatementError::NoKeyId)
}

/// Finds the claim that makes a payload unreadable.
fn missing_claim(payload: &Value) -> StatementError {
    let is_text = |name: &str| payload.get(name).is_some_and(Value::is_string);
    let texts = ["iss", "software_id", "org_id"];
    if let Some(name) = texts.into_iter().find(|name| !is_text(name)) {
        StatementError::Claim(name)
    } else if !payload.get("iat").is_some_and(Value::is_number) {
        StatementError::Claim("iat")
    } else if payload.get("org_status").is_some_and(|status| !status.is_string() && !status.is_null()) {
        StatementError::Claim("org_status")
    } else {
        StatementError::Claim("software_api_webhook_uris")
    }
}

/// Reads a `NumericDate` (RFC 7519, section 2), truncated to whole seconds.
fn instant(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "out of range saturates, which no timestamp is")]
    Timestamp::from_second(seconds as i64).ok()
}

/// Says whether a text can be an id of the Directory. These are UUIDs, and nothing longer is stored or
/// logged.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Why a statement could not be verified.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum VerifyError {
    /// The statement is invalid.
    #[error(transparent)]
    Refused(#[from] StatementError),
    /// It names a published key that we could not read, so its validity is unknown.
    #[error("the software statement names a key that could not be read")]
    KeyUnreadable,
}

/// Why a statement is refused. The previous registration stays in force.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum StatementError {
    /// It exceeds the maximum size.
    #[error("the software statement has more than {STATEMENT_LIMIT} bytes")]
    TooLarge,
    /// It is not three parts in base64url without padding.
    #[error("the software statement is not a compact JWS: three parts in base64url, separated by dots")]
    NotCompact,
    /// Its header cannot be read.
    #[error("the software statement's header is not a JSON object with alg and kid, each once")]
    Header,
    /// It is signed with another algorithm.
    #[error("the software statement is not signed with {ALGORITHM}")]
    Algorithm,
    /// It names an extension that must be understood.
    #[error("the software statement's header names critical extensions")]
    Critical,
    /// It has no key id.
    #[error("the software statement's header has no kid")]
    NoKeyId,
    /// It names a key that the Directory does not publish.
    #[error("the software statement is signed with a key that the Directory does not publish")]
    UnknownKey,
    /// Its signature is wrong.
    #[error("the software statement's signature is wrong")]
    Signature,
    /// Its payload cannot be read.
    #[error("the software statement's payload is not a JSON object with each claim once")]
    Payload,
    /// A claim is missing or of the wrong type.
    #[error("the software statement's claim {0} is missing or of the wrong type")]
    Claim(&'static str),
    /// It is from another issuer, such as another environment of the Directory.
    #[error("the software statement is not issued by this environment of the Directory")]
    Issuer,
    /// It was issued after the call.
    #[error("the software statement's iat lies in the future")]
    IssuedInFuture,
    /// It was issued too long before the call.
    #[error("the software statement's iat is more than five minutes before the call")]
    TooOld,
    /// Its organisation is not active.
    #[error("the software statement says that its organisation is not active")]
    OrganisationNotActive,
    /// The client is registered for other software.
    #[error("the software statement is of another software than the client's registration")]
    OtherSoftware,
}

impl StatementError {
    /// Returns the error's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotCompact => "not_compact_jws",
            Self::Header => "invalid_header",
            Self::Algorithm => "algorithm_not_ps256",
            Self::Critical => "critical_extension",
            Self::NoKeyId => "missing_kid",
            Self::UnknownKey => "unknown_kid",
            Self::Signature => "invalid_signature",
            Self::Payload => "invalid_payload",
            Self::Claim(_) => "invalid_claim",
            Self::Issuer => "other_issuer",
            Self::IssuedInFuture => "issued_in_future",
            Self::TooOld => "too_old",
            Self::OrganisationNotActive => "organisation_not_active",
            Self::OtherSoftware => "other_software",
        }
    }

    /// Returns the OAuth error code (RFC 7591, section 3.2.2): unapproved for a genuine statement of another
    /// client or environment, invalid for any other.
    pub fn oauth_error(self) -> &'static str {
        match self {
            Self::Issuer | Self::OrganisationNotActive | Self::OtherSoftware => {
                "unapproved_software_statement"
            }
            _ => "invalid_software_statement",
        }
    }
}

//! Signs software statements, rightly and wrongly.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use aws_lc_rs::hmac;
use platform::clock::Clock;
use serde_json::{Value, json};

use super::claims::StatementClaims;
use super::key::{SigningKey, base64url};

/// What a Directory on this machine calls itself. Written out and not taken from the code under test, so that a mistake there is
/// not made here too.
const LOCAL_ISSUER: &str = "Arauto local SSA issuer";

/// Signs statements with the latest of the Directory's keys; copies share the keys.
#[derive(Clone, Debug)]
pub struct Signer {
    issuer: String,
    clock: Clock,
    /// Oldest first, never empty.
    keys: Arc<Mutex<Vec<Arc<SigningKey>>>>,
}

impl Signer {
    /// Signs as the issuer of the local environment.
    pub fn new(key: SigningKey, clock: Clock) -> Self {
        Self { issuer: LOCAL_ISSUER.to_owned(), clock, keys: Arc::new(Mutex::new(vec![Arc::new(key)])) }
    }

    /// Signs as another issuer, with the same keys.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// Signs a statement, issued now unless its claims say when.
    pub fn statement(&self, claims: &StatementClaims) -> String {
        self.sign(&self.payload(claims))
    }

    /// The payload of a statement, for tests that spoil it before it is signed.
    pub fn payload(&self, claims: &StatementClaims) -> Value {
        let mut payload = claims.to_json();
        payload["iss"] = json!(self.issuer);
        payload["iat"] = json!(claims.issued_at.unwrap_or_else(|| self.clock.now()).as_second());
        // Claims of the caller's choice win, `iss` and `iat` included.
        for (name, value) in &claims.others {
            payload[name] = value.clone();
        }
        payload
    }

    /// Signs a payload under the usual header.
    pub fn sign(&self, payload: &Value) -> String {
        let key = self.latest();
        join(&key, &header(key.kid()).to_string(), &payload.to_string())
    }

    /// Signs header and payload as they are written, with the latest key: duplicate members, another `kid`, no JSON.
    pub fn sign_raw(&self, header_json: &str, payload_json: &str) -> String {
        join(&self.latest(), header_json, payload_json)
    }

    /// The header that [`Signer::sign`] writes.
    pub fn header(&self) -> Value {
        header(self.latest().kid())
    }

    /// The key that signs.
    pub fn latest(&self) -> Arc<SigningKey> {
        self.keys().last().map(Arc::clone).expect("a signer has a key from the start and keeps one")
    }

    /// Makes a key that signs from now on, and returns its name; the older ones stay listed.
    pub fn rotate_key(&self) -> Result<String> {
        let key = SigningKey::generate()?;
        let kid = key.kid().to_owned();
        self.keys().push(Arc::new(key));
        Ok(kid)
    }

    /// Lists only the key that signs.
    pub fn retire_old_keys(&self) {
        let mut keys = self.keys();
        let old = keys.len() - 1;
        keys.drain(..old);
    }

    /// All public keys, the latest first.
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys().iter().rev().map(|key| key.jwk().clone()).collect::<Vec<_>>() })
    }

    /// The list is whole between any two statements, so a panic elsewhere does not spoil it.
    fn keys(&self) -> MutexGuard<'_, Vec<Arc<SigningKey>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a JWS without a signature, for the header `{"alg":"none"}` and the like.
pub fn unsigned(header_json: &str, payload_json: &str) -> String {
    format!("{}.", signing_input(header_json, payload_json))
}

/// Signs with HMAC-SHA256, as one who takes a public key for the secret does; the header is written as it is.
pub fn hs256(header_json: &str, payload_json: &str, secret: &[u8]) -> String {
    let input = signing_input(header_json, payload_json);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", base64url(tag))
}

fn header(kid: &str) -> Value {
    json!({ "alg": "PS256", "typ": "JWT", "kid": kid })
}

fn join(key: &SigningKey, header_json: &str, payload_json: &str) -> String {
    let input = signing_input(header_json, payload_json);
    let signature = base64url(key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

fn signing_input(header_json: &str, payload_json: &str) -> String {
    format!("{}.{}", base64url(header_json), base64url(payload_json))
}

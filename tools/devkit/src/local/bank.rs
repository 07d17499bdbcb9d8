//! The bank: it has an identity, registers receivers and posts state changes.

use std::path::PathBuf;

use account::aws_http::ApiAnswer;
use account::identity_secret;
use account::local_stack::LocalStack;
use anyhow::{Context as _, Result, ensure};
use convention::directory::Operation;
use convention::notification::{ClientId, ENDPOINTS, Endpoint};
use http::Method;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::stack::Options;

/// The bank's authorisation server.
pub const AUTHORISATION_SERVER_ID: &str = "123e4567-e89b-12d3-a456-426614174000";

/// Options of a local stack whose receivers and Directory are on this machine.
pub fn options(state_dir: impl Into<PathBuf>, directory_url: &str) -> Options {
    Options::new(state_dir)
        .parameter("AllowLoopbackReceivers", "true")
        .parameter("DirectoryEnvironment", "local")
        .parameter("LocalDirectoryUrl", directory_url)
        // Nobody publishes revocation lists for test certificates, so all that holds them is the window.
        .parameter("RevocationWindowMinutes", "1440")
        .parameter("AuthorisationServers", AUTHORISATION_SERVER_ID)
}

/// What the bank does with a stack.
#[derive(Clone, Copy, Debug)]
pub struct Bank<'a>(pub &'a LocalStack);

impl Bank<'_> {
    /// Stores the bank's identity, and the authorities it trusts.
    pub async fn put_identity(&self, chain_pem: &str, key_pem: &str, trust_pem: &str) -> Result<()> {
        let sdk = self.0.sdk_config();
        identity_secret::put(&sdk, self.0.output("IdentitySecretArn")?, (chain_pem, key_pem), None).await?;
        identity_secret::put_trust(&sdk, self.0.output("TrustSecretArn")?, trust_pem).await
    }

    /// Stores the identity of one of the bank's authorisation servers beside the others, and the authorities it trusts.
    pub async fn put_identity_of(
        &self,
        server: &str,
        chain_pem: &str,
        key_pem: &str,
        trust_pem: &str,
    ) -> Result<()> {
        let (sdk, secret) = (self.0.sdk_config(), self.0.output("IdentitySecretArn")?);
        identity_secret::put(&sdk, secret, (chain_pem, key_pem), Some(server)).await?;
        identity_secret::put_trust(&sdk, self.0.output("TrustSecretArn")?, trust_pem).await
    }

    /// Registers a client that is notified at these URIs, as the authorization server does after a DCR call.
    ///
    /// The statement is one that a Directory signed for the client with the same URIs.
    pub async fn register(&self, client_id: &str, uris: &[String], statement: &str) -> Result<Value> {
        self.put_client(client_id, None, &registration(Operation::Dcr, Some(uris), statement)).await
    }

    /// Puts a registration with a brand, the default one where none is given, as [`registration`] writes it or with settings
    /// beside; it must be taken.
    pub async fn put_client(
        &self,
        client_id: &str,
        brand: Option<&str>,
        registration: &Value,
    ) -> Result<Value> {
        let client: ClientId = client_id.parse()?;
        let brand = brand
            .map(|brand| format!("?brand={}", utf8_percent_encode(brand, NON_ALPHANUMERIC)))
            .unwrap_or_default();
        let path = format!("/v1/clients/{}{brand}", client.to_path_segment());
        let answer = self.0.call_api(Method::PUT, &path, JSON, registration.to_string().into_bytes()).await?;
        ensure!(answer.status == 200, "the client {client_id} was not registered: {}", answer.text());
        serde_json::from_slice(&answer.body).context("the answer to a registration is no JSON")
    }

    /// Posts state changes and returns the answer, whatever it is.
    pub async fn post(&self, document: &Value) -> Result<ApiAnswer> {
        self.0.call_api(Method::POST, "/v1/state-changes", JSON, document.to_string().into_bytes()).await
    }

    /// Posts state changes, all of which must be accepted.
    pub async fn notify(&self, changes: &[Value]) -> Result<()> {
        let answer = self.post(&json!({ "changes": changes })).await?;
        let verdicts: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let accepted = |verdict: &Value| verdict["verdict"] == "accepted";
        let all = verdicts["verdicts"].as_array().is_some_and(|list| list.iter().all(accepted));
        ensure!(answer.status == 202 && all, "a state change was not accepted: {}", answer.text());
        Ok(())
    }
}

const JSON: &str = "application/json";

/// The body of a registration; without `uris` the client has declared none, and is not notified.
pub fn registration(operation: Operation, uris: Option<&[String]>, statement: &str) -> Value {
    let mut body = json!({ "operation": operation, "software_statement": statement });
    if let Some(uris) = uris {
        body["webhook_uris"] = json!(uris);
    }
    body
}

/// The same state change with its end: the state that holds from then on, unless another was reported before.
pub fn expiring(mut change: Value, at: Timestamp, to: &str) -> Value {
    (change["expires_at"], change["expires_to"]) = (json!(at.to_string()), json!(to));
    change
}

/// A state change that must be notified at this endpoint, happening now, of a resource that `tag` makes its own.
pub fn change(endpoint: Endpoint, client_id: &str, tag: &str, now: Timestamp) -> Value {
    let (api_version, from, to) = match endpoint {
        Endpoint::PaymentConsent => ("v5", Some("AUTHORISED"), "CONSUMED"),
        Endpoint::PixPayment => ("v5", Some("ACPD"), "ACSC"),
        Endpoint::Enrollment | Endpoint::RecurringConsent => ("v2", Some("AUTHORISED"), "REVOKED"),
        Endpoint::RecurringPayment => ("v2", Some("RCVD"), "SCHD"),
        // The webhook contract of Open Insurance names no states; this one is of its quote APIs.
        Endpoint::Quote | Endpoint::CapitalizationQuote => ("v1", None, "ACKN"),
        Endpoint::CapitalizationProducts
        | Endpoint::DamageAndPersonFields
        | Endpoint::CapitalizationFields => ("v1", None, "UPDATED"),
    };
    let row = endpoint.row();
    let resource_id = match endpoint {
        Endpoint::PaymentConsent | Endpoint::RecurringConsent => format!("urn:bancoex:{tag}"),
        Endpoint::Enrollment | Endpoint::PixPayment | Endpoint::RecurringPayment => tag.to_owned(),
        Endpoint::Quote | Endpoint::CapitalizationQuote => format!("urn:seguradoraex:{tag}"),
        Endpoint::CapitalizationProducts
        | Endpoint::DamageAndPersonFields
        | Endpoint::CapitalizationFields => AUTHORISATION_SERVER_ID.to_owned(),
    };
    let mut change = json!({
        "client_id": client_id,
        "api": row.api,
        "resource": row.resource,
        "resource_id": resource_id,
        "api_version": api_version,
        "to": to,
        "event_instant": now.to_string(),
    });
    if let Some(from) = from {
        change["from"] = from.into();
    }
    change
}

/// One state change for each endpoint of the convention.
pub fn changes_of_all_kinds(client_id: &str, tag: &str, now: Timestamp) -> Vec<Value> {
    ENDPOINTS.iter().map(|row| change(row.endpoint, client_id, tag, now)).collect()
}

//! Secrets Manager: the identities, where they may be opened, and the authorities of receivers. No key leaves this file.

use convention::notification::{AuthorisationServers, IdentityOwner};
use jiff::Timestamp;
use mtls::pem::Certificates;
use mtls::{Expiry, IdentityDocument, KmsIdentityError, TrustAnchors};
use platform::aws::{KeyError, Keys, kms, secrets_manager};
use platform::telemetry::ErrorChain;
use serde_json::{Value, json};

use super::context::Context;
use crate::doctor::answer::Answer;
use crate::doctor::area::identity::{Held, Identity};
use crate::doctor::area::trust::{Anchor, Anchors};
use crate::identity::{Certificate, chain_warnings, open};

/// Reads the identities for receivers; `None` where they are their custodian's alone to open.
pub(crate) async fn identities(context: Context<'_>) -> Option<Answer<Held>> {
    Some(match private(context, "IdentitySecretArn").await? {
        Ok(Some(text)) => Ok(held(context, &text).await),
        Ok(None) => Ok(Held::default()),
        Err(unread) => Err(unread),
    })
}

/// Reads the identity at the Directory's API, likewise.
pub(crate) async fn directory_identity(context: Context<'_>) -> Option<Answer<Held>> {
    Some(match private(context, "DirectoryIdentitySecretArn").await? {
        Ok(Some(text)) => Ok(held_for_directory(context, &text).await),
        Ok(None) => Ok(Held::default()),
        Err(unread) => Err(unread),
    })
}

/// Reads the authorities that are trusted for receivers.
pub(crate) async fn anchors(context: Context<'_>) -> Answer<Anchors> {
    let text = text(context, "TrustSecretArn").await?;
    Ok(text.map_or(Anchors::Empty, |text| anchors_of(&text, context.now)))
}

/// A refused look at a key of the bank's may wake others than the operator: nobody but its custodian tries.
async fn private(context: Context<'_>, output: &str) -> Option<Answer<Option<String>>> {
    let has_custodian = !context.stack.parameter("IdentityCustodianArn").is_empty();
    if has_custodian && !context.opens_identities {
        return None;
    }
    Some(text(context, output).await)
}

async fn text(context: Context<'_>, output: &str) -> Answer<Option<String>> {
    let Some(arn) = context.stack.outputs.get(output) else { return Ok(None) };
    let answer = secrets_manager(context.sdk).get_secret_value().secret_id(arn).send().await;
    let answer = context.optional("secretsmanager:GetSecretValue", answer)?;
    // MiniStack gives a secret without a value an empty one.
    Ok(answer.and_then(|answer| answer.secret_string).filter(|text| !text.is_empty()))
}

async fn held(context: Context<'_>, text: &str) -> Held {
    let document = match IdentityDocument::from_json(text) {
        Ok(document) => document,
        Err(error) => return Held { problem: Some(ErrorChain(&error).to_string()), ..Held::default() },
    };
    let of_servers: AuthorisationServers =
        context.stack.parameter("AuthorisationServers").parse().unwrap_or_default();
    let default = of_servers.default_identity_owner();
    let without = match mtls::Identities::from_json(text, &default) {
        Ok(all) => {
            let owners = of_servers.ids().map(|id| IdentityOwner::named(id.to_ascii_lowercase()));
            owners.filter(|owner| all.of(owner).is_none()).map(|owner| owner.to_string()).collect()
        }
        Err(_) => Vec::new(),
    };
    let all = match document {
        IdentityDocument::Single(identity) => vec![(None, identity)],
        IdentityDocument::ByServer(identities) => {
            identities.into_iter().map(|(id, identity)| (Some(id), identity)).collect()
        }
    };
    let keys = Keys::new(kms(context.sdk));
    let mut identities = Vec::new();
    for (owner, document) in all {
        let identity = identity(owner, document, &keys, context.now).await;
        // Authorities of tests are known to nobody.
        let chain = if context.local.is_some() { Vec::new() } else { identity.chain };
        identities.push(Identity { chain, ..identity });
    }
    Held { identities, without, problem: None }
}

/// Its document has more in it than an identity: `client_id`, and authorities of the Directory's servers.
async fn held_for_directory(context: Context<'_>, text: &str) -> Held {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else {
        return Held { problem: Some("it is not an object of JSON".to_owned()), ..Held::default() };
    };
    let fields = ["certificate_chain", "private_key", "kms_key_id"];
    let own: serde_json::Map<_, _> =
        document.into_iter().filter(|(name, _)| fields.contains(&name.as_str())).collect();
    let keys = Keys::new(kms(context.sdk));
    let identity = identity(None, json!(own), &keys, context.now).await;
    Held { identities: vec![identity], ..Held::default() }
}

async fn identity(owner: Option<String>, document: Value, keys: &Keys, now: Timestamp) -> Identity {
    let chain = document["certificate_chain"].as_str().unwrap_or_default().to_owned();
    let days_left = Certificate::first_of(&chain).map(|one| Expiry::at(one.valid_until, now).days_left);
    let is_named = owner.as_deref().is_none_or(mtls::is_server_id);
    let (problem, unproven) = match open(document, keys).await {
        Ok(identity) => {
            (identity.check_validity(now).err().map(|error| ErrorChain(&error).to_string()), None)
        }
        Err(error @ KmsIdentityError::Key(KeyError::Service { .. })) => {
            (None, Some(ErrorChain(&error).to_string()))
        }
        Err(error) => (Some(ErrorChain(&error).to_string()), None),
    };
    let misnamed = (!is_named).then(|| ErrorChain(&mtls::IdentityError::Owner).to_string());
    Identity { owner, days_left, problem: problem.or(misnamed), unproven, chain: chain_warnings(&chain) }
}

fn anchors_of(bundle: &str, now: Timestamp) -> Anchors {
    let read = Certificates::from_pem(bundle.as_bytes()).map_err(mtls::IdentityError::Anchors);
    let certificates = match read.and_then(|read| TrustAnchors::from_certificates(&read).map(|_| read)) {
        Ok(read) => read,
        Err(error) => return Anchors::Unusable(ErrorChain(&error).to_string()),
    };
    let anchor = |der: &[u8]| {
        let certificate = Certificate::of(der)?;
        let days_left = Expiry::at(certificate.valid_until, now).days_left;
        Some(Anchor { subject: certificate.subject, days_left })
    };
    Anchors::Usable(certificates.into_der().iter().filter_map(|der| anchor(der)).collect())
}

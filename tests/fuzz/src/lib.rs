//! What must hold of every parser of outside input, whatever it is given: it does not panic, what it accepts is written back the
//! same, and what the published pattern refuses is refused.
//!
//! One function a parser. The fuzz targets call them, and so does `tests/tests/parsers.rs`, with the seeds and with
//! bytes that proptest makes.

mod answer;
mod row;

use std::sync::LazyLock;

use convention::address::AddressPolicy;
use convention::delivery::AttemptMessage;
use convention::directory::{self, BaseUri, Keys, Participants, RegistrationCall, Settings, Statement};
use convention::notification::{
    self, ApiVersion, ClientId, EventInstant, InteractionId, NotificationId, StateChange, WebhookVersion,
    compose_url,
};
use jiff::Timestamp;
use mtls::{Identities, IdentityDocument, TrustAnchors};
use platform::answer::read_json;
use serde_json::json;

pub use answer::answer;
pub use row::ledger_row;

/// Panics if a parser does not keep its promise about these bytes.
pub type Property = fn(&[u8]);

/// Every property, by the name of its target and corpus.
pub const PROPERTIES: &[(&str, Property)] = &[
    ("answer", answer),
    ("identities", identities),
    ("keys", keys),
    ("ledger_row", ledger_row),
    ("message", message),
    ("names", names),
    ("participants", participants),
    ("registration", registration),
    ("state_change", state_change),
    ("statement", statement),
];

static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-11-22T12:00:00Z".parse().expect("an instant"));
static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let key = json!({ "kty": "RSA", "use": "sig", "alg": "PS256", "kid": "fuzz", "n": MODULUS, "e": "AQAB" });
    Keys::from_json(json!({ "keys": [key] }).to_string().as_bytes()).expect("a key set")
});
static BASE: LazyLock<BaseUri> = LazyLock::new(|| base_uri(BASE_TEXT).expect("a base URI"));

const ISSUER: &str = "Open Banking Open Banking Brasil production SSA issuer";
const BASE_TEXT: &str = "https://itp.example.com/kong3";
const OWNER: &str = "11111111-aaaa-4000-8000-000000000001";
/// Of a public key whose private half was thrown away, so that nothing verifies.
const MODULUS: &str = "ut6eNcEEnr4FU6-n9EqfkAhic69MHPI8hfFiSJSbIxlmlDFSYWsJjpiYuTYEnMKt2yaCYtV67vi9CQbtcDfP_8nPK4itiunwirF6ZEcIak3-DiA-49atdrnTDRACHe_I6c--YFy9pJ0lXykq6_TasDvNWK0wN34lw8YTDB3Tfp7wj2W6Xs1JSkLASkcmCR3LOh0AO7KxR8vMQE-2BOXFBOvB60EyyeZvM9-tSdGTyyL3-WM42CD_NKUmuLH-3QZoN30vdq0MceEVKJ6dQJVLvkSIxnHSlBBi70mqqcvsxvru7SpDNgyJJ71AQ6CLt33t_gQf4z8kf5-Vgc4zm1d-qw";

/// A body of `POST /v1/state-changes`.
pub fn state_change(bytes: &[u8]) {
    let Ok(value) = read_json(Some("application/json"), bytes) else { return };
    match StateChange::posted(&value, "/changes/0", *NOW) {
        Ok(change) => accepted(&change),
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| error.pointer.starts_with("/changes/0")));
        }
    }
    if let Ok(change) = StateChange::from_json(&value, "") {
        accepted(&change);
    }
}

fn accepted(change: &StateChange) {
    let Some(json) = change.to_json() else { return };
    assert_eq!(StateChange::from_json(&json, "").as_ref(), Ok(change));
    assert!(notification::matches_published_pattern(&change.event_instant.to_wire()));
    let message = AttemptMessage::first(change.clone(), *NOW).expect("what is written has a resource");
    let url = compose_url(&BASE, &message.resource, message.resource.api_version, WebhookVersion::default());
    // One segment an identifier, and nothing that a request line or a log could be split with.
    let row = message.resource.endpoint.row();
    let of_path = row.path.matches('/').count() + row.path_end.matches('/').count();
    assert_eq!(url.matches('/').count(), 10 + of_path, "{url}");
    assert!(url.starts_with(BASE_TEXT) && url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
    round_trip(&message);
}

/// A message of the queue.
pub fn message(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(message) = AttemptMessage::from_json(text) {
        round_trip(&message);
    }
}

fn round_trip(message: &AttemptMessage) {
    let replay = message.replay();
    assert_eq!(replay.notification.partition(), message.notification.partition());
    for message in [message, &replay] {
        assert_eq!(AttemptMessage::from_json(&message.to_json()).as_ref(), Ok(message));
    }
}

/// A body of `PUT /v1/clients/{clientId}`.
pub fn registration(bytes: &[u8]) {
    let Ok(value) = read_json(Some("application/json"), bytes) else { return };
    match RegistrationCall::from_json(&value, *NOW) {
        Ok(call) => {
            let settings = call.request.settings.applied_to(&Settings::default());
            assert!(settings.success_statuses.iter().all(|status| (200..300).contains(status)));
            let uris = call.request.webhook_uris.unwrap_or_default();
            assert!(uris.len() <= 10);
            for uri in &uris {
                base_uri_keeps_its_pattern(uri);
            }
        }
        Err(errors) => assert!(!errors.is_empty()),
    }
}

/// A software statement: nobody can sign one, so none is accepted, and no error quotes it.
pub fn statement(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let error = Statement::verify(text, &KEYS, &[ISSUER.to_owned()], *NOW).expect_err("nobody has the key");
    let told = error.to_string();
    assert!(text.len() < 16 || !told.contains(text), "{told}");
}

/// A key set of the Directory.
pub fn keys(bytes: &[u8]) {
    if let Ok(keys) = Keys::from_json(bytes) {
        assert!(keys.len() > 0);
    }
}

/// The Directory's list of participants.
pub fn participants(bytes: &[u8]) {
    if let Ok(list) = Participants::from_json(bytes) {
        let kept = serde_json::to_vec(&list).expect("a list serialises");
        assert_eq!(serde_json::from_slice::<Participants>(&kept).ok(), Some(list));
    }
}

/// The two secrets: our identities, and the authorities we trust.
pub fn identities(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    TrustAnchors::from_pem(text).ok();
    let Ok(document) = IdentityDocument::from_json(text) else { return };
    let written = document.to_json();
    let again = IdentityDocument::from_json(&written).expect("it reads what it wrote");
    assert_eq!(again.to_json(), written);
    let servers: notification::AuthorisationServers = OWNER.parse().expect("an id");
    let read = Identities::from_json(text, &servers.default_identity_owner());
    assert!(read.is_ok_and(|identities| identities.into_iter().count() > 0));
}

/// Single texts: names, instants, versions and URIs.
pub fn names(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(instant) = text.parse::<EventInstant>() {
        assert_eq!(instant.to_string().parse(), Ok(instant));
        assert!(notification::matches_published_pattern(&instant.to_wire()));
    }
    // RFC 6749, appendix A.1, without the space; "." and ".." are no segments of a path.
    let is_client = (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !matches!(text, "." | "..");
    assert_eq!(text.parse::<ClientId>().is_ok(), is_client);
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let id = text.parse::<NotificationId>();
    assert_eq!(id.is_ok(), text.len() == 32 && text.bytes().all(hexadecimal));
    if let Ok(id) = id {
        assert_eq!(id.to_string(), text);
        assert!(text.starts_with(&id.partition().to_string()));
        assert_eq!(id.replay().partition(), id.partition());
    }
    if let Ok(id) = text.parse::<InteractionId>() {
        assert_eq!(id.to_string().parse::<InteractionId>().ok(), Some(id));
        assert_eq!(id.partition().to_string().len(), 15);
    }
    if let Ok(version) = text.parse::<ApiVersion>() {
        assert_eq!(version.to_string(), text);
    }
    base_uri_keeps_its_pattern(text);
}

fn base_uri_keeps_its_pattern(text: &str) {
    if let Ok(uri) = base_uri(text) {
        assert!(directory::matches_published_pattern(text), "{text}");
        let written = uri.to_string();
        assert_eq!(base_uri(&written).map(|uri| uri.to_string()), Ok(written));
    }
}

fn base_uri(text: &str) -> Result<BaseUri, directory::BaseUriError> {
    BaseUri::parse(text, AddressPolicy::Public)
}

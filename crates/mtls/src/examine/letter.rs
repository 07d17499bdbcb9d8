//! The notification of nobody's resource, which `--post` sends, and the request that asks for its address only.

use bytes::Bytes;
use convention::directory::{BaseUri, Receiver, Settings};
use convention::notification::{
    AuthorisationServers, Choices, ClientId, Ecosystem, InteractionId, Notification, Partition, Plan,
    ReceiverKey, StateChange, plan,
};
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use jiff::{SignedDuration, Timestamp};
use platform::rng::Rng;
use serde_json::json;

use crate::client::request;

/// The payment of the notification, which exists nowhere.
pub const NO_PAYMENT: &str = "arauto-doctor-no-such-payment";
/// The consent of the quote of the notification, which exists nowhere either.
const NO_QUOTE: &str = "urn:arauto-doctor:no-such-quote";

/// The name that a receiver's access log shows.
const USER_AGENT: &str = concat!("arauto-doctor/", env!("CARGO_PKG_VERSION"));

/// A notification, and the id of its only attempt.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    notification: Notification,
    pub(super) id: InteractionId,
}

impl Letter {
    /// Writes the notification of a payment that was settled just now and that nobody knows; in Open Insurance of a quote that was
    /// acknowledged.
    pub(super) fn to(base: &BaseUri, settings: &Settings, now: Timestamp, rng: &Rng) -> Option<Self> {
        let client_id: ClientId = "arauto-doctor".parse().ok()?;
        // Some clocks of receivers are behind.
        let instant = now - SignedDuration::from_secs(1);
        let change = match settings.ecosystem {
            Ecosystem::OpenFinance => json!({
                "client_id": client_id.as_str(), "api": "payments", "resource": "pix_payment", "resource_id": NO_PAYMENT,
                "api_version": "v5", "from": "RCVD", "to": "ACSC", "event_instant": instant.to_string(),
            }),
            Ecosystem::OpenInsurance => json!({
                "client_id": client_id.as_str(), "api": "quote", "resource": "quote", "resource_id": NO_QUOTE,
                "api_version": "v1", "to": "ACKN", "event_instant": instant.to_string(),
            }),
        };
        let change = StateChange::posted_in(settings.ecosystem, &change, "", now).ok()?;
        let receiver = Receiver {
            key: ReceiverKey::new(None, &client_id),
            client_id,
            base_uri: base.clone(),
            settings: settings.clone(),
            notifies_since: None,
            onboarding_slo: None,
        };
        let Plan::Notify(notification) =
            plan(&change, Some(&receiver), &AuthorisationServers::default(), &Choices::default())
        else {
            return None;
        };
        let id = InteractionId::new(Partition::of(&notification.resource), rng.bits());
        Some(Self { notification: *notification, id })
    }

    /// Returns the notification as dispatch sends it.
    pub(super) fn post(&self) -> Option<Request<Full<Bytes>>> {
        Some(request(&self.notification, self.id)?.1)
    }

    /// Returns a request for the head of its address. It notifies nobody of anything.
    pub(super) fn head(&self) -> Option<Request<Full<Bytes>>> {
        let mut head = self.post()?;
        *head.method_mut() = Method::HEAD;
        *head.body_mut() = Full::default();
        let host = head.headers_mut().remove(header::HOST)?;
        head.headers_mut().clear();
        head.headers_mut().insert(header::HOST, host);
        head.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        Some(head)
    }
}

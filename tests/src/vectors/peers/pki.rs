//! Certificates of the test PKI: authorities that are trusted and one that is not, and receivers' that name a revocation list.

use std::sync::LazyLock;

use devkit::pki::{Authority, ClientSubject, Identity, RevocationUrls, Validity};
use devkit::receiver::Settings;
use jiff::Timestamp;
use mtls::TrustAnchors;
use platform::clock::Clock;

/// Where receivers' certificates say that their revocation list is; nobody listens there.
pub(in crate::vectors) const LIST_URL: &str = "http://127.0.0.1:9/list.crl";
/// Where the certificate of their authority says that its list is.
const ROOT_LIST_URL: &str = "http://127.0.0.1:9/root.crl";
/// Whom receivers' certificates are for.
const ADDRESS: &str = "127.0.0.1";
const ISSUED: &str = "certificates can be made";

/// What is made once: keys take their time.
struct Pki {
    senders: Authority,
    sender: Identity,
    receivers: Authority,
    receiver: Identity,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let now = Clock::system().now();
    let (root_list, list) = (Some(ROOT_LIST_URL.to_owned()), Some(LIST_URL.to_owned()));
    let lists = RevocationUrls { root_list, list, ocsp: None };
    let senders = Authority::new("Sender", now).expect(ISSUED);
    let sender = senders.client(&subject("detentora.example")).expect(ISSUED);
    let receivers = Authority::with_revocation("Receiver", now, lists).expect(ISSUED);
    let receiver = receivers.server(&[ADDRESS]).expect(ISSUED);
    Pki { senders, sender, receivers, receiver }
});

fn subject(name: &str) -> ClientSubject {
    ClientSubject { common_name: name.to_owned(), ..ClientSubject::default() }
}

/// How a receiver behaves that does right; it offers what our side is not to use: sessions to resume.
pub(in crate::vectors) fn receiver() -> Settings {
    Settings { resumption: true, ..Settings::new(PKI.receiver.clone(), PKI.senders.root_pem()) }
}

/// A receiver's certificate for this name.
pub(in crate::vectors) fn named(name: &str) -> Identity {
    PKI.receivers.server(&[name]).expect(ISSUED)
}

/// A receiver's certificate that ended with the year 2025.
pub(in crate::vectors) fn expired() -> Identity {
    let year = |text: &str| text.parse().expect("an instant");
    let validity =
        Validity { not_before: year("2025-01-01T00:00:00Z"), not_after: year("2026-01-01T00:00:00Z") };
    PKI.receivers.server_with(&[ADDRESS], validity).expect(ISSUED)
}

/// A receiver's certificate by an authority that we do not trust.
pub(in crate::vectors) fn of_a_stranger() -> Identity {
    let stranger = Authority::new("Stranger", Clock::system().now()).expect(ISSUED);
    stranger.server(&[ADDRESS]).expect(ISSUED)
}

/// Our side of mutual TLS, as the secret of our identities holds it.
pub(in crate::vectors) fn sender() -> &'static Identity {
    &PKI.sender
}

/// Issues a client certificate for this name, which ends at this instant where one is given.
pub(in crate::vectors) fn client_certificate(name: &str, end: Option<Timestamp>) -> Identity {
    let issued = match end {
        Some(not_after) => {
            let not_before = Clock::system().now() - jiff::SignedDuration::from_hours(1);
            PKI.senders.client_with(&subject(name), Validity { not_before, not_after })
        }
        None => PKI.senders.client(&subject(name)),
    };
    issued.expect(ISSUED)
}

/// Returns whom we trust.
pub(super) fn anchors() -> TrustAnchors {
    TrustAnchors::from_pem(PKI.receivers.root_pem()).expect("the root is valid")
}

//! Who signs: the authorities that are trusted, those that are not, and the receiver. Their keys are made once.
//!
//! No test PKI issues what is signed here: certificates in a form of their own ([`Draft`]), by keys that nobody may use any more.
//! The sender's identity is of the test PKI.

use std::sync::LazyLock;

use mtls::revocation::Authority;
use mtls::{Identity, TrustAnchors};
use platform::clock::Clock;
use rustls_pki_types::CertificateDer;
use tests::aws::PKI as PKI_OF_SENDER;
use tests::chains::{Digest, Draft, Key, Party};

pub(crate) type Der = CertificateDer<'static>;

/// The host of every receiver.
pub(crate) const HOST: &str = "receiver.example";

/// The keys; who speaks under which name is for each row to say.
pub(crate) struct Pki {
    root: Key,
    second: Key,
    issuer: Key,
    sub: Key,
    stranger: Key,
    receiver: Key,
    /// Keys of the receiver's own making.
    pub(crate) own: Vec<Key>,
    /// Of 1,024 bits; none where there is no openssl.
    pub(crate) short: Option<Key>,
    /// Which signs with SHA-1.
    pub(crate) sha1: Option<Key>,
}

pub(crate) static PKI: LazyLock<Pki> = LazyLock::new(|| Pki {
    root: Key::default(),
    second: Key::default(),
    issuer: Key::default(),
    sub: Key::default(),
    stranger: Key::default(),
    receiver: Key::default(),
    own: (0..12).map(|_| Key::default()).collect(),
    short: Key::rsa(1024, Digest::Sha256).ok(),
    sha1: Key::rsa(2048, Digest::Sha1).ok(),
});

/// A trust anchor.
pub(crate) fn root() -> Party<'static> {
    Party::new("Root", &PKI.root)
}

/// Another trust anchor.
pub(crate) fn second() -> Party<'static> {
    Party::new("Second root", &PKI.second)
}

/// An authority below an anchor.
pub(crate) fn issuer() -> Party<'static> {
    Party::new("Issuer", &PKI.issuer)
}

/// An authority below that.
pub(crate) fn sub() -> Party<'static> {
    Party::new("Sub", &PKI.sub)
}

/// An authority that nobody here trusts.
pub(crate) fn stranger() -> Party<'static> {
    Party::new("Stranger", &PKI.stranger)
}

/// The receiver.
pub(crate) fn receiver() -> Party<'static> {
    Party::new("Receiver", &PKI.receiver)
}

/// A key of the receiver's own making, under whatever name.
pub(crate) fn own(name: &'static str, number: usize) -> Party<'static> {
    Party::new(name, &PKI.own[number])
}

/// The certificate of an anchor.
pub(crate) fn anchor(party: Party<'_>) -> Der {
    Draft::authority(Clock::system().now()).sign(party, party)
}

/// Who an authority is to revocation.
pub(crate) fn authority(party: Party<'_>) -> Authority {
    Authority::from_certificate(&anchor(party)).unwrap()
}

pub(crate) fn anchors() -> TrustAnchors {
    TrustAnchors::from_pem(&[root(), second()].map(|party| pem(&anchor(party))).concat()).unwrap()
}

pub(crate) fn identity() -> Identity {
    Identity::from_pem(&PKI_OF_SENDER.sender.chain_pem, &PKI_OF_SENDER.sender.key_pem).unwrap()
}

pub(crate) fn pem(der: &[u8]) -> String {
    use std::fmt::Write as _;
    let text = aws_smithy_types::base64::encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        writeln!(pem, "{}", String::from_utf8_lossy(line)).unwrap();
    }
    pem + "-----END CERTIFICATE-----\n"
}

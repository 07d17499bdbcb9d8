//! What receivers of the corpus present in their handshakes, and ask for: made by the test PKI, wrong as a row wants it.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use devkit::pki::{Authority, ClientSubject, Identity as Issued, Validity};
use devkit::receiver::{Presented, ServerTls};
use jiff::Timestamp;
use mtls::{Identity, TrustAnchors};
use platform::clock::Clock;
use rustls::{CipherSuite, SupportedProtocolVersion};
use tests::aws::PKI;
use tokio_rustls::TlsAcceptor;

/// The host of every receiver whose row says nothing else.
pub(crate) const HOST: &str = "receiver.example";

const TLS_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const TLS_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// An authority that neither side trusts.
static STRANGER: LazyLock<Authority> =
    LazyLock::new(|| Authority::new("Stranger", Clock::system().now()).unwrap());

/// A receiver's certificate.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Certificate {
    Good,
    OtherName,
    /// `*.example` for a name two labels below.
    WildcardTooHigh,
    Expired,
    NotYetValid,
    SelfSigned,
    UnknownCa,
    IntermediateMissing,
    ForClients,
    Authority,
}

/// What a receiver asks of us.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asks {
    Certificate,
    Nothing,
    /// It trusts other authorities than ours.
    CertificateOfOthers,
}

/// What a receiver offers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) certificate: Certificate,
    pub(crate) asks: Asks,
    pub(crate) tls12: bool,
    pub(crate) suite: Option<CipherSuite>,
    pub(crate) alpn: &'static str,
}

impl Default for Offer {
    fn default() -> Self {
        let (certificate, asks) = (Certificate::Good, Asks::Certificate);
        Self { certificate, asks, tls12: false, suite: None, alpn: "http/1.1" }
    }
}

pub(crate) fn identity() -> Identity {
    Identity::from_pem(&PKI.sender.chain_pem, &PKI.sender.key_pem).unwrap()
}

pub(crate) fn anchors() -> TrustAnchors {
    TrustAnchors::from_pem(PKI.receiver_authority.root_pem()).unwrap()
}

impl Offer {
    pub(crate) fn acceptor(self) -> TlsAcceptor {
        let client_ca_pem = match self.asks {
            Asks::Certificate => Some(PKI.sender_authority.root_pem().to_owned()),
            Asks::CertificateOfOthers => Some(STRANGER.root_pem().to_owned()),
            Asks::Nothing => None,
        };
        let tls = ServerTls {
            client_ca_pem,
            versions: if self.tls12 { TLS_1_2 } else { TLS_1_3 },
            cipher_suite: self.suite,
            protocol: self.alpn,
            resumption: true,
            ..ServerTls::new(self.certificate.presented(), "")
        };
        tls.acceptor().unwrap()
    }
}

impl Certificate {
    /// Each is made once: RSA keys take their time.
    fn presented(self) -> Presented {
        static MADE: Mutex<BTreeMap<Certificate, Presented>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(self).or_insert_with(|| self.make()).clone()
    }

    fn make(self) -> Presented {
        let issued = self.issue();
        let mut chain = issued.chain().unwrap();
        if self == Self::IntermediateMissing {
            chain.truncate(1);
        }
        Presented::unchecked(chain, &issued.private_key().unwrap()).unwrap()
    }

    fn issue(self) -> Issued {
        let (ours, now) = (&PKI.receiver_authority, Clock::system().now());
        let year = |year: i16| -> Timestamp { format!("{year}-01-01T00:00:00Z").parse().unwrap() };
        let between = |first, last| Validity { not_before: year(first), not_after: year(last) };
        let issued = match self {
            Self::Good | Self::IntermediateMissing => ours.server(&[HOST]),
            Self::OtherName => ours.server(&["other.example"]),
            Self::WildcardTooHigh => ours.server(&["*.example"]),
            Self::Expired => ours.server_with(&[HOST], between(2020, 2021)),
            Self::NotYetValid => ours.server_with(&[HOST], between(2090, 2091)),
            Self::SelfSigned => Issued::self_signed(&[HOST], now),
            Self::UnknownCa => STRANGER.server(&[HOST]),
            Self::ForClients => {
                ours.client(&ClientSubject { common_name: HOST.to_owned(), ..ClientSubject::default() })
            }
            Self::Authority => ours.server_that_is_an_authority(&[HOST]),
        };
        issued.unwrap()
    }
}

//! What an examination found, as it travels from the machine that looked to the one that judges.
//!
//! Texts of the receiver are cleaned and short ([`super::text`]): a report can print them.

use std::net::SocketAddr;

use convention::codes::Code;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::revocation::Path;

/// What was found of a receiver.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
pub struct Facts {
    /// The base URI that was given.
    pub base_uri: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// When the examination began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Maximum time that it might take, in milliseconds.
    pub limit_ms: u64,
    /// Number of connections that were opened.
    pub connections: usize,
    /// Whether its time was over before all was looked at.
    pub stopped: bool,
    /// Whether our certificate was presented; `false` if there was none to present.
    pub presents_certificate: bool,
    /// Why our certificate could not be loaded, as a code of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_fault: Option<String>,
    /// Whether notifications offer the post-quantum group.
    pub hybrid: bool,
    /// Why the base URI may not be registered, and nothing was looked at.
    pub refused: Option<Refused>,
    /// The look-up of the name; absent where the host is an address.
    pub name: Option<Look>,
    /// Each address that was tried.
    pub addresses: Vec<AddressFacts>,
    /// Handshakes that offer one suite, or another key exchange, at the first address that speaks TLS.
    pub offers: Vec<Offered>,
    /// The visit of somebody without a certificate.
    pub without_certificate: Option<Visit>,
    /// Whether the notification of nobody's resource was asked for.
    #[serde(default)]
    pub posts: bool,
    /// The visit with that notification; absent if there was no time for it, or nobody to send it to.
    pub posted: Option<Visit>,
    /// The verified path of the receiver's certificate. It stays on the machine that looked.
    #[serde(skip)]
    pub path: Option<Path>,
}

impl Facts {
    /// Says whether the notification of nobody's resource was sent, be it answered or not.
    pub fn is_notified(&self) -> bool {
        self.posted.as_ref().is_some_and(|visit| visit.stage >= Stage::Request)
    }
}

/// Why a base URI may not be registered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Refused {
    /// The outcome of a notification to it.
    pub code: String,
    /// The rule that it breaks.
    pub rule: String,
}

/// The look-up of a name.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Look {
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Number of addresses found.
    pub addresses: usize,
    /// Why there are none.
    pub failed: Option<Failed>,
}

/// One address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AddressFacts {
    /// The address and port.
    pub address: SocketAddr,
    /// Why it may not be connected to.
    pub refusal: Option<String>,
    /// What came of it; absent if it was not visited.
    pub visit: Option<Visit>,
}

/// A failure, with the code of the outcome or fault that dispatch would record.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failed {
    /// The code.
    pub code: String,
    /// Whether it is a fault of ours, which says nothing of the receiver.
    pub ours: bool,
    /// The error in the words of the library, for engineers.
    pub detail: String,
}

/// How far a visit came.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It was connecting.
    #[default]
    Connecting,
    /// The TCP connection was open.
    Handshake,
    /// The handshake was done on our side, and nothing was sent.
    Waiting,
    /// A request was sent.
    Request,
    /// The request was answered.
    Answered,
}

/// One connection.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
pub struct Visit {
    /// How far it came.
    pub stage: Stage,
    /// Why it ended before it was done.
    pub failed: Option<Failed>,
    /// Whether this machine has no route to the address, as to one of IPv6 on a machine without it.
    #[serde(default)]
    pub routeless: bool,
    /// How long connecting took, in milliseconds.
    pub connect_ms: u64,
    /// How long the handshake took, in milliseconds.
    pub handshake_ms: u64,
    /// Size of the `ClientHello` with its record, in bytes.
    pub hello_bytes: usize,
    /// Whether our certificate was presented if it was asked for.
    pub presents_certificate: bool,
    /// What was agreed.
    pub tls: Option<Tls>,
    /// Whether the receiver asked for our certificate.
    pub certificate_requested: bool,
    /// The authorities that it names for it, the first ones.
    pub authorities: Vec<String>,
    /// Number of authorities that it names.
    pub authorities_total: usize,
    /// The certificates that it presented; absent if none came.
    pub chain: Option<Chain>,
    /// Whether it wants to negotiate again on the connection.
    pub renegotiates: bool,
    /// The answer to a request.
    pub answer: Option<Answered>,
    /// What became of the idle connection.
    pub idle: Option<Idle>,
}

impl Visit {
    /// Says whether the receiver agreed to the handshake: it sent certificates, be they too many to be read.
    pub fn shows_certificates(&self) -> bool {
        let too_many = Code::ChainTooLarge.as_str();
        self.chain.is_some() || self.failed.as_ref().is_some_and(|failed| failed.code == too_many)
    }
}

/// What a handshake agreed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tls {
    /// The version, for example `TLSv1_3`.
    pub version: String,
    /// The cipher suite.
    pub suite: String,
    /// The group of the key exchange.
    pub group: String,
    /// The application protocol; empty if none was agreed.
    pub protocol: String,
}

/// What a receiver presented, and what was verified of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Chain {
    /// The first certificates, the receiver's own first.
    pub presented: Vec<Certificate>,
    /// Number of certificates presented.
    pub presented_total: usize,
    /// Their size in bytes.
    pub presented_bytes: usize,
    /// The verified path, the receiver's own first; empty if there is none.
    pub verified: Vec<Certificate>,
    /// The trust anchor that the path ends at.
    pub anchor: Option<String>,
    /// Whether a status was stapled. It is not used.
    pub stapled: bool,
    /// Revocation of the verified path.
    pub revocation: Option<RevocationFacts>,
}

/// A certificate.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Certificate {
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// The names that it is for, the first ones.
    pub names: Vec<String>,
    /// Start of its validity.
    pub valid_from: Option<Timestamp>,
    /// End of its validity.
    pub valid_until: Option<Timestamp>,
    /// SHA-256 of its DER, in hexadecimal.
    pub sha256: String,
}

/// What is known of the revocation of a path.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RevocationFacts {
    /// What dispatch would decide; absent where the stack's data was not read.
    pub verdict: Option<RevocationVerdict>,
    /// Each certificate of the path, the receiver's own first.
    pub certificates: Vec<RevocationOf>,
}

/// What dispatch would decide of a path.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RevocationVerdict {
    /// How it would be accepted: `crl`, `ocsp` or `soft`.
    pub mechanism: Option<String>,
    /// Age of that proof; for `soft`, the time since the window began.
    pub age_s: i64,
    /// The code if it would not be.
    pub code: Option<String>,
}

/// What is known of the revocation of one certificate.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RevocationOf {
    /// Its subject.
    pub subject: String,
    /// Where it says that its authority's lists are.
    pub lists: Vec<String>,
    /// Where it says that responders of OCSP are.
    pub responders: Vec<String>,
    /// Whether a list or a responder revokes it.
    pub revoked: bool,
    /// The list that covers it.
    pub list: Option<ListFacts>,
    /// Why there is none, where it was asked for now.
    pub list_error: Option<String>,
    /// Its status by OCSP.
    pub status: Option<StatusFacts>,
    /// Why there is none, where it was asked for now.
    pub status_error: Option<String>,
}

/// A revocation list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ListFacts {
    /// When its source last confirmed it.
    pub fetched_at: Timestamp,
    /// When it was issued.
    pub this_update: Timestamp,
    /// When its successor is due.
    pub next_update: Timestamp,
}

/// A status by OCSP.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatusFacts {
    /// The status: `good`, `revoked` or `held`.
    pub status: String,
    /// When the responder was asked.
    pub fetched_at: Timestamp,
    /// When the status was known to be correct.
    pub this_update: Timestamp,
    /// When it expires, if the responder says so.
    pub next_update: Option<Timestamp>,
}

/// A handshake with a narrower offer than a notification's.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Offered {
    /// The only version offered; empty for both.
    pub version: String,
    /// The only suite offered; empty for all.
    pub suite: String,
    /// Whether the post-quantum group was offered first.
    pub hybrid: bool,
    /// Size of the `ClientHello` with its record, in bytes.
    pub hello_bytes: usize,
    /// Whether the receiver went on with it: it sent its certificate.
    pub taken: bool,
    /// The group that was agreed, if the handshake was completed.
    pub group: String,
    /// How it ended, if not by an agreement.
    pub failed: Option<Failed>,
}

/// An answer over HTTP.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Answered {
    /// The method of the request.
    pub method: String,
    /// The status.
    pub status: u16,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Where a redirection points to.
    pub location: Option<String>,
    /// `Keep-Alive`.
    pub keep_alive: Option<String>,
    /// `Connection`.
    pub connection: Option<String>,
    /// The outcome that dispatch would record; for the notification only.
    pub outcome: Option<String>,
    /// What dispatch would note of a success.
    pub findings: Vec<String>,
}

/// What became of a connection on which nothing was sent for a while.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Idle {
    /// How long it was watched, in milliseconds.
    pub watched_ms: u64,
    /// When the receiver closed it, in milliseconds after its answer.
    pub closed_after_ms: Option<u64>,
}

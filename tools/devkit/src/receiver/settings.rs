//! How a mock receiver is to behave.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use rustls::{CipherSuite, SupportedProtocolVersion};

use super::answer::Answers;
use super::contract::WebhookVersion;
use super::prefix::Prefix;
use super::tls::{Presented, ServerTls};
use crate::pki::Identity;

/// How many requests a mock keeps unless told otherwise: a few MB.
const KEPT: usize = 10_000;

/// How a mock is to behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to serve what was received, on plain HTTP; a loopback address.
    pub admin: Option<SocketAddr>,
    /// The server certificate and its key.
    pub identity: Identity,
    /// Other certificates that are presented in their place, right or wrong.
    pub presents: Option<Presented>,
    /// Who issues client certificates; none is asked for if this is `None`.
    pub client_ca_pem: Option<String>,
    /// The versions of TLS on offer.
    pub tls_versions: &'static [&'static SupportedProtocolVersion],
    /// The only cipher suite on offer; all that rustls has, if `None`.
    pub cipher_suite: Option<CipherSuite>,
    /// Whether TLS sessions can be resumed, so as to catch a sender that does.
    pub resumption: bool,
    /// Closes a connection that brings no request for so long; never, if `None`.
    pub idle: Option<Duration>,
    /// The path of the base URI.
    pub prefix: Prefix,
    /// The contract to judge requests by.
    pub webhook_version: WebhookVersion,
    /// How to answer.
    pub answers: Answers,
    /// How many requests to keep; older ones are forgotten.
    pub keep: usize,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

impl Settings {
    /// A receiver on a free loopback port that demands a client certificate of the authority given.
    pub fn new(identity: Identity, client_ca_pem: &str) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin: None,
            identity,
            presents: None,
            client_ca_pem: Some(client_ca_pem.to_owned()),
            tls_versions: rustls::ALL_VERSIONS,
            cipher_suite: None,
            resumption: false,
            idle: None,
            prefix: Prefix::default(),
            webhook_version: WebhookVersion::default(),
            answers: Answers::default(),
            keep: KEPT,
            clock: wall_clock,
        }
    }

    /// The server's side of TLS.
    pub(super) fn tls(&self) -> Result<ServerTls> {
        let presents = self.presents.clone().map_or_else(|| Presented::new(&self.identity), Ok)?;
        let client_ca_pem = self.client_ca_pem.clone();
        let (versions, cipher_suite, resumption) = (self.tls_versions, self.cipher_suite, self.resumption);
        Ok(ServerTls { client_ca_pem, versions, cipher_suite, resumption, ..ServerTls::new(presents, "") })
    }
}

#[expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]
pub(super) fn wall_clock() -> Timestamp {
    Timestamp::now()
}

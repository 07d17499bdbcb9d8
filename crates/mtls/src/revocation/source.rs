//! Where a certificate says that its revocation is published.

use platform::sha256_hex;

use super::path::Link;
use super::urls::{distribution_names, distribution_urls};

/// The lists that are for a certificate: which addresses it names, and whether it is an authority's.
///
/// Certificates of one authority with the same source are covered by the same list, so a list is checked against the source once,
/// where it is fetched, and found by the source's id in a handshake.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Source {
    /// Its addresses that can be asked, which are alternatives.
    pub urls: Vec<String>,
    /// All names of its distribution points, as the scope of a list repeats one of them (RFC 5280, section 6.3.3, step b).
    pub names: Vec<String>,
    /// Whether the certificates are those of authorities.
    pub is_authority: bool,
}

impl Source {
    /// Reads the source of a link's list; `None` if its certificate names no address that can be asked.
    pub fn of(link: &Link) -> Option<Self> {
        let urls = distribution_urls(&link.certificate);
        let names = distribution_names(&link.certificate);
        (!urls.is_empty()).then_some(Self { urls, names, is_authority: link.is_authority })
    }

    /// Returns what tells it from other sources, in hexadecimal.
    pub fn id(&self) -> String {
        let parts = serde_json::to_vec(&(self.is_authority, &self.urls, &self.names)).unwrap_or_default();
        sha256_hex(&parts)
    }
}

//! Where a certificate's revocation lists are published.

use platform::sha256_hex;

use super::path::Link;
use super::urls::{distribution_names, distribution_urls};

/// The addresses that a certificate names for its lists, and whether the certificate is an authority's.
///
/// Certificates of one authority with the same source are covered by the same list. The list is checked against the
/// source once, when it is fetched, and found by the source's id in a handshake.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Source {
    /// Its usable addresses, which are alternatives.
    pub urls: Vec<String>,
    /// All names of its distribution points, one of which the scope of a list repeats (RFC 5280, section 6.3.3, step
    /// b).
    pub names: Vec<String>,
    /// Whether the certificates are authorities'.
    pub is_authority: bool,
}

impl Source {
    /// Reads the source of a link's list; `None` if its certificate names no usable address.
    pub fn of(link: &Link) -> Option<Self> {
        let urls = distribution_urls(&link.certificate);
        let names = distribution_names(&link.certificate);
        (!urls.is_empty()).then_some(Self { urls, names, is_authority: link.is_authority })
    }

    /// Returns the source's unique id, in hexadecimal.
    pub fn id(&self) -> String {
        let parts = serde_json::to_vec(&(self.is_authority, &self.urls, &self.names)).unwrap_or_default();
        sha256_hex(&parts)
    }
}

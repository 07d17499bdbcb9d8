//! What is known of a path, for people: nothing is recorded and nothing is decided by it.

use convention::codes::Code;
use convention::delivery::Failure;

use super::decide::{Checked, Verdict};
use super::known::{Judgement, Revocation, RevocationUnavailable};
use super::path::Path;
use super::rows::{GoodList, OcspEntry};

/// What is known of a path.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// How a handshake would accept it now.
    pub(crate) accepted: Option<Checked>,
    /// Why a handshake would refuse it now.
    pub(crate) refusal: Option<Refusal>,
    /// Each certificate, the receiver's own first.
    pub(crate) links: Vec<LinkView>,
    /// The last OCSP status of the receiver's own.
    pub(crate) ocsp: Option<OcspEntry>,
}

/// Why a handshake would refuse a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Revoked,
    Unknown,
    Unavailable(RevocationUnavailable),
}

/// What is known of one certificate.
#[derive(Clone, Debug)]
pub(crate) struct LinkView {
    /// Whether a list revokes it.
    pub(crate) revoked: bool,
    /// The list that covers it.
    pub(crate) list: Option<GoodList>,
}

impl Refusal {
    /// Returns the code of the outcome or of our fault.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Revoked => Failure::CertificateRevoked.code(),
            Self::Unknown => Failure::RevocationUnknown.code(),
            Self::Unavailable(_) => Code::RevocationUnavailable.as_str(),
        }
    }
}

impl Revocation {
    /// Returns what is known of a path.
    pub(crate) fn view(&self, path: &Path) -> View {
        let snapshot = self.snapshot();
        let (accepted, refusal) = match self.judge(&snapshot, path) {
            Judgement::Decided(Verdict::Accepted(checked)) => (Some(checked), None),
            Judgement::Decided(Verdict::Revoked) => (None, Some(Refusal::Revoked)),
            Judgement::Decided(Verdict::Unknown) => (None, Some(Refusal::Unknown)),
            Judgement::Unavailable(unavailable) => (None, Some(Refusal::Unavailable(unavailable))),
        };
        let (links, ocsp) = snapshot.known_of(path);
        let links = links.into_iter().map(|(revoked, list)| LinkView { revoked, list }).collect();
        View { accepted, refusal, links, ocsp }
    }
}

//! Whether a receiver's certificate was revoked, as "Diretrizes para validação de certificados digitais" 1.0.0 asks
//! (IN BCB 720, items 3.28 to 3.30): revocation lists first, OCSP as the other mechanism, a cache with a stated life, and a
//! failure to know tolerated inside a window only.
//!
//! Only the certificates of a verified [`Path`] are judged. Nothing here fetches: the directory function keeps what authorities
//! publish in its table ([`store`](RevocationStore)); dispatch reads it beside its work ([`Revocation`]) and decides in the
//! handshake ([`decide()`]).

mod authority;
mod base64;
mod decide;
mod known;
mod path;
mod rows;
mod serials;
mod snapshot;
mod source;
mod store;
mod urls;
mod verifier;
mod vouched;

pub use authority::{Authority, may_sign_lists};
pub use decide::{CHECKED_WITHIN, Checked, Good, Mechanism, RevocationState, Verdict, decide};
pub use known::{Revocation, RevocationUnavailable};
pub use path::{Link, Path};
pub use rows::{
    AuthorityRow, Contents, GoodList, LeafRow, ListEntry, MAX_LISTS, MAX_WAYS, OcspEntry, OcspStatus,
    SerialsEntry,
};
pub use serials::{Serials, serial_hash};
pub use source::Source;
pub use store::{Noted, RevocationStore, Rows};
pub use urls::{distribution_names, distribution_urls, ocsp_urls};
pub(crate) use verifier::{ChainTooLarge, Verification, Verifier};
pub use verifier::{MAX_PRESENTED, MAX_PRESENTED_BYTES, MAX_SIGNATURES, verified_path};

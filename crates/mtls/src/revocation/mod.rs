//! Revocation of receivers' certificates, as "Diretrizes para validação de certificados digitais" 1.0.0 requires (IN
//! BCB 720, items 3.28 to 3.30): revocation lists first, OCSP as the second mechanism, a cache with a defined
//! lifetime, and missing data tolerated within a window only.
//!
//! Only the certificates of a verified [`Path`] are checked. Nothing is fetched here: the directory function stores
//! what authorities publish in its table ([`store`](RevocationStore)); dispatch reads it in the background
//! ([`Revocation`]) and decides in the handshake ([`decide()`]).

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
mod view;
mod vouched;

pub use authority::{Authority, may_sign_lists};
pub use decide::{Checked, Good, Mechanism, RECENT_CHECK, RevocationState, Verdict, decide};
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
pub(crate) use view::{Refusal, View};

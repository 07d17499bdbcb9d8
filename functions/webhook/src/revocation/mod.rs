//! Whether a receiver's certificate was revoked, as "Diretrizes para validação de certificados digitais" 1.0.0 asks
//! (IN BCB 720, items 3.28 to 3.30): revocation lists first, OCSP as the other mechanism, a cache with a stated life, and a
//! failure to know tolerated inside a window only.
//!
//! Nothing here fetches. The directory function keeps lists and statuses in its table ([`store`](RevocationStore)); dispatch
//! reads them beside its work ([`Revocation`]) and decides in the handshake ([`decide()`]).

mod authority;
mod chain;
mod decide;
mod index;
mod snapshot;
mod store;
mod urls;
mod verifier;

pub use authority::{Authority, may_sign_lists};
pub use chain::{Chain, CrlSource, crl_source, ocsp_url, sha256_hex};
pub use decide::{CRL_LIVES, Checked, Evidence, Mechanism, Verdict, decide};
pub use index::{CRL_LIMIT, ChainEntry, CrlEntry, Index, OcspEntry, OcspStatus};
pub use snapshot::{Revocation, RevocationUnavailable};
pub use store::{Noted, RevocationStore};
pub use urls::{
    MAX_NAMES, MAX_URL_LENGTH, MAX_URLS, distribution_names, distribution_urls, is_http_url, ocsp_urls,
};
pub(crate) use verifier::{Verification, Verifier};

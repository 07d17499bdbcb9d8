//! Certificates for tests, made at run time and shaped like those of ICP-Brasil.
//!
//! Two separate authorities, as in the field: one issues the sender's client certificate (a BRCAC), the other the
//! receiver's server certificate. Beside them the key of a local Directory of participants, which nobody certifies.
//! Neither authority's own key ever leaves memory; nothing here is ever committed.

mod authority;
mod folder;

pub use self::authority::{Authority, Identity, ListSigner, RevocationUrls, Validity};
pub use self::folder::{PkiFiles, TestPki};
pub use certificates::{BusinessCategory, ClientSubject};

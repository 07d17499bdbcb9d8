//! Certificates for tests, made at run time and shaped like those of ICP-Brasil.
//!
//! Two separate authorities, as in the field: one issues the sender's client certificate (a BRCAC), the other the
//! receiver's server certificate. Beside them the key of a local Directory of participants, which nobody certifies.
//! The subject of a BRCAC is that of a real one, and serves `arauto csr` too.
//! Neither authority's own key ever leaves memory; nothing here is ever committed.

mod authority;
mod folder;
mod public;
mod subject;

pub(crate) use self::authority::new_key;
pub use self::authority::{Authority, Identity, ListSigner, RevocationUrls, Validity};
pub(crate) use self::folder::write_new;
pub use self::folder::{PkiFiles, TestPki};
pub(crate) use self::public::PublicHalf;
pub use self::subject::{BusinessCategory, ClientSubject};

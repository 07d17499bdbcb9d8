//! Receivers' chains, right and wrong, and what it costs to verify them.

pub mod der;

mod certificate;
mod key;
mod list;

pub use certificate::{Draft, Party, point};
pub use key::{Digest, Key};
pub use list::{List, scope};

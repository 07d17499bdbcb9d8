//! Receivers' chains, right and wrong, and what it costs to verify them.

pub mod der;
pub mod worst;

mod certificate;
mod key;
mod list;
mod search;

pub use certificate::{Draft, Party, point};
pub use key::{Digest, Key};
pub use list::{List, scope};
pub use search::Search;

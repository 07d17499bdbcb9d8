//! Judges the product by the examples of the convention: a file of vectors, each with an input and what is expected of it.
//!
//! [`judge()`] finds the family of a vector by its category and lets the product's own code answer; [`scenarios`] plays what no
//! data can say; [`harness`] makes one trial of each vector.

mod base_uri;
mod body;
mod client_id;
mod compare;
mod delivery;
mod example;
mod file;
pub mod harness;
mod headers;
mod insurance;
mod issuer;
mod judge;
mod parameter;
mod peers;
mod registration;
mod revocation;
pub mod scenarios;
mod trigger;
mod url;

pub use file::{Vector, VectorFile, VectorFileError};
pub use judge::{Family, judge};

/// What came of judging a vector: nothing to say, or what was expected and what came.
pub type Judgement = Result<(), String>;

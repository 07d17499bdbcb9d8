#![doc = include_str!("../README.md")]

mod client_subject;
mod display;
mod key;
mod public_half;

pub use client_subject::{BusinessCategory, ClientSubject, printable_string};
pub use display::{printable, subject_of};
pub use key::{new_key, write_new};
pub use public_half::PublicHalf;

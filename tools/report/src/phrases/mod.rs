//! Sentences and cells that the page and the terminal share.

mod receiver;
mod report;
mod rests_on;

pub(crate) use receiver::{mutual_tls, suspensions, version, worst};
pub(crate) use report::{brand, fault, made, name, scope, sentence};
pub(crate) use rests_on::{basis, check, differences, notes};

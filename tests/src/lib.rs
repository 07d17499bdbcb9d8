//! The system as a stranger meets it: what the suites in `tests/` share.

pub mod aws;
pub mod bench;
pub mod conformance;
pub mod contract;
pub mod dispatch;
pub mod judges;
pub mod skip;
pub mod vectors;
pub mod world;

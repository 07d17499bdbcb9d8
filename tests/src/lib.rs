//! The system as a stranger meets it: what the suites in `tests/` share.

pub mod authority;
pub mod aws;
pub mod bucket;
pub mod chains;
pub mod collector;
pub mod conformance;
pub mod contract;
pub mod directory_fixture;
pub mod dispatch;
pub mod fake_event_source;
pub mod freeze;
pub mod iam_usage;
pub mod idle_stack;
pub mod judges;
pub mod kill;
pub mod kms;
pub mod kms_identity;
pub mod lambda;
pub mod log;
pub mod on_stack;
pub mod rotation;
pub mod sim;
pub mod skip;
pub mod template;
pub mod vectors;
pub mod world;

//! The `arauto` command as a library: what the tests and the demo use in process.

pub mod explain;
pub mod pki;
pub mod receiver;

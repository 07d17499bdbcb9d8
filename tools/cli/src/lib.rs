//! The `arauto` command as a library: what the tests and the demo use in process.

mod accept;
pub mod bill;
pub mod call;
pub mod csr;
pub mod directory;
pub mod explain;
pub mod identity;
pub mod local;
pub mod outcomes;
pub mod pki;
pub mod prices;
pub mod receiver;
pub mod replay;
pub mod show;
pub mod shutdown;
pub mod stack;
pub mod stack_ref;
pub mod undelivered;
pub mod verify;

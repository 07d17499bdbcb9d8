//! `arauto csr`: the request for a client certificate (BRCAC), with a key that never leaves KMS or one in a file.

mod cnpj;
mod command;
mod fields;
mod key;
mod request;

pub use self::command::{CsrArgs, run};

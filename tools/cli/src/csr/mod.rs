//! `arauto csr`: the request for a client certificate (BRCAC), with a key that never leaves KMS or one in a file.

mod cnpj;
mod command;
mod fields;
mod key;
mod request;

use anyhow::Result;
use certificates::ClientSubject;
use platform::aws::{KeyArn, Keys};

use self::key::Key;

pub use self::command::{CsrArgs, run};

/// Makes a request for a BRCAC of this subject, signed by this key of KMS: PEM.
pub async fn by_kms(subject: &ClientSubject, keys: &Keys, key: &KeyArn) -> Result<String> {
    request::make(subject, &Key::InKms(keys.clone(), key.clone())).await
}

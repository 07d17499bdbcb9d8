//! `arauto csr`: the request for a client certificate (BRCAC), with a key in KMS or in a file.

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

/// Creates a request in PEM for a BRCAC of this subject, signed by this KMS key.
pub async fn by_kms(subject: &ClientSubject, keys: &Keys, key: &KeyArn) -> Result<String> {
    request::make(subject, &Key::InKms(keys.clone(), key.clone())).await
}

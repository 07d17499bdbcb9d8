//! RSA keys of certificates, and their files.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};

/// Creates an RSA key of 2048 bits.
pub fn new_key() -> Result<KeyPair> {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).context("failed to make an RSA key")
}

/// Writes a new PEM file with these permissions; an existing file is an error and stays.
pub fn write_new(path: &Path, pem: &str, mode: u32) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(pem.as_bytes()))
        .with_context(|| format!("failed to write {}", path.display()))
}

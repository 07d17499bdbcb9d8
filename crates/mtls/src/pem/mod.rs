//! Reads PEM files with certificates and private keys, completely or not at all.
//!
//! Operators' files have been joined, converted and mailed. Every block is read or refused with its line number; none
//! is skipped silently. Errors quote nothing of the file.
//!
//! Sources: RFC 7468 (textual encodings); RFC 1421, section 4.6 (headers inside a block); openssl-format-options(1)
//! and `PEM_read_bio_X509_AUX` of OpenSSL (the labels `X509 CERTIFICATE` and `TRUSTED CERTIFICATE`). The available
//! libraries (rustls-pki-types 1.16, x509-parser 0.18, pem 4.0) silently drop blocks that begin on the line on which
//! another ends, after a byte-order mark, indented, or under another label.

mod blocks;
mod der;
mod error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use blocks::{Block, Label, blocks};

pub use error::PemError;

/// The certificates of a file, in order, and its other blocks.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Certificates {
    /// The certificates.
    pub certificates: Vec<PemCertificate>,
    /// Blocks that are not certificates but occur in such files: keys and parameters.
    pub others: Vec<OtherBlock>,
}

/// A certificate of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PemCertificate {
    /// The line on which its block begins, counted from 1.
    pub line: usize,
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// Whether the file marks it as not trusted for TLS servers (`openssl x509 -addreject`, or `-addtrust` for
    /// another purpose).
    pub distrusted: bool,
}

/// A block that is not a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OtherBlock {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// A description of its content.
    pub what: &'static str,
}

impl Certificates {
    /// Reads all certificates of a file. Text between the blocks may be anything, in any encoding.
    ///
    /// # Errors
    ///
    /// If there is no certificate, or a block cannot be read and is neither a key nor parameters.
    pub fn from_pem(file: &[u8]) -> Result<Self, PemError> {
        let mut read = Self::default();
        for block in blocks(file)? {
            let line = block.line;
            match block.label {
                Label::Certificate | Label::TrustedCertificate => read.certificates.push(certificate(block)?),
                Label::PrivateKey(_)
                | Label::EncryptedKey
                | Label::OtherPrivateKey
                | Label::PublicKey
                | Label::Parameters => {
                    read.others.push(OtherBlock { line, what: block.label.what() });
                }
                label => return Err(PemError::NotCertificate { line, what: label.what() }),
            }
        }
        if read.certificates.is_empty() { Err(none(file, "CERTIFICATE")) } else { Ok(read) }
    }

    /// Returns only the certificates.
    pub fn into_der(self) -> Vec<CertificateDer<'static>> {
        self.certificates.into_iter().map(|certificate| certificate.der).collect()
    }
}

fn certificate(block: Block) -> Result<PemCertificate, PemError> {
    let Block { line, label, bytes } = block;
    let unreadable = PemError::Unreadable { line };
    let (der, rest) = der::first_element(&bytes).ok_or(unreadable)?;
    let distrusted = match (label, rest) {
        (_, []) => false,
        // The certificate is followed by its trust settings.
        (Label::TrustedCertificate, rest) => der::distrusts_servers(rest).map_err(|_| unreadable)?,
        _ => return Err(unreadable),
    };
    x509_parser::parse_x509_certificate(der).map_err(|_| unreadable)?;
    Ok(PemCertificate { line, der: CertificateDer::from(der.to_vec()), distrusted })
}

/// Reads the private key of a file: PKCS #8, PKCS #1 or SEC 1. Certificates, public keys and parameters are skipped.
///
/// # Errors
///
/// If there is no private key or more than one, if it is encrypted, or if a block cannot be read.
pub fn private_key(file: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let mut found: Option<(usize, PrivateKeyDer<'static>)> = None;
    for Block { line, label, bytes } in blocks(file)? {
        let key = match label {
            Label::PrivateKey(kind) => kind.key(bytes).ok_or(PemError::Unreadable { line })?,
            Label::EncryptedKey => return Err(PemError::Encrypted { line }),
            Label::OtherPrivateKey | Label::Unknown => {
                return Err(PemError::NotKey { line, what: label.what() });
            }
            _ => continue,
        };
        match &found {
            None => found = Some((line, key)),
            Some((_, other)) if *other == key => {}
            Some((first, _)) => return Err(PemError::TwoKeys { first: *first, line }),
        }
    }
    found.map(|(_, key)| key).ok_or_else(|| none(file, "PRIVATE KEY"))
}

/// Writes certificates as PEM with lines of 64 characters (RFC 7468, section 2) and no text between blocks.
pub fn certificates_to_pem<'a>(certificates: impl IntoIterator<Item = &'a CertificateDer<'a>>) -> String {
    certificates.into_iter().map(|certificate| block("CERTIFICATE", certificate)).collect()
}

/// Writes a private key as PEM.
pub fn private_key_to_pem(key: &PrivateKeyDer<'_>) -> String {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    block(label, key.secret_der())
}

fn block(label: &str, bytes: &[u8]) -> String {
    let base64 = STANDARD.encode(bytes);
    let lines = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("base64 is ASCII"));
    let lines: String = lines.flat_map(|line| [line, "\n"]).collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

/// Says why a file without damage has no block of a kind.
fn none(file: &[u8], wanted: &'static str) -> PemError {
    // A SEQUENCE, or the beginning of a long one: certificates, keys, PKCS #7 and PKCS #12 begin this way.
    let is_whole = der::first_element(file).is_some_and(|(_, rest)| rest.is_empty());
    let is_der = is_whole || matches!(file, [0x30, 0x80..=0x84, ..]);
    if is_der { PemError::Der } else { PemError::Nothing { wanted } }
}

#[cfg(test)]
mod tests;

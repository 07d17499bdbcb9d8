//! Finds the blocks of a PEM file, however they are joined, indented or surrounded.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::der;
use super::error::PemError;

const DASHES: &[u8] = b"-----";
/// Maximum length of a label, in bytes.
const MAX_LABEL: usize = 64;
/// UTF-8's byte-order mark, a no-break space and a zero-width space, which editors, shells and web pages insert
/// between and before lines.
const INVISIBLE: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xc2\xa0", b"\xe2\x80\x8b"];

/// Base64 as OpenSSL accepts it: padding may be missing, and bits beyond the last byte are ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One block.
pub(super) struct Block {
    /// The line on which it begins, counted from 1.
    pub(super) line: usize,
    /// The label.
    pub(super) label: Label,
    /// The content.
    pub(super) bytes: Vec<u8>,
}

/// The label of a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Label {
    Certificate,
    TrustedCertificate,
    PrivateKey(KeyKind),
    EncryptedKey,
    OtherPrivateKey,
    PublicKey,
    Parameters,
    Request,
    Crl,
    Pkcs7,
    Unknown,
}

/// The format of a private key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KeyKind {
    Pkcs8,
    Pkcs1,
    Sec1,
}

impl KeyKind {
    pub(super) fn key(self, bytes: Vec<u8>) -> Option<PrivateKeyDer<'static>> {
        der::first_element(&bytes).filter(|(_, rest)| rest.is_empty())?;
        Some(match self {
            Self::Pkcs8 => PrivatePkcs8KeyDer::from(bytes).into(),
            Self::Pkcs1 => PrivatePkcs1KeyDer::from(bytes).into(),
            Self::Sec1 => PrivateSec1KeyDer::from(bytes).into(),
        })
    }
}

impl Label {
    fn of(text: &str) -> Self {
        match text {
            "CERTIFICATE" | "X509 CERTIFICATE" | "X.509 CERTIFICATE" => Self::Certificate,
            "TRUSTED CERTIFICATE" => Self::TrustedCertificate,
            "PRIVATE KEY" => Self::PrivateKey(KeyKind::Pkcs8),
            "RSA PRIVATE KEY" => Self::PrivateKey(KeyKind::Pkcs1),
            "EC PRIVATE KEY" => Self::PrivateKey(KeyKind::Sec1),
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::PublicKey,
            "EC PARAMETERS" | "DH PARAMETERS" | "X9.42 DH PARAMETERS" | "DSA PARAMETERS" => Self::Parameters,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::Request,
            "X509 CRL" | "CRL" => Self::Crl,
            "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => Self::Pkcs7,
            other if other.ends_with("PRIVATE KEY") => Self::OtherPrivateKey,
            _ => Self::Unknown,
        }
    }

    /// Describes the label without quoting the file.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Certificate | Self::TrustedCertificate => "a certificate",
            Self::PrivateKey(_) => "a private key",
            Self::EncryptedKey => "an encrypted private key",
            Self::OtherPrivateKey => "a private key of another kind",
            Self::PublicKey => "a public key",
            Self::Parameters => "parameters",
            Self::Request => "a certificate request",
            Self::Crl => "a revocation list",
            Self::Pkcs7 => "a PKCS #7 bundle (openssl pkcs7 -print_certs shows its certificates)",
            Self::Unknown => "something else",
        }
    }
}

/// Returns all blocks of a file.
pub(super) fn blocks(file: &[u8]) -> Result<Vec<Block>, PemError> {
    let text = Text(&as_ascii_superset(file));
    let (mut blocks, mut at) = (Vec::new(), 0);
    while let Some(word) = text.next_word(at) {
        let marker = || PemError::Marker { line: text.line(word.at) };
        if !word.is_marker {
            // Prose may contain these words too; a damaged marker is followed by a label.
            if text.label(word.after).is_some_and(|(label, _)| is_telling(&label)) {
                return Err(marker());
            }
            at = word.after;
            continue;
        }
        let line = text.line(word.at);
        if !word.begins {
            return Err(PemError::NotBegun { line });
        }
        let (label, after) = text.label(word.after).ok_or_else(marker)?;
        if !text.0[after..].starts_with(DASHES) {
            return Err(marker());
        }
        let body = after + text.0[after..].iter().take_while(|byte| **byte == b'-').count();
        let end = text.end(body, &label, line)?;
        blocks.push(text.block(line, &label, body, end.body_ends)?);
        at = end.after;
    }
    Ok(blocks)
}

/// The end of a block.
struct End {
    body_ends: usize,
    after: usize,
}

/// `BEGIN` or `END` somewhere in a file.
struct Word {
    /// Its position, including its dashes.
    at: usize,
    after: usize,
    begins: bool,
    /// Whether five dashes precede it.
    is_marker: bool,
}

/// A file as bytes in an encoding that contains ASCII.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    /// Returns the line number, from 1. A line ends with LF, CR LF, or CR.
    fn line(&self, at: usize) -> usize {
        let before = &self.0[..at];
        let breaks = before.iter().enumerate().filter(|(index, byte)| match byte {
            b'\n' => true,
            b'\r' => self.0.get(index + 1) != Some(&b'\n'),
            _ => false,
        });
        1 + breaks.count()
    }

    /// Finds the next `BEGIN` or `END` that is a whole word, in any case.
    fn next_word(&self, from: usize) -> Option<Word> {
        (from..self.0.len()).find_map(|at| {
            let rest = &self.0[at..];
            let begins = starts_with(rest, b"BEGIN");
            let length = if begins { 5 } else { 3 };
            let in_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let before = at.checked_sub(1).and_then(|before| self.0.get(before));
            if !(begins || starts_with(rest, b"END")) || in_word(before) || in_word(rest.get(length)) {
                return None;
            }
            let is_marker = self.0[from..at].ends_with(DASHES);
            let dashes = if is_marker { DASHES.len() } else { 0 };
            Some(Word { at: at - dashes, after: at + length, begins, is_marker })
        })
    }

    /// Reads the label at this position, normalised to single spaces and capitals, and its end.
    fn label(&self, from: usize) -> Option<(String, usize)> {
        let rest = &self.0[from..];
        let length = rest.iter().take(MAX_LABEL + 1).take_while(|byte| is_label(**byte)).count();
        let words = str::from_utf8(&rest[..length]).ok()?.split_ascii_whitespace();
        let label = words.collect::<Vec<_>>().join(" ").to_ascii_uppercase();
        (length <= MAX_LABEL).then_some((label, from + length))
    }

    /// Finds the end of a block whose body starts here.
    fn end(&self, body: usize, label: &str, line: usize) -> Result<End, PemError> {
        let found = self.0[body..].windows(DASHES.len()).position(|window| window == DASHES);
        let body_ends = body + found.ok_or(PemError::Endless { line })?;
        let marker = &self.0[body_ends + DASHES.len()..];
        if !starts_with(marker, b"END") {
            return Err(PemError::Endless { line });
        }
        let end = self.line(body_ends);
        let (ends_as, after) =
            self.label(body_ends + DASHES.len() + b"END".len()).ok_or(PemError::Marker { line: end })?;
        if ends_as != label {
            return Err(PemError::OtherEnd { line, end });
        }
        if !self.0[after..].starts_with(DASHES) {
            return Err(PemError::Marker { line: end });
        }
        Ok(End { body_ends, after: after + DASHES.len() })
    }

    fn block(&self, line: usize, label: &str, body: usize, body_ends: usize) -> Result<Block, PemError> {
        let (base64, headers) = self.without_headers(body, body_ends);
        let encrypted = headers.windows(9).any(|window| window.eq_ignore_ascii_case(b"ENCRYPTED"));
        let label = Label::of(label);
        if encrypted && matches!(label, Label::PrivateKey(_) | Label::OtherPrivateKey) {
            // RFC 1421, section 4.6.1.1: the content is encrypted.
            return Ok(Block { line, label: Label::EncryptedKey, bytes: Vec::new() });
        }
        let mut symbols = Vec::with_capacity(body_ends - base64);
        let mut at = base64;
        while at < body_ends {
            let rest = &self.0[at..body_ends];
            if let Some(invisible) = INVISIBLE.into_iter().find(|bytes| rest.starts_with(bytes)) {
                at += invisible.len();
                continue;
            }
            match rest[0] {
                byte if byte.is_ascii_whitespace() || byte == 0x0b => {}
                byte if byte.is_ascii_alphanumeric() || b"+/=".contains(&byte) => symbols.push(byte),
                _ => return Err(PemError::NotBase64 { line: self.line(at) }),
            }
            at += 1;
        }
        let bytes = BASE64.decode(&symbols).map_err(|_| PemError::Unreadable { line })?;
        if bytes.is_empty() { Err(PemError::Unreadable { line }) } else { Ok(Block { line, label, bytes }) }
    }

    /// Splits off the headers of RFC 1421, which end with an empty line, and returns them.
    fn without_headers(&self, body: usize, body_ends: usize) -> (usize, &[u8]) {
        let all = &self.0[body..body_ends];
        let Some(last) = all.iter().rposition(|byte| *byte == b':') else { return (body, &[]) };
        // The empty line after the last header; continuation lines are not empty.
        let mut at = last;
        let mut empty = false;
        while let Some(offset) = all[at..].iter().position(|byte| *byte == b'\n' || *byte == b'\r') {
            at += offset + 1;
            if all[at - 1] == b'\r' && all.get(at) == Some(&b'\n') {
                at += 1;
            }
            if empty_line(&all[at..]) {
                empty = true;
                break;
            }
        }
        if empty { (body + at, &all[..at]) } else { (body, &[]) }
    }
}

/// Says whether this position starts a blank line.
fn empty_line(rest: &[u8]) -> bool {
    let line = rest.iter().position(|byte| *byte == b'\n' || *byte == b'\r').map(|end| &rest[..end]);
    line.is_some_and(|line| line.iter().all(u8::is_ascii_whitespace))
}

fn starts_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" \t.#/_".contains(&byte)
}

/// Says whether a label is one that is read here, so that the text before it must have been a marker.
fn is_telling(label: &str) -> bool {
    Label::of(label) != Label::Unknown
}

/// Converts a file to an encoding in which each ASCII character is one byte. UTF-16, which some editors write, is
/// recognised by its byte-order mark.
fn as_ascii_superset(file: &[u8]) -> Cow<'_, [u8]> {
    let unit = match file.get(..2) {
        Some([0xff, 0xfe]) => u16::from_le_bytes,
        Some([0xfe, 0xff]) => u16::from_be_bytes,
        _ => return Cow::Borrowed(file),
    };
    let (units, _) = file[2..].as_chunks::<2>();
    let byte = |unit| match unit {
        // See `INVISIBLE`.
        0xfeff | 0xa0 | 0x200b => b' ',
        unit => u8::try_from(unit).ok().filter(u8::is_ascii).unwrap_or(b'?'),
    };
    Cow::Owned(units.iter().map(|bytes| byte(unit(*bytes))).collect())
}

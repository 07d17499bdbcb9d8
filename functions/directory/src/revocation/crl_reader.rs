//! Parses a revocation list (RFC 5280, section 5) into the data that decisions need: dates, scope and hashes of
//! serials. Builds no objects for its entries, of which there may be hundreds of thousands. Pure.

mod entries;
mod refusal;
mod scope;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use jiff::Timestamp;
use mtls::revocation::Authority;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;

use self::entries::Entries;
pub(super) use self::refusal::CrlRefusal;
pub(super) use self::scope::Kind;
pub(super) use self::scope::Scope;
use super::envelope::{Signed, Unsigned, extensions, is_time, time};
use mtls::der::{INTEGER, Reader, SEQUENCE, constructed};

/// Extensions of a list that are accepted although critical: authorityKeyIdentifier (the key is known),
/// issuerAltName, cRLNumber and freshestCRL (a list counts by its dates), authorityInfoAccess (RFC 5280, section
/// 5.2).
const KNOWN: [&[u8]; 5] = [
    &[0x55, 0x1d, 35],
    &[0x55, 0x1d, 18],
    &[0x55, 0x1d, 20],
    &[0x55, 0x1d, 46],
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01],
];
/// id-ce-deltaCRLIndicator (RFC 5280, section 5.2.4).
const DELTA: &[u8] = &[0x55, 0x1d, 27];
/// id-ce-issuingDistributionPoint (RFC 5280, section 5.2.5).
const SCOPE: &[u8] = &[0x55, 0x1d, 28];

/// A list with a valid signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Crl {
    /// When it was issued: `thisUpdate`.
    pub(super) this_update: Timestamp,
    /// When its successor is due: it is valid until then.
    pub(super) next_update: Timestamp,
    /// The certificates that it covers.
    pub(super) scope: Scope,
    /// Whether it only holds changes since another list.
    pub(super) is_delta: bool,
    /// The hashes ([`serial_hash`](mtls::revocation::serial_hash)) of permanently revoked serials, sorted, without
    /// duplicates.
    pub(super) revoked: Vec<u64>,
    /// The hashes of serials on hold (certificateHold), sorted, without duplicates.
    pub(super) held: Vec<u64>,
}

/// Parses an authority's list, in DER or PEM.
///
/// `may_sign_lists` is the usage of the authority's key, if its certificate states one. The signature is checked
/// before anything but the issuer is read. Whether the list is current is not decided here: what a list revokes is
/// revoked whatever its dates.
pub(super) fn read(
    list: &[u8],
    authority: &Authority,
    may_sign_lists: Option<bool>,
) -> Result<Crl, CrlRefusal> {
    let der = unarmoured(list)?;
    let mut outer = Reader::new(&der);
    let mut list = outer.sequence()?;
    outer.end()?;
    let signed = Signed::read(&mut list)?;
    list.end()?;
    let mut fields = signed.content;
    let version = fields.optional(INTEGER)?;
    let algorithm = fields.read(SEQUENCE)?;
    if fields.read(SEQUENCE)? != authority.subject {
        return Err(CrlRefusal::OtherIssuer);
    }
    if may_sign_lists == Some(false) {
        return Err(CrlRefusal::NotSigner);
    }
    signed.verify(&authority.spki_der()).map_err(|unsigned| match unsigned {
        Unsigned::Algorithm => CrlRefusal::Unsupported,
        Unsigned::Signature => CrlRefusal::Signature,
    })?;
    // RFC 5280, section 5.1.1.2: the signed algorithm must be the one that was used.
    if algorithm != signed.algorithm {
        return Err(CrlRefusal::Signature);
    }
    // Version 2, or version 1, which is absent in RFC 5280.
    if !matches!(version, None | Some([0 | 1])) {
        return Err(CrlRefusal::Unsupported);
    }
    content(fields)
}

/// Parses the fields after the issuer.
fn content(mut fields: Reader<'_>) -> Result<Crl, CrlRefusal> {
    let this_update = time(&mut fields)?;
    let next_update = is_time(fields).then(|| time(&mut fields)).transpose()?;
    let entries = fields.optional(SEQUENCE)?.unwrap_or_default();
    let extended = fields.optional(constructed(0))?;
    fields.end()?;
    let (scope, is_delta) = match extended {
        Some(wrapped) => list_extensions(wrapped)?,
        None => (Scope::default(), false),
    };
    // RFC 5280, section 5.1.2.5: mandatory. Without it, the list has no end of validity.
    let next_update = next_update.ok_or(CrlRefusal::Unsupported)?;
    let Entries { revoked, held } = entries::read(Reader::new(entries), scope.indirect)?;
    Ok(Crl { this_update, next_update, scope, is_delta, revoked, held })
}

/// Parses the scope of a list, and whether it is a delta.
fn list_extensions(wrapped: &[u8]) -> Result<(Scope, bool), CrlRefusal> {
    let mut wrapped = Reader::new(wrapped);
    let sequence = wrapped.sequence()?;
    wrapped.end()?;
    let (mut found, mut is_delta) = (None, false);
    for extension in extensions(sequence) {
        let extension = extension?;
        match extension.oid {
            // A duplicate scope is ambiguous.
            SCOPE if found.is_some() => return Err(CrlRefusal::NotCrl),
            SCOPE => found = Some(scope::read(extension.value)?),
            DELTA => is_delta = true,
            oid if extension.critical && !KNOWN.contains(&oid) => return Err(CrlRefusal::Unsupported),
            _ => {}
        }
    }
    Ok((found.unwrap_or_default(), is_delta))
}

/// Decodes a list in PEM, which some authorities serve.
fn unarmoured(list: &[u8]) -> Result<Cow<'_, [u8]>, CrlRefusal> {
    if list.first() == Some(&SEQUENCE) {
        return Ok(Cow::Borrowed(list));
    }
    let text = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list);
    let mut lists = CertificateRevocationListDer::pem_slice_iter(text);
    match (lists.next(), lists.next()) {
        (Some(Ok(list)), None) => Ok(Cow::Owned(list.to_vec())),
        _ => Err(CrlRefusal::NotCrl),
    }
}

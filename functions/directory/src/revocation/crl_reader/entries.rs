//! The entries of a list: serials that are revoked or on hold (RFC 5280, section 5.3).

use mtls::revocation::serial_hash;

use super::super::envelope::{extensions, is_time};
use super::refusal::CrlRefusal;
use mtls::der::{ENUMERATED, Reader, SEQUENCE, unpadded};

/// id-ce-cRLReasons (RFC 5280, section 5.3.1).
const REASON: &[u8] = &[0x55, 0x1d, 21];
/// id-ce-certificateIssuer (RFC 5280, section 5.3.3).
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];
/// id-ce-holdInstructionCode (RFC 3280, section 5.3.2) and id-ce-invalidityDate (RFC 5280, section 5.3.2): neither
/// changes whether a serial is revoked.
const KNOWN: [&[u8]; 2] = [&[0x55, 0x1d, 23], &[0x55, 0x1d, 24]];
const CERTIFICATE_HOLD: &[u8] = &[6];
const REMOVE_FROM_CRL: &[u8] = &[8];

/// Hashes of serials, sorted, without duplicates.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) revoked: Vec<u64>,
    pub(super) held: Vec<u64>,
}

/// The effect of an entry on its serial.
enum Effect {
    Revoked,
    Held,
    /// The serial is no longer on the list.
    Removed,
}

/// Parses entries. Only indirect lists may have an issuer in an entry.
pub(super) fn read(mut entries: Reader<'_>, indirect: bool) -> Result<Entries, CrlRefusal> {
    let (mut revoked, mut held) = (Vec::new(), Vec::new());
    while !entries.is_empty() {
        let mut entry = entries.sequence()?;
        let serial = entry.integer()?;
        // The time of revocation decides nothing.
        if !is_time(entry) {
            return Err(CrlRefusal::NotCrl);
        }
        entry.element()?;
        let extended = entry.optional(SEQUENCE)?;
        entry.end()?;
        match extended.map_or(Ok(Effect::Revoked), |extended| effect(extended, indirect))? {
            Effect::Revoked => revoked.push(serial_hash(serial)),
            Effect::Held => held.push(serial_hash(serial)),
            Effect::Removed => {}
        }
    }
    for hashes in [&mut revoked, &mut held] {
        hashes.sort_unstable();
        hashes.dedup();
        hashes.shrink_to_fit();
    }
    Ok(Entries { revoked, held })
}

fn effect(extended: &[u8], indirect: bool) -> Result<Effect, CrlRefusal> {
    let mut reason = None;
    for extension in extensions(Reader::new(extended)) {
        let extension = extension?;
        match extension.oid {
            // A duplicate reason is ignored.
            REASON if reason.is_some() => reason = Some(&[][..]),
            // The serial is on the list whatever the code is and however it is encoded.
            REASON => {
                let code = Reader::new(extension.value).read(ENUMERATED);
                reason = Some(code.map(unpadded).unwrap_or_default());
            }
            CERTIFICATE_ISSUER if indirect => {}
            CERTIFICATE_ISSUER => return Err(CrlRefusal::Unsupported),
            oid if extension.critical && !KNOWN.contains(&oid) => return Err(CrlRefusal::Unsupported),
            _ => {}
        }
    }
    Ok(match reason {
        Some(CERTIFICATE_HOLD) => Effect::Held,
        Some(REMOVE_FROM_CRL) => Effect::Removed,
        _ => Effect::Revoked,
    })
}

//! The common parts of lists and statuses: signed envelope, extensions and times. Pure.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use thiserror::Error;
use webpki::RawPublicKeyEntity;

use mtls::der::{
    BIT_STRING, BOOLEAN, GENERALIZED_TIME, NotDer, OCTET_STRING, OID, Reader, SEQUENCE, UTC_TIME, boolean,
};

/// A message and its signature as received (RFC 5280, section 5.1; RFC 6960, section 4.2.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    /// The whole message in DER, which is what is signed.
    pub(super) message: &'a [u8],
    /// The content of the message.
    pub(super) content: Reader<'a>,
    /// The content of the `AlgorithmIdentifier`.
    pub(super) algorithm: &'a [u8],
    signature: &'a [u8],
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum Unsigned {
    #[error("signatures of this algorithm are not accepted")]
    Algorithm,
    #[error("the signature is not the key's")]
    Signature,
}

impl<'a> Signed<'a> {
    /// Parses message, algorithm and signature, which follow each other.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, NotDer> {
        let message = reader.element()?;
        let algorithm = reader.read(SEQUENCE)?;
        let signature = bits(reader.read(BIT_STRING)?)?;
        if message.tag != SEQUENCE {
            return Err(NotDer);
        }
        Ok(Self { message: message.whole, content: Reader::new(message.content), algorithm, signature })
    }

    /// Verifies the signature with a public key, a `SubjectPublicKeyInfo` with its outer header, and the algorithms
    /// accepted in handshakes: SHA-1 is not.
    pub(super) fn verify(&self, spki: &[u8]) -> Result<(), Unsigned> {
        let provider = default_provider().signature_verification_algorithms;
        let mut algorithms = provider
            .all
            .iter()
            .filter(|known| known.signature_alg_id().as_ref() == self.algorithm)
            .peekable();
        if algorithms.peek().is_none() {
            return Err(Unsigned::Algorithm);
        }
        let spki = SubjectPublicKeyInfoDer::from(spki);
        let key = RawPublicKeyEntity::try_from(&spki).map_err(|_| Unsigned::Signature)?;
        // One identifier stands for several curves.
        if algorithms.any(|known| key.verify_signature(*known, self.message, self.signature).is_ok()) {
            Ok(())
        } else {
            Err(Unsigned::Signature)
        }
    }
}

/// Parses a bit string of whole bytes.
pub(super) fn bits(content: &[u8]) -> Result<&[u8], NotDer> {
    match content {
        [0, bytes @ ..] => Ok(bytes),
        _ => Err(NotDer),
    }
}

/// An extension (RFC 5280, section 4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension<'a> {
    /// The content of its object identifier.
    pub(super) oid: &'a [u8],
    pub(super) critical: bool,
    /// The content of its octet string.
    pub(super) value: &'a [u8],
}

/// Parses a sequence of extensions.
pub(super) fn extensions(mut reader: Reader<'_>) -> impl Iterator<Item = Result<Extension<'_>, NotDer>> {
    std::iter::from_fn(move || {
        if reader.is_empty() {
            return None;
        }
        let read = extension(&mut reader);
        if read.is_err() {
            reader = Reader::new(&[]);
        }
        Some(read)
    })
}

fn extension<'a>(reader: &mut Reader<'a>) -> Result<Extension<'a>, NotDer> {
    let mut fields = reader.sequence()?;
    let oid = fields.read(OID)?;
    let critical = fields.optional(BOOLEAN)?.map(boolean).transpose()?.unwrap_or(false);
    let value = fields.read(OCTET_STRING)?;
    fields.end()?;
    Ok(Extension { oid, critical, value })
}

/// Says whether the next value is a time.
pub(super) fn is_time(reader: Reader<'_>) -> bool {
    matches!(reader.peek(), Some(UTC_TIME | GENERALIZED_TIME))
}

/// Parses a `UTCTime` or a `GeneralizedTime` (RFC 5280, section 4.1.2.5).
///
/// A fraction of a second is dropped, although RFC 5280 allows none: nothing depends on it.
pub(super) fn time(reader: &mut Reader<'_>) -> Result<Timestamp, NotDer> {
    let element = reader.element()?;
    let text = element.content.strip_suffix(b"Z").ok_or(NotDer)?;
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = number(text, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => number(text, 4)?,
        _ => return Err(NotDer),
    };
    let (month, rest) = number(rest, 2)?;
    let (day, rest) = number(rest, 2)?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest, 2)?;
    let (second, rest) = number(rest, 2)?;
    match rest {
        [] => {}
        [b'.' | b',', digits @ ..] if element.tag == GENERALIZED_TIME && !digits.is_empty() => {
            digits.iter().all(u8::is_ascii_digit).then_some(()).ok_or(NotDer)?;
        }
        _ => return Err(NotDer),
    }
    let small = |number: i16| i8::try_from(number).map_err(|_| NotDer);
    let date =
        DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0)
            .map_err(|_| NotDer)?;
    // 99991231235959Z means no end (RFC 5280, section 4.1.2.5); `Timestamp` ends a day before it.
    Ok(date.to_zoned_datetime(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp()))
}

/// Parses a number with this many digits.
fn number(text: &[u8], digits: usize) -> Result<(i16, &[u8]), NotDer> {
    let (digits, rest) = text.split_at_checked(digits).ok_or(NotDer)?;
    let number = digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0')).ok_or(NotDer)
    })?;
    Ok((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mtls::der::value;

    fn read(tag: u8, text: &str) -> Result<String, NotDer> {
        time(&mut Reader::new(&value(tag, &[text.as_bytes()]))).map(|time| time.to_string())
    }

    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, expected) in [
            (UTC_TIME, "261129200500Z", "2026-11-29T20:05:00Z"),
            (UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z"),
            (UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z"),
            (GENERALIZED_TIME, "20261129200500Z", "2026-11-29T20:05:00Z"),
            (GENERALIZED_TIME, "20261129200500.5Z", "2026-11-29T20:05:00Z"),
            (GENERALIZED_TIME, "20261129200500.123456789Z", "2026-11-29T20:05:00Z"),
            (GENERALIZED_TIME, "20261129200500,25Z", "2026-11-29T20:05:00Z"),
        ] {
            assert_eq!(read(tag, text).as_deref(), Ok(expected), "{text}");
        }
        let endless = time(&mut Reader::new(&value(GENERALIZED_TIME, &[b"99991231235959Z"])));
        assert_eq!(endless, Ok(Timestamp::MAX));
    }

    #[test]
    fn an_invalid_time_is_refused() {
        for (tag, text) in [
            (UTC_TIME, ""),
            (UTC_TIME, "Z"),
            (UTC_TIME, "2611292005Z"),
            (UTC_TIME, "261129200500"),
            (UTC_TIME, "261129200500+0000"),
            (UTC_TIME, "261129200500.5Z"),
            (UTC_TIME, "261329200500Z"),
            (UTC_TIME, "2611292005é0Z"),
            (GENERALIZED_TIME, "20260229000000Z"),
            (GENERALIZED_TIME, "20261129200500.Z"),
            (GENERALIZED_TIME, "20261129200500.5.5Z"),
            (GENERALIZED_TIME, "-0261129200500Z"),
            (BOOLEAN, "261129200500Z"),
        ] {
            assert_eq!(read(tag, text), Err(NotDer), "{text}");
        }
    }
}

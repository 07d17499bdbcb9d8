//! Writes DER (X.690): whatever it is told to, right or wrong.

/// The tag of a `SEQUENCE`.
pub const SEQUENCE: u8 = 0x30;
/// The tag of a `SET`.
pub const SET: u8 = 0x31;
/// The tag of an `INTEGER`.
pub const INTEGER: u8 = 0x02;
/// The tag of a `BIT STRING`.
pub const BIT_STRING: u8 = 0x03;
/// The tag of an `OCTET STRING`.
pub const OCTET_STRING: u8 = 0x04;
/// The tag of an `OBJECT IDENTIFIER`.
pub const OID: u8 = 0x06;
/// The tag of an `ENUMERATED`.
pub const ENUMERATED: u8 = 0x0a;
/// `TRUE`.
pub const TRUE: &[u8] = &[0x01, 0x01, 0xff];

/// Writes one value of these parts.
pub fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let length = length.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
    let mut der = vec![tag];
    match length.as_slice() {
        [] => der.push(0),
        [short @ 0..=0x7f] => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(&content);
    der
}

/// Writes a `SEQUENCE`.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(SEQUENCE, parts)
}

/// Writes an extension (RFC 5280, section 4.1).
pub fn extension(oid: &[u8], critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { TRUE } else { &[] };
    sequence(&[&value(OID, &[oid]), critical, &value(OCTET_STRING, &[content])])
}

/// Writes a name of one common name.
pub fn name(common_name: &str) -> Vec<u8> {
    let attribute = sequence(&[&value(OID, &[&[0x55, 4, 3]]), &value(0x0c, &[common_name.as_bytes()])]);
    sequence(&[&value(SET, &[&attribute])])
}

/// Writes a time: a `UTCTime` until 2049, a `GeneralizedTime` after (RFC 5280, section 4.1.2.5).
pub fn time(at: jiff::Timestamp) -> Vec<u8> {
    let (tag, format) = if at.strftime("%Y").to_string().as_str() < "2050" {
        (0x17, "%y%m%d%H%M%SZ")
    } else {
        (0x18, "%Y%m%d%H%M%SZ")
    };
    value(tag, &[at.strftime(format).to_string().as_bytes()])
}

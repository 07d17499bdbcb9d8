//! As much of DER as it takes to see where an element ends, and what OpenSSL trusts a certificate for.
//!
//! Sources: X.690, sections 8.1 and 10.1; `X509_CERT_AUX` in OpenSSL's `crypto/x509/x_x509a.c`:
//! `SEQUENCE { trust SEQUENCE OF OID OPTIONAL, reject [0] SEQUENCE OF OID OPTIONAL, alias, keyid, other }`.

const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const REJECT: u8 = 0xa0;
/// `id-kp-serverAuth`, 1.3.6.1.5.5.7.3.1.
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// `anyExtendedKeyUsage`, 2.5.29.37.0.
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0];

/// Splits the first element, which is a SEQUENCE, from what follows it.
pub(super) fn first_element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, contents, rest) = element(bytes)?;
    (tag == SEQUENCE && !contents.is_empty()).then(|| bytes.split_at(bytes.len() - rest.len()))
}

/// Says whether what OpenSSL writes behind a trusted certificate keeps it from vouching for TLS servers; nothing if it cannot be
/// read.
pub(super) fn distrusts_servers(auxiliary: &[u8]) -> Option<bool> {
    let (SEQUENCE, mut fields, []) = element(auxiliary)? else { return None };
    let (mut trusts, mut rejects) = (Vec::new(), Vec::new());
    while !fields.is_empty() {
        let (tag, contents, rest) = element(fields)?;
        match tag {
            SEQUENCE => trusts = usages(contents)?,
            REJECT => rejects = usages(contents)?,
            _ => {}
        }
        fields = rest;
    }
    let names = |usages: &[&[u8]]| usages.iter().any(|usage| [SERVER_AUTH, ANY_USAGE].contains(usage));
    Some(names(&rejects) || !(trusts.is_empty() || names(&trusts)))
}

fn usages(mut list: &[u8]) -> Option<Vec<&[u8]>> {
    let mut usages = Vec::new();
    while !list.is_empty() {
        let (OID, usage, rest) = element(list)? else { return None };
        usages.push(usage);
        list = rest;
    }
    Some(usages)
}

/// Splits an element into tag, contents and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

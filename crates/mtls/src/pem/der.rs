//! Where an element of DER ends, and OpenSSL's trust settings of a certificate.
//!
//! Source: `X509_CERT_AUX` in OpenSSL's `crypto/x509/x_x509a.c`: `SEQUENCE { trust SEQUENCE OF OID OPTIONAL, reject [0]
//! SEQUENCE OF OID OPTIONAL, alias, keyid, other }`.

use crate::der::{NotDer, OID, Reader, SEQUENCE, constructed};

/// The tag of `reject`.
const REJECT: u8 = constructed(0);
/// `id-kp-serverAuth`, 1.3.6.1.5.5.7.3.1.
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// `anyExtendedKeyUsage`, 2.5.29.37.0.
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0];

/// Splits off the first element, which must be a SEQUENCE that is not empty.
pub(super) fn first_element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(bytes);
    let element = reader.element().ok()?;
    (element.tag == SEQUENCE && !element.content.is_empty()).then(|| (element.whole, reader.rest()))
}

/// Says whether the trust settings that OpenSSL appends to a certificate exclude TLS servers; an error if they
/// cannot be read.
pub(super) fn distrusts_servers(auxiliary: &[u8]) -> Result<bool, NotDer> {
    let mut outer = Reader::new(auxiliary);
    let mut fields = outer.sequence()?;
    outer.end()?;
    let (mut trusts, mut rejects) = (Vec::new(), Vec::new());
    while !fields.is_empty() {
        let field = fields.element()?;
        match field.tag {
            SEQUENCE => trusts = usages(field.content)?,
            REJECT => rejects = usages(field.content)?,
            _ => {}
        }
    }
    let names = |usages: &[&[u8]]| usages.iter().any(|usage| [SERVER_AUTH, ANY_USAGE].contains(usage));
    Ok(names(&rejects) || !(trusts.is_empty() || names(&trusts)))
}

fn usages(list: &[u8]) -> Result<Vec<&[u8]>, NotDer> {
    let (mut list, mut usages) = (Reader::new(list), Vec::new());
    while !list.is_empty() {
        usages.push(list.read(OID)?);
    }
    Ok(usages)
}

//! Checks a certificate as a BRCAC, the client certificate of Open Finance Brasil.
//!
//! Source: OpenBanking-Brasil/specs-seguranca, `open-banking-brasil-certificate-standards-1_ID1.md`, "Client
//! Certificate"; "Padrão de Certificados" 2.1 of the portal has the same table.

use certificates::{printable, subject_of};
use jiff::Timestamp;
use mtls::Expiry;
use mtls::pem::Certificates;
use rustls_pki_types::CertificateDer;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;

use super::certificate::{Certificate, SHA256_WITH_RSA, is_self_issued};
use super::chain::in_order;
use super::findings::Review;

/// `organizationIdentifier`, of X.520, and its prefix.
const ORGANIZATION_IDENTIFIER: &str = "2.5.4.97";
const PARTICIPANT: &str = "OFBBR-";
/// `UID`, of RFC 4519.
const USER_ID: &str = "0.9.2342.19200300.100.1.1";
/// `serialNumber`, of X.520.
const SERIAL_NUMBER: &str = "2.5.4.5";
/// The other attributes of a BRCAC's subject.
const OTHER_ATTRIBUTES: [(&str, &str); 7] = [
    ("2.5.4.15", "businessCategory"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionCountryName"),
    ("2.5.4.6", "C"),
    ("2.5.4.10", "O"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.3", "CN"),
];
/// The size of its key, in bits.
const KEY_BITS: usize = 2048;
/// Length of a CNPJ; some characters may be letters since July 2026.
const CNPJ_PLACES: usize = 14;

/// Checks a chain for presentation to receivers, and returns it as stored: in order, without duplicates.
pub(super) fn chain(
    file: &Certificates,
    now: Timestamp,
    review: &mut Review,
) -> Vec<CertificateDer<'static>> {
    for other in &file.others {
        review.warn(format!(
            "line {} of the chain begins {}, which is not stored with it",
            other.line, other.what
        ));
    }
    let chain = in_order(&file.certificates, review);
    for (place, der) in chain.iter().enumerate() {
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else { continue };
        if place == 0 {
            leaf(&certificate, review);
        }
        dates(&certificate, place == 0, now, review);
    }
    chain
}

/// Checks the trust anchors for receivers' certificates.
pub(super) fn anchors(file: &Certificates, now: Timestamp, review: &mut Review) {
    for authority in &file.certificates {
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&authority.der) else { continue };
        let (line, subject) = (authority.line, printable(&subject_of(certificate.subject())));
        if !certificate.is_ca() {
            review.warn(format!(
                "line {line} of the trust anchors is no authority (basicConstraints): {subject}"
            ));
        }
        if !is_valid(&certificate, now) {
            review.warn(format!("line {line} of the trust anchors is not valid now: {subject}"));
        }
    }
}

/// Returns the displayed fields of a file's certificates.
pub(super) fn shown<'a>(chain: impl IntoIterator<Item = &'a CertificateDer<'static>>) -> Vec<Certificate> {
    chain.into_iter().filter_map(|der| Certificate::of(der)).collect()
}

fn leaf(certificate: &X509Certificate<'_>, review: &mut Review) {
    if certificate.is_ca() {
        review
            .refuse("the first certificate is an authority's (basicConstraints), not a client's".to_owned());
    }
    if is_self_issued(certificate) {
        review.warn("the certificate is issued by itself; receivers accept those of ICP-Brasil".to_owned());
    }
    usages(certificate, review);
    key(certificate, review);
    subject(certificate, review);
    let names = certificate.subject_alternative_name().ok().flatten();
    let names_a_host = names.is_some_and(|names| {
        names.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(_)))
    });
    if !names_a_host {
        review.warn(
            "the certificate has no dNSName among its alternative names, which every BRCAC has".to_owned(),
        );
    }
}

/// RFC 5280, sections 4.2.1.3 and 4.2.1.12: verifiers must enforce the usages in a certificate.
fn usages(certificate: &X509Certificate<'_>, review: &mut Review) {
    match certificate.extended_key_usage().ok().flatten().map(|extension| extension.value) {
        Some(usage) if usage.client_auth || usage.any => {}
        Some(_) => review.refuse(
            "the certificate's extendedKeyUsage has no clientAuth, so that every receiver refuses it; is it the one for servers?"
                .to_owned(),
        ),
        None => review.warn(
            "the certificate has no extendedKeyUsage, where a BRCAC has clientAuth; is it the one for signatures (BRSEAL)?".to_owned(),
        ),
    }
    match certificate.key_usage().ok().flatten().map(|extension| extension.value) {
        Some(usage) if !usage.digital_signature() => review.refuse(
            "the certificate's keyUsage has no digitalSignature, so that its key may not sign a handshake"
                .to_owned(),
        ),
        Some(usage) if !usage.key_encipherment() => {
            review
                .warn("the certificate's keyUsage has no keyEncipherment, which every BRCAC has".to_owned());
        }
        Some(_) => {}
        None => review.warn(
            "the certificate has no keyUsage, where a BRCAC has digitalSignature and keyEncipherment"
                .to_owned(),
        ),
    }
}

fn key(certificate: &X509Certificate<'_>, review: &mut Review) {
    let bits = match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Some(key.key_size()),
        Ok(_) | Err(_) => None,
    };
    match bits {
        Some(KEY_BITS) => {}
        Some(bits) if bits < KEY_BITS => review.refuse(format!(
            "the certificate's key has {bits} bits, fewer than TLS is spoken with ({KEY_BITS})"
        )),
        Some(bits) => {
            review.warn(format!("the certificate's key has {bits} bits, that of a BRCAC {KEY_BITS}"));
        }
        None => review
            .warn(format!("the certificate's key is not RSA, that of a BRCAC is RSA with {KEY_BITS} bits")),
    }
    if certificate.signature_algorithm.algorithm.to_id_string() != SHA256_WITH_RSA {
        review.warn("the certificate is not signed with SHA-256 and RSA, as a BRCAC is".to_owned());
    }
}

/// Reports an unusual subject. The sandbox issues certificates with other subjects, so nothing is refused.
fn subject(certificate: &X509Certificate<'_>, review: &mut Review) {
    let value = |oid: &str| {
        let attribute = certificate
            .subject()
            .iter_attributes()
            .find(|attribute| attribute.attr_type().to_id_string() == oid);
        attribute.map(|attribute| attribute.as_str().unwrap_or_default().trim().to_owned())
    };
    match value(ORGANIZATION_IDENTIFIER) {
        Some(text) if text.strip_prefix(PARTICIPANT).is_some_and(is_uuid) => {}
        Some(_) => review.warn(format!(
            "the certificate's organizationIdentifier is not {PARTICIPANT} and the organisation's id in the Directory, a UUID"
        )),
        None => review.warn(format!(
            "the certificate's subject has no organizationIdentifier ({ORGANIZATION_IDENTIFIER}), which every BRCAC has: {}",
            printable(&subject_of(certificate.subject()))
        )),
    }
    match value(USER_ID) {
        Some(text) if is_uuid(&text) => {}
        Some(_) => review.warn(
            "the certificate's UID is not the software statement's id in the Directory, a UUID".to_owned(),
        ),
        None => {
            review.warn(format!(
                "the certificate's subject has no UID ({USER_ID}), the software statement's id"
            ));
        }
    }
    let is_cnpj =
        |text: &str| text.len() == CNPJ_PLACES && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !value(SERIAL_NUMBER).is_some_and(|text| is_cnpj(&text)) {
        review
            .warn("the certificate's serialNumber in its subject is not the organisation's CNPJ".to_owned());
    }
    let missing: Vec<_> =
        OTHER_ATTRIBUTES.iter().filter(|(oid, _)| value(oid).is_none()).map(|(_, name)| *name).collect();
    if !missing.is_empty() {
        review.warn(format!("the certificate's subject lacks what every BRCAC has: {}", missing.join(", ")));
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

fn dates(certificate: &X509Certificate<'_>, is_leaf: bool, now: Timestamp, review: &mut Review) {
    let (subject, validity) = (printable(&subject_of(certificate.subject())), certificate.validity());
    if !is_valid(certificate, now) {
        review.refuse(format!(
            "a certificate of the chain is valid from {} until {}, not now: {subject}",
            validity.not_before, validity.not_after
        ));
        return;
    }
    let expiry = Timestamp::from_second(validity.not_after.timestamp()).map(|until| Expiry::at(until, now));
    if let Ok(expiry) = expiry
        && expiry.alarms()
    {
        let of = if is_leaf { "the certificate" } else { "an issuer's certificate" };
        review.warn(format!("{of} expires in {} days: {subject}", expiry.days_left));
    }
}

fn is_valid(certificate: &X509Certificate<'_>, now: Timestamp) -> bool {
    let validity = certificate.validity();
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now.as_second())
}

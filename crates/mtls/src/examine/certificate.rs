//! Certificates and names as a report shows them.

use jiff::Timestamp;
use platform::sha256_hex;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use super::facts::Certificate;
use super::text::clean;

/// Maximum number of names of a certificate that are shown.
const MAX_NAMES: usize = 10;

/// Reads a certificate; one that cannot be read has its hash only.
pub(super) fn certificate(der: &[u8]) -> Certificate {
    let sha256 = sha256_hex(der);
    let Ok((_, read)) = x509_parser::parse_x509_certificate(der) else {
        return Certificate { sha256, ..Certificate::default() };
    };
    let instant = |time: ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    Certificate {
        subject: name(read.subject()),
        issuer: name(read.issuer()),
        names: names(&read),
        valid_from: instant(read.validity().not_before),
        valid_until: instant(read.validity().not_after),
        sha256,
    }
}

/// Reads a distinguished name, with or without the header of its outer SEQUENCE.
pub(super) fn name_of_der(der: &[u8]) -> String {
    X509Name::from_der(der)
        .map_or_else(|_| format!("{} bytes that are no name", der.len()), |(_, read)| name(&read))
}

fn name(read: &X509Name<'_>) -> String {
    clean(&read.to_string())
}

fn names(read: &x509_parser::certificate::X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = read.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(clean(name)),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(text).take(MAX_NAMES).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| std::net::Ipv6Addr::from(bytes).to_string())).ok()
}

//! The addresses of a certificate's revocation information (RFC 5280, sections 4.2.1.13 and 4.2.2.1). Pure.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP;

/// Maximum length of an address or name, in bytes.
const MAX_URL_LENGTH: usize = 1024;
/// Maximum number of addresses of one kind.
const MAX_URLS: usize = 4;
/// Maximum number of distribution point names that are compared with a list's scope.
const MAX_NAMES: usize = 32;

/// Says whether an address is usable: `http` or `https`, in any case, of at most [`MAX_URL_LENGTH`] bytes.
fn is_http_url(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    url.len() <= MAX_URL_LENGTH
        && scheme
            .is_some_and(|scheme| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

/// Returns the addresses of a certificate's revocation lists in order, without duplicates, four at most.
///
/// Authorities of ICP-Brasil name several places of one list, each as a distribution point. Points for some reasons
/// only, or of a list with another signer, are skipped (RFC 5280, section 4.2.1.13).
pub fn distribution_urls(certificate: &[u8]) -> Vec<String> {
    collect(points(certificate).into_iter().filter(|name| is_http_url(name)), MAX_URLS)
}

/// Returns all URIs of the distribution points of [`distribution_urls`], whatever their scheme, 32 at most, for
/// comparison with the scope of a list (RFC 5280, section 6.3.3, step b.2.i).
pub fn distribution_names(certificate: &[u8]) -> Vec<String> {
    collect(points(certificate).into_iter().filter(|name| name.len() <= MAX_URL_LENGTH), MAX_NAMES)
}

/// Returns the addresses of a certificate's OCSP responders in order, without duplicates, four at most.
pub fn ocsp_urls(certificate: &[u8]) -> Vec<String> {
    let Some(certificate) = parse(certificate) else { return Vec::new() };
    let mut urls = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else { continue };
        let responders =
            access.iter().filter(|access| access.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP);
        urls.extend(responders.filter_map(|access| uri(&access.access_location)));
    }
    collect(urls.into_iter().filter(|url| is_http_url(url)), MAX_URLS)
}

/// Returns the URIs of the distribution points that are not skipped; empty if the certificate cannot be read.
fn points(certificate: &[u8]) -> Vec<String> {
    let Some(certificate) = parse(certificate) else { return Vec::new() };
    let mut uris = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() else { continue };
        for point in points.iter().filter(|point| point.reasons.is_none() && point.crl_issuer.is_none()) {
            let Some(DistributionPointName::FullName(names)) = &point.distribution_point else { continue };
            uris.extend(names.iter().filter_map(uri));
        }
    }
    uris
}

fn parse(certificate: &[u8]) -> Option<X509Certificate<'_>> {
    x509_parser::parse_x509_certificate(certificate).ok().map(|(_, certificate)| certificate)
}

fn uri(name: &GeneralName<'_>) -> Option<String> {
    let GeneralName::URI(uri) = name else { return None };
    Some((*uri).to_owned())
}

fn collect(found: impl Iterator<Item = String>, most: usize) -> Vec<String> {
    let mut urls = Vec::new();
    for url in found {
        if urls.len() < most && !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CrlDistributionPoint, CustomExtension, KeyPair};

    use super::*;

    /// id-pe-authorityInfoAccess (RFC 5280, section 4.2.2.1).
    const ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
    /// id-ce-cRLDistributionPoints (RFC 5280, section 4.2.1.13).
    const POINTS: &[u64] = &[2, 5, 29, 31];
    /// id-ad-ocsp and id-ad-caIssuers (RFC 5280, section 4.2.2.1).
    const OCSP: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1];
    const ISSUERS: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2];

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header = match content.len() {
            0..=0x7f => vec![tag, length[1]],
            0x80..=0xff => vec![tag, 0x81, length[1]],
            _ => vec![tag, 0x82, length[0], length[1]],
        };
        [&header, content].concat()
    }

    fn uri(uri: &str) -> Vec<u8> {
        der(0x86, uri.as_bytes())
    }

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["receiver.example".to_owned()]).unwrap();
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn with(oid: &[u64], content: &[Vec<u8>]) -> Vec<u8> {
        let extension = CustomExtension::from_oid_content(oid, der(0x30, &content.concat()));
        certificate(|params| params.custom_extensions.push(extension))
    }

    #[test]
    fn schemes_are_read_in_any_case_and_addresses_are_bounded() {
        let long = |length: usize| format!("http://a/{}", "b".repeat(length - 9));
        for url in ["http://a", "HTTP://a/b", "hTtPs://a:8080/b?c", &long(1024)] {
            assert!(is_http_url(url), "{url}");
        }
        for url in
            ["", "a", "http:a", "ldap://a", "httpx://a", " http://a", "//a", "ftp://http://a", &long(1025)]
        {
            assert!(!is_http_url(url), "{url}");
        }
    }

    #[test]
    fn distribution_points_of_rcgen() {
        let point =
            |uris: &[&str]| CrlDistributionPoint { uris: uris.iter().map(|uri| (*uri).to_owned()).collect() };
        let certificate = certificate(|params| {
            params.crl_distribution_points = vec![
                point(&["HTTP://a/1", "ldap://a"]),
                point(&["http://b/1", "http://b/2", "https://c", "http://d"]),
                point(&["HTTP://a/1"]),
            ];
        });
        assert_eq!(distribution_urls(&certificate), ["HTTP://a/1", "http://b/1", "http://b/2", "https://c"]);
        let names = ["HTTP://a/1", "ldap://a", "http://b/1", "http://b/2", "https://c", "http://d"];
        assert_eq!(distribution_names(&certificate), names);
        assert_eq!(ocsp_urls(&certificate), Vec::<String>::new());
    }

    #[test]
    fn points_that_do_not_count_and_names_that_are_no_uris_are_left_out() {
        let name = |names: &[Vec<u8>]| der(0xa0, &der(0xa0, &names.concat()));
        let point = |fields: &[Vec<u8>]| der(0x30, &fields.concat());
        let directory_name = der(0xa4, &[0x30, 0]);
        let long = format!("http://a/{}", "b".repeat(1024));
        let certificate = with(
            POINTS,
            &[
                point(&[name(&[uri("http://some-reasons")]), der(0x81, &[6, 0x40])]),
                point(&[name(&[uri("http://another-issuer")]), der(0xa2, &directory_name)]),
                point(&[name(&[directory_name.clone(), der(0x82, b"dns.example"), uri("http://good")])]),
                point(&[name(&[uri(&long)])]),
            ],
        );
        assert_eq!(distribution_urls(&certificate), ["http://good"]);
        assert_eq!(distribution_names(&certificate), ["http://good"]);
        let many: Vec<_> =
            (0..40).map(|number| point(&[name(&[uri(&format!("http://{number}"))])])).collect();
        let certificate = with(POINTS, &many);
        assert_eq!((distribution_urls(&certificate).len(), distribution_names(&certificate).len()), (4, 32));
    }

    #[test]
    fn responders_are_read_in_their_order() {
        let access = |method: &[u8], location: Vec<u8>| der(0x30, &[method, &location].concat());
        let certificate = with(
            ACCESS,
            &[
                access(ISSUERS, uri("http://issuer")),
                access(OCSP, uri("ldap://a")),
                access(OCSP, uri("HTTPS://b")),
                access(OCSP, der(0xa4, &[0x30, 0])),
                access(OCSP, uri("http://a")),
                access(OCSP, uri("HTTPS://b")),
            ],
        );
        assert_eq!(ocsp_urls(&certificate), ["HTTPS://b", "http://a"]);
    }

    #[test]
    fn bytes_that_are_no_certificate_name_no_address() {
        for bytes in [&[][..], b"garbage", &[0x30, 0]] {
            assert!(distribution_urls(bytes).is_empty() && distribution_names(bytes).is_empty());
            assert!(ocsp_urls(bytes).is_empty());
        }
    }
}

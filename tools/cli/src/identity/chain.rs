//! Sorts a certificate chain and checks that it is complete.

use certificates::{printable, subject_of};
use mtls::pem::{Certificates, PemCertificate};
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;

use super::certificate::{is_self_issued, issued};
use super::findings::Review;

/// The known roots that issue for Open Finance Brasil; `infra/trust/README.md` gives their origin.
const ROOTS: [&str; 3] = [
    include_str!("../../../../infra/trust/production/icp-brasil-v10.pem"),
    include_str!("../../../../infra/trust/production/icp-brasil-v5.pem"),
    include_str!("../../../../infra/trust/sandbox/open-finance-sandbox-root-ca-g2.pem"),
];

/// Maximum number of certificates, more than any chain has, because every order is tried.
const MAX_CERTIFICATES: usize = 12;

/// A certificate of the file, with its parsed form.
struct Link<'a> {
    line: usize,
    der: &'a CertificateDer<'static>,
    parsed: X509Certificate<'a>,
}

impl Link<'_> {
    fn subject(&self) -> String {
        printable(&subject_of(self.parsed.subject()))
    }
}

/// Sorts a chain, leaf first and each certificate before its issuer, as TLS 1.2 demands (RFC 5246, section 7.4.2),
/// and reports problems.
///
/// The leaf is the only certificate that is not an authority's, or else the first. Certificates outside the chain are
/// a problem, except further certificates of its issuers, such as cross-signed ones.
pub(super) fn in_order(file: &[PemCertificate], review: &mut Review) -> Vec<CertificateDer<'static>> {
    let mut links: Vec<Link<'_>> = Vec::new();
    for certificate in file {
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(&certificate.der) else { continue };
        if links.iter().any(|link| link.der == &certificate.der) {
            review.warn(format!("line {} repeats a certificate, which is stored once", certificate.line));
        } else {
            links.push(Link { line: certificate.line, der: &certificate.der, parsed });
        }
    }
    if links.len() > MAX_CERTIFICATES {
        review.refuse(format!("the chain has more than {MAX_CERTIFICATES} certificates"));
        return Vec::new();
    }
    let order = order(&links);
    for (index, link) in links.iter().enumerate().filter(|(index, _)| !order.path.contains(index)) {
        if order.beside.contains(&index) {
            review.warn(format!(
                "the certificate in line {} is another one of an issuer in the chain ({}); it is stored behind the chain, and \
                 a receiver that wants a chain and nothing else may refuse it",
                link.line,
                link.subject()
            ));
        } else {
            review.refuse(format!(
                "the certificate in line {} ({}) issued none of the others: leave it out, or add the one that is missing between",
                link.line,
                link.subject()
            ));
        }
    }
    if !order.path.is_sorted() {
        review
            .warn("the certificates are not in order, each before its issuer; they are stored so".to_owned());
    }
    if let Some(last) = order.path.last() {
        completeness(&links[*last], order.path.len(), review);
    }
    order.path.iter().chain(&order.beside).map(|index| links[*index].der.clone()).collect()
}

/// Returns what receivers may refuse in a chain that is stored; nothing of one that cannot be read.
pub(crate) fn warnings(chain: &str) -> Vec<String> {
    let Ok(file) = Certificates::from_pem(chain.as_bytes()) else { return Vec::new() };
    let mut review = Review::default();
    in_order(&file.certificates, &mut review);
    [review.problems, review.warnings].concat()
}

/// The order of a file's certificates, by their index.
#[derive(Debug, Default)]
struct Order {
    /// From the leaf to its last issuer.
    path: Vec<usize>,
    /// Other issuers of certificates of the path.
    beside: Vec<usize>,
}

fn order(links: &[Link<'_>]) -> Order {
    let no_authority: Vec<usize> = (0..links.len()).filter(|index| !links[*index].parsed.is_ca()).collect();
    let leaf = match no_authority[..] {
        [only] => only,
        _ => 0,
    };
    if links.is_empty() {
        return Order::default();
    }
    let path = longest(links, vec![leaf]);
    let mut beside: Vec<usize> = Vec::new();
    loop {
        let known = || path.iter().chain(&beside);
        let issues = |index: &usize| known().any(|of| issued(&links[*index].parsed, &links[*of].parsed));
        match (0..links.len()).find(|index| !known().any(|of| of == index) && issues(index)) {
            Some(index) => beside.push(index),
            None => return Order { path, beside },
        }
    }
}

/// Extends a path by the issuers that lead furthest, preferably to a self-issued one.
fn longest(links: &[Link<'_>], path: Vec<usize>) -> Vec<usize> {
    let last = path.last().map(|last| &links[*last].parsed);
    let Some(last) = last.filter(|last| !is_self_issued(last)) else { return path };
    let issuers =
        (0..links.len()).filter(|index| !path.contains(index) && issued(&links[*index].parsed, last));
    let longer = issuers.map(|issuer| longest(links, [path.as_slice(), &[issuer]].concat()));
    let whole = |path: &[usize]| path.last().is_some_and(|last| is_self_issued(&links[*last].parsed));
    // `max_by_key` returns the last of equal paths; reversing the order prefers the first in the file.
    longer.rev().max_by_key(|path| (whole(path), path.len())).unwrap_or(path)
}

/// Reports what is missing after the last certificate of a chain.
fn completeness(last: &Link<'_>, length: usize, review: &mut Review) {
    let issuer = last.parsed.issuer();
    if is_self_issued(&last.parsed) || is_known_root(issuer.as_raw()) {
        return;
    }
    let issuer = printable(&subject_of(issuer));
    review.warn(if length == 1 {
        format!(
            "the chain has the certificate alone and lacks that of its issuer: {issuer}. Receivers refuse a certificate whose \
             issuer they do not see: put it into the file, and those above it"
        )
    } else {
        format!(
            "the chain ends with {}, and its issuer is no root that is known here: {issuer}. If it is an intermediate, put it into \
             the file",
            last.subject()
        )
    });
}

fn is_known_root(subject: &[u8]) -> bool {
    ROOTS.iter().any(|pem| {
        let read = Certificates::from_pem(pem.as_bytes()).map(Certificates::into_der);
        read.unwrap_or_default().iter().any(|root| {
            x509_parser::parse_x509_certificate(root)
                .is_ok_and(|(_, root)| root.subject().as_raw() == subject)
        })
    })
}

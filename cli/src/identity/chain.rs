//! The order of a certificate chain, and whether it is whole.

use rustls_pki_types::CertificateDer;
use webhook::pem::PemCertificate;
use x509_parser::certificate::X509Certificate;

use super::certificate::{is_self_issued, issued};
use super::review::Review;
use crate::receiver::{printable, subject_of};

/// The roots that issue for Open Finance Brasil, as far as they are known here; `infra/trust/README.md` says where they are from.
const ROOTS: [&str; 3] = [
    include_str!("../../../infra/trust/production/icp-brasil-v10.pem"),
    include_str!("../../../infra/trust/production/icp-brasil-v5.pem"),
    include_str!("../../../infra/trust/sandbox/open-finance-sandbox-root-ca-g2.pem"),
];

/// A certificate of the file, and what it says.
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

/// Puts a chain in order, leaf first and each certificate before the one that issued it, as TLS 1.2 demands (RFC 5246, section
/// 7.4.2), and says what is amiss with it.
///
/// The leaf is the one certificate that is no authority's, or else the first. What is not of its chain is a problem; only further
/// certificates of its issuers, as cross-signing makes them, may follow.
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

/// Where the certificates of a file belong, by their place in it.
#[derive(Debug, Default)]
struct Order {
    /// From the leaf to its last issuer.
    path: Vec<usize>,
    /// Others that issued something of the path.
    beside: Vec<usize>,
}

fn order(links: &[Link<'_>]) -> Order {
    let no_authority: Vec<usize> = (0..links.len()).filter(|index| !links[*index].parsed.is_ca()).collect();
    let leaf = match no_authority[..] {
        [only] => only,
        _ => 0,
    };
    let mut path: Vec<usize> = links.get(leaf).map(|_| leaf).into_iter().collect();
    while let Some(last) = path.last().map(|last| &links[*last])
        && !is_self_issued(&last.parsed)
        && let Some(issuer) = (0..links.len())
            .find(|index| !path.contains(index) && issued(&links[*index].parsed, &last.parsed))
    {
        path.push(issuer);
    }
    let issues = |index: &usize| {
        !path.contains(index) && path.iter().any(|of| issued(&links[*index].parsed, &links[*of].parsed))
    };
    let beside = (0..links.len()).filter(issues).collect();
    Order { path, beside }
}

/// Says what is missing behind the last certificate of a chain.
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
        let read =
            webhook::pem::Certificates::from_pem(pem.as_bytes()).map(webhook::pem::Certificates::into_der);
        read.unwrap_or_default().iter().any(|root| {
            x509_parser::parse_x509_certificate(root)
                .is_ok_and(|(_, root)| root.subject().as_raw() == subject)
        })
    })
}

//! What certificates made with rcgen have in common.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa};

/// Describes an authority of this name, with nothing else of its own.
pub fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

//! Shared test tools of the readers: an authority that signs arbitrary content, and openssl.

use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use mtls::revocation::Authority;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SigningKey as _,
};

use mtls::der::{BIT_STRING, BOOLEAN, GENERALIZED_TIME, OCTET_STRING, OID, SEQUENCE, value};

/// ecdsa-with-SHA256 (RFC 5758, section 3.2): the content of the `AlgorithmIdentifier`.
pub(super) const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// The current instant in the tests.
pub(super) fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

/// An instant this many hours from [`now`], as a `GeneralizedTime` in DER.
pub(super) fn hours(hours: i64) -> Vec<u8> {
    let time = now() + SignedDuration::from_hours(hours);
    value(GENERALIZED_TIME, &[time.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()])
}

/// An extension in DER.
pub(super) fn extension(oid: &[u8], critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { value(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    value(SEQUENCE, &[&value(OID, &[oid]), &critical, &value(OCTET_STRING, &[content])])
}

/// An authority with a key of P-256.
pub(super) struct Signer {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Signer {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub(super) fn authority(&self) -> Authority {
        Authority::from_certificate(self.issuer.der()).unwrap()
    }

    /// Issues a certificate with this serial and usage, and returns it with its key.
    pub(super) fn issue(&self, serial: &[u8], usage: ExtendedKeyUsagePurpose) -> (Vec<u8>, KeyPair) {
        let mut params = CertificateParams::new(vec!["receiver.example".to_owned()]).unwrap();
        params.serial_number = Some(serial.to_vec().into());
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().to_vec(), key)
    }

    /// Signs a message and returns message, algorithm and signature, concatenated.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        sign(self.issuer.key(), message)
    }

    pub(super) fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.issuer
    }
}

pub(super) fn sign(key: &KeyPair, message: &[u8]) -> Vec<u8> {
    let signature = key.sign(message).unwrap();
    let signature = value(BIT_STRING, &[&[0], &signature]);
    [message, &value(SEQUENCE, &[ECDSA_SHA256]), &signature].concat()
}

/// Runs openssl in a folder; `false` if it is not installed.
pub(super) fn openssl(folder: &Path, arguments: &str) -> bool {
    let Ok(output) = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output() else {
        return false;
    };
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    true
}

//! Certificates for tests: an authority that is trusted, one that is not, and our identity under an intermediate.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use webhook::peer::{Identity, TrustAnchors};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Which authority signs a receiver's certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::vectors) enum Signer {
    /// One that we trust.
    Trusted,
    /// One that we do not.
    Stranger,
}

/// What is made once: keys take their time.
pub(in crate::vectors) struct Pki {
    root: Authority,
    stranger: Authority,
    server_key: KeyPair,
    client_chain: String,
    client_key: String,
}

/// Returns the certificates of this process.
pub(in crate::vectors) fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| Pki::new().expect("certificates can be made"))
}

impl Pki {
    fn new() -> Result<Self, rcgen::Error> {
        let root = Authority::self_signed(authority("Trusted root"), KeyPair::generate()?)?;
        let stranger = Authority::self_signed(authority("Stranger"), KeyPair::generate()?)?;
        let intermediate = Authority::signed_by(authority("Intermediate"), KeyPair::generate()?, &root)?;
        // The suites that the convention allows with TLS 1.2 authenticate with RSA.
        let (server_key, client_key) = (rsa_key()?, rsa_key()?);
        let mut client = CertificateParams::new(vec!["detentora.example".to_owned()])?;
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = client.signed_by(&client_key, &intermediate)?;
        let client_chain = format!("{}{}", leaf.pem(), intermediate.pem());
        Ok(Self { root, stranger, server_key, client_chain, client_key: client_key.serialize_pem() })
    }

    /// Returns our side of mutual TLS.
    pub(in crate::vectors) fn identity(&self) -> Identity {
        Identity::from_pem(&self.client_chain, &self.client_key).expect("the identity is valid")
    }

    /// Returns whom we trust.
    pub(in crate::vectors) fn anchors(&self) -> TrustAnchors {
        TrustAnchors::from_pem(&self.root.pem()).expect("the root is valid")
    }

    /// Returns whom a receiver trusts.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).expect("the root is valid");
        roots
    }

    /// Issues a receiver's certificate, in DER and PEM.
    pub(super) fn server_certificate(
        &self,
        signer: Signer,
        name: &str,
        expired: bool,
    ) -> (CertificateDer<'static>, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("the name is valid");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if expired {
            (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2026, 1, 1));
        }
        let issuer = match signer {
            Signer::Trusted => &self.root,
            Signer::Stranger => &self.stranger,
        };
        let certificate = params.signed_by(&self.server_key, issuer).expect("a certificate can be issued");
        (certificate.der().clone(), certificate.pem())
    }

    pub(super) fn server_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.server_key.serialize_der()).expect("the key is valid")
    }

    pub(super) fn server_key_pem(&self) -> String {
        self.server_key.serialize_pem()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn rsa_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_RSA_SHA256)
}

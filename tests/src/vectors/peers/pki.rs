//! Certificates for tests: an authority that is trusted, one that is not, and our identity under an intermediate.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use mtls::{Identity, TrustAnchors};
use rcgen::{
    CertificateParams, CertifiedIssuer, CrlDistributionPoint, ExtendedKeyUsagePurpose, KeyPair,
    PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificates::authority;

/// Where receivers' certificates say that their revocation list is; nobody listens there.
pub(in crate::vectors) const LIST_URL: &str = "http://127.0.0.1:9/list.crl";
const SERVER_SERIAL: u64 = 1000;

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
    intermediate: Authority,
    server_key: KeyPair,
    client_key: KeyPair,
}

/// A certificate chain and its key, as the secret of our identities holds them.
pub(in crate::vectors) struct ClientPem {
    pub(in crate::vectors) chain: String,
    pub(in crate::vectors) key: String,
}

impl ClientPem {
    /// Returns the certificate itself, in DER.
    pub(in crate::vectors) fn leaf(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.chain.as_bytes()).expect("the chain is valid").to_vec()
    }
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
        Ok(Self { root, stranger, intermediate, server_key, client_key })
    }

    /// Returns our side of mutual TLS.
    pub(in crate::vectors) fn identity(&self) -> Identity {
        let ClientPem { chain, key } = self.client("detentora.example", None);
        Identity::from_pem(&chain, &key).expect("the identity is valid")
    }

    /// Issues a client certificate for this name, which ends at this instant where one is given.
    pub(in crate::vectors) fn client(&self, name: &str, end: Option<Timestamp>) -> ClientPem {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("the name is valid");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if let Some(end) = end {
            let since_epoch = Duration::from_secs(end.as_second().try_into().expect("no end before 1970"));
            params.not_after = date_time_ymd(1970, 1, 1) + since_epoch;
        }
        let leaf =
            params.signed_by(&self.client_key, &self.intermediate).expect("a certificate can be issued");
        let chain = format!("{}{}", leaf.pem(), self.intermediate.pem());
        ClientPem { chain, key: self.client_key.serialize_pem() }
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
        params.serial_number = Some(SERVER_SERIAL.into());
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![LIST_URL.to_owned()] }];
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

fn rsa_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_RSA_SHA256)
}

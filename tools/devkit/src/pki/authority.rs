use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use certificates::{ClientSubject, PublicHalf, new_key, printable_string};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, PublicKeyData, RevokedCertParams, SanType, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::pem::{certificates, private_key};

/// How long before its making a certificate is valid already, for clocks that disagree.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);
/// ICP-Brasil A1 certificates live one year.
const LEAF_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// A root and an intermediate that issues for it.
pub struct Authority {
    root_pem: String,
    intermediate_pem: String,
    intermediate: Issuer<'static, KeyPair>,
    root: Issuer<'static, KeyPair>,
    revocation: RevocationUrls,
    now: Timestamp,
}

/// Where an authority's certificates say that their revocation is published; nowhere by default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RevocationUrls {
    /// The list of the certificates that the root issued: of the intermediate.
    pub root_list: Option<String>,
    /// The list of the certificates that the intermediate issued.
    pub list: Option<String>,
    /// The OCSP responder of the certificates that the intermediate issued.
    pub ocsp: Option<String>,
}

/// Which of an authority's keys signs a revocation list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListSigner {
    /// The root, for the intermediate's certificate.
    Root,
    /// The intermediate, for servers' and clients' certificates.
    Intermediate,
}

/// A certificate with its intermediate, and the private key that belongs to it.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, then the intermediate.
    pub chain_pem: String,
    /// The private key, PKCS#8.
    pub key_pem: String,
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// The first instant.
    pub not_before: Timestamp,
    /// The last instant.
    pub not_after: Timestamp,
}

impl Authority {
    /// Makes a root and an intermediate with fresh keys, valid at `now` and for ten years.
    pub fn new(name: &str, now: Timestamp) -> Result<Self> {
        Self::with_revocation(name, now, RevocationUrls::default())
    }

    /// The same, with certificates that say where their revocation is published.
    pub fn with_revocation(name: &str, now: Timestamp, revocation: RevocationUrls) -> Result<Self> {
        let validity = Validity::starting(now, AUTHORITY_LIFE)?;
        let root_key = new_key()?;
        let root_params = authority_params(&format!("{name} Root CA"), 1, validity)?;
        let root = root_params.self_signed(&root_key).context("failed to sign the root certificate")?;

        let key = new_key()?;
        let mut params = authority_params(&format!("{name} Issuing CA"), 0, validity)?;
        params.crl_distribution_points = distribution_points(revocation.root_list.as_ref());
        let root_issuer = Issuer::new(root_params, root_key);
        let intermediate =
            params.signed_by(&key, &root_issuer).context("failed to sign the intermediate certificate")?;
        Ok(Self {
            root_pem: root.pem(),
            intermediate_pem: intermediate.pem(),
            intermediate: Issuer::new(params, key),
            root: root_issuer,
            revocation,
            now,
        })
    }

    /// The root certificate: what the other side has to trust.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Issues a client certificate (BRCAC), valid for one year.
    pub fn client(&self, subject: &ClientSubject) -> Result<Identity> {
        self.client_with(subject, Validity::starting(self.now, LEAF_LIFE)?)
    }

    /// Issues a client certificate (BRCAC) with a validity of the caller's choice.
    pub fn client_with(&self, subject: &ClientSubject, validity: Validity) -> Result<Identity> {
        self.issue(&client_params(subject, validity)?)
    }

    /// Issues a client certificate for a key that is elsewhere, of which this is the public half in DER; returns the chain.
    pub fn client_of_key(&self, subject: &ClientSubject, public: &[u8]) -> Result<String> {
        let validity = Validity::starting(self.now, LEAF_LIFE)?;
        let params = client_params(subject, validity)?;
        self.certify(&params, &PublicHalf::from_der(public)?)
    }

    /// Issues a server certificate for DNS names and IP addresses, valid for one year.
    pub fn server(&self, names: &[&str]) -> Result<Identity> {
        self.server_with(names, Validity::starting(self.now, LEAF_LIFE)?)
    }

    /// Issues a server certificate with a validity of the caller's choice.
    pub fn server_with(&self, names: &[&str], validity: Validity) -> Result<Identity> {
        let first = names.first().context("a server certificate needs at least one name")?;
        let mut params = leaf_params(names, ExtendedKeyUsagePurpose::ServerAuth, validity)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, printable_string("BR")?);
        params.distinguished_name.push(DnType::OrganizationName, "Iniciadora Exemplo Ltda");
        params.distinguished_name.push(DnType::CommonName, *first);
        self.issue(&params)
    }

    /// Issues a certificate for these names that is an authority's itself, which no receiver may present.
    pub fn server_that_is_an_authority(&self, names: &[&str]) -> Result<Identity> {
        let validity = Validity::starting(self.now, LEAF_LIFE)?;
        let mut params = leaf_params(names, ExtendedKeyUsagePurpose::ServerAuth, validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.issue(&params)
    }

    /// Makes a revocation list in DER with the serial numbers of these certificates (PEM, of each the first), made at `now`
    /// and valid for so long.
    pub fn revocation_list(
        &self,
        signer: ListSigner,
        revoked: &[&str],
        now: Timestamp,
        life: SignedDuration,
    ) -> Result<Vec<u8>> {
        let next = now.checked_add(life).context("no list can be valid that long")?;
        let at = |instant| Ok::<_, anyhow::Error>(date_time_ymd(1970, 1, 1) + since_epoch(instant)?);
        let entry = |pem: &&str| -> Result<RevokedCertParams> {
            let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).context("no PEM certificate")?;
            let serial_number = pem.parse_x509().context("no certificate")?.raw_serial().to_vec().into();
            Ok(RevokedCertParams {
                serial_number,
                revocation_time: at(now)?,
                reason_code: None,
                invalidity_date: None,
            })
        };
        let params = CertificateRevocationListParams {
            this_update: at(now)?,
            next_update: at(next)?,
            crl_number: u64::try_from(now.as_second()).context("no list before 1970")?.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect::<Result<_>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signer = match signer {
            ListSigner::Root => &self.root,
            ListSigner::Intermediate => &self.intermediate,
        };
        Ok(params.signed_by(signer).context("failed to sign a revocation list")?.der().to_vec())
    }

    fn issue(&self, params: &CertificateParams) -> Result<Identity> {
        let key = new_key()?;
        Ok(Identity { chain_pem: self.certify(params, &key)?, key_pem: key.serialize_pem() })
    }

    /// Signs a certificate of this key and returns it with the intermediate.
    fn certify(&self, params: &CertificateParams, key: &impl PublicKeyData) -> Result<String> {
        let mut params = params.clone();
        params.crl_distribution_points = distribution_points(self.revocation.list.as_ref());
        params.custom_extensions.extend(self.revocation.ocsp.as_deref().map(ocsp_responder).transpose()?);
        let leaf = params.signed_by(key, &self.intermediate).context("failed to sign a certificate")?;
        Ok(format!("{}{}", leaf.pem(), self.intermediate_pem))
    }
}

impl Identity {
    /// A server certificate for these names that nobody issued but its own key.
    pub fn self_signed(names: &[&str], now: Timestamp) -> Result<Self> {
        let validity = Validity::starting(now, LEAF_LIFE)?;
        let (key, params) = (new_key()?, leaf_params(names, ExtendedKeyUsagePurpose::ServerAuth, validity)?);
        let certificate = params.self_signed(&key).context("failed to sign a certificate")?;
        Ok(Self { chain_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// The certificates in DER, the own one first.
    pub fn chain(&self) -> Result<Vec<CertificateDer<'static>>> {
        certificates(&self.chain_pem)
    }

    /// The private key.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>> {
        private_key(&self.key_pem)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("root_pem", &self.root_pem).finish_non_exhaustive()
    }
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("chain_pem", &self.chain_pem).finish_non_exhaustive()
    }
}

impl Validity {
    /// Valid for `life` from an hour before `now`.
    pub fn starting(now: Timestamp, life: SignedDuration) -> Result<Self> {
        let not_before = now.checked_sub(BACKDATED).context("no certificate can start that early")?;
        let not_after = now.checked_add(life).context("no certificate can end that late")?;
        Ok(Self { not_before, not_after })
    }
}

fn authority_params(name: &str, path_length: u8, validity: Validity) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, printable_string("BR")?);
    params.distinguished_name.push(DnType::OrganizationName, "Arauto test authority, not ICP-Brasil");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, validity)?;
    Ok(params)
}

fn client_params(subject: &ClientSubject, validity: Validity) -> Result<CertificateParams> {
    let mut params = leaf_params(&[&subject.common_name], ExtendedKeyUsagePurpose::ClientAuth, validity)?;
    params.distinguished_name = subject.distinguished_name()?;
    Ok(params)
}

fn leaf_params(
    names: &[&str],
    purpose: ExtendedKeyUsagePurpose,
    validity: Validity,
) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.iter().map(|name| alternative_name(name)).collect::<Result<_>>()?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, validity)?;
    Ok(params)
}

fn distribution_points(url: Option<&String>) -> Vec<CrlDistributionPoint> {
    url.map(|url| CrlDistributionPoint { uris: vec![url.clone()] }).into_iter().collect()
}

/// Says where the OCSP responder is: authority information access (RFC 5280, section 4.2.2.1).
fn ocsp_responder(url: &str) -> Result<CustomExtension> {
    const ID_AD_OCSP: [u8; 10] = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
    let url = tagged(0x86, url.as_bytes())?;
    let access = tagged(0x30, &tagged(0x30, &[&ID_AD_OCSP[..], &url].concat())?)?;
    Ok(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access))
}

/// Writes a short value in DER.
fn tagged(tag: u8, value: &[u8]) -> Result<Vec<u8>> {
    let length = u8::try_from(value.len()).ok().filter(|length| *length < 128);
    Ok([&[tag, length.context("the URL is too long")?][..], value].concat())
}

fn alternative_name(name: &str) -> Result<SanType> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let name =
        name.try_into().with_context(|| format!("{name:?} is neither a DNS name nor an IP address"))?;
    Ok(SanType::DnsName(name))
}

fn set_validity(params: &mut CertificateParams, validity: Validity) -> Result<()> {
    ensure!(validity.not_before < validity.not_after, "a certificate must end after it starts");
    params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(validity.not_before)?;
    params.not_after = date_time_ymd(1970, 1, 1) + since_epoch(validity.not_after)?;
    Ok(())
}

fn since_epoch(instant: Timestamp) -> Result<Duration> {
    let seconds = u64::try_from(instant.as_second()).context("no certificate can start before 1970")?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::server::WebPkiClientVerifier;
    use rustls_pki_types::UnixTime;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn unix(instant: Timestamp) -> UnixTime {
        UnixTime::since_unix_epoch(since_epoch(instant).unwrap())
    }

    fn roots(authority: &Authority) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for root in certificates(authority.root_pem()).unwrap() {
            roots.add(root).unwrap();
        }
        Arc::new(roots)
    }

    #[test]
    fn a_client_certificate_is_accepted_by_who_trusts_the_root_and_by_nobody_else() {
        let authority = Authority::new("Ours", now()).unwrap();
        let stranger = Authority::new("Theirs", now()).unwrap();
        let chain = authority.client(&ClientSubject::default()).unwrap().chain().unwrap();
        let verify = |trusted: &Authority, at| {
            WebPkiClientVerifier::builder_with_provider(roots(trusted), Arc::new(default_provider()))
                .build()
                .unwrap()
                .verify_client_cert(&chain[0], &chain[1..], unix(at))
                .map(drop)
        };
        verify(&authority, now()).unwrap();
        verify(&stranger, now()).unwrap_err();
        verify(&authority, now() + SignedDuration::from_hours(366 * 24)).unwrap_err();
    }

    #[test]
    fn a_server_certificate_holds_for_its_names_and_its_time_only() {
        let authority = Authority::new("Theirs", now()).unwrap();
        let good = authority.server(&["localhost", "127.0.0.1"]).unwrap();
        let day = SignedDuration::from_hours(24);
        let past = Validity { not_before: now() - day * 2, not_after: now() - day };
        let expired = authority.server_with(&["localhost"], past).unwrap();
        let verify = |identity: &Identity, name: &'static str| {
            let chain = identity.chain().unwrap();
            WebPkiServerVerifier::builder_with_provider(roots(&authority), Arc::new(default_provider()))
                .build()
                .unwrap()
                .verify_server_cert(&chain[0], &chain[1..], &name.try_into().unwrap(), &[], unix(now()))
                .map(drop)
        };
        verify(&good, "localhost").unwrap();
        verify(&good, "127.0.0.1").unwrap();
        verify(&good, "example.com").unwrap_err();
        verify(&expired, "localhost").unwrap_err();
    }

    #[test]
    fn the_subject_is_that_of_a_brcac() {
        let authority = Authority::new("Ours", now()).unwrap();
        let chain = authority.client(&ClientSubject::default()).unwrap().chain().unwrap();
        let (_, leaf) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
        let subject: Vec<(String, &str)> = leaf
            .subject()
            .iter_attributes()
            .map(|attribute| (attribute.attr_type().to_id_string(), attribute.as_str().unwrap()))
            .collect();
        let expected = [
            ("2.5.4.15", "Private Organization"),
            ("1.3.6.1.4.1.311.60.2.1.3", "BR"),
            ("2.5.4.5", "11222333000181"),
            ("2.5.4.6", "BR"),
            ("2.5.4.10", "Banco Exemplo S.A."),
            ("2.5.4.8", "SP"),
            ("2.5.4.7", "SAO PAULO"),
            ("2.5.4.97", "OFBBR-b7a1c0de-0000-4000-8000-0000000000a1"),
            ("0.9.2342.19200300.100.1.1", "50f7a2e0-0000-4000-8000-0000000000b2"),
            ("2.5.4.3", "webhook.bancoex.example"),
        ];
        assert_eq!(subject, expected.map(|(oid, value)| (oid.to_owned(), value)));
        let usage = leaf.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.digital_signature() && usage.value.key_encipherment());
        let purposes = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.client_auth && !purposes.server_auth);
    }

    #[test]
    fn openssl_agrees_where_it_is_installed() {
        if Command::new("openssl").arg("version").output().is_err() {
            return;
        }
        let authority = Authority::new("Ours", now()).unwrap();
        let client = authority.client(&ClientSubject::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root.pem");
        let chain = folder.path().join("chain.pem");
        fs::write(&root, authority.root_pem()).unwrap();
        fs::write(&chain, &client.chain_pem).unwrap();
        let output = Command::new("openssl")
            .args(["verify", "-x509_strict", "-purpose", "sslclient", "-attime"])
            .arg(now().as_second().to_string())
            .arg("-CAfile")
            .arg(&root)
            .arg("-untrusted")
            .arg(&chain)
            .arg(&chain)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

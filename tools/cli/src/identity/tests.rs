//! Files as operators hand them in, read and looked over.

use std::fs;
use std::path::PathBuf;

use certificates::{ClientSubject, new_key};
use clap::Parser;
use devkit::pki::Authority;
use jiff::{SignedDuration, Timestamp};
use mtls::pem::Certificates;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    RsaKeySize,
};
use tempfile::TempDir;

use super::put::{Files, PutArgs};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: PutArgs,
}

type Issuer = CertifiedIssuer<'static, KeyPair>;
/// What makes another certificate of a BRCAC.
type Change<'a> = &'a dyn Fn(&mut CertificateParams);

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

/// Reads files as the command does: the chain, and what else is named.
fn read_files(folder: &TempDir, chain: &[u8], others: &[(&str, &[u8])]) -> Result<Files, String> {
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let chain = write("chain.pem", chain);
    let mut line = vec!["put".to_owned(), "--identity-secret=arn".to_owned()];
    line.push(format!("--certificate-chain={}", chain.display()));
    for (name, bytes) in others {
        line.push(format!("--{name}={}", write(name, bytes).display()));
        if *name == "trust-anchors" {
            line.push("--trust-secret=arn".to_owned());
        }
    }
    if others.iter().all(|(name, _)| *name != "private-key") {
        line.push(
            "--kms-key-id=arn:aws:kms:sa-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
                .to_owned(),
        );
    }
    Files::read(&Command::try_parse_from(line).unwrap().args, now()).map_err(|error| format!("{error:#}"))
}

fn read(chain: &[u8]) -> Files {
    read_files(&tempfile::tempdir().unwrap(), chain, &[]).unwrap()
}

fn blocks(pem: &str) -> Vec<String> {
    let certificates = Certificates::from_pem(pem.as_bytes()).unwrap().into_der();
    certificates.iter().map(|der| mtls::pem::certificates_to_pem([der])).collect()
}

/// A hierarchy as ICP-Brasil's: a root, an authority, one below it, and a BRCAC of that, in PEM.
struct Hierarchy {
    root: Issuer,
    upper: Issuer,
    lower: Issuer,
}

impl Hierarchy {
    fn new() -> Self {
        let root = Issuer::self_signed(authority("Root"), new_key().unwrap()).unwrap();
        let upper = Issuer::signed_by(authority("Upper"), new_key().unwrap(), &root).unwrap();
        let lower = Issuer::signed_by(authority("Lower"), new_key().unwrap(), &upper).unwrap();
        Self { root, upper, lower }
    }

    /// Another certificate of the upper authority's key, by a root that has the name of this one.
    fn crossed(&self) -> String {
        let other_root = Issuer::self_signed(authority("Root"), new_key().unwrap()).unwrap();
        authority("Upper").signed_by(self.upper.key(), &other_root).unwrap().pem()
    }

    fn leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> String {
        self.leaf_of(&new_key().unwrap(), change)
    }

    fn leaf_of(&self, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::new(["webhook.bancoex.example".to_owned()]).unwrap();
        params.distinguished_name = ClientSubject::default().distinguished_name().unwrap();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = rcgen::date_time_ymd(2026, 6, 1);
        params.not_after = rcgen::date_time_ymd(2027, 6, 1);
        change(&mut params);
        params.signed_by(key, &self.lower).unwrap().pem()
    }

    /// The chain below a leaf, whole.
    fn above(&self) -> String {
        self.lower.pem() + &self.upper.pem() + &self.root.pem()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn contains(all: &[String], part: &str) -> bool {
    all.iter().any(|text| text.contains(part))
}

#[test]
fn a_brcac_with_its_chain_is_taken_as_it_is() {
    let hierarchy = Hierarchy::new();
    let chain = hierarchy.leaf(|_| ()) + &hierarchy.above();
    let files = read(chain.as_bytes());
    assert_eq!((files.review.problems.len(), files.review.warnings.as_slice()), (0, [].as_slice()));
    assert_eq!(blocks(&files.chain_pem), blocks(&chain));
    // What is stored is shown, with its end.
    let mut out = Vec::new();
    files.show(&mut out, "arn").unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out.lines().count(), 5);
    for shown in
        ["until 2027-06-01T00:00:00Z", "organizationIdentifier=OFBBR-", "CN=Lower", "CN=Upper", "CN=Root"]
    {
        assert!(out.contains(shown), "{out}");
    }
}

#[test]
fn a_chain_of_another_order_or_form_is_put_right_and_said_so() {
    let hierarchy = Hierarchy::new();
    let (leaf, [root, upper, lower]) =
        (hierarchy.leaf(|_| ()), [&hierarchy.root, &hierarchy.upper, &hierarchy.lower].map(Issuer::pem));
    let whole = blocks(&[leaf.as_str(), &lower, &upper, &root].concat());
    for (file, warning) in [
        ([root.as_str(), &upper, &lower, &leaf].concat(), "not in order"),
        ([leaf.as_str(), &upper, &lower, &root].concat(), "not in order"),
        ([leaf.as_str(), &lower, &upper, &lower, &root].concat(), "repeats a certificate"),
        (
            [leaf.as_str(), &new_key().unwrap().serialize_pem(), &lower, &upper, &root].concat(),
            "a private key",
        ),
        ([leaf.trim_end(), lower.trim_end(), upper.trim_end(), root.trim_end()].concat(), ""),
    ] {
        let files = read(file.as_bytes());
        assert_eq!(files.review.problems, [""; 0]);
        assert!(!files.chain_pem.contains("PRIVATE"));
        assert_eq!(blocks(&files.chain_pem), whole, "{warning}");
        assert_eq!(files.review.warnings.len(), usize::from(!warning.is_empty()), "{:?}", files.review);
        assert!(contains(&files.review.warnings, warning) || warning.is_empty(), "{:?}", files.review);
    }
}

#[test]
fn a_certificate_missing_from_a_chain_is_named() {
    let hierarchy = Hierarchy::new();
    let leaf = hierarchy.leaf(|_| ());
    let alone = read(leaf.as_bytes());
    assert!(
        contains(&alone.review.warnings, "alone and lacks that of its issuer: CN=Lower"),
        "{:?}",
        alone.review
    );
    let half = read((leaf.clone() + &hierarchy.lower.pem()).as_bytes());
    assert!(contains(&half.review.warnings, "no root that is known here: CN=Upper"), "{:?}", half.review);
    // A gap, a stranger, and an issuer of the right name with another key.
    let gap = leaf.clone() + &hierarchy.upper.pem() + &hierarchy.root.pem();
    let stranger = leaf.clone() + &hierarchy.lower.pem() + &Hierarchy::new().root.pem();
    let namesake = leaf.clone() + &Hierarchy::new().lower.pem();
    for (file, problems) in [(gap, 2), (stranger, 1), (namesake, 1)] {
        let review = read(file.as_bytes()).review;
        assert_eq!(review.problems.len(), problems, "{review:?}");
        assert!(contains(&review.problems, "issued none of the others"), "{review:?}");
        assert!(review.check().unwrap_err().to_string().starts_with("nothing is stored"));
    }
    // Another certificate of an issuer, as cross-signing makes them, is kept behind the chain.
    let crossed = hierarchy.crossed();
    let file =
        leaf.clone() + &hierarchy.lower.pem() + &crossed + &hierarchy.upper.pem() + &hierarchy.root.pem();
    let files = read(file.as_bytes());
    assert_eq!(files.review.problems, [""; 0]);
    assert_eq!(blocks(&files.chain_pem).len(), 5);
    assert!(contains(&files.review.warnings, "another one of an issuer"), "{:?}", files.review);
}

#[test]
fn what_cannot_work_is_refused_and_what_receivers_may_refuse_is_warned_of() {
    let hierarchy = Hierarchy::new();
    let server = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    let refused: [(&str, Change<'_>); 5] = [
        ("no clientAuth", &server),
        ("no digitalSignature", &|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]),
        ("valid from", &|params| params.not_after = rcgen::date_time_ymd(2026, 11, 1)),
        ("valid from", &|params| params.not_before = rcgen::date_time_ymd(2026, 12, 1)),
        ("an authority's", &|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))),
    ];
    for (problem, change) in refused {
        let review = read((hierarchy.leaf(change) + &hierarchy.above()).as_bytes()).review;
        assert!(review.problems.len() == 1 && contains(&review.problems, problem), "{problem}: {review:?}");
    }
    let organization = |text: &'static str| {
        move |params: &mut CertificateParams| {
            let kind = DnType::CustomDnType(vec![2, 5, 4, 97]);
            params.distinguished_name.push(kind, DnValue::Utf8String(text.to_owned()));
        }
    };
    let user = |text: &'static str| {
        move |params: &mut CertificateParams| {
            let kind = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
            params.distinguished_name.push(kind, DnValue::Utf8String(text.to_owned()));
        }
    };
    let without = |oid: &'static [u64]| {
        move |params: &mut CertificateParams| {
            params.distinguished_name.remove(DnType::CustomDnType(oid.to_vec()));
        }
    };
    let warned: [(&str, Change<'_>); 11] = [
        ("no organizationIdentifier (2.5.4.97)", &without(&[2, 5, 4, 97])),
        ("organizationIdentifier is not OFBBR-", &organization("b7a1c0de-0000-4000-8000-0000000000a1")),
        ("organizationIdentifier is not OFBBR-", &organization("OFBBR-11222333000181")),
        ("no UID", &without(&[0, 9, 2342, 19_200_300, 100, 1, 1])),
        ("UID is not", &user("software")),
        ("not the organisation's CNPJ", &without(&[2, 5, 4, 5])),
        ("businessCategory", &without(&[2, 5, 4, 15])),
        ("no extendedKeyUsage", &|params| params.extended_key_usages.clear()),
        ("no keyEncipherment", &|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
        ("no dNSName", &|params| params.subject_alt_names.clear()),
        ("expires in 11 days", &|params| params.not_after = rcgen::date_time_ymd(2026, 12, 11)),
    ];
    for (warning, change) in warned {
        let review = read((hierarchy.leaf(change) + &hierarchy.above()).as_bytes()).review;
        assert_eq!(review.problems, [""; 0], "{warning}");
        assert!(review.warnings.len() == 1 && contains(&review.warnings, warning), "{warning}: {review:?}");
    }
    let larger = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072).unwrap();
    let elliptic = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    for (key, warning) in [(larger, "3072 bits"), (elliptic, "not RSA")] {
        let review = read((hierarchy.leaf_of(&key, |_| ()) + &hierarchy.above()).as_bytes()).review;
        assert!(review.problems.is_empty() && contains(&review.warnings, warning), "{review:?}");
    }
}

#[test]
fn files_are_read_as_bytes_and_stored_clean() {
    let authority = Authority::new("Ours", now()).unwrap();
    let client = authority.client(&ClientSubject::default()).unwrap();
    let latin1 = |pem: &str| {
        [b"\xef\xbb\xbfAutoridade: Certifica\xe7\xe3o\r\n", pem.replace('\n', "\r\n").as_bytes()].concat()
    };
    let folder = tempfile::tempdir().unwrap();
    let (key, root) = (latin1(&client.key_pem), latin1(authority.root_pem()));
    let files =
        read_files(&folder, &latin1(&client.chain_pem), &[("private-key", &key), ("trust-anchors", &root)])
            .unwrap();
    files.review.check().unwrap();
    let clean = |pem: &str| pem.replace('\r', "");
    assert_eq!(files.chain_pem, clean(&client.chain_pem));
    assert_eq!(files.key_pem.as_deref(), Some(clean(&client.key_pem).as_str()));
    assert_eq!(files.trust_pem.as_deref(), Some(clean(authority.root_pem()).as_str()));
    assert_eq!(files.trust.len(), 1);

    // What cannot be read names its file and line, and nothing of it.
    let half: String = client.chain_pem.lines().take(9).map(|line| line.to_owned() + "\n").collect();
    let error = read_files(&folder, half.as_bytes(), &[]).err().unwrap();
    assert!(error.contains("chain.pem cannot be used") && error.contains("line 1 does not end"), "{error}");
    let trust = format!("{}{}", authority.root_pem(), client.key_pem);
    let error = read_files(&folder, client.chain_pem.as_bytes(), &[("trust-anchors", trust.as_bytes())])
        .err()
        .unwrap();
    assert!(
        error.contains("a private key where certificates are expected") && !error.contains("MII"),
        "{error}"
    );
}

#[test]
fn trust_anchors_that_are_none_are_warned_of() {
    let (authority, later) =
        (Authority::new("Ours", now()).unwrap(), now() + SignedDuration::from_hours(400 * 24));
    let client = authority.client(&ClientSubject::default()).unwrap();
    let future = Authority::new("Future", later).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trust = [authority.root_pem(), &blocks(&client.chain_pem)[0], future.root_pem()].concat();
    let files =
        read_files(&folder, client.chain_pem.as_bytes(), &[("trust-anchors", trust.as_bytes())]).unwrap();
    assert_eq!(files.trust.len(), 3);
    assert!(contains(&files.review.warnings, "of the trust anchors is no authority"), "{:?}", files.review);
    assert!(contains(&files.review.warnings, "of the trust anchors is not valid now"), "{:?}", files.review);
}

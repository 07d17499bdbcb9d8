//! Lists that others wrote: openssl and rcgen.

use jiff::SignedDuration;
use std::fmt::Write as _;
use std::fs;

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope,
    KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::super::super::kit::openssl;
use super::*;

const CONFIG: &str = "[req]
distinguished_name = name
prompt = no
[name]
CN = Authority of openssl
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[ca]
default_ca = here
[here]
database = index.txt
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
default_md = sha256
[plain]
authorityKeyIdentifier = keyid
[user]
issuingDistributionPoint = critical, @user_scope
[user_scope]
onlyuser = TRUE
[named]
issuingDistributionPoint = critical, @named_scope
[named_scope]
fullname = URI:http://crl.example/1.crl, URI:ldap://crl.example/1
onlyCA = TRUE
[reasons]
issuingDistributionPoint = critical, @reasons_scope
[reasons_scope]
onlysomereasons = keyCompromise, CACompromise
indirectCRL = TRUE
";
/// Twenty bytes, the most that RFC 5280 allows (section 4.1.2.2); with the first bit set, DER puts a zero in front.
const LONG: &str = "F0E1D2C3B4A5968778695A4B3C2D1E0F00112233";

#[test]
fn lists_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |name: &str, text: &str| fs::write(path.join(name), text).unwrap();
    write("ca.cnf", CONFIG);
    write("crlnumber", "01");
    // The format of `openssl ca`: status, expiry, revocation with its reason, serial, file, subject.
    write(
        "index.txt",
        &[
            format!("R\t361201000000Z\t261101000000Z\t{LONG}\tunknown\t/CN=long"),
            "R\t361201000000Z\t261101000000Z,keyCompromise\t1001\tunknown\t/CN=key".to_owned(),
            "R\t361201000000Z\t261101000000Z,holdInstruction,holdInstructionReject\t1002\tunknown\t/CN=hold"
                .to_owned(),
            "R\t361201000000Z\t261101000000Z,CAkeyTime,20261101000000Z\t1003\tunknown\t/CN=invalid"
                .to_owned(),
            "V\t361201000000Z\t\t1004\tunknown\t/CN=good\n".to_owned(),
        ]
        .join("\n"),
    );
    let root = "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -config ca.cnf -extensions root";
    if !openssl(path, root) {
        return;
    }
    assert!(openssl(path, "x509 -in ca.pem -outform DER -out ca.der"));
    let root = fs::read(path.join("ca.der")).unwrap();
    let (authority, may) =
        (Authority::from_certificate(&root).unwrap(), mtls::revocation::may_sign_lists(&root));
    assert_eq!(may, Some(true));
    let long = hex(LONG);
    let named = Some(vec!["http://crl.example/1.crl".to_owned(), "ldap://crl.example/1".to_owned()]);
    for (section, scope) in [
        ("plain", Scope::default()),
        ("user", Scope { kind: Kind::User, ..Scope::default() }),
        ("named", Scope { kind: Kind::Ca, names: named, ..Scope::default() }),
        ("reasons", Scope { some_reasons: true, indirect: true, ..Scope::default() }),
    ] {
        assert!(openssl(
            path,
            &format!("ca -config ca.cnf -gencrl -crldays 7 -crlexts {section} -out list.pem")
        ));
        assert!(openssl(path, "crl -in list.pem -outform DER -out list.der"));
        let list = read(&fs::read(path.join("list.der")).unwrap(), &authority, may).unwrap();
        assert_eq!(list.scope, scope, "{section}");
        assert_eq!(list.revoked, sorted(&[&long, &[0x10, 1], &[0x10, 3]]), "{section}");
        assert_eq!(list.held, sorted(&[&[0x10, 2]]), "{section}");
        let week = list.next_update.duration_since(list.this_update);
        assert_eq!(week, SignedDuration::from_hours(7 * 24), "{section}");
        // As it is served by some: armoured, with a byte-order mark, with text in front.
        let pem = fs::read(path.join("list.pem")).unwrap();
        let crlf = String::from_utf8(pem.clone()).unwrap().replace('\n', "\r\n").into_bytes();
        for pem in
            [pem.clone(), crlf, [b"\xef\xbb\xbf", &pem[..]].concat(), [b"Our list:\n", &pem[..]].concat()]
        {
            assert_eq!(read(&pem, &authority, may).as_ref(), Ok(&list), "{section}");
        }
        let twice = [&pem[..], &pem[..]].concat();
        assert_eq!(read(&twice, &authority, may), Err(CrlRefusal::NotCrl), "{section}");
    }
    // SHA-1 is refused, whoever signed.
    assert!(openssl(path, "ca -config ca.cnf -gencrl -crldays 7 -md sha1 -out list.pem"));
    let list = fs::read(path.join("list.pem")).unwrap();
    assert_eq!(read(&list, &authority, may), Err(CrlRefusal::Unsupported));
}

#[test]
fn a_list_of_rcgen() {
    let signer = Signer::new("Authority");
    let revoked = |serial: &[u8], reason_code| RevokedCertParams {
        serial_number: SerialNumber::from(serial.to_vec()),
        revocation_time: date_time_ymd(2026, 11, 1),
        reason_code,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 11, 29),
        next_update: date_time_ymd(2026, 11, 30),
        crl_number: SerialNumber::from(7),
        issuing_distribution_point: Some(CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec!["http://crl.example/1.crl".to_owned()] },
            scope: Some(CrlScope::UserCertsOnly),
        }),
        revoked_certs: vec![
            revoked(&[0x81, 2], None),
            revoked(&[3], Some(RevocationReason::CertificateHold)),
            revoked(&[4], Some(RevocationReason::AaCompromise)),
            revoked(&[5], Some(RevocationReason::RemoveFromCrl)),
        ],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(signer.issuer()).unwrap();
    let list = read(list.der(), &signer.authority(), None).unwrap();
    let names = Some(vec!["http://crl.example/1.crl".to_owned()]);
    assert_eq!(list.scope, Scope { kind: Kind::User, names, ..Scope::default() });
    assert_eq!(list.revoked, sorted(&[&[0x81, 2], &[4]]));
    assert_eq!(list.held, sorted(&[&[3]]));
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let bytes: Vec<_> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let back = bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    });
    assert_eq!(back, text);
    bytes
}

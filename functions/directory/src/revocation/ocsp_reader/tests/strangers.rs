//! Requests that openssl answers.

use std::fs;
use std::path::Path;

use mtls::revocation::Authority;
use platform::clock::Clock;

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
[responder]
basicConstraints = CA:false
extendedKeyUsage = OCSPSigning
noCheck = ignored
[leaf]
basicConstraints = CA:false
";
/// Twenty bytes with the first bit set, so that DER puts a zero in front.
const LONG: &str = "F0E1D2C3B4A5968778695A4B3C2D1E0F00112233";

fn issue(folder: &Path, name: &str, serial: &str) -> Vec<u8> {
    let kind = if name == "responder" { name } else { "leaf" };
    let request = format!(
        "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name} -config ca.cnf"
    );
    assert!(openssl(folder, &request));
    let certificate = format!(
        "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -set_serial 0x{serial} -days 20 -extfile ca.cnf -extensions {kind}"
    );
    assert!(openssl(folder, &format!("{certificate} -out {name}.pem")));
    der(folder, name)
}

fn der(folder: &Path, name: &str) -> Vec<u8> {
    assert!(openssl(folder, &format!("x509 -in {name}.pem -outform DER -out {name}.der")));
    fs::read(folder.join(format!("{name}.der"))).unwrap()
}

#[test]
fn answers_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("ca.cnf"), CONFIG).unwrap();
    let root = "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -config ca.cnf -extensions root";
    if !openssl(path, root) {
        return;
    }
    let issuer = Authority::from_certificate(&der(path, "ca")).unwrap();
    issue(path, "responder", "77");
    let revoked = "R\t361201000000Z\t261101000000Z";
    let lines = [
        format!("V\t361201000000Z\t\t{LONG}\tunknown\t/CN=good"),
        format!("{revoked},keyCompromise\t1001\tunknown\t/CN=revoked"),
        format!("{revoked},certificateHold\t1002\tunknown\t/CN=held\n"),
    ];
    fs::write(path.join("index.txt"), lines.join("\n")).unwrap();
    let other = Question::new(&issue(path, "other", "1004"), &issuer, Some(ASKED)).unwrap();
    for (name, serial, expected) in [
        ("good", LONG, Ok(Status::Good)),
        ("revoked", "1001", Ok(Status::Revoked)),
        ("held", "1002", Ok(Status::Held)),
        ("unknown", "1003", Err(OcspRefusal::UnknownCertificate)),
    ] {
        let leaf = issue(path, name, serial);
        let ask = |nonce| Question::new(&leaf, &issuer, Some(nonce)).unwrap();
        let question = ask(ASKED);
        fs::write(path.join("status.req"), question.request_der()).unwrap();
        for (signer, more) in [
            ("-rsigner responder.pem -rkey responder.key", ""),
            ("-rsigner responder.pem -rkey responder.key", " -resp_key_id"),
            ("-rsigner ca.pem -rkey ca.key", " -resp_no_certs"),
        ] {
            let answer = format!(
                "ocsp -index index.txt -CA ca.pem {signer} -ndays 1 -reqin status.req -respout status.der{more}"
            );
            assert!(openssl(path, &answer));
            let answer = fs::read(path.join("status.der")).unwrap();
            // Afterwards: it is openssl that says what time it is.
            let now = Clock::system().now();
            assert_eq!(question.read(&answer, now).map(|answer| answer.status), expected, "{name}{more}");
            if expected.is_ok() {
                assert_eq!(other.read(&answer, now), Err(OcspRefusal::OtherCertificate), "{name}");
                assert_eq!(ask([8; 16]).read(&answer, now), Err(OcspRefusal::Nonce), "{name}");
            }
        }
    }
    assert!(openssl(
        path,
        "ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -rmd sha1 -ndays 1 -reqin status.req -respout status.der"
    ));
    let question = Question::new(&der(path, "unknown"), &issuer, Some(ASKED)).unwrap();
    let answer = fs::read(path.join("status.der")).unwrap();
    assert_eq!(question.read(&answer, Clock::system().now()), Err(OcspRefusal::Unsupported));
}

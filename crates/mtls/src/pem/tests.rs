use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};

use super::*;

/// A certificate of its own key, and the key, in PEM.
fn made(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem().replace('\r', ""), key.serialize_pem().replace('\r', ""))
}

fn read(file: &[u8]) -> Result<Vec<usize>, PemError> {
    Certificates::from_pem(file).map(|read| read.certificates.iter().map(|read| read.line).collect())
}

/// The DER of a block.
fn der(pem: &str) -> CertificateDer<'static> {
    Certificates::from_pem(pem.as_bytes()).unwrap().into_der().remove(0)
}

/// Pipes a text through openssl.
fn openssl(arguments: &[&str], input: &str) -> Vec<u8> {
    let mut openssl = Command::new("openssl");
    let openssl = openssl.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = openssl.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn files_as_people_join_them_are_read_whole() {
    let (a, b) = (made("a.example").0, made("b.example").0);
    let both = [der(&a), der(&b)];
    let indented = |pem: &str| pem.lines().map(|line| "  \t".to_owned() + line + " \n").collect::<String>();
    let one_line = |pem: &str| {
        let body: String = pem.lines().filter(|line| !line.contains("--")).collect();
        format!("-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----")
    };
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let latin1 = [b"# Autoridade de Certifica\xe7\xe3o\n", a.as_bytes(), b"\xa7\n", b.as_bytes()].concat();
    let short_lines = a.lines().map(|line| {
        if line.contains("--") {
            return line.to_owned() + "\n";
        }
        line.as_bytes().chunks(7).map(|part| str::from_utf8(part).unwrap().to_owned() + "\n").collect()
    });
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("as it should be", format!("{a}{b}").into()),
        ("glued", format!("{}{b}", a.trim_end()).into()),
        ("without an end of line at the end", format!("{a}{}", b.trim_end()).into()),
        ("byte-order mark", format!("\u{feff}{a}{b}").into()),
        ("byte-order mark between files", format!("{a}\u{feff}{b}").into()),
        ("byte-order mark where they are glued", format!("{}\u{feff}{b}", a.trim_end()).into()),
        ("CR LF", format!("{a}{b}").replace('\n', "\r\n").into()),
        ("CR", format!("{a}{b}").replace('\n', "\r").into()),
        ("indented", indented(&format!("{a}{b}")).into()),
        ("indented with no-break spaces", format!("{a}{b}").replace('\n', "\n\u{a0}").into()),
        ("blank lines", format!("{a}{b}").replace('\n', "\n\n").into()),
        ("old label", format!("{a}{b}").replace("CERTIFICATE", "X509 CERTIFICATE").into()),
        ("two spaces in the label", format!("{a}{b}").replace(" CERT", "  CERT").into()),
        ("one line", format!("{}{}", one_line(&a), one_line(&b)).into()),
        ("short lines", format!("{}{b}", short_lines.collect::<String>()).into()),
        ("text around", format!("subject=/CN=a begin of BEGIN\n{a}issuer=x: y\n\n{b}the END\n").into()),
        ("Latin-1 around", latin1),
        ("UTF-16 LE", utf16(&format!("ç\r\n{a}{b}"), u16::to_le_bytes)),
        ("UTF-16 BE", utf16(&format!("{a}{b}"), u16::to_be_bytes)),
        (
            "headers",
            format!("{a}{b}").replace("CERTIFICATE-----\nM", "CERTIFICATE-----\nX-Of: a\n b\n\nM").into(),
        ),
        ("without padding", format!("{a}{b}").replace('=', "").into()),
    ];
    for (what, file) in cases {
        let read = Certificates::from_pem(&file).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((read.others.len(), read.into_der().as_slice()), (0, both.as_slice()), "{what}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line() {
    let (a, key) = made("a.example");
    let b = made("b.example").0;
    let lines = a.lines().count();
    let at = lines + 1;
    let long = |with: &str| format!("{a}{with}\n{a}");
    let damaged = |from: &str, to: &str| format!("{a}{}", b.replacen(from, to, 1));
    let end = at + b.lines().count() - 1;
    let quoted: String = b.lines().map(|line| "# ".to_owned() + line + "\n").collect();
    let half: String = b.lines().take(4).map(|line| line.to_owned() + "\n").collect();
    for (what, file, error) in [
        ("empty", String::new(), PemError::Nothing { wanted: "CERTIFICATE" }),
        ("prose", "BEGIN here".to_owned(), PemError::Nothing { wanted: "CERTIFICATE" }),
        ("a key alone", key.clone(), PemError::Nothing { wanted: "CERTIFICATE" }),
        ("no end", format!("{a}{half}"), PemError::Endless { line: at }),
        ("no end before another begins", format!("{a}{half}{b}"), PemError::Endless { line: at }),
        ("no begin", format!("{a}MIIB\n-----END CERTIFICATE-----\n"), PemError::NotBegun { line: at + 1 }),
        ("four dashes", damaged("-----BEGIN", "----BEGIN"), PemError::Marker { line: at }),
        ("dashes of a word processor", damaged("-----BEGIN", "–––BEGIN"), PemError::Marker { line: at }),
        ("four dashes after", damaged("CERTIFICATE-----", "CERTIFICATE----"), PemError::Marker { line: at }),
        ("another end", damaged("END CERT", "END X509 CERT"), PemError::OtherEnd { line: at, end }),
        ("commented out", format!("{a}{quoted}"), PemError::NotBase64 { line: at + 1 }),
        (
            "nothing in it",
            long("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"),
            PemError::Unreadable { line: at },
        ),
        ("half of it", format!("{a}{half}-----END CERTIFICATE-----\n"), PemError::Unreadable { line: at }),
        (
            "no certificate",
            long("-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----"),
            PemError::Unreadable { line: at },
        ),
        (
            "an unknown kind",
            long("-----BEGIN NOTE-----\nMAMCAQE=\n-----END NOTE-----"),
            PemError::NotCertificate { line: at, what: "something else" },
        ),
        (
            "a list",
            long("-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----"),
            PemError::NotCertificate { line: at, what: "a revocation list" },
        ),
    ] {
        let found = read(file.as_bytes()).unwrap_err();
        assert_eq!(found, error, "{what}");
        assert!(!found.to_string().contains("MII"), "{found}");
    }
    for der in [der(&a).to_vec(), openssl(&["pkcs7", "-outform", "DER"], &pkcs7(&a))] {
        assert_eq!(read(&der).unwrap_err(), PemError::Der);
    }
    let bundle = format!("{a}{}", pkcs7(&b));
    assert!(matches!(read(bundle.as_bytes()), Err(PemError::NotCertificate { .. })));
}

fn pkcs7(pem: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pem");
    std::fs::write(&file, pem).unwrap();
    String::from_utf8(openssl(&["crl2pkcs7", "-nocrl", "-certfile", file.to_str().unwrap()], "")).unwrap()
}

#[test]
fn what_openssl_writes_behind_a_trusted_certificate_is_understood() {
    let (a, b) = (made("a.example").0, made("b.example").0);
    for (arguments, distrusted) in [
        (&["-setalias", "An authority"][..], false),
        (&["-addtrust", "serverAuth"], false),
        (&["-addtrust", "anyExtendedKeyUsage"], false),
        (&["-addreject", "clientAuth"], false),
        (&["-addtrust", "emailProtection"], true),
        (&["-addreject", "serverAuth"], true),
    ] {
        let trusted = openssl(&[&["x509", "-trustout"], arguments].concat(), &a);
        let file = [trusted.as_slice(), b.as_bytes()].concat();
        assert!(file.starts_with(b"-----BEGIN TRUSTED CERTIFICATE-----"));
        let read = Certificates::from_pem(&file).unwrap();
        let marks: Vec<_> = read.certificates.iter().map(|read| read.distrusted).collect();
        assert_eq!(marks, [distrusted, false], "{arguments:?}");
        assert_eq!(read.into_der(), [der(&a), der(&b)]);
    }
    // Under the plain label what follows a certificate is a mistake.
    let trusted = String::from_utf8(openssl(&["x509", "-trustout", "-setalias", "a"], &a)).unwrap();
    assert_eq!(
        read(trusted.replace("TRUSTED ", "").as_bytes()).unwrap_err(),
        PemError::Unreadable { line: 1 }
    );
}

#[test]
fn private_keys_are_read_in_their_forms_and_beside_certificates() {
    let (a, key) = made("a.example");
    let read = private_key(key.as_bytes()).unwrap();
    for file in [
        format!("{a}{key}"),
        format!("\u{feff}{}{a}", key.trim_end()),
        key.replace('\n', "\r\n  "),
        format!("{key}{key}"),
        String::from_utf8(openssl(&["pkey"], &key)).unwrap(),
    ] {
        assert_eq!(private_key(file.as_bytes()), Ok(read.clone_key()));
    }
    let sec1 = String::from_utf8(openssl(&["ec"], &key)).unwrap();
    let parameters = String::from_utf8(openssl(&["ecparam", "-name", "prime256v1"], "")).unwrap();
    assert!(matches!(private_key((parameters + &sec1).as_bytes()), Ok(PrivateKeyDer::Sec1(_))));
    let rsa = String::from_utf8(openssl(&["genrsa", "-traditional", "2048"], "")).unwrap();
    assert!(matches!(private_key(rsa.as_bytes()), Ok(PrivateKeyDer::Pkcs1(_))));
    assert_eq!(private_key(private_key_to_pem(&read).as_bytes()), Ok(read));
}

#[test]
fn private_keys_that_cannot_be_used_say_why() {
    let (a, key) = made("a.example");
    let other = made("b.example").1;
    let pkcs8 = openssl(&["pkcs8", "-topk8", "-passout", "pass:secret"], &key);
    let legacy = openssl(&["ec", "-aes128", "-passout", "pass:secret"], &key);
    for (file, line) in
        [(pkcs8, 1), (legacy.clone(), 1), ([a.as_bytes(), &legacy].concat(), a.lines().count() + 1)]
    {
        assert_eq!(private_key(&file), Err(PemError::Encrypted { line }));
    }
    let two = key.lines().count() + 1;
    assert_eq!(
        private_key((key.clone() + &other).as_bytes()),
        Err(PemError::TwoKeys { first: 1, line: two })
    );
    assert_eq!(private_key(a.as_bytes()), Err(PemError::Nothing { wanted: "PRIVATE KEY" }));
    let der = openssl(&["pkey", "-outform", "DER"], &key);
    assert_eq!(private_key(&der), Err(PemError::Der));
    let openssh = key.replace("PRIVATE", "OPENSSH PRIVATE");
    assert!(matches!(private_key(openssh.as_bytes()), Err(PemError::NotKey { line: 1, .. })));
    let half = key
        .lines()
        .filter(|line| !line.ends_with('='))
        .map(|line| line.to_owned() + "\n")
        .collect::<String>();
    if half != key {
        assert!(matches!(private_key(half.as_bytes()), Err(PemError::Unreadable { line: 1 })));
    }
}

#[test]
fn openssl_reads_written_pem() {
    let (a, b) = (made("a.example").0, made("b.example").0);
    let written = certificates_to_pem([&der(&a), &der(&b)]);
    assert_eq!(written, format!("{a}{b}"));
    assert_eq!(openssl(&["x509", "-outform", "DER"], &written), der(&a).to_vec());
}

/// How many blocks seem to begin.
fn beginnings(file: &[u8]) -> usize {
    file.windows(10).filter(|window| window.eq_ignore_ascii_case(b"-----BEGIN")).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is done to a file: what begins is read, or the file is refused.
    #[test]
    fn nothing_that_begins_is_lost(changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..7u8), 0..4)) {
        thread_local!(static FILE: String = ["a.example", "b.example", "c.example"].map(|name| made(name).0).concat());
        let mut file = FILE.with(|file| file.clone().into_bytes());
        for (index, change) in changes {
            let at = index.index(file.len());
            match change {
                0 => drop(file.remove(at)),
                1 => file.insert(at, b'\n'),
                2 => file.insert(at, b' '),
                3 => file.insert(at, b'-'),
                4 => drop(file.splice(at..at, *b"\xef\xbb\xbf")),
                5 => file[at] = b'A',
                _ => file.truncate(at.max(1)),
            }
        }
        if let Ok(read) = Certificates::from_pem(&file) {
            prop_assert!(read.certificates.len() + read.others.len() >= beginnings(&file));
            // What was damaged is not read as something else, but for letters inside a certificate.
            prop_assert!(read.certificates.len() <= 3);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Certificates::from_pem(&bytes).is_err());
        let marked = [b"-----BEGIN CERTIFICATE-----\n".as_slice(), &bytes, b"\n-----END CERTIFICATE-----\n"].concat();
        prop_assert!(Certificates::from_pem(&marked).is_err());
        prop_assert!(private_key(&bytes).is_err());
    }
}

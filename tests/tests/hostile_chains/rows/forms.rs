//! Odd forms of serial numbers, extensions, addresses and bytes.

use mtls::revocation::OcspStatus;
use tests::chains::der::{self, sequence, value};
use tests::chains::{Draft, List, Party, point};

use super::Row;
use crate::case::{Case, Fixture};
use crate::pki::{Der, HOST, PKI, issuer, receiver, root};

/// An identifier that nobody knows.
const UNKNOWN: &[u8] = &[0x2a, 0x03, 0x04];

pub(super) fn rows() -> Vec<Row> {
    [serials(), extensions(), addresses(), bytes()].into_iter().flatten().collect()
}

/// Serial numbers, by the content of the `INTEGER`, and what comes of a certificate that has it.
fn serials() -> Vec<Row> {
    let serials: [(&str, Vec<u8>, &str); 7] = [
        ("zero", vec![0], "delivered"),
        ("of 20 bytes", vec![0x7f; 20], "delivered"),
        ("of 21 bytes, the first of them zero", [vec![0], vec![0xff; 20]].concat(), "delivered"),
        ("of 32 bytes", vec![0x55; 32], "delivered"),
        ("with zeros in front", vec![0, 0, 0, 5], "delivered"),
        ("that is negative", vec![0xff; 3], "delivered"),
        ("without a byte", Vec::new(), "delivered"),
    ];
    let mut rows = Vec::new();
    for (name, serial, code) in serials {
        let number = serial.clone();
        rows.push(Row::new(format!("a serial number {name}"), move |fixture| {
            let (_, good) = fixture.good();
            let leaf = fixture.leaf().serial(&number).sign(receiver(), issuer());
            let case = Case::presents(&[&leaf, &good], code);
            if code == "delivered" { case.known_path(&[&leaf, &good], root()) } else { case.asks(&[]) }
        }));
        // No list can name what is no number.
        if serial.is_empty() {
            continue;
        }
        rows.push(Row::new(format!("a revoked serial number {name}"), move |fixture| {
            let (_, good) = fixture.good();
            let leaf = fixture.leaf().serial(&serial).sign(receiver(), issuer());
            fixture.web.serve("/leaf.crl", List::new(fixture.now).names(&serial, 0).sign(issuer()));
            fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
            Case::presents(&[&leaf, &good], "revoked").fetches(&[&leaf, &good], root())
        }));
    }
    rows.push(Row::new("a serial number with zeros in front that its list names without", |fixture| {
        let (_, good) = fixture.good();
        let leaf = fixture.leaf().serial(&[0, 0, 0, 5]).sign(receiver(), issuer());
        fixture.web.serve("/leaf.crl", List::new(fixture.now).names(&[5], 0).sign(issuer()));
        fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
        Case::presents(&[&leaf, &good], "revoked").fetches(&[&leaf, &good], root())
    }));
    rows
}

/// A chain with such a leaf, of which the lists say good.
fn leaf(name: &str, code: &'static str, draft: fn(Draft) -> Draft) -> Row {
    Row::new(name, move |fixture| {
        let leaf = draft(fixture.leaf()).sign(receiver(), issuer());
        judged(&leaf, &fixture.good().1, code)
    })
}

/// A chain with such an authority, of which the lists say good.
fn above(name: &str, code: &'static str, draft: fn(Draft) -> Draft) -> Row {
    Row::new(name, move |fixture| {
        judged(&fixture.good().0, &draft(fixture.authority()).sign(issuer(), root()), code)
    })
}

fn judged(leaf: &Der, authority: &Der, code: &'static str) -> Case {
    let case = Case::presents(&[leaf, authority], code);
    if code == "delivered" { case.known_path(&[leaf, authority], root()) } else { case.asks(&[]) }
}

fn extensions() -> Vec<Row> {
    vec![
        leaf("an unknown critical extension in the leaf", "certificate_invalid", |leaf| {
            leaf.with(UNKNOWN, true, &[5, 0])
        }),
        leaf("an unknown extension in the leaf", "delivered", |leaf| leaf.with(UNKNOWN, false, &[5, 0])),
        leaf("an unknown extension that is no DER", "delivered", |leaf| {
            leaf.with(UNKNOWN, false, &[0xff; 40])
        }),
        above("an unknown critical extension in the authority", "certificate_invalid", |above| {
            above.with(UNKNOWN, true, &[5, 0])
        }),
        above("an unknown extension in the authority", "delivered", |above| {
            above.with(UNKNOWN, false, &[5, 0])
        }),
        leaf("distribution points that are no DER", "certificate_invalid", |leaf| {
            leaf.with(&[0x55, 0x1d, 31], false, &[0xff; 9])
        }),
        leaf("a usage twice", "certificate_invalid", |leaf| {
            leaf.twice(&[0x55, 0x1d, 37], false, &sequence(&[]))
        }),
        Row::new("an unknown critical extension in an authority beside the good one", |fixture| {
            let (leaf, good) = fixture.good();
            let odd = fixture.evil().with(UNKNOWN, true, &[5, 0]).sign(issuer(), root());
            Case::presents(&[&leaf, &odd, &good], "delivered").known_path(&[&leaf, &good], root())
        }),
        // RFC 5280, section 4.1.2.5: 99991231235959Z is that of a certificate whose end nobody knows.
        Row::new("a leaf without an end", |fixture| {
            let leaf = fixture.leaf().without_end().sign(receiver(), issuer());
            let (_, good) = fixture.good();
            Case::presents(&[&leaf, &good], "delivered")
                .notes(&[&leaf, &good])
                .asks(&["/issuer.crl", "/leaf.crl"])
        }),
        Row::new("a revoked leaf without an end", |fixture| {
            let leaf = fixture.leaf().without_end().sign(receiver(), issuer());
            let (_, good) = fixture.good();
            fixture.web.serve("/leaf.crl", List::new(fixture.now).names(&[7], 0).sign(issuer()));
            fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
            Case::presents(&[&leaf, &good], "revoked").fetches(&[&leaf, &good], root())
        }),
    ]
}

/// A leaf with such addresses, two weeks after its first sight: nothing can be fetched of it.
fn unasked(name: &str, draft: fn(&Fixture, Draft) -> Draft, asks: &'static [&'static str]) -> Row {
    Row::new(name, move |fixture| {
        let (_, good) = fixture.good();
        let leaf = draft(fixture, Draft::receiver(&[HOST], fixture.now)).sign(receiver(), issuer());
        fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
        fixture.web.serve("/leaf.crl", List::new(fixture.now).sign(issuer()));
        Case::presents(&[&leaf, &good], "revocation_unknown").fetches(&[&leaf, &good], root()).asks(asks)
    })
}

/// A leaf with such addresses, of which one serves a list that is good.
fn asked(name: &str, draft: fn(&Fixture, Draft) -> Draft, asks: &'static [&'static str]) -> Row {
    Row::new(name, move |fixture| {
        let (_, good) = fixture.good();
        let leaf = draft(fixture, Draft::receiver(&[HOST], fixture.now)).sign(receiver(), issuer());
        fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
        fixture.web.serve("/leaf.crl", List::new(fixture.now).sign(issuer()));
        Case::presents(&[&leaf, &good], "delivered").fetches(&[&leaf, &good], root()).asks(asks)
    })
}

fn addresses() -> Vec<Row> {
    /// cRLIssuer: somebody else signs the list.
    fn somebody() -> Vec<u8> {
        value(0xa2, &[&value(0xa4, &[&der::name("Somebody")])])
    }
    vec![
        unasked("no distribution point", |_, leaf| leaf, &["/issuer.crl"]),
        unasked("an empty list of distribution points", |_, leaf| leaf.points(&[]), &["/issuer.crl"]),
        unasked("an empty distribution point", |_, leaf| leaf.points(&[sequence(&[])]), &["/issuer.crl"]),
        unasked(
            "an address of LDAP alone",
            |_, leaf| leaf.lists(&["ldap://crl.example/cn=a"]),
            &["/issuer.crl"],
        ),
        unasked("an address of a file", |_, leaf| leaf.lists(&["file:///etc/passwd"]), &["/issuer.crl"]),
        unasked(
            "an address of 2,000 bytes",
            |fixture, leaf| leaf.lists(&[&fixture.web.url(&format!("/{}", "a".repeat(2000)))]),
            &["/issuer.crl"],
        ),
        unasked(
            "a point for some reasons",
            |fixture, leaf| leaf.points(&[point(&fixture.web.url("/leaf.crl"), &[0x81, 2, 5, 0x60])]),
            &["/issuer.crl"],
        ),
        unasked(
            "a point of a list that somebody else signs",
            |fixture, leaf| leaf.points(&[point(&fixture.web.url("/leaf.crl"), &somebody())]),
            &["/issuer.crl"],
        ),
        asked(
            "a scheme in capitals",
            |fixture, leaf| leaf.lists(&[&fixture.web.url("/leaf.crl").replace("http", "HTTP")]),
            &["/issuer.crl", "/leaf.crl"],
        ),
        asked(
            "an address behind one of 2,000 bytes and one of LDAP",
            |fixture, leaf| {
                let long = fixture.web.url(&format!("/{}", "a".repeat(2000)));
                leaf.lists(&[&long, "ldap://crl.example/cn=a", &fixture.web.url("/leaf.crl")])
            },
            &["/issuer.crl", "/leaf.crl"],
        ),
        asked(
            "a point for all reasons behind one for some",
            |fixture, leaf| {
                let for_some = point(&fixture.web.url("/some.crl"), &[0x81, 2, 5, 0x60]);
                leaf.points(&[for_some, point(&fixture.web.url("/leaf.crl"), &[])])
            },
            &["/issuer.crl", "/leaf.crl"],
        ),
        asked(
            "fifty responders",
            |fixture, leaf| {
                let urls: Vec<_> =
                    (0..50).map(|number| fixture.web.url(&format!("/ocsp-{number}"))).collect();
                leaf.lists(&[&fixture.web.url("/leaf.crl")])
                    .responders(&urls.iter().map(String::as_str).collect::<Vec<_>>())
            },
            &["/issuer.crl", "/leaf.crl", "/ocsp-0", "/ocsp-1", "/ocsp-2", "/ocsp-3"],
        ),
        asked(
            "fifty addresses of lists",
            |fixture, leaf| {
                let urls: Vec<_> =
                    (0..50).map(|number| fixture.web.url(&format!("/list-{number}"))).collect();
                let mut urls: Vec<_> = urls.iter().map(String::as_str).collect();
                let good = fixture.web.url("/leaf.crl");
                urls.insert(0, &good);
                leaf.lists(&urls)
            },
            &["/issuer.crl", "/leaf.crl"],
        ),
        Row::new("no distribution point and a responder that says good", |fixture| {
            let leaf = Draft::receiver(&[HOST], fixture.now).sign(receiver(), issuer());
            let (_, good) = fixture.good();
            Case::presents(&[&leaf, &good], "delivered")
                .known_path(&[&leaf, &good], root())
                .ocsp(OcspStatus::Good)
        }),
        Row::new("an address of LDAP alone, at first sight", |fixture| {
            let leaf = Draft::receiver(&[HOST], fixture.now)
                .lists(&["ldap://crl.example/a"])
                .sign(receiver(), issuer());
            let (_, good) = fixture.good();
            Case::presents(&[&leaf, &good], "delivered").notes(&[&leaf, &good]).asks(&["/issuer.crl"])
        }),
    ]
}

/// A name that is none: an attribute without a type. To webpki a name is bytes.
const NO_NAME: &[u8] = &[0x30, 6, 0x31, 4, 0x30, 2, 0x05, 0];

fn bytes() -> Vec<Row> {
    let odd = || Party::of_der(NO_NAME, issuer().key);
    vec![
        Row::new("a leaf of an authority whose name is none", move |fixture| {
            let (leaf, above) =
                (fixture.leaf().sign(receiver(), odd()), fixture.authority().sign(odd(), root()));
            fixture.web.serve("/leaf.crl", List::new(fixture.now).sign(odd()));
            fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
            Case::presents(&[&leaf, &above], "delivered").fetches(&[&leaf, &above], root())
        }),
        Row::new("a revoked leaf of an authority whose name is none", move |fixture| {
            let (leaf, above) =
                (fixture.leaf().sign(receiver(), odd()), fixture.authority().sign(odd(), root()));
            fixture.web.serve("/leaf.crl", List::new(fixture.now).names(&[7], 0).sign(odd()));
            fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
            Case::presents(&[&leaf, &above], "revoked").fetches(&[&leaf, &above], root())
        }),
        Row::new("a leaf of an authority whose name is none, of which nothing is known", move |fixture| {
            let (leaf, above) =
                (fixture.leaf().sign(receiver(), odd()), fixture.authority().sign(odd(), root()));
            fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
            Case::presents(&[&leaf, &above], "revocation_unknown").fetches(&[&leaf, &above], root())
        }),
        Row::new("a revoked leaf whose name is none", |fixture| {
            let leaf = fixture.leaf().sign(Party::of_der(NO_NAME, receiver().key), issuer());
            let (_, good) = fixture.good();
            Case::presents(&[&leaf, &good], "revoked").known_path(&[&leaf, &good], root()).revoked(0)
        }),
        Row::new("a leaf with something behind it", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&Der::from([&leaf[..], &[0]].concat()), &good], "certificate_invalid").asks(&[])
        }),
        Row::new("a leaf that is cut short", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&Der::from(leaf[..leaf.len() - 1].to_vec()), &good], "certificate_invalid")
                .asks(&[])
        }),
        Row::new("a leaf that is no certificate", |fixture| {
            Case::presents(&[&Der::from(vec![0xff; 100]), &fixture.good().1], "certificate_invalid").asks(&[])
        }),
        Row::new("an empty leaf", |fixture| {
            Case::presents(&[&Der::from(Vec::new()), &fixture.good().1], "certificate_invalid").asks(&[])
        }),
        Row::new("no certificate", |_| Case::presents(&[], "tls_handshake").asks(&[])),
        Row::new("the authority in the place of the leaf", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&good, &leaf], "certificate_invalid").asks(&[])
        }),
        Row::new("an authority with an empty name, of a stranger", |fixture| {
            let nobody = Party::new("", &PKI.own[0]);
            let leaf = fixture.leaf().sign(receiver(), nobody);
            Case::presents(&[&leaf, &fixture.evil().sign(nobody, nobody)], "unknown_ca").asks(&[])
        }),
    ]
}

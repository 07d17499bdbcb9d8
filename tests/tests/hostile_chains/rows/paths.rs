//! Certificates beside the path, and paths that do not hold.

use tests::chains::{Draft, Party};

use super::Row;
use crate::case::{Case, Fixture};
use crate::pki::{Der, HOST, PKI, anchor, issuer, own, receiver, root, second, stranger, sub};

/// Makes a certificate that stands beside a path.
type Beside = fn(&Fixture) -> Der;

/// What a receiver may put beside a good chain without any harm, each with its name.
pub(super) const BESIDE: &[(&str, Beside)] = &[
    ("the authority signed by a stranger", |fixture| fixture.evil().sign(issuer(), stranger())),
    ("the authority signed in the root's name by a key of the receiver's own", |fixture| {
        fixture.evil().sign(issuer(), own("Root", 0))
    }),
    ("the authority signed by itself", |fixture| fixture.evil().sign(issuer(), own("Issuer", 0))),
    ("an expired certificate under the authority's name", |fixture| {
        expired(fixture).sign(own("Issuer", 1), root())
    }),
    ("an expired certificate of nobody under the authority's name", |fixture| {
        expired(fixture).sign(own("Issuer", 1), own("Nobody", 2))
    }),
    ("the authority's own certificate of old", |fixture| expired(fixture).sign(issuer(), root())),
    ("the authority's own certificate to come", |fixture| future(fixture).sign(issuer(), root())),
    ("another key under the authority's name", |fixture| {
        fixture.evil().sign(own("Issuer", 3), own("Root", 4))
    }),
    ("the root signed by a stranger", |fixture| fixture.evil().sign(root(), stranger())),
    ("the root", |_| anchor(root())),
    ("another key under the root's name", |fixture| fixture.evil().sign(own("Root", 5), own("Root", 5))),
    ("another receiver's certificate", |fixture| {
        fixture.evil().no_authority().sign(Party::new("Other", &PKI.own[6]), issuer())
    }),
    ("bytes that are no certificate", |_| Der::from(vec![0x30, 0x82, 0xff, 0xff, 1])),
    ("nothing at all", |_| Der::from(Vec::new())),
    ("a certificate that is cut short", |fixture| {
        let whole = fixture.evil().sign(issuer(), own("Root", 0));
        Der::from(whole[..whole.len() - 1].to_vec())
    }),
    ("a certificate with something behind it", |fixture| Der::from([&fixture.good().1[..], &[0]].concat())),
    ("a certificate whose signature is another's", |fixture| {
        let mut bytes = fixture.evil().sign(issuer(), root()).to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        Der::from(bytes)
    }),
];

pub(super) fn expired(fixture: &Fixture) -> Draft {
    fixture.evil().valid(fixture.ago(2000), fixture.ago(1000))
}

fn future(fixture: &Fixture) -> Draft {
    fixture.evil().valid(fixture.ago(-1000), fixture.ago(-2000))
}

/// Puts certificates in the place of a good path's authority.
fn instead(name: &str, code: &'static str, make: fn(&Fixture) -> Vec<Der>) -> Row {
    Row::new(name, move |fixture| {
        let (leaf, _) = fixture.good();
        let above = make(fixture);
        Case::presents(&std::iter::once(&leaf).chain(&above).collect::<Vec<_>>(), code).asks(&[])
    })
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![Row::new("a chain that is as it should be", |fixture| {
        let (leaf, issuer) = fixture.good();
        Case::presents(&[&leaf, &issuer], "delivered")
            .known_path(&[&leaf, &issuer], root())
            .asks(&["/issuer.crl", "/leaf.crl"])
    })];
    for (name, junk) in BESIDE {
        for before in [false, true] {
            let place = if before { "before" } else { "behind" };
            rows.push(Row::new(format!("{name}, {place} the authority"), move |fixture| {
                let ((leaf, issuer), junk) = (fixture.good(), junk(fixture));
                let chain = if before { [&leaf, &junk, &issuer] } else { [&leaf, &issuer, &junk] };
                Case::presents(&chain, "delivered")
                    .known_path(&[&leaf, &issuer], root())
                    .asks(&["/issuer.crl", "/leaf.crl"])
            }));
        }
        rows.push(Row::new(format!("{name}, at first sight"), move |fixture| {
            let ((leaf, issuer), junk) = (fixture.good(), junk(fixture));
            Case::presents(&[&leaf, &junk, &issuer], "delivered")
                .notes(&[&leaf, &issuer])
                .asks(&["/issuer.crl", "/leaf.crl"])
        }));
    }
    rows.extend(cross_signed());
    rows.extend(broken());
    rows
}

/// What front ends send that were set up for other roots too: in any order.
fn cross_signed() -> Vec<Row> {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    ORDERS
        .into_iter()
        .map(|order| {
            Row::new(
                format!("an authority and its root, both cross-signed by a stranger, {order:?}"),
                move |fixture| {
                    let (leaf, good) = fixture.good();
                    let above = [
                        good.clone(),
                        fixture.evil().sign(issuer(), stranger()),
                        fixture.evil().sign(root(), stranger()),
                    ];
                    let [a, b, c] = order.map(|place| &above[place]);
                    Case::presents(&[&leaf, a, b, c], "delivered").known_path(&[&leaf, &good], root())
                },
            )
        })
        .collect()
}

fn broken() -> Vec<Row> {
    vec![
        instead("an authority by a stranger", "unknown_ca", |fixture| {
            vec![fixture.evil().sign(issuer(), stranger())]
        }),
        instead("no authority", "unknown_ca", |_| Vec::new()),
        instead("an authority signed in the root's name", "unknown_ca", |fixture| {
            vec![fixture.evil().sign(issuer(), own("Root", 0))]
        }),
        instead("another key under the authority's name", "certificate_invalid", |fixture| {
            vec![fixture.evil().sign(own("Issuer", 0), root())]
        }),
        instead("an authority that has expired", "expired", |fixture| {
            vec![expired(fixture).sign(issuer(), root())]
        }),
        instead("an authority that is not valid yet", "not_yet_valid", |fixture| {
            vec![future(fixture).sign(issuer(), root())]
        }),
        instead("an authority that says it is none", "certificate_invalid", |fixture| {
            vec![fixture.evil().no_authority().sign(issuer(), root())]
        }),
        Row::new("an authority in the place of a receiver", |fixture| {
            let authority =
                fixture.authority().with(&[0x55, 0x1d, 17], false, &[0x30, 0]).sign(receiver(), root());
            Case::presents(&[&authority], "certificate_invalid").asks(&[])
        }),
        Row::new("a receiver in the place of an authority", |fixture| {
            let (leaf, good) = fixture.good();
            let below = fixture.leaf().sign(own("Below", 8), receiver());
            Case::presents(&[&below, &leaf, &good], "certificate_invalid").asks(&[])
        }),
        Row::new("an authority more than its issuer allows", |fixture| {
            let leaf = fixture.leaf().sign(receiver(), sub());
            let (below, above) = (
                fixture.authority().sign(sub(), issuer()),
                fixture.authority().path_length(0).sign(issuer(), root()),
            );
            Case::presents(&[&leaf, &below, &above], "certificate_invalid").asks(&[])
        }),
        Row::new("as many authorities as the issuer allows", |fixture| {
            let leaf = fixture.leaf().sign(receiver(), sub());
            let (below, above) = (
                fixture.authority().sign(sub(), issuer()),
                fixture.authority().path_length(1).sign(issuer(), root()),
            );
            Case::presents(&[&leaf, &above, &below], "delivered").known_path(&[&leaf, &below, &above], root())
        }),
        Row::new("a name that the authority may not give", |fixture| {
            let (leaf, _) = fixture.good();
            let above = fixture.authority().permits(&["other.example"]).sign(issuer(), root());
            Case::presents(&[&leaf, &above], "certificate_invalid").asks(&[])
        }),
        Row::new("a name that the authority may give", |fixture| {
            let (leaf, _) = fixture.good();
            let above = fixture.authority().permits(&["example"]).sign(issuer(), root());
            Case::presents(&[&leaf, &above], "delivered").known_path(&[&leaf, &above], root())
        }),
        Row::new("a name that one way may not give and another may", |fixture| {
            let (leaf, good) = fixture.good();
            let above = fixture.evil().permits(&["other.example"]).sign(issuer(), root());
            Case::presents(&[&leaf, &above, &good], "delivered").known_path(&[&leaf, &good], root())
        }),
        Row::new("another host's certificate", |fixture| {
            let leaf = Draft::receiver(&["other.example"], fixture.now).sign(receiver(), issuer());
            let (_, above) = fixture.good();
            Case::presents(&[&leaf, &above], "hostname_mismatch").asks(&[])
        }),
        Row::new("a receiver's certificate that the root signed itself", |fixture| {
            let leaf = fixture.leaf().sign(receiver(), root());
            Case::presents(&[&leaf, &anchor(root())], "delivered").known_path(&[&leaf], root())
        }),
        Row::new("two ways to two roots", |fixture| {
            let ((leaf, good), other) = (fixture.good(), fixture.authority().sign(issuer(), second()));
            Case::presents(&[&leaf, &other, &good], "delivered").known_path(&[&leaf, &good], root())
        }),
        Row::new("the key of somebody else's certificate", |fixture| {
            let leaf = fixture.leaf().sign(Party::new(HOST, &PKI.own[7]), issuer());
            let (_, good) = fixture.good();
            // Its host is the receiver's, so that it is looked after; it comes no further than the handshake.
            Case::presents(&[&leaf, &good], "certificate_invalid").notes(&[&leaf, &good])
        }),
        Row::new("SHA-1", |fixture| {
            let Some(key) = &PKI.sha1 else { return Case::skipped() };
            let sha1 = Party::new("Issuer", key);
            let leaf = fixture.leaf().sign(receiver(), sha1);
            Case::presents(&[&leaf, &fixture.authority().sign(sha1, root())], "certificate_invalid").asks(&[])
        }),
        Row::new("an authority of 1,024 bits", |fixture| {
            let Some(key) = &PKI.short else { return Case::skipped() };
            let short = Party::new("Issuer", key);
            let leaf = fixture.leaf().sign(receiver(), short);
            Case::presents(&[&leaf, &fixture.authority().sign(short, root())], "certificate_invalid")
                .asks(&[])
        }),
        Row::new("an authority of 1,024 bits beside the good one", |fixture| {
            let Some(key) = &PKI.short else { return Case::skipped() };
            let (leaf, good) = fixture.good();
            let short = fixture.evil().sign(Party::new("Issuer", key), root());
            Case::presents(&[&leaf, &short, &good], "delivered").known_path(&[&leaf, &good], root())
        }),
    ]
}

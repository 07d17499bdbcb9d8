//! Certificates beside the path, and paths that do not hold.

use tests::chains::{Draft, Party};

use super::Row;
use crate::case::{Bench, Case};
use crate::pki::{Der, HOST, PKI, anchor, issuer, own, receiver, root, second, stranger, sub};

/// Makes a certificate that stands beside a path.
type Beside = fn(&Bench) -> Der;

/// What a receiver may put beside a good chain without any harm, each with its name.
pub(super) const BESIDE: &[(&str, Beside)] = &[
    ("the authority signed by a stranger", |bench| bench.evil().sign(issuer(), stranger())),
    ("the authority signed in the root's name by a key of the receiver's own", |bench| {
        bench.evil().sign(issuer(), own("Root", 0))
    }),
    ("the authority signed by itself", |bench| bench.evil().sign(issuer(), own("Issuer", 0))),
    ("an expired certificate under the authority's name", |bench| {
        expired(bench).sign(own("Issuer", 1), root())
    }),
    ("an expired certificate of nobody under the authority's name", |bench| {
        expired(bench).sign(own("Issuer", 1), own("Nobody", 2))
    }),
    ("the authority's own certificate of old", |bench| expired(bench).sign(issuer(), root())),
    ("the authority's own certificate to come", |bench| future(bench).sign(issuer(), root())),
    ("another key under the authority's name", |bench| bench.evil().sign(own("Issuer", 3), own("Root", 4))),
    ("the root signed by a stranger", |bench| bench.evil().sign(root(), stranger())),
    ("the root", |_| anchor(root())),
    ("another key under the root's name", |bench| bench.evil().sign(own("Root", 5), own("Root", 5))),
    ("another receiver's certificate", |bench| {
        bench.evil().no_authority().sign(Party::new("Other", &PKI.own[6]), issuer())
    }),
    ("bytes that are no certificate", |_| Der::from(vec![0x30, 0x82, 0xff, 0xff, 1])),
    ("nothing at all", |_| Der::from(Vec::new())),
    ("a certificate that is cut short", |bench| {
        let whole = bench.evil().sign(issuer(), own("Root", 0));
        Der::from(whole[..whole.len() - 1].to_vec())
    }),
    ("a certificate with something behind it", |bench| Der::from([&bench.good().1[..], &[0]].concat())),
    ("a certificate whose signature is another's", |bench| {
        let mut bytes = bench.evil().sign(issuer(), root()).to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        Der::from(bytes)
    }),
];

pub(super) fn expired(bench: &Bench) -> Draft {
    bench.evil().valid(bench.ago(2000), bench.ago(1000))
}

fn future(bench: &Bench) -> Draft {
    bench.evil().valid(bench.ago(-1000), bench.ago(-2000))
}

/// Puts certificates in the place of a good path's authority.
fn instead(name: &str, code: &'static str, make: fn(&Bench) -> Vec<Der>) -> Row {
    Row::new(name, move |bench| {
        let (leaf, _) = bench.good();
        let above = make(bench);
        Case::presents(&std::iter::once(&leaf).chain(&above).collect::<Vec<_>>(), code).asks(&[])
    })
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![Row::new("a chain that is as it should be", |bench| {
        let (leaf, issuer) = bench.good();
        Case::presents(&[&leaf, &issuer], "delivered")
            .knows(&[&leaf, &issuer], root())
            .asks(&["/issuer.crl", "/leaf.crl"])
    })];
    for (name, junk) in BESIDE {
        for before in [false, true] {
            let place = if before { "before" } else { "behind" };
            rows.push(Row::new(format!("{name}, {place} the authority"), move |bench| {
                let ((leaf, issuer), junk) = (bench.good(), junk(bench));
                let chain = if before { [&leaf, &junk, &issuer] } else { [&leaf, &issuer, &junk] };
                Case::presents(&chain, "delivered")
                    .knows(&[&leaf, &issuer], root())
                    .asks(&["/issuer.crl", "/leaf.crl"])
            }));
        }
        rows.push(Row::new(format!("{name}, at first sight"), move |bench| {
            let ((leaf, issuer), junk) = (bench.good(), junk(bench));
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
                move |bench| {
                    let (leaf, good) = bench.good();
                    let above = [
                        good.clone(),
                        bench.evil().sign(issuer(), stranger()),
                        bench.evil().sign(root(), stranger()),
                    ];
                    let [a, b, c] = order.map(|place| &above[place]);
                    Case::presents(&[&leaf, a, b, c], "delivered").knows(&[&leaf, &good], root())
                },
            )
        })
        .collect()
}

fn broken() -> Vec<Row> {
    vec![
        instead("an authority by a stranger", "unknown_ca", |bench| {
            vec![bench.evil().sign(issuer(), stranger())]
        }),
        instead("no authority", "unknown_ca", |_| Vec::new()),
        instead("an authority signed in the root's name", "unknown_ca", |bench| {
            vec![bench.evil().sign(issuer(), own("Root", 0))]
        }),
        instead("another key under the authority's name", "certificate_invalid", |bench| {
            vec![bench.evil().sign(own("Issuer", 0), root())]
        }),
        instead("an authority that has expired", "expired", |bench| {
            vec![expired(bench).sign(issuer(), root())]
        }),
        instead("an authority that is not valid yet", "not_yet_valid", |bench| {
            vec![future(bench).sign(issuer(), root())]
        }),
        instead("an authority that says it is none", "certificate_invalid", |bench| {
            vec![bench.evil().no_authority().sign(issuer(), root())]
        }),
        Row::new("an authority in the place of a receiver", |bench| {
            let authority =
                bench.authority().with(&[0x55, 0x1d, 17], false, &[0x30, 0]).sign(receiver(), root());
            Case::presents(&[&authority], "certificate_invalid").asks(&[])
        }),
        Row::new("a receiver in the place of an authority", |bench| {
            let (leaf, good) = bench.good();
            let below = bench.leaf().sign(own("Below", 8), receiver());
            Case::presents(&[&below, &leaf, &good], "certificate_invalid").asks(&[])
        }),
        Row::new("an authority more than its issuer allows", |bench| {
            let leaf = bench.leaf().sign(receiver(), sub());
            let (below, above) = (
                bench.authority().sign(sub(), issuer()),
                bench.authority().path_length(0).sign(issuer(), root()),
            );
            Case::presents(&[&leaf, &below, &above], "certificate_invalid").asks(&[])
        }),
        Row::new("as many authorities as the issuer allows", |bench| {
            let leaf = bench.leaf().sign(receiver(), sub());
            let (below, above) = (
                bench.authority().sign(sub(), issuer()),
                bench.authority().path_length(1).sign(issuer(), root()),
            );
            Case::presents(&[&leaf, &above, &below], "delivered").knows(&[&leaf, &below, &above], root())
        }),
        Row::new("a name that the authority may not give", |bench| {
            let (leaf, _) = bench.good();
            let above = bench.authority().permits(&["other.example"]).sign(issuer(), root());
            Case::presents(&[&leaf, &above], "certificate_invalid").asks(&[])
        }),
        Row::new("a name that the authority may give", |bench| {
            let (leaf, _) = bench.good();
            let above = bench.authority().permits(&["example"]).sign(issuer(), root());
            Case::presents(&[&leaf, &above], "delivered").knows(&[&leaf, &above], root())
        }),
        Row::new("a name that one way may not give and another may", |bench| {
            let (leaf, good) = bench.good();
            let above = bench.evil().permits(&["other.example"]).sign(issuer(), root());
            Case::presents(&[&leaf, &above, &good], "delivered").knows(&[&leaf, &good], root())
        }),
        Row::new("another host's certificate", |bench| {
            let leaf = Draft::receiver(&["other.example"], bench.now).sign(receiver(), issuer());
            let (_, above) = bench.good();
            Case::presents(&[&leaf, &above], "hostname_mismatch").asks(&[])
        }),
        Row::new("a receiver's certificate that the root signed itself", |bench| {
            let leaf = bench.leaf().sign(receiver(), root());
            Case::presents(&[&leaf, &anchor(root())], "delivered").knows(&[&leaf], root())
        }),
        Row::new("two ways to two roots", |bench| {
            let ((leaf, good), other) = (bench.good(), bench.authority().sign(issuer(), second()));
            Case::presents(&[&leaf, &other, &good], "delivered").knows(&[&leaf, &good], root())
        }),
        Row::new("the key of somebody else's certificate", |bench| {
            let leaf = bench.leaf().sign(Party::new(HOST, &PKI.own[7]), issuer());
            let (_, good) = bench.good();
            // Its host is the receiver's, so that it is looked after; it comes no further than the handshake.
            Case::presents(&[&leaf, &good], "certificate_invalid").notes(&[&leaf, &good])
        }),
        Row::new("SHA-1", |bench| {
            let Some(key) = &PKI.sha1 else { return Case::skipped() };
            let sha1 = Party::new("Issuer", key);
            let leaf = bench.leaf().sign(receiver(), sha1);
            Case::presents(&[&leaf, &bench.authority().sign(sha1, root())], "certificate_invalid").asks(&[])
        }),
        Row::new("an authority of 1,024 bits", |bench| {
            let Some(key) = &PKI.short else { return Case::skipped() };
            let short = Party::new("Issuer", key);
            let leaf = bench.leaf().sign(receiver(), short);
            Case::presents(&[&leaf, &bench.authority().sign(short, root())], "certificate_invalid").asks(&[])
        }),
        Row::new("an authority of 1,024 bits beside the good one", |bench| {
            let Some(key) = &PKI.short else { return Case::skipped() };
            let (leaf, good) = bench.good();
            let short = bench.evil().sign(Party::new("Issuer", key), root());
            Case::presents(&[&leaf, &short, &good], "delivered").knows(&[&leaf, &good], root())
        }),
    ]
}

//! How much a receiver may present.

use mtls::revocation::{MAX_PRESENTED, MAX_PRESENTED_BYTES};

use super::Row;
use crate::case::{Case, Fixture};
use crate::pki::{Der, PKI, issuer, own, receiver, root};

/// An identifier that nobody knows.
const UNKNOWN: &[u8] = &[0x2a, 0x03, 0x04];
const NAMES: [&str; 12] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];

/// A good chain with so many certificates in all, the further ones of nobody.
fn of(fixture: &Fixture, count: usize) -> (Der, Der, Vec<Der>) {
    let (leaf, good) = fixture.good();
    let junk =
        (0..count - 2).map(|number| fixture.evil().sign(own(NAMES[number], number), own("Nobody", number)));
    let presented = [leaf.clone(), good.clone()].into_iter().chain(junk).collect();
    (leaf, good, presented)
}

/// A good chain of so many bytes in all.
fn padded(fixture: &Fixture, bytes: usize) -> (Der, Der, Vec<Der>) {
    let (leaf, good) = fixture.good();
    let junk = |padding: usize| {
        // A signature's length varies by a byte or two; the padding is what is behind the certificate's end.
        let mut junk =
            fixture.evil().with(UNKNOWN, false, &vec![0; 4000]).sign(own("A", 0), own("Nobody", 0)).to_vec();
        junk.resize(junk.len() + padding, 0);
        Der::from(junk)
    };
    let rest = bytes - leaf.len() - good.len();
    let (whole, last) = (junk(0), junk(0));
    let padding = rest - whole.len() - last.len();
    let mut last = last.to_vec();
    last.resize(last.len() + padding, 0);
    let presented = vec![leaf.clone(), good.clone(), whole, Der::from(last)];
    assert_eq!(presented.iter().map(|der| der.len()).sum::<usize>(), bytes);
    (leaf, good, presented)
}

fn delivered((leaf, good, presented): (Der, Der, Vec<Der>)) -> Case {
    Case::presents(&presented.iter().collect::<Vec<_>>(), "delivered").known_path(&[&leaf, &good], root())
}

fn too_large((leaf, good, presented): (Der, Der, Vec<Der>)) -> Case {
    Case::presents(&presented.iter().collect::<Vec<_>>(), "chain_too_large")
        .known_path(&[&leaf, &good], root())
}

/// So many authorities, each signed by the next, and none by anybody who is trusted.
fn layered(fixture: &Fixture, count: usize) -> Vec<Der> {
    let mut presented = vec![fixture.leaf().sign(receiver(), own("A", 0))];
    for layer in 0..count {
        let name = |layer: usize| NAMES[layer % NAMES.len()];
        let key = |layer: usize| layer % PKI.own.len();
        presented.push(
            fixture.authority().sign(own(name(layer), key(layer)), own(name(layer + 1), key(layer + 1))),
        );
    }
    presented
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("as many certificates as may be", |fixture| delivered(of(fixture, MAX_PRESENTED))),
        Row::new("one certificate too many", |fixture| too_large(of(fixture, MAX_PRESENTED + 1))),
        Row::new("as many bytes as may be", |fixture| delivered(padded(fixture, MAX_PRESENTED_BYTES))),
        Row::new("one byte too many", |fixture| too_large(padded(fixture, MAX_PRESENTED_BYTES + 1))),
        Row::new("more than TLS takes for a chain", |fixture| too_large(padded(fixture, 70_000))),
        Row::new("more than TLS takes for a message", |fixture| too_large(padded(fixture, 200_000))),
        Row::new("49 layers", |fixture| {
            Case::presents(&layered(fixture, 49).iter().collect::<Vec<_>>(), "chain_too_large").asks(&[])
        }),
        Row::new("five layers below nobody", |fixture| {
            Case::presents(&layered(fixture, 5).iter().collect::<Vec<_>>(), "unknown_ca").asks(&[])
        }),
        Row::new("five layers below the root", |fixture| {
            let mut presented = layered(fixture, 4);
            presented.push(fixture.authority().sign(own("E", 4), root()));
            let path: Vec<_> = presented.iter().collect();
            Case::presents(&path, "delivered").known_path(&path, root())
        }),
        Row::new("the leaf twice", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&leaf, &leaf, &good], "delivered").known_path(&[&leaf, &good], root())
        }),
        Row::new("the authority five times", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&leaf, &good, &good, &good, &good, &good], "delivered")
                .known_path(&[&leaf, &good], root())
        }),
        Row::new("ways without end to nobody", |fixture| {
            let leaf = fixture.leaf().sign(receiver(), issuer());
            let own_authority = fixture.evil().sign(issuer(), own("Root", 0));
            let roots: Vec<_> =
                (0..4).map(|key| fixture.evil().sign(own("Root", key), own("Root", key))).collect();
            let chain = [&leaf, &own_authority].into_iter().chain(&roots).collect::<Vec<_>>();
            Case::presents(&chain, "unknown_ca").asks(&[])
        }),
        Row::new("ways without end before the good one", |fixture| {
            let (leaf, good) = fixture.good();
            let own_authority = fixture.evil().sign(issuer(), own("Root", 0));
            let roots: Vec<_> =
                (0..3).map(|key| fixture.evil().sign(own("Root", key), own("Root", key))).collect();
            let chain = [&leaf, &own_authority].into_iter().chain(&roots).chain([&good]).collect::<Vec<_>>();
            Case::presents(&chain, "delivered").known_path(&[&leaf, &good], root())
        }),
        Row::new("ways without end behind a revoked one", |fixture| {
            let (leaf, good) = fixture.good();
            let roots: Vec<_> =
                (0..4).map(|key| fixture.evil().sign(own("Root", key), own("Root", key))).collect();
            let chain = [&leaf, &good].into_iter().chain(&roots).collect::<Vec<_>>();
            Case::presents(&chain, "revoked").known_path(&[&leaf, &good], root()).revoked(0)
        }),
    ]
}

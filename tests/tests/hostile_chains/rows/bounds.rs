//! How much a receiver may present.

use webhook::revocation::{MAX_PRESENTED, MAX_PRESENTED_BYTES};

use super::Row;
use crate::case::{Bench, Case};
use crate::pki::{Der, PKI, issuer, own, receiver, root};

/// An identifier that nobody knows.
const UNKNOWN: &[u8] = &[0x2a, 0x03, 0x04];
const NAMES: [&str; 12] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];

/// A good chain with so many certificates in all, the further ones of nobody.
fn of(bench: &Bench, count: usize) -> (Der, Der, Vec<Der>) {
    let (leaf, good) = bench.good();
    let junk =
        (0..count - 2).map(|number| bench.evil().sign(own(NAMES[number], number), own("Nobody", number)));
    let presented = [leaf.clone(), good.clone()].into_iter().chain(junk).collect();
    (leaf, good, presented)
}

/// A good chain of so many bytes in all.
fn padded(bench: &Bench, bytes: usize) -> (Der, Der, Vec<Der>) {
    let (leaf, good) = bench.good();
    let junk = |padding: usize| {
        // A signature's length varies by a byte or two; the padding is what is behind the certificate's end.
        let mut junk =
            bench.evil().with(UNKNOWN, false, &vec![0; 4000]).sign(own("A", 0), own("Nobody", 0)).to_vec();
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
    Case::presents(&presented.iter().collect::<Vec<_>>(), "delivered").knows(&[&leaf, &good], root())
}

fn too_large((leaf, good, presented): (Der, Der, Vec<Der>)) -> Case {
    Case::presents(&presented.iter().collect::<Vec<_>>(), "chain_too_large").knows(&[&leaf, &good], root())
}

/// So many authorities, each signed by the next, and none by anybody who is trusted.
fn layered(bench: &Bench, count: usize) -> Vec<Der> {
    let mut presented = vec![bench.leaf().sign(receiver(), own("A", 0))];
    for layer in 0..count {
        let name = |layer: usize| NAMES[layer % NAMES.len()];
        let key = |layer: usize| layer % PKI.own.len();
        presented
            .push(bench.authority().sign(own(name(layer), key(layer)), own(name(layer + 1), key(layer + 1))));
    }
    presented
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("as many certificates as may be", |bench| delivered(of(bench, MAX_PRESENTED))),
        Row::new("one certificate too many", |bench| too_large(of(bench, MAX_PRESENTED + 1))),
        Row::new("as many bytes as may be", |bench| delivered(padded(bench, MAX_PRESENTED_BYTES))),
        Row::new("one byte too many", |bench| too_large(padded(bench, MAX_PRESENTED_BYTES + 1))),
        Row::new("more than TLS takes for a chain", |bench| too_large(padded(bench, 70_000))),
        Row::new("more than TLS takes for a message", |bench| too_large(padded(bench, 200_000))),
        Row::new("49 layers", |bench| {
            Case::presents(&layered(bench, 49).iter().collect::<Vec<_>>(), "chain_too_large").asks(&[])
        }),
        Row::new("five layers below nobody", |bench| {
            Case::presents(&layered(bench, 5).iter().collect::<Vec<_>>(), "unknown_ca").asks(&[])
        }),
        Row::new("five layers below the root", |bench| {
            let mut presented = layered(bench, 4);
            presented.push(bench.authority().sign(own("E", 4), root()));
            let path: Vec<_> = presented.iter().collect();
            Case::presents(&path, "delivered").knows(&path, root())
        }),
        Row::new("the leaf twice", |bench| {
            let (leaf, good) = bench.good();
            Case::presents(&[&leaf, &leaf, &good], "delivered").knows(&[&leaf, &good], root())
        }),
        Row::new("the authority five times", |bench| {
            let (leaf, good) = bench.good();
            Case::presents(&[&leaf, &good, &good, &good, &good, &good], "delivered")
                .knows(&[&leaf, &good], root())
        }),
        Row::new("ways without end to nobody", |bench| {
            let leaf = bench.leaf().sign(receiver(), issuer());
            let own_authority = bench.evil().sign(issuer(), own("Root", 0));
            let roots: Vec<_> =
                (0..4).map(|key| bench.evil().sign(own("Root", key), own("Root", key))).collect();
            let chain = [&leaf, &own_authority].into_iter().chain(&roots).collect::<Vec<_>>();
            Case::presents(&chain, "unknown_ca").asks(&[])
        }),
        Row::new("ways without end before the good one", |bench| {
            let (leaf, good) = bench.good();
            let own_authority = bench.evil().sign(issuer(), own("Root", 0));
            let roots: Vec<_> =
                (0..3).map(|key| bench.evil().sign(own("Root", key), own("Root", key))).collect();
            let chain = [&leaf, &own_authority].into_iter().chain(&roots).chain([&good]).collect::<Vec<_>>();
            Case::presents(&chain, "delivered").knows(&[&leaf, &good], root())
        }),
        Row::new("ways without end behind a revoked one", |bench| {
            let (leaf, good) = bench.good();
            let roots: Vec<_> =
                (0..4).map(|key| bench.evil().sign(own("Root", key), own("Root", key))).collect();
            let chain = [&leaf, &good].into_iter().chain(&roots).collect::<Vec<_>>();
            Case::presents(&chain, "revoked").knows(&[&leaf, &good], root()).revoked(0)
        }),
    ]
}

//! Revoked certificates, and what a receiver puts beside them.

use mtls::revocation::OcspStatus;

use super::Row;
use super::paths::BESIDE;
use crate::case::Case;
use crate::pki::{issuer, receiver, root, second};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new("a revoked leaf", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&leaf, &good], "revoked").known_path(&[&leaf, &good], root()).revoked(0)
        }),
        Row::new("a leaf that a responder calls revoked and the list does not", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&leaf, &good], "revoked")
                .known_path(&[&leaf, &good], root())
                .ocsp(OcspStatus::Revoked)
        }),
        Row::new("a leaf on hold by a responder", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&leaf, &good], "revoked")
                .known_path(&[&leaf, &good], root())
                .ocsp(OcspStatus::Held)
        }),
        Row::new("a revoked leaf that a responder calls good", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&leaf, &good], "revoked")
                .known_path(&[&leaf, &good], root())
                .revoked(0)
                .ocsp(OcspStatus::Good)
        }),
        Row::new("a revoked leaf by another way to another root", |fixture| {
            let ((leaf, good), other) = (fixture.good(), fixture.authority().sign(issuer(), second()));
            Case::presents(&[&leaf, &other], "revoked")
                .known_path(&[&leaf, &good], root())
                .revoked(0)
                .notes(&[&leaf, &other])
        }),
        Row::new("a leaf with the serial number that another authority revoked", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&leaf, &good], "delivered")
                .known_path(&[&leaf, &good], root())
                .known_path(&[&fixture.leaf().sign(receiver(), second())], second())
                .revoked(0)
        }),
        Row::new("a revoked authority", |fixture| {
            let (leaf, good) = fixture.good();
            Case::presents(&[&leaf, &good], "revoked").known_path(&[&leaf, &good], root()).revoked(1)
        }),
    ];
    for before in [false, true] {
        let place = if before { "before" } else { "behind" };
        rows.push(Row::new(format!("a revoked authority {place} another way"), move |fixture| {
            let ((leaf, good), other) = (fixture.good(), fixture.authority().sign(issuer(), second()));
            let chain = if before { [&leaf, &good, &other] } else { [&leaf, &other, &good] };
            Case::presents(&chain, "delivered")
                .known_path(&[&leaf, &good], root())
                .revoked(1)
                .known_path(&[&leaf, &other], second())
        }));
    }
    for (name, junk) in BESIDE {
        rows.push(Row::new(format!("a revoked leaf with {name}"), move |fixture| {
            let ((leaf, good), junk) = (fixture.good(), junk(fixture));
            Case::presents(&[&leaf, &good, &junk], "revoked").known_path(&[&leaf, &good], root()).revoked(0)
        }));
        rows.push(Row::new(format!("a revoked authority with {name}"), move |fixture| {
            let ((leaf, good), junk) = (fixture.good(), junk(fixture));
            Case::presents(&[&leaf, &junk, &good], "revoked").known_path(&[&leaf, &good], root()).revoked(1)
        }));
    }
    rows
}

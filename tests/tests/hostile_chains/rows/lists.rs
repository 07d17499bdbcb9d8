//! What authorities publish, as the directory function fetches it, two weeks after a path's first sight.

use tests::chains::{List, scope};

use super::Row;
use crate::case::{Case, Fixture};
use crate::pki::{issuer, own, root, stranger};

/// The serial number of every certificate that has no other.
const SERIAL: &[u8] = &[7];

/// Serves a list for the leaf, and a good one for its authority.
fn leaf(name: &str, code: &'static str, list: fn(&Fixture, List) -> List) -> Row {
    Row::new(name, move |fixture| {
        let (leaf, good) = fixture.good();
        fixture.web.serve("/leaf.crl", list(fixture, List::new(fixture.now)).sign(issuer()));
        fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
        Case::presents(&[&leaf, &good], code)
            .fetches(&[&leaf, &good], root())
            .asks(&["/issuer.crl", "/leaf.crl"])
    })
}

/// Serves a list for the authority, and a good one for the leaf.
fn above(name: &str, code: &'static str, list: fn(&Fixture, List) -> List) -> Row {
    Row::new(name, move |fixture| {
        let (leaf, good) = fixture.good();
        fixture.web.serve("/leaf.crl", List::new(fixture.now).sign(issuer()));
        fixture.web.serve("/issuer.crl", list(fixture, List::new(fixture.now)).sign(root()));
        Case::presents(&[&leaf, &good], code)
            .fetches(&[&leaf, &good], root())
            .asks(&["/issuer.crl", "/leaf.crl"])
    })
}

pub(super) fn rows() -> Vec<Row> {
    [scopes(), named(), signers()].into_iter().flatten().collect()
}

fn scopes() -> Vec<Row> {
    vec![
        leaf("a list without a scope", "delivered", |_, list| list),
        leaf("a list whose scope is the leaf's point", "delivered", |fixture, list| {
            list.scope(&[&scope::named(&fixture.web.url("/leaf.crl"))])
        }),
        leaf("a list whose scope is another point", "revocation_unknown", |fixture, list| {
            list.scope(&[&scope::named(&fixture.web.url("/other.crl"))])
        }),
        leaf("a list whose scope is the same point by https", "revocation_unknown", |fixture, list| {
            list.scope(&[&scope::named(&fixture.web.url("/leaf.crl").replace("http", "https"))])
        }),
        leaf("a list for users without a name", "delivered", |_, list| list.scope(&[scope::USERS])),
        above("a list for users for an authority", "revocation_unknown", |_, list| {
            list.scope(&[scope::USERS])
        }),
        above("a list for authorities for an authority", "delivered", |_, list| {
            list.scope(&[scope::AUTHORITIES])
        }),
        leaf("a list for authorities for a leaf", "revocation_unknown", |_, list| {
            list.scope(&[scope::AUTHORITIES])
        }),
        leaf("a list for attributes", "revocation_unknown", |_, list| list.scope(&[scope::ATTRIBUTES])),
        leaf("a list for some reasons", "revocation_unknown", |_, list| list.scope(&[scope::SOME_REASONS])),
        leaf("an indirect list", "revocation_unknown", |_, list| list.scope(&[scope::INDIRECT])),
        leaf("a delta", "revocation_unknown", |_, list| list.delta()),
        leaf("a list with an unknown critical extension", "revocation_unknown", |_, list| {
            list.extension(&[0x2a, 3, 4], true, &[5, 0])
        }),
        leaf("a list with an unknown extension", "delivered", |_, list| {
            list.extension(&[0x2a, 3, 4], false, &[5, 0])
        }),
        leaf("a list whose successor was due", "revocation_unknown", |fixture, list| {
            list.until(fixture.ago(3))
        }),
        leaf("a list whose successor was due within the window", "revocation_unknown", |fixture, list| {
            list.until(fixture.ago(0))
        }),
    ]
}

fn named() -> Vec<Row> {
    vec![
        leaf("a list that names the leaf", "revoked", |_, list| list.names(SERIAL, 0)),
        leaf("a list that names another", "delivered", |_, list| list.names(&[8], 0)),
        above("a list that names the authority", "revoked", |_, list| list.names(SERIAL, 1)),
        leaf("a list on which the leaf is on hold", "revoked", |_, list| list.names(SERIAL, 6)),
        leaf("a list that names the leaf for a reason that there is not", "revoked", |_, list| {
            list.names(SERIAL, 7)
        }),
        leaf("a list of another point that names the leaf", "revoked", |fixture, list| {
            list.scope(&[&scope::named(&fixture.web.url("/other.crl"))]).names(SERIAL, 0)
        }),
        leaf("a list of another kind that names the leaf", "revoked", |_, list| {
            list.scope(&[scope::AUTHORITIES]).names(SERIAL, 0)
        }),
        leaf("a list for some reasons that names the leaf", "revoked", |_, list| {
            list.scope(&[scope::SOME_REASONS]).names(SERIAL, 1)
        }),
        leaf("a list whose successor was due, that names the leaf", "revoked", |fixture, list| {
            list.until(fixture.ago(3)).names(SERIAL, 0)
        }),
        leaf("a delta that names the leaf", "revoked", |_, list| list.delta().names(SERIAL, 0)),
        leaf("an indirect list that names the leaf's number", "revocation_unknown", |_, list| {
            list.scope(&[scope::INDIRECT]).names(SERIAL, 0)
        }),
        leaf(
            "a list with an unknown critical extension that names the leaf",
            "revocation_unknown",
            |_, list| list.extension(&[0x2a, 3, 4], true, &[5, 0]).names(SERIAL, 0),
        ),
    ]
}

fn signers() -> Vec<Row> {
    let by = |name: &str, signer: fn() -> tests::chains::Party<'static>| {
        Row::new(name, move |fixture| {
            let (leaf, good) = fixture.good();
            fixture.web.serve("/leaf.crl", List::new(fixture.now).names(SERIAL, 0).sign(signer()));
            fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
            Case::presents(&[&leaf, &good], "revocation_unknown").fetches(&[&leaf, &good], root())
        })
    };
    let mut rows = vec![
        by("a list by another key under the authority's name", || own("Issuer", 0)),
        by("a list by the authority's issuer", root),
        by("a list by a stranger", stranger),
        Row::new("a list by an authority whose key may not sign lists", |fixture| {
            let leaf = fixture.good().0;
            // keyCertSign alone.
            let above =
                fixture.authority().with(&[0x55, 0x1d, 15], true, &[3, 2, 2, 4]).sign(issuer(), root());
            fixture.web.serve("/leaf.crl", List::new(fixture.now).sign(issuer()));
            fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
            Case::presents(&[&leaf, &above], "revocation_unknown").fetches(&[&leaf, &above], root())
        }),
    ];
    rows.push(Row::new(
        "a list of an attacker's under the authority's name at a page beside the path",
        |fixture| {
            let (leaf, good) = fixture.good();
            let cross = fixture.evil().sign(issuer(), own("Root", 0));
            fixture.web.serve("/leaf.crl", List::new(fixture.now).names(SERIAL, 0).sign(issuer()));
            fixture.web.serve("/issuer.crl", List::new(fixture.now).sign(root()));
            fixture.web.serve("/evil.crl", List::new(fixture.now).sign(own("Issuer", 0)));
            Case::presents(&[&leaf, &cross, &good], "revoked").fetches(&[&leaf, &good], root())
        },
    ));
    rows
}

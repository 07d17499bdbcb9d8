//! Forms that lists have, valid and not.

use super::*;
use jiff::SignedDuration;

const UNKNOWN: &[u8] = &[0x2a, 3, 4];

#[test]
fn an_empty_list_speaks_of_all_certificates() {
    let list = Parts::default().read().unwrap();
    assert_eq!((list.scope, list.is_delta), (Scope::default(), false));
    assert_eq!((list.revoked, list.held), (vec![], vec![]));
    assert_eq!(list.this_update, now() - SignedDuration::from_hours(1));
    assert_eq!(list.next_update, now() + SignedDuration::from_hours(1));
}

#[test]
fn a_serial_is_the_same_however_it_is_padded() {
    let long = [0x7f; 40];
    let entries = [&[1][..], &[0, 1], &[0, 0, 0, 1], &[0, 0xff], &long, &[0]];
    let entries = entries.iter().map(|serial| entry(serial, &[])).collect();
    let list = Parts { entries, ..Parts::default() }.read().unwrap();
    assert_eq!(list.revoked, sorted(&[&[1], &[0xff], &long, &[]]));
    // Written down, as the dispatch function computes it too.
    assert_eq!(serial_hash(&[0, 0x10, 0]), serial_hash(&[0x10, 0]));
    assert_eq!(serial_hash(b"abc"), 0xba78_16bf_8f01_cfea);
    let refused = Parts { entries: vec![entry(&[], &[])], ..Parts::default() };
    assert_eq!(refused.read(), Err(CrlRefusal::NotCrl));
}

#[test]
fn reasons_tell_holds_apart_and_cost_no_list() {
    for (extensions, revoked, held) in [
        (vec![], true, false),
        (vec![reason(&[1])], true, false),
        (vec![reason(&[6])], false, true),
        (vec![reason(&[0, 6])], false, true),
        (vec![reason(&[7])], true, false),
        (vec![reason(&[8])], false, false),
        (vec![reason(&[11])], true, false),
        (vec![reason(&[0x7f, 0xff])], true, false),
        (vec![reason(&[])], true, false),
        (vec![reason(&[6]), reason(&[1])], true, false),
        (vec![reason(&[8]), reason(&[8])], true, false),
        (vec![extension(&[0x55, 0x1d, 21], true, &[])], true, false),
        (vec![extension(UNKNOWN, false, &[]), reason(&[6])], false, true),
        // holdInstructionCode and invalidityDate.
        (vec![extension(&[0x55, 0x1d, 23], true, &[]), extension(&[0x55, 0x1d, 24], true, &[])], true, false),
    ] {
        let parts = Parts { entries: vec![entry(&[5], &extensions)], ..Parts::default() };
        let list = parts.read().unwrap();
        assert_eq!(
            (list.revoked == sorted(&[&[5]]), list.held == sorted(&[&[5]])),
            (revoked, held),
            "{extensions:x?}"
        );
    }
}

#[test]
fn critical_extensions_that_are_unknown_cost_the_list() {
    let unknown = extension(UNKNOWN, true, &[]);
    let issuer = extension(&[0x55, 0x1d, 29], true, &[0x30, 0]);
    for parts in [
        Parts { extensions: vec![unknown.clone()], ..Parts::default() },
        Parts { entries: vec![entry(&[5], &[unknown])], ..Parts::default() },
        Parts { entries: vec![entry(&[5], &[issuer])], ..Parts::default() },
    ] {
        assert_eq!(parts.read(), Err(CrlRefusal::Unsupported));
    }
    let known = KNOWN.iter().map(|oid| extension(oid, true, &[0x30, 0]));
    let extensions = known.chain([extension(UNKNOWN, false, &[])]).collect();
    assert!(Parts { extensions, ..Parts::default() }.read().is_ok());
}

#[test]
fn a_scope_is_read_whether_critical_or_not() {
    let yes = |number: u8| value(0x80 | number, &[&[0xff]]);
    let uri = |uri: &str| value(0x86, &[uri.as_bytes()]);
    let full = |names: &[u8]| value(0xa0, &[&value(0xa0, &[names])]);
    let scope = |kind, names: Option<&[&str]>, some_reasons, indirect| {
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Ok(Scope { kind, names, some_reasons, indirect })
    };
    let long = "http://x/".to_owned() + &"y".repeat(1016);
    let many: Vec<_> = (0..40).map(|number| format!("http://x/{number}")).collect();
    let (most, _) = many.split_at(32);
    let most: Vec<_> = most.iter().map(String::as_str).collect();
    for (fields, expected) in [
        (vec![], scope(Kind::All, None, false, false)),
        (yes(1), scope(Kind::User, None, false, false)),
        (yes(2), scope(Kind::Ca, None, false, false)),
        (yes(5), scope(Kind::Attribute, None, false, false)),
        (value(0x81, &[&[0]]), scope(Kind::All, None, false, false)),
        (value(0x83, &[&[6, 0x40]]), scope(Kind::All, None, true, false)),
        (yes(4), scope(Kind::All, None, false, true)),
        (full(&uri("http://a/b")), scope(Kind::All, Some(&["http://a/b"]), false, false)),
        (
            [full(&[uri("http://a/b"), value(0xa4, &[]), uri("ldap://c")].concat()), yes(1)].concat(),
            scope(Kind::User, Some(&["http://a/b", "ldap://c"]), false, false),
        ),
        (full(&value(0xa4, &[])), scope(Kind::All, Some(&[]), false, false)),
        // A name relative to the issuer's.
        (value(0xa0, &[&value(0xa1, &[])]), scope(Kind::All, Some(&[]), false, false)),
        (full(&[uri(&long), uri("http://a")].concat()), scope(Kind::All, Some(&["http://a"]), false, false)),
        (
            full(&many.iter().flat_map(|name| uri(name)).collect::<Vec<_>>()),
            scope(Kind::All, Some(&most), false, false),
        ),
        (full(&value(0x86, &[&[0xff]])), scope(Kind::All, Some(&[]), false, false)),
        ([yes(1), yes(2)].concat(), Err(CrlRefusal::Unsupported)),
        (yes(6), Err(CrlRefusal::Unsupported)),
        (value(0x81, &[&[]]), Err(CrlRefusal::NotCrl)),
    ] {
        for critical in [true, false] {
            let extensions = vec![extension(SCOPE, critical, &value(SEQUENCE, &[&fields]))];
            let read = Parts { extensions, ..Parts::default() }.read().map(|list| list.scope);
            assert_eq!(read, expected, "{fields:x?}");
        }
    }
}

#[test]
fn two_scopes_are_refused() {
    let extensions = vec![extension(SCOPE, true, &[0x30, 0]); 2];
    assert_eq!(Parts { extensions, ..Parts::default() }.read(), Err(CrlRefusal::NotCrl));
}

#[test]
fn indirect_lists_and_deltas_say_so() {
    let indirect = extension(SCOPE, true, &value(SEQUENCE, &[&value(0x84, &[&[0xff]])]));
    let issuer = extension(&[0x55, 0x1d, 29], true, &[0x30, 0]);
    let delta = extension(DELTA, true, &value(INTEGER, &[&[1]]));
    let parts = Parts {
        entries: vec![entry(&[5], &[issuer])],
        extensions: vec![indirect, delta],
        ..Parts::default()
    };
    let list = parts.read().unwrap();
    assert!(list.scope.indirect && list.is_delta);
}

#[test]
fn dates_are_read_in_both_forms_and_a_list_without_an_end_is_none() {
    let with =
        |this, next| Parts { this_update: this, next_update: next, ..Parts::default() }.read().map(|_| ());
    assert_eq!(with(hours(-2), Vec::new()), Err(CrlRefusal::Unsupported));
    assert_eq!(with(value(0x17, &[b"261129110000Z"]), value(0x18, &[b"20261129130000.250Z"])), Ok(()));
    let endless = Parts { next_update: value(0x18, &[b"99991231235959Z"]), ..Parts::default() };
    assert_eq!(endless.read().map(|list| list.next_update), Ok(Timestamp::MAX));
    assert_eq!(with(value(BOOLEAN, &[b"261129110000Z"]), hours(2)), Err(CrlRefusal::NotCrl));
}

#[test]
fn versions_one_and_two_are_read() {
    for (version, expected) in [
        (vec![], Ok(())),
        (value(INTEGER, &[&[0]]), Ok(())),
        (value(INTEGER, &[&[1]]), Ok(())),
        (value(INTEGER, &[&[2]]), Err(CrlRefusal::Unsupported)),
        (value(INTEGER, &[&[]]), Err(CrlRefusal::Unsupported)),
    ] {
        let read = Parts { version: version.clone(), ..Parts::default() }.read().map(|_| ());
        assert_eq!(read, expected, "{version:x?}");
    }
}

#[test]
fn only_the_authoritys_key_signs_its_lists() {
    let (signer, namesake, other) =
        (Signer::new("Authority"), Signer::new("Authority"), Signer::new("Other"));
    let list = Parts::default().list(&signer);
    let against = |signer: &Signer, may| read(&list, &signer.authority(), may).map(|_| ());
    assert_eq!(against(&signer, None), Ok(()));
    assert_eq!(against(&signer, Some(true)), Ok(()));
    assert_eq!(against(&signer, Some(false)), Err(CrlRefusal::NotSigner));
    assert_eq!(against(&namesake, None), Err(CrlRefusal::Signature));
    assert_eq!(against(&other, None), Err(CrlRefusal::OtherIssuer));
    // The algorithm inside is another than the one outside (ecdsa-with-SHA384).
    let mut algorithm = ECDSA_SHA256.to_vec();
    *algorithm.last_mut().unwrap() = 3;
    assert_eq!(Parts { algorithm, ..Parts::default() }.read(), Err(CrlRefusal::Signature));
}

#[test]
fn a_list_is_the_whole_of_the_bytes() {
    let signer = Signer::new("Authority");
    let list = Parts { entries: vec![entry(&[5], &[reason(&[1])])], ..Parts::default() }.list(&signer);
    let refused = |list: &[u8]| read(list, &signer.authority(), None).is_err();
    assert!(!refused(&list));
    for length in 0..list.len() {
        assert!(refused(&list[..length]), "{length}");
    }
    assert!(refused(&[&list[..], &[0]].concat()));
    for byte in 0..list.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut changed = list.clone();
            changed[byte] ^= bit;
            assert!(refused(&changed), "{byte} {bit:x}");
        }
    }
}

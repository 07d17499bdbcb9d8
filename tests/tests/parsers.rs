//! Every parser of outside input keeps its promise: about the seeds of the fuzz targets, about seeds that something happened to,
//! and about bytes that nobody meant. What must hold is written once, in `tests/fuzz/src`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(unreachable_pub, reason = "a crate of its own elsewhere")]
#[path = "../fuzz/src/lib.rs"]
mod properties;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use properties::{PROPERTIES, Property};
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn fuzz(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder)
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = fs::read_dir(fuzz("corpus").join(name)).unwrap();
    let seeds: Vec<_> = folder.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty(), "{name} has no seed");
    seeds
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz(folder)).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| name(entry.unwrap().path())).collect()
}

#[test]
fn every_property_has_a_fuzz_target_and_seeds() {
    let properties: BTreeSet<_> = PROPERTIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), properties);
    assert_eq!(names("corpus"), properties);
}

#[test]
fn every_property_holds_of_its_seeds_and_of_those_of_the_others() {
    for (_, property) in PROPERTIES {
        for (name, _) in PROPERTIES {
            for seed in seeds(name) {
                property(&seed);
            }
        }
    }
}

/// What may happen to bytes on their way.
#[derive(Clone, Debug)]
enum Change {
    Replaced(Index, u8),
    Inserted(Index, Vec<u8>),
    Cut(Index, Index),
    Doubled(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let token = select(vec!["null", "\"", "{", "]", ",", "-1", "1e999", "\\u0000", "\r\n", "\u{e7}", "."]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Replaced(at, byte)),
        (any::<Index>(), token).prop_map(|(at, token)| Change::Inserted(at, token.into())),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::Cut(from, to)),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::Doubled(from, to)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let length = bytes.len() + 1;
        let range = |from: &Index, to: &Index| {
            let (from, to) = (from.index(length), to.index(length));
            from.min(to)..from.max(to)
        };
        match change {
            Change::Replaced(at, byte) => {
                if let Some(old) = bytes.get_mut(at.index(length)) {
                    *old = *byte;
                }
            }
            Change::Inserted(at, token) => {
                let at = at.index(length);
                bytes.splice(at..at, token.iter().copied());
            }
            Change::Cut(from, to) => drop(bytes.drain(range(from, to))),
            Change::Doubled(from, to) => bytes.extend_from_within(range(from, to)),
        }
    }
    bytes
}

fn property() -> impl Strategy<Value = (&'static str, Property)> {
    select(PROPERTIES)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_property_holds_of_bytes_that_nobody_meant(
        (_, property) in property(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        text in any::<String>(),
    ) {
        property(&bytes);
        property(text.as_bytes());
    }

    #[test]
    fn every_property_holds_of_seeds_that_something_happened_to(
        (name, property) in property(),
        seed in any::<Index>(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let seeds = seeds(name);
        property(&changed(seed.get(&seeds).clone(), &changes));
    }
}

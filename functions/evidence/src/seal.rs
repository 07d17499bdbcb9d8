//! Seals: the objects of an hour, chained to everything sealed before. Pure computation without I/O.
//!
//! `docs/evidence.md` describes it, so that anybody can compute it without this program.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use convention::delivery::Hour;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Prefix of Firehose's objects: `attempts/2026/11/23/13/…`, by the hour of their arrival.
pub const ATTEMPTS: &str = "attempts/";
/// Prefix of the seals.
pub const SEALS: &str = "seals/";
/// The format in the first field of a seal.
const FORMAT: &str = "arauto-evidence-seal/1";

/// The seal of one hour.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The format.
    pub format: String,
    /// The hour, such as `2026-11-23T13`.
    #[serde(with = "text")]
    pub hour: Hour,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// The head of the previous seal; absent in the first.
    pub previous: Option<Digest>,
    /// The objects of the hour, by key and oldest version first.
    pub entries: Vec<Entry>,
    /// Objects of earlier hours that arrived after those were sealed.
    pub late: Vec<Entry>,
    /// The chain's value after all of these.
    pub head: Digest,
}

/// One object in a seal.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Line", into = "Line")]
pub struct Entry {
    /// The object.
    pub object: Sealed,
    /// The chain's value after it.
    pub chain: Digest,
}

/// An entry as stored. serde does not support `flatten` together with `deny_unknown_fields`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    version_id: String,
    size: u64,
    sha256: Digest,
    chain: Digest,
}

impl From<Line> for Entry {
    fn from(Line { key, version_id, size, sha256, chain }: Line) -> Self {
        Self { object: Sealed { key, version_id, size, sha256 }, chain }
    }
}

impl From<Entry> for Line {
    fn from(Entry { object: Sealed { key, version_id, size, sha256 }, chain }: Entry) -> Self {
        Self { key, version_id, size, sha256, chain }
    }
}

/// An object as listed in a seal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// Its key.
    pub key: String,
    /// Its version.
    pub version_id: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its stored content.
    pub sha256: Digest,
}

impl Seal {
    /// Seals an hour.
    pub fn new(
        hour: Hour,
        sealed_at: Timestamp,
        previous: Option<Digest>,
        (objects, late): (Vec<Sealed>, Vec<Sealed>),
    ) -> Self {
        let mut chain = start(hour, sealed_at, previous);
        let mut link = |object: Sealed, kind| {
            chain = next(chain, kind, &object);
            Entry { object, chain }
        };
        let entries = objects.into_iter().map(|object| link(object, ENTRY)).collect();
        let late = late.into_iter().map(|object| link(object, LATE)).collect();
        Self { format: FORMAT.to_owned(), hour, sealed_at, previous, entries, late, head: chain }
    }

    /// Recomputes the chain from the seal's content, and returns the first mismatch: the key of an object, or
    /// `Err(None)` for the head.
    pub fn check(&self) -> Result<(), Option<&str>> {
        let mut chain = start(self.hour, self.sealed_at, self.previous);
        let entries = self.entries.iter().map(|entry| (ENTRY, entry));
        for (kind, entry) in entries.chain(self.late.iter().map(|entry| (LATE, entry))) {
            chain = next(chain, kind, &entry.object);
            if chain != entry.chain {
                return Err(Some(&entry.object.key));
            }
        }
        if chain == self.head && self.format == FORMAT { Ok(()) } else { Err(None) }
    }

    /// Returns all sealed objects, including late ones.
    pub fn objects(&self) -> impl Iterator<Item = &Sealed> {
        self.entries.iter().chain(&self.late).map(|entry| &entry.object)
    }

    /// Returns the key of an hour's seal.
    pub fn key(hour: Hour) -> String {
        format!("{SEALS}{}.json", path(hour))
    }

    /// Returns the seal as stored.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a seal has no map with other keys than texts")
    }

    /// Reads a seal.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

/// Returns the key prefix of an hour's objects.
pub fn prefix(hour: Hour) -> String {
    format!("{ATTEMPTS}{}/", path(hour))
}

/// Reads the hour from the key of an object or a seal. `None` for keys that neither Firehose nor Arauto write: only
/// printable ASCII is accepted, so that a line of the chain is one line.
pub fn hour_of(key: &str) -> Option<Hour> {
    let rest = key.strip_prefix(ATTEMPTS).or_else(|| key.strip_prefix(SEALS))?;
    let (path, name) = rest.split_at_checked(13)?;
    let hour = path.replacen('/', "-", 2).replacen('/', "T", 1).parse().ok()?;
    let is_seal = key.starts_with(SEALS);
    let named = if is_seal { name == ".json" } else { name.len() > 1 && name.starts_with('/') };
    (named && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(hour)
}

/// `2026/11/23/13`.
fn path(hour: Hour) -> String {
    hour.to_string().replacen('-', "/", 2).replacen('T', "/", 1)
}

const ENTRY: &str = "entry";
const LATE: &str = "late";

/// Returns the chain's value before the first object. It includes the hour and the previous head, so that no hour can
/// be left out, moved or reordered.
fn start(hour: Hour, sealed_at: Timestamp, previous: Option<Digest>) -> Digest {
    let previous = previous.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    Digest::of_lines(&[&previous, "hour", &hour.to_string(), &sealed_at.to_string()])
}

fn next(chain: Digest, kind: &str, object: &Sealed) -> Digest {
    let Sealed { key, version_id, size, sha256 } = object;
    Digest::of_lines(&[&chain.to_string(), kind, key, version_id, &size.to_string(), &sha256.to_string()])
}

/// A SHA-256.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of lines, each ended by a line feed.
    fn of_lines(lines: &[&str]) -> Self {
        let mut hasher = Hasher::default();
        for line in lines {
            hasher.update(line.as_bytes());
            hasher.update(b"\n");
        }
        hasher.finish().1
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or(ParseDigestError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// A text that is not a SHA-256.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not a SHA-256: expected 64 hexadecimal digits in lower case")]
pub struct ParseDigestError;

/// Computes a digest in pieces.
#[derive(Clone)]
pub struct Hasher(Context, u64);

impl Default for Hasher {
    fn default() -> Self {
        Self(Context::new(&SHA256), 0)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    /// Adds a piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
        self.1 += bytes.len() as u64;
    }

    /// Returns the number of bytes and their digest.
    pub fn finish(self) -> (u64, Digest) {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        (self.1, Digest(bytes))
    }
}

/// An hour as text in JSON.
mod text {
    use convention::delivery::Hour;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub(super) fn serialize<S: Serializer>(hour: &Hour, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(hour)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Hour, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use proptest::prelude::{any, proptest};
    use proptest::{prop_assert, prop_assert_eq};

    use super::*;

    fn object(name: &str) -> Sealed {
        let mut hasher = Hasher::default();
        hasher.update(name.as_bytes());
        let (size, sha256) = hasher.finish();
        Sealed {
            key: format!("attempts/2026/11/23/13/{name}"),
            version_id: format!("v-{name}"),
            size,
            sha256,
        }
    }

    fn seal(objects: &[&str], late: &[&str]) -> Seal {
        let list = |names: &[&str]| names.iter().map(|name| object(name)).collect::<Vec<_>>();
        Seal::new(
            "2026-11-23T13".parse().unwrap(),
            "2026-11-23T14:30:00Z".parse().unwrap(),
            Some("ab".repeat(32).parse().unwrap()),
            (list(objects), list(late)),
        )
    }

    /// The result of coreutils' sha256sum, which shares no code with Arauto.
    fn sha256sum(text: &str) -> String {
        let mut child =
            Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
    }

    #[test]
    fn the_chain_is_what_sha256sum_says_of_the_lines_that_the_page_writes_down() {
        let seal = seal(&["a"], &["b"]);
        let previous = "ab".repeat(32);
        let mut chain = sha256sum(&format!("{previous}\nhour\n2026-11-23T13\n2026-11-23T14:30:00Z\n"));
        for (kind, name) in [("entry", "a"), ("late", "b")] {
            let content = sha256sum(name);
            let lines = format!("{chain}\n{kind}\nattempts/2026/11/23/13/{name}\nv-{name}\n1\n{content}\n");
            chain = sha256sum(&lines);
        }
        assert_eq!(seal.head.to_string(), chain);
        assert_eq!(seal.check(), Ok(()));
    }

    #[test]
    fn a_field_that_is_not_ours_is_refused_in_a_seal_and_in_each_of_its_entries() {
        let good: serde_json::Value = serde_json::from_slice(&seal(&["a"], &["b"]).to_json()).unwrap();
        for place in ["", "/entries/0", "/late/0"] {
            let mut odd = good.clone();
            odd.pointer_mut(place).unwrap()["note"] = serde_json::json!("x");
            let error = Seal::from_json(odd.to_string().as_bytes()).unwrap_err();
            assert!(error.to_string().contains("unknown field"), "{place}: {error}");
        }
        assert!(Seal::from_json(good.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn keys_lead_to_their_hour_and_odd_ones_to_none() {
        let hour: Hour = "2026-11-23T13".parse().unwrap();
        assert_eq!(prefix(hour), "attempts/2026/11/23/13/");
        assert_eq!(hour_of("attempts/2026/11/23/13/stream-1-x.gz"), Some(hour));
        assert_eq!(hour_of(&Seal::key(hour)), Some(hour));
        for odd in [
            "attempts/2026/11/23/13/",
            "attempts/2026/11/23/13",
            "attempts/2026/11/23/1/x.gz",
            "attempts/2026/13/23/13/x",
            "attempts/2026/11/23/13/a\nb",
            "attempts/2026/11/23/13/a b",
            "seals/2026/11/23/13.json.bak",
            "seals/2026/11/23.json",
            "errors/2026/11/23/13/x",
            "attempts/é/",
        ] {
            assert_eq!(hour_of(odd), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn a_seal_in_which_any_byte_differs_is_refused_or_says_the_same(at in any::<usize>(), bit in 0_u8..8) {
            let good = seal(&["a", "b", "c"], &["d"]);
            let mut json = good.to_json();
            let at = at % json.len();
            json[at] ^= 1 << bit;
            // White space between the members of JSON has no meaning.
            match Seal::from_json(&json) {
                Ok(read) if read == good => {}
                Ok(read) => prop_assert!(read.check().is_err()),
                Err(_) => {}
            }
        }

        #[test]
        fn the_head_is_another_when_any_object_is_left_out_added_or_swapped(
            names in proptest::collection::vec("[a-z]{3}", 2..8), at in any::<usize>(),
        ) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let good = seal(&names, &[]);
            let at = at % (names.len() - 1);
            let (mut without, mut with, mut swapped) = (names.clone(), names.clone(), names.clone());
            without.remove(at);
            with.insert(at, "zzzz");
            swapped.swap(at, at + 1);
            prop_assert!(seal(&without, &[]).head != good.head);
            prop_assert!(seal(&with, &[]).head != good.head);
            prop_assert_eq!(seal(&swapped, &[]).head == good.head, names[at] == names[at + 1]);
            prop_assert!(seal(&names[..1], &names[1..]).head != good.head);
        }
    }
}

//! The Directory's key set, read key by key: a key that cannot be used is dropped, the others remain.
//!
//! Sources: RFC 7517 (JWK); RFC 7518, sections 6.3.1 (RSA) and 3.5 (PS256, keys of 2048 bits or more).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::DecodingKey;
use thiserror::Error;

use crate::json::EveryMember;

/// Modulus sizes in bits that PS256 is verified with. The minimum is from RFC 7518, section 3.5; the maximum
/// is that of aws-lc-rs (`RSA_PSS_2048_8192_SHA256`).
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;
/// Maximum exponent size of aws-lc, in bits. The usual exponent is 65537, which has 17.
const MAX_EXPONENT_BITS: usize = 33;
/// Maximum number of characters of a kid that are logged. RFC 7638 thumbprints have 43.
const KID_SHOWN: usize = 64;

/// Base64url. RFC 7518 forbids padding; it is ignored, as it changes nothing.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys with which the Directory signs statements.
#[derive(Clone, Debug)]
pub struct Keys {
    readable: HashMap<String, RsaKey>,
    /// Kids of keys that cannot be used, so that a statement signed with one is not reported as signed with
    /// an unpublished key.
    unreadable: HashSet<String>,
    dropped: Vec<DroppedKey>,
}

/// An RSA public key, its numbers without leading zeros.
#[derive(Clone, Debug, Eq, PartialEq)]
struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// A key that is meant to verify statements but cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DroppedKey {
    /// The beginning of its `kid`; empty if it has none.
    pub kid: Option<String>,
    /// What is wrong with it.
    pub flaw: KeyFlaw,
}

/// The result of looking up a kid.
pub(super) enum Named {
    /// A key to verify with.
    Key(DecodingKey),
    /// A key that cannot be used.
    Unreadable,
    /// No key for signatures of statements has this kid.
    Unknown,
}

impl Keys {
    /// Reads a key set (RFC 7517), keeping the keys that can verify a statement.
    ///
    /// Keys of another type, or for another purpose by their `use`, `key_ops` or `alg`, are skipped. A key
    /// that cannot be used is dropped without affecting the others.
    ///
    /// # Errors
    ///
    /// If the set is not a JSON object with one list `keys`, or if none of the keys can be used.
    pub fn from_json(bytes: &[u8]) -> Result<Self, KeysError> {
        // RFC 8259, section 8.1: a reader may ignore a byte-order mark.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let document: EveryMember = serde_json::from_slice(bytes).map_err(|_| KeysError::NotJson)?;
        let lists: Vec<_> = document.members("keys").collect();
        let listed = match lists[..] {
            [list] => list.as_array().ok_or(KeysError::NoKeys)?,
            [] => return Err(KeysError::NoKeys),
            // RFC 8259, section 4, lets each reader choose which of the duplicates counts.
            [..] => return Err(KeysError::NotJson),
        };
        let mut set = Self { readable: HashMap::new(), unreadable: HashSet::new(), dropped: Vec::new() };
        let mut by_name: BTreeMap<String, Vec<RsaKey>> = BTreeMap::new();
        for key in listed {
            let names: Vec<&str> = key.members("kid").filter_map(EveryMember::as_str).collect();
            match (read(key), names.first()) {
                (Ok(None), _) => {}
                (Ok(Some(key)), Some(kid)) => by_name.entry((*kid).to_owned()).or_default().push(key),
                (Ok(Some(_)), None) => set.drop_key(&names, KeyFlaw::NoKeyId),
                (Err(flaw), _) => set.drop_key(&names, flaw),
            }
        }
        for (kid, mut keys) in by_name {
            keys.dedup();
            match <[RsaKey; 1]>::try_from(keys) {
                Ok([key]) => drop(set.readable.insert(kid, key)),
                // It is ambiguous which of these keys the kid means.
                Err(_) => set.drop_key(&[&kid], KeyFlaw::Ambiguous),
            }
        }
        if set.readable.is_empty() { Err(KeysError::NoKeys) } else { Ok(set) }
    }

    fn drop_key(&mut self, names: &[&str], flaw: KeyFlaw) {
        self.dropped.push(DroppedKey { kid: names.first().map(|kid| shown(kid)), flaw });
        self.unreadable.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// Returns how many keys can verify statements.
    #[expect(clippy::len_without_is_empty, reason = "a set without keys cannot be made")]
    pub fn len(&self) -> usize {
        self.readable.len()
    }

    /// Returns the dropped keys, for the log.
    pub fn dropped(&self) -> &[DroppedKey] {
        &self.dropped
    }

    /// Looks up a kid. A usable key takes precedence over an unusable one with the same kid.
    pub(super) fn named(&self, kid: &str) -> Named {
        match self.readable.get(kid) {
            Some(key) => Named::Key(DecodingKey::from_rsa_raw_components(&key.modulus, &key.exponent)),
            None if self.unreadable.contains(kid) => Named::Unreadable,
            None => Named::Unknown,
        }
    }

    /// Says whether the kid also belongs to a key that cannot be used.
    pub(super) fn has_unusable_key(&self, kid: &str) -> bool {
        self.unreadable.contains(kid)
    }
}

/// Reads a key; `None` if it is not for signatures with PS256.
fn read(key: &EveryMember) -> Result<Option<RsaKey>, KeyFlaw> {
    if !key.is_object() {
        return Err(KeyFlaw::NotObject);
    }
    if key.repeats_a_name() {
        return Err(KeyFlaw::NameTwice);
    }
    // A null member counts as absent, since some libraries write unset members as null.
    let member = |name| key.members(name).next().filter(|value| !value.is_null());
    match member("kty") {
        Some(kind) if kind.as_str() == Some("RSA") => {}
        Some(kind) if kind.as_str().is_some() => return Ok(None),
        Some(_) | None => return Err(KeyFlaw::NoKind),
    }
    let says_otherwise =
        |name, ours: &str| member(name).and_then(EveryMember::as_str).is_some_and(|said| said != ours);
    let operations = member("key_ops").and_then(EveryMember::as_array);
    let no_signature = operations.is_some_and(|operations| {
        !operations.iter().any(|operation| matches!(operation.as_str(), Some("verify" | "sign")))
    });
    if says_otherwise("use", "sig") || says_otherwise("alg", "PS256") || no_signature {
        return Ok(None);
    }
    let number = |name| {
        let text = member(name).and_then(EveryMember::as_str).ok_or(KeyFlaw::Number(name))?;
        let bytes = BASE64URL.decode(text).map_err(|_| KeyFlaw::Number(name))?;
        // RFC 7518, section 6.3.1.1: some encoders add a leading zero, as ASN.1 does.
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Ok(bytes[zeros..].to_vec())
    };
    let (modulus, exponent) = (number("n")?, number("e")?);
    if !MODULUS_BITS.contains(&bits(&modulus)) {
        return Err(KeyFlaw::Size);
    }
    let is_exponent = (2..=MAX_EXPONENT_BITS).contains(&bits(&exponent));
    if !is_odd(&modulus) {
        return Err(KeyFlaw::Number("n"));
    }
    if !is_exponent || !is_odd(&exponent) {
        return Err(KeyFlaw::Number("e"));
    }
    Ok(Some(RsaKey { modulus, exponent }))
}

/// Returns the bit length of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last % 2 == 1)
}

fn shown(kid: &str) -> String {
    kid.chars().take(KID_SHOWN).collect()
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum KeyFlaw {
    /// The key is not an object.
    #[error("it is not a JSON object")]
    NotObject,
    /// One of its objects has a duplicate name.
    #[error("it has a duplicate name")]
    NameTwice,
    /// It has no `kty`.
    #[error("it has no kty")]
    NoKind,
    /// It has no `kid`.
    #[error("it has no kid")]
    NoKeyId,
    /// A number is missing, is not base64url, or is not valid for an RSA key.
    #[error("its {0} is missing or not one of an RSA key")]
    Number(&'static str),
    /// The modulus is shorter or longer than the supported sizes.
    #[error("its modulus has fewer than 2048 or more than 8192 bits")]
    Size,
    /// Another key has the same `kid`.
    #[error("another key has the same kid")]
    Ambiguous,
}

/// A key set that cannot be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum KeysError {
    /// It is not JSON, or has several lists of keys.
    #[error("the key set is not JSON with one list of keys")]
    NotJson,
    /// No key can verify a statement.
    #[error("the key set holds no readable RSA key with a kid of its own for signatures with PS256")]
    NoKeys,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Base64url of a modulus: odd, of so many bits.
    fn modulus(bits: usize, zeros: usize) -> String {
        let mut number = vec![0xff; bits / 8];
        number[0] = 0x80;
        BASE64URL.encode([vec![0; zeros], number].concat()).trim_end_matches('=').to_owned()
    }

    fn key(kid: &str) -> serde_json::Value {
        json!({ "kty": "RSA", "use": "sig", "alg": "PS256", "kid": kid, "n": modulus(2048, 0), "e": "AQAB" })
    }

    fn with(kid: &str, name: &str, value: serde_json::Value) -> serde_json::Value {
        let mut key = key(kid);
        key[name] = value;
        key
    }

    fn read(keys: &[serde_json::Value]) -> Keys {
        Keys::from_json(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    /// What `odd` is beside a good key: readable, unreadable, or unknown.
    fn beside(keys: &Keys, kid: &str) -> &'static str {
        assert!(matches!(keys.named("good"), Named::Key(_)), "the good key is there");
        match keys.named(kid) {
            Named::Key(_) => "key",
            Named::Unreadable => "unreadable",
            Named::Unknown => "unknown",
        }
    }

    #[test]
    fn an_unusable_key_is_dropped_without_the_others() {
        let cases = [
            (with("odd", "n", json!(modulus(2048, 1))), "key"),
            (with("odd", "n", json!(modulus(4096, 3))), "key"),
            (with("odd", "e", json!("AAEAAQ")), "key"),
            (with("odd", "n", json!(modulus(2048, 0) + "==")), "key"),
            (with("odd", "use", json!(null)), "key"),
            (with("odd", "alg", json!(null)), "key"),
            (with("odd", "x5c", json!(7)), "key"),
            (with("odd", "key_ops", json!(["verify"])), "key"),
            (with("odd", "n", json!("***")), "unreadable"),
            (with("odd", "n", json!("")), "unreadable"),
            (with("odd", "n", json!("AAAA")), "unreadable"),
            (with("odd", "n", json!(7)), "unreadable"),
            (with("odd", "n", json!(null)), "unreadable"),
            (with("odd", "e", json!(null)), "unreadable"),
            (with("odd", "e", json!("AQ")), "unreadable"),
            (with("odd", "e", json!("AQAA")), "unreadable"),
            (with("odd", "n", json!(modulus(1024, 0))), "unreadable"),
            (with("odd", "n", json!(modulus(2040, 1))), "unreadable"),
            (with("odd", "n", json!(modulus(16384, 0))), "unreadable"),
            (with("odd", "kty", json!(7)), "unreadable"),
            (with("odd", "use", json!("enc")), "unknown"),
            (with("odd", "alg", json!("RS256")), "unknown"),
            (with("odd", "kty", json!("EC")), "unknown"),
            (with("odd", "key_ops", json!(["encrypt"])), "unknown"),
        ];
        for (odd, expected) in cases {
            let keys = read(&[odd.clone(), key("good")]);
            assert_eq!(beside(&keys, "odd"), expected, "{odd}");
            assert_eq!(keys.dropped().len(), usize::from(expected == "unreadable"), "{odd}");
        }
        let nameless = read(&[json!(null), json!("x"), with("odd", "kid", json!(7)), key("good")]);
        assert_eq!((nameless.dropped().len(), beside(&nameless, "odd")), (3, "unknown"));
    }

    #[test]
    fn a_key_with_a_duplicate_name_is_dropped() {
        let good = key("good").to_string();
        for odd in [
            good.replacen('{', r#"{"kid":"odd","#, 1),
            good.replace("good", "odd").replacen('{', r#"{"n":"AQAB","#, 1),
            good.replace("good", "odd").replacen('{', r#"{"oth":[{"r":1,"r":2}],"#, 1),
        ] {
            let keys = Keys::from_json(format!(r#"{{"keys":[{odd},{good}]}}"#).as_bytes()).unwrap();
            assert_eq!(beside(&keys, "odd"), "unreadable", "{odd}");
            assert_eq!(keys.dropped()[0].flaw, KeyFlaw::NameTwice);
        }
    }

    #[test]
    fn two_different_keys_with_one_kid_are_dropped() {
        let other = with("odd", "n", json!(modulus(3072, 0)));
        let keys = read(&[key("odd"), other.clone(), key("good"), key("odd")]);
        assert_eq!((beside(&keys, "odd"), keys.len()), ("unreadable", 1));
        let dropped = DroppedKey { kid: Some("odd".to_owned()), flaw: KeyFlaw::Ambiguous };
        assert_eq!(keys.dropped(), [dropped]);
        // The same key twice is one key, with zeros in front of one of them or not.
        let keys = read(&[key("odd"), with("odd", "n", json!(modulus(2048, 1))), key("good")]);
        assert_eq!((beside(&keys, "odd"), keys.dropped().len()), ("key", 0));
        // Beside one that cannot be used the other can.
        let keys = read(&[with("odd", "n", json!("***")), key("odd"), key("good")]);
        assert_eq!((beside(&keys, "odd"), keys.has_unusable_key("odd")), ("key", true));
    }

    #[test]
    fn a_set_is_one_list_with_a_key_that_can_be_used() {
        let text = json!({ "keys": [key("good")], "more": 1 }).to_string();
        assert!(Keys::from_json(text.as_bytes()).is_ok());
        assert!(Keys::from_json(format!("\u{feff}{text}").as_bytes()).is_ok());
        let twice = text.replacen('{', r#"{"keys":[],"#, 1);
        assert_eq!(Keys::from_json(twice.as_bytes()).unwrap_err(), KeysError::NotJson);
        for none in ["{}", "[]", r#"{"keys":null}"#, r#"{"keys":[]}"#, r#"{"keys":[null]}"#] {
            assert_eq!(Keys::from_json(none.as_bytes()).unwrap_err(), KeysError::NoKeys, "{none}");
        }
    }

    #[test]
    fn a_long_kid_is_shortened_only_in_the_log() {
        let long = "é".repeat(1000);
        let keys = read(&[with(&long, "n", json!("***")), key("good")]);
        assert_eq!(keys.dropped()[0].kid.as_ref().unwrap().chars().count(), KID_SHOWN);
        assert_eq!(beside(&keys, &long), "unreadable");
        assert_eq!(beside(&keys, &"é".repeat(64)), "unknown");
    }
}

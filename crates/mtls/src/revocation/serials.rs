//! The revoked serial numbers of an authority as sorted hashes of eight bytes each.

use sha2::{Digest as _, Sha256};

/// Returns the hash of a serial number: the first eight bytes of the SHA-256 of its value.
///
/// `serial` is the content of the DER `INTEGER`. Leading zeros do not change a number, so they do not change its
/// hash. The probability that one of 200,000 revoked serials shares its hash with a given other one is 1 in 10^14. A
/// deliberate collision would require control over the serial numbers that an authority issues.
pub fn serial_hash(serial: &[u8]) -> u64 {
    let value =
        serial.iter().position(|byte| *byte != 0).and_then(|first| serial.get(first..)).unwrap_or_default();
    // This crate takes half the time of aws-lc-rs for so few bytes, and a list may have 400,000 serials.
    Sha256::digest(value).first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default()
}

/// The serials of one authority.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Serials {
    /// Permanently revoked, whichever list named them.
    pub revoked: Vec<u64>,
    /// On hold (`certificateHold`), for each of the authority's lists in the order of its row, as long as that list
    /// names them.
    pub held: Vec<Vec<u64>>,
}

impl Serials {
    /// Says whether a serial is revoked, or on hold in any list.
    pub fn contains(&self, serial: u64) -> bool {
        self.revoked.binary_search(&serial).is_ok()
            || self.held.iter().any(|list| list.binary_search(&serial).is_ok())
    }

    /// Adds permanently revoked serials.
    pub fn revoke(&mut self, serials: &[u64]) {
        self.revoked.extend_from_slice(serials);
        self.revoked.sort_unstable();
        self.revoked.dedup();
    }

    /// Returns their serialised size in bytes.
    pub fn size(&self) -> usize {
        4 + 4 * self.held.len() + 8 * (self.revoked.len() + self.held.iter().map(Vec::len).sum::<usize>())
    }

    /// Serialises them: for each set its length in four bytes, then eight bytes for each serial.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size());
        for set in std::iter::once(&self.revoked).chain(&self.held) {
            bytes.extend_from_slice(&u32::try_from(set.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(set.iter().flat_map(|serial| serial.to_be_bytes()));
        }
        bytes
    }

    /// Parses the output of [`Serials::to_bytes`]; `None` for other bytes.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut sets = Vec::new();
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_first_chunk()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_mul(8)?;
            let (set, rest) = (rest.get(..length)?, rest.get(length..)?);
            let set: Vec<_> = set.as_chunks().0.iter().copied().map(u64::from_be_bytes).collect();
            if !set.is_sorted() {
                return None;
            }
            sets.push(set);
            bytes = rest;
        }
        let mut sets = sets.into_iter();
        Some(Self { revoked: sets.next()?, held: sets.collect() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zeros_in_front_of_a_serial_do_not_change_it() {
        assert_eq!(serial_hash(&[0, 0, 0x80, 1]), serial_hash(&[0x80, 1]));
        assert_ne!(serial_hash(&[0x80, 1]), serial_hash(&[0x80, 1, 0]));
        assert_eq!(serial_hash(&[0]), serial_hash(&[]));
    }

    #[test]
    fn a_revoked_serial_stays_and_a_held_one_goes_with_its_list() {
        let mut serials = Serials { revoked: vec![2, 5], held: vec![vec![7], vec![]] };
        serials.revoke(&[1, 5, 9]);
        assert_eq!(serials.revoked, [1, 2, 5, 9]);
        assert!(serials.contains(7));
        serials.held[0].clear();
        assert!(!serials.contains(7));
        assert!(serials.contains(2));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(revoked: Vec<u64>, held: Vec<Vec<u64>>) {
            let sorted = |mut set: Vec<u64>| { set.sort_unstable(); set.dedup(); set };
            let serials = Serials { revoked: sorted(revoked), held: held.into_iter().map(sorted).collect() };
            let bytes = serials.to_bytes();
            prop_assert_eq!(bytes.len(), serials.size());
            prop_assert_eq!(Serials::from_bytes(&bytes), Some(serials));
        }

        #[test]
        fn other_bytes_are_refused_or_read_and_never_panic(bytes: Vec<u8>) {
            let size = Serials::from_bytes(&bytes).map_or(bytes.len(), |serials| serials.size());
            prop_assert_eq!(size, bytes.len());
        }
    }
}

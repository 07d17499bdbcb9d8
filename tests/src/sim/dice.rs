//! All chance of a run, from one seed.

use std::time::Duration;

/// A source of chance: the same seed, the same draws.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Draws from this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Makes dice of their own for somebody, so that one does not change what another draws.
    #[must_use]
    pub(super) fn of(&self, whose: &str, number: u64) -> Self {
        let mut hash = Self(self.0 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for byte in whose.bytes() {
            hash = Self(hash.bits() ^ u64::from(byte));
        }
        Self(hash.bits())
    }

    /// Draws 64 bits (splitmix64).
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// Draws an index of something with so many.
    pub(super) fn index(&mut self, of: usize) -> usize {
        usize::try_from(self.below(of as u64)).expect("it is below a usize")
    }

    /// Says yes in so many of a hundred.
    pub(super) fn per_cent(&mut self, rng: u64) -> bool {
        self.below(100) < rng
    }

    /// Draws a number of milliseconds.
    pub(super) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }

    /// Chooses one.
    pub(super) fn choose<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.index(among.len())]
    }
}

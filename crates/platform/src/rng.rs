//! Random bits: the only place that asks the operating system for them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A source of random bits. It is a value, so that tests and the simulator can choose the bits.
#[derive(Clone)]
pub struct Rng(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Rng {
    /// Uses the operating system's generator. It draws bits for several calls at once, because a system call costs
    /// more than the bits.
    pub fn system() -> Self {
        let drawn = Mutex::new(Vec::new());
        Self::from_fn(move || {
            let mut drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner);
            if drawn.is_empty() {
                let mut bits = [0; 256];
                #[expect(clippy::disallowed_methods, reason = "everything else takes a Rng")]
                getrandom::fill(&mut bits).expect("the operating system has a random generator");
                drawn.extend(bits.as_chunks().0.iter().copied().map(u64::from_le_bytes));
            }
            drawn.pop().expect("some were drawn just now")
        })
    }

    /// Creates a source of random bits from a function.
    pub fn from_fn(draw: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// Returns 64 random bits.
    pub fn bits(&self) -> u64 {
        (self.0)()
    }

    /// Shortens a pause by up to half at random, so that throttled callers do not return together.
    #[must_use]
    pub fn jittered(&self, pause: Duration) -> Duration {
        let half = u64::try_from(pause.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        pause.saturating_sub(Duration::from_millis(self.bits() % half))
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bits_are_drawn_twice() {
        let rng = Rng::system();
        let drawn: HashSet<_> = (0..1000).map(|_| rng.bits()).collect();
        assert_eq!(drawn.len(), 1000);
    }

    #[test]
    fn a_pause_loses_up_to_half_of_itself_by_chance() {
        let pause = Duration::from_millis(100);
        let jittered = |bits| Rng::from_fn(move || bits).jittered(pause).as_millis();
        assert_eq!([jittered(0), jittered(49), jittered(50)], [100, 51, 100]);
    }
}

//! Where time and chance come in: the only places that ask the operating system for either.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time. A value, so that tests and the simulator decide what time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Makes the clock of the machine.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the edge: everything else takes a Clock")]
        Self::from_fn(Timestamp::now)
    }

    /// Makes a clock from a function.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the present instant, UTC.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Draws random bits. A value, so that tests and the simulator decide what is drawn.
#[derive(Clone)]
pub struct Chance(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Chance {
    /// Draws from the operating system's generator.
    pub fn system() -> Self {
        Self::from_fn(|| {
            let mut bits = [0; 8];
            #[expect(clippy::disallowed_methods, reason = "the edge: everything else takes a Chance")]
            getrandom::fill(&mut bits).expect("the operating system has a random generator");
            u64::from_le_bytes(bits)
        })
    }

    /// Makes a source of chance from a function.
    pub fn from_fn(draw: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// Returns 64 random bits.
    pub fn bits(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}

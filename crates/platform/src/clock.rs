//! The clock: the only place that asks the operating system for the time.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time. A value, so that tests and the simulator decide what time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Makes the clock of the machine.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "everything else takes a Clock")]
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

    /// Returns it as a function, for what knows no clock.
    pub fn teller(self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        move || self.now()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

//! The clock: the only place that asks the operating system for the time.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// A source of time. It is a value, so that tests and the simulator can set the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Returns the machine's clock.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "everything else takes a Clock")]
        Self::from_fn(Timestamp::now)
    }

    /// Creates a clock from a function.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the current instant in UTC.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// Converts the clock to a function, for code that does not use `Clock`.
    pub fn into_fn(self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        move || self.now()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

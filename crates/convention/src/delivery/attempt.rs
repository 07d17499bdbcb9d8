//! The number of an attempt.

use std::fmt;

use thiserror::Error;

/// The number of one of a notification's three attempts, 1 to 3.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttemptNumber(u8);

impl AttemptNumber {
    /// The first attempt.
    pub const FIRST: Self = Self(1);
    /// How many attempts a notification gets (webhook guides, "Orientações para as Iniciadoras e Detentoras": three in all).
    pub const MAX: u8 = 3;

    /// Returns the attempt after this one, if there is one.
    pub fn next(self) -> Option<Self> {
        (self.0 < Self::MAX).then(|| Self(self.0 + 1))
    }

    /// Returns the attempt before this one, if there is one.
    pub fn previous(self) -> Option<Self> {
        (self > Self::FIRST).then(|| Self(self.0 - 1))
    }

    /// Returns the number, 1 to 3.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for AttemptNumber {
    type Error = NotAnAttempt;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        match u8::try_from(number) {
            Ok(number @ 1..=Self::MAX) => Ok(Self(number)),
            _ => Err(NotAnAttempt(number)),
        }
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number that is not an attempt's.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("{0} is not the number of an attempt: expected 1 to 3")]
pub struct NotAnAttempt(u64);

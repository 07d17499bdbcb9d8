//! How many ledger writes a notification takes that is delivered at the first attempt.

use std::str::FromStr;

use thiserror::Error;

use super::attempt::AttemptNumber;

/// The number of ledger writes of a notification that is delivered at the first attempt (`LedgerWrites` in
/// the template).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LedgerWrites {
    /// Twice: before the request and after it.
    #[default]
    Full,
    /// Once, after the request. Before the request, the ledger is only read, to see whether a row exists.
    ///
    /// If the process stops between request and write, or another process holds a copy of the message at that
    /// moment, the ledger misses one request. This happens at most once for each message of the notification,
    /// because a message that is received again is written ahead.
    Lean,
}

/// When the start of an attempt is written to the ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LedgerMode {
    /// Before its request is sent.
    WriteAhead,
    /// After its request has ended, provided that the ledger has no row of the notification yet.
    WriteBehind,
}

impl LedgerWrites {
    /// Chooses the mode of an attempt by how often its message has been received, this time included.
    ///
    /// A message received before may have crashed a process after its request. Without writing ahead, nothing
    /// would count such crashes.
    pub fn mode(self, attempt: AttemptNumber, receives: u32) -> LedgerMode {
        match self {
            Self::Lean if attempt == AttemptNumber::FIRST && receives <= 1 => LedgerMode::WriteBehind,
            Self::Lean | Self::Full => LedgerMode::WriteAhead,
        }
    }
}

impl FromStr for LedgerWrites {
    type Err = ParseLedgerWritesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "full" => Ok(Self::Full),
            "lean" => Ok(Self::Lean),
            _ => Err(ParseLedgerWritesError),
        }
    }
}

/// A text that is not a setting of ledger writes.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
#[error("expected full or lean")]
pub struct ParseLedgerWritesError;

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u64) -> AttemptNumber {
        AttemptNumber::try_from(number).unwrap()
    }

    #[test]
    fn only_a_first_attempt_at_its_first_receive_is_written_behind() {
        for (writes, number, receives, expected) in [
            (LedgerWrites::Full, 1, 1, LedgerMode::WriteAhead),
            (LedgerWrites::Lean, 1, 1, LedgerMode::WriteBehind),
            (LedgerWrites::Lean, 1, 2, LedgerMode::WriteAhead),
            (LedgerWrites::Lean, 2, 1, LedgerMode::WriteAhead),
            (LedgerWrites::Lean, 3, 1, LedgerMode::WriteAhead),
        ] {
            assert_eq!(writes.mode(attempt(number), receives), expected, "{writes:?} {number} {receives}");
        }
    }

    #[test]
    fn a_setting_says_full_or_lean_and_nothing_else() {
        assert_eq!("full".parse(), Ok(LedgerWrites::Full));
        assert_eq!("lean".parse(), Ok(LedgerWrites::Lean));
        assert_eq!("Lean".parse::<LedgerWrites>(), Err(ParseLedgerWritesError));
    }
}

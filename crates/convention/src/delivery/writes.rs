//! How often the ledger is written of a notification that is delivered at the first attempt.

use std::str::FromStr;

use thiserror::Error;

use super::attempt::AttemptNumber;

/// How often the ledger is written of a notification that is delivered at the first attempt (`LedgerWrites` in the template).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LedgerWrites {
    /// Twice: before the request and after it.
    #[default]
    Full,
    /// Once, after the request; whether there is a row already is read before it.
    ///
    /// A stop between the two, or another process with a copy at that moment, then makes a request of which the ledger knows
    /// nothing: one for each message of the notification at most, as a message that comes a second time is written as ever.
    Lean,
}

/// When an attempt begins in the ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LedgerMode {
    /// Before its request is sent.
    WriteAhead,
    /// When its request has ended, if the ledger knows nothing of the notification until then.
    WriteBehind,
}

impl LedgerWrites {
    /// Decides for an attempt whose message the queue has handed out so often, this time included.
    ///
    /// A message that was handed out before may have been the death of a process after its request; were the next one not
    /// written down first, nothing would count how often that happens.
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

/// A text that does not say how often the ledger is written.
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
    fn only_a_first_attempt_whose_message_came_once_is_written_down_after_its_request() {
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

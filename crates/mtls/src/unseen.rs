//! Why nothing was seen of a receiver.

use convention::codes::Code;
use convention::delivery::Failure;

/// Why nothing was seen of a receiver, or of one of its addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unseen {
    /// For what the receiver does: a notification would fail so too.
    Receiver(Failure),
    /// For a fault of our network, which says nothing of the receiver.
    Ours,
}

impl Unseen {
    /// Returns the stable code: of an outcome, or of our fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Receiver(failure) => failure.code(),
            Self::Ours => Code::NetworkUnavailable.as_str(),
        }
    }

    /// Tells an error of connecting by whose doing it is.
    pub(super) fn by(failure: Failure, is_ours: bool) -> Self {
        if is_ours { Self::Ours } else { Self::Receiver(failure) }
    }
}

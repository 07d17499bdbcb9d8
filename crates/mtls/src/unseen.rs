//! Why a preflight check saw nothing of a receiver.

use convention::codes::Code;
use convention::delivery::Failure;

/// Why nothing was seen of a receiver, or of one of its addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unseen {
    /// Because of the receiver: a notification would fail in the same way.
    Receiver(Failure),
    /// Because of a fault of our network, which says nothing about the receiver.
    Ours,
}

impl Unseen {
    /// Returns the stable code of the outcome or of our fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Receiver(failure) => failure.code(),
            Self::Ours => Code::NetworkUnavailable.as_str(),
        }
    }

    /// Classifies an error of connecting by whose fault it is.
    pub(super) fn by(failure: Failure, is_ours: bool) -> Self {
        if is_ours { Self::Ours } else { Self::Receiver(failure) }
    }
}

//! The code broken on purpose, to see that an invariant notices.

use super::hazards::Hazard;

/// How the code is broken on purpose, to see that an invariant notices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Break {
    /// An attempt begins whatever the ledger says: the condition of that `UpdateItem` is taken away on its way to the table.
    NoConditionOnBegin,
    /// A message is deleted when the message of the next attempt is to be sent, which now and then dies with its sender.
    AcknowledgedBeforeRetry,
    /// A receiver's copy never grows old: `Receivers` gets a clock that stands still.
    CopyNeverExpires,
    /// A message that is kept comes back as the next attempt, with the one before it written down as failed.
    OurFaultConsumes,
    /// The write of `delivered` is answered and not done.
    SuccessNotRecorded,
    /// Each time a message is handed out looks like the first.
    EveryReceiveIsTheFirst,
    /// Whoever asks whether the ledger knows a notification is told that it does not.
    LedgerKnowsNothing,
    /// A registration is decided by a read that is not consistent, and written whatever the row has become.
    StaleReadBelieved,
    /// A removal leaves nothing behind that an older call would find.
    RemovalForgotten,
    /// What the machine lacks passes for a receiver that refuses connections.
    LocalFaultIsTheirs,
    /// A table that takes no more of a delivery's write is taken to have taken it.
    ThrottledDeliveryForgotten,
    /// A connection that its receiver has closed is used all the same.
    ClosedConnectionsInUse,
    /// Of two processes with a copy each of one message, the second takes the first one's attempt for its own.
    CopiesShareAnAttempt,
    /// A receiver whose certificates cannot be used ends the refresh for all.
    HostileRowStopsRefresh,
    /// A registration call sets what an operator has set back to what it was at first.
    RegistrationResetsSettings,
}

impl Break {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::NoConditionOnBegin,
        Self::AcknowledgedBeforeRetry,
        Self::CopyNeverExpires,
        Self::OurFaultConsumes,
        Self::SuccessNotRecorded,
        Self::EveryReceiveIsTheFirst,
        Self::LedgerKnowsNothing,
        Self::StaleReadBelieved,
        Self::RemovalForgotten,
        Self::LocalFaultIsTheirs,
        Self::ThrottledDeliveryForgotten,
        Self::ClosedConnectionsInUse,
        Self::CopiesShareAnAttempt,
        Self::HostileRowStopsRefresh,
        Self::RegistrationResetsSettings,
    ];

    /// What must go wrong in a run for it to be noticed.
    pub(super) fn needs(self) -> Option<Hazard> {
        match self {
            Self::NoConditionOnBegin
            | Self::AcknowledgedBeforeRetry
            | Self::CopyNeverExpires
            | Self::OurFaultConsumes
            | Self::SuccessNotRecorded
            | Self::EveryReceiveIsTheFirst
            | Self::LedgerKnowsNothing
            | Self::CopiesShareAnAttempt => None,
            Self::StaleReadBelieved | Self::RemovalForgotten | Self::RegistrationResetsSettings => {
                Some(Hazard::ConcurrentCalls)
            }
            Self::LocalFaultIsTheirs => Some(Hazard::LocalFaults),
            Self::ThrottledDeliveryForgotten => Some(Hazard::TableLimits),
            Self::ClosedConnectionsInUse => Some(Hazard::ClosedConnections),
            Self::HostileRowStopsRefresh => Some(Hazard::HostileChains),
        }
    }
}

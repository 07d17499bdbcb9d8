//! What may go wrong beside what every run has. Each can be left out, so that it is seen which of them a failure needs.

use std::str::FromStr;

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hazard {
    /// Reads that need not be consistent return what a row was up to three seconds ago.
    StaleReads,
    /// Receivers close kept connections after one to three seconds without saying so.
    ClosedConnections,
    /// Receivers announce that they close kept connections, and do.
    AnnouncedTimeouts,
    /// Tables take so many writes a second from all callers together.
    TableLimits,
    /// The machine has no descriptor, port, route or resolver.
    LocalFaults,
    /// No receiver can be reached from here.
    EgressOutages,
    /// Registration calls come at the same time and in any order.
    ConcurrentCalls,
    /// The directory function's review runs beside all this, and the Directory calls clients inactive and active again.
    Reviews,
    /// Receivers present certificates that nobody asked for.
    HostileChains,
}

impl Hazard {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::StaleReads,
        Self::ClosedConnections,
        Self::AnnouncedTimeouts,
        Self::TableLimits,
        Self::LocalFaults,
        Self::EgressOutages,
        Self::ConcurrentCalls,
        Self::Reviews,
        Self::HostileChains,
    ];

    /// The name by which a run is told of it.
    fn name(self) -> &'static str {
        match self {
            Self::StaleReads => "stale-reads",
            Self::ClosedConnections => "closed-connections",
            Self::AnnouncedTimeouts => "announced-timeouts",
            Self::TableLimits => "table-limits",
            Self::LocalFaults => "local-faults",
            Self::EgressOutages => "egress-outages",
            Self::ConcurrentCalls => "concurrent-calls",
            Self::Reviews => "reviews",
            Self::HostileChains => "hostile-chains",
        }
    }

    /// Of how many runs in a hundred it is part.
    pub(super) fn per_cent(self) -> u64 {
        match self {
            Self::StaleReads | Self::ClosedConnections | Self::ConcurrentCalls | Self::Reviews => 35,
            Self::AnnouncedTimeouts | Self::TableLimits | Self::LocalFaults | Self::HostileChains => 25,
            // It lasts, and so does a run with one.
            Self::EgressOutages => 6,
        }
    }
}

/// Those that a run may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hazards(u16);

impl Hazards {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of them.
    pub fn all() -> Self {
        Hazard::ALL.into_iter().fold(Self::NONE, Self::with)
    }

    /// Adds one.
    #[must_use]
    pub fn with(self, hazard: Hazard) -> Self {
        Self(self.0 | 1 << hazard as u16)
    }

    /// Says whether one is among them.
    pub fn has(self, hazard: Hazard) -> bool {
        self.0 & 1 << hazard as u16 != 0
    }
}

impl FromStr for Hazards {
    type Err = String;

    /// Reads names that are separated by commas; `all` and `none` stand for themselves.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => return Ok(Self::all()),
            "none" => return Ok(Self::NONE),
            _ => {}
        }
        text.split(',').try_fold(Self::NONE, |hazards, name| {
            let hazard = Hazard::ALL.into_iter().find(|hazard| hazard.name() == name);
            hazard.map(|hazard| hazards.with(hazard)).ok_or_else(|| {
                let names = Hazard::ALL.map(Hazard::name).join(", ");
                format!("there is no {name:?}; there are {names}")
            })
        })
    }
}

//! What may go wrong beside what every run has. Each can be left out, so that it is seen which of them a failure needs.

use std::str::FromStr;

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hazard {
    /// A `GetItem`, `BatchGetItem`, `Query` or `Scan` without `ConsistentRead` returns each row as it was up to three seconds ago.
    StaleReads,
    /// Receivers close kept connections after one to three seconds without saying so; what is sent while the close is on its way
    /// is lost.
    ClosedConnections,
    /// Receivers send `Keep-Alive: timeout=N` and close kept connections then.
    AnnouncedTimeouts,
    /// A table takes one to four writes a second from all callers together, and answers `ProvisionedThroughputExceededException` to
    /// the others. Throttling of a table has no other cause.
    TableLimits,
    /// The machine has no descriptor, buffer, port, route or permission (nine error numbers, given at once), or its resolver
    /// answers nothing or only failures.
    LocalFaults,
    /// For one to two and a half minutes no new connection from here reaches anybody: no answer, or a router's ICMP.
    EgressOutages,
    /// `PUT` and `DELETE` of one client come within milliseconds of each other or seconds apart, in any order, some twice; each says
    /// when it was made (`called_at`).
    ConcurrentCalls,
    /// The directory function's review runs at any time and right beside calls; the Directory calls clients inactive, and active
    /// again.
    Reviews,
    /// A receiver presents an expired certificate under its issuer's name, one whose lists are at an internal address, and one with
    /// a huge text; rows that cannot be read lie among those of the other receivers.
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

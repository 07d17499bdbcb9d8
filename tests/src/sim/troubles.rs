//! What this side lacks: capacity of tables, descriptors, ports, routes, a resolver, a way out.

use std::io;
use std::time::Duration;

use super::dice::Dice;
use super::world::World;
use crate::aws::{DIRECTORY, LEDGER, RECEIVERS};

/// A table that takes few writes for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// From when.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
    /// Which.
    pub table: &'static str,
    /// How many a second, from all callers together.
    pub per_second: u32,
}

impl Limit {
    pub(super) fn draw(dice: &mut Dice, end: Duration) -> Self {
        let (from, until) = span(dice, end, (2_000, 90_000));
        let table = dice.choose(&[LEDGER, LEDGER, LEDGER, RECEIVERS, DIRECTORY]);
        Self { from, until, table, per_second: dice.choose(&[1, 1, 2, 4]) }
    }
}

/// What the machine lacks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lack {
    /// A call of the machine fails at once with this number (Linux, `errno-base.h` and `errno.h`).
    Errno(i32),
    /// The resolver says at once that it cannot be reached.
    Resolver,
    /// The resolver does not answer.
    ResolverSilent,
}

/// For a while the machine lacks something.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalFault {
    /// From when.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
    /// What.
    pub lack: Lack,
    /// How many of a hundred connections it costs; of names all, as the resolver is one for all.
    pub per_cent: u64,
}

/// EPERM, EACCES, ENFILE, EMFILE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ENOBUFS, EHOSTUNREACH.
const ERRNOS: [i32; 9] = [1, 13, 23, 24, 99, 100, 101, 105, 113];
/// EHOSTUNREACH, as a router far away reports it.
const UNREACHABLE: i32 = 113;

impl LocalFault {
    pub(super) fn draw(dice: &mut Dice, end: Duration) -> Self {
        let (from, until) = span(dice, end, (1_000, 60_000));
        let lack = match dice.below(4) {
            0 => Lack::Resolver,
            1 => Lack::ResolverSilent,
            _ => Lack::Errno(dice.choose(&ERRNOS)),
        };
        Self { from, until, lack, per_cent: dice.choose(&[30, 100]) }
    }

    /// Says whether it is so at that time.
    pub(super) fn holds(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }
}

/// What the resolver answers that cannot reach a name server: `EAI_AGAIN`, which the standard library gives no kind.
pub(super) fn no_answer() -> io::Error {
    io::Error::other("failed to lookup address information: Temporary failure in name resolution")
}

/// What the resolver answers of a name that there is not: `EAI_NONAME`.
pub(super) fn no_such_name() -> io::Error {
    io::Error::other("failed to lookup address information: Name or service not known")
}

/// A router on the way knows no way further.
pub(super) fn unreachable() -> io::Error {
    io::Error::from_raw_os_error(UNREACHABLE)
}

/// For a while nobody can be reached from here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// From when.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
    /// Whether a router says so; else nobody answers.
    pub is_told: bool,
}

impl Outage {
    /// Says whether it is so at that time.
    pub(super) fn holds(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }
}

fn span(dice: &mut Dice, end: Duration, (least, most): (u64, u64)) -> (Duration, Duration) {
    let from = dice.millis(0, u64::try_from(end.as_millis()).unwrap_or(0));
    (from, (from + dice.millis(least, most)).min(end))
}

/// Has tables take few writes when it is their time.
pub(super) async fn limit_tables(world: World, limits: Vec<Limit>) {
    let mut turns: Vec<_> = limits
        .iter()
        .flat_map(|limit| {
            [(limit.from, limit.table, Some(limit.per_second)), (limit.until, limit.table, None)]
        })
        .collect();
    turns.sort_by_key(|(at, ..)| *at);
    for (at, table, per_second) in turns {
        tokio::time::sleep(at.saturating_sub(world.now())).await;
        world.note(format_args!("{table} takes {per_second:?} writes a second"));
        world.aws().limits_writes(table, per_second);
    }
}

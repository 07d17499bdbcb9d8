//! Detects lost egress: if an environment reaches none of several unrelated receivers, the fault is ours.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use convention::notification::ReceiverKey;
use jiff::{SignedDuration, Timestamp};

/// How long no receiver must have been reached.
const FOR: SignedDuration = SignedDuration::from_secs(30);
/// Observations older than this are ignored. Longer than the maximum redelivery backoff of a requeued message, which
/// is a quarter of an hour.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(30);
/// Maximum number of remembered receivers, and of hosts and addresses of each. A load balancer returns only a few of
/// its addresses at a time.
const MAX_REMEMBERED: usize = 64;

/// What an environment has observed since it last reached a receiver. Copies share the state.
#[derive(Clone, Debug, Default)]
pub(super) struct Egress(Arc<Mutex<Seen>>);

impl Egress {
    /// Records that a TCP connection to a receiver was opened, or that an open one brought an answer.
    pub(super) fn reached(&self) {
        self.with(Seen::reached);
    }

    /// Records that no TCP connection to a receiver at these addresses could be opened; says whether egress counts as
    /// lost.
    pub(super) fn unreached(
        &self,
        (receiver, host): (&ReceiverKey, &str),
        addresses: &[SocketAddr],
        now: Timestamp,
    ) -> bool {
        self.with(|seen| {
            seen.unreached((receiver.as_str(), host), addresses.iter().map(SocketAddr::ip), now);
            seen.is_unavailable(now)
        })
    }

    /// Says whether egress counts as lost.
    pub(super) fn is_unavailable(&self, now: Timestamp) -> bool {
        self.with(|seen| seen.is_unavailable(now))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Unreached receivers, each kept separately: addresses that one receiver names never merge others.
#[derive(Debug, Default)]
struct Seen(Vec<Unreached>);

#[derive(Debug)]
struct Unreached {
    receiver: String,
    hosts: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    first: Timestamp,
    last: Timestamp,
}

impl Unreached {
    /// Says whether the two have no host and no address in common, so that a shared cause must be on our side.
    fn is_apart_from(&self, other: &Self) -> bool {
        self.hosts.is_disjoint(&other.hosts) && self.addresses.is_disjoint(&other.addresses)
    }
}

impl Seen {
    fn reached(&mut self) {
        self.0.clear();
    }

    fn unreached(
        &mut self,
        (receiver, host): (&str, &str),
        addresses: impl Iterator<Item = IpAddr>,
        now: Timestamp,
    ) {
        self.forget(now);
        let one = if let Some(at) = self.0.iter().position(|seen| seen.receiver == receiver) {
            &mut self.0[at]
        } else {
            if self.0.len() >= MAX_REMEMBERED {
                let oldest = (0..self.0.len()).min_by_key(|at| self.0[*at].last);
                oldest.map(|at| self.0.swap_remove(at));
            }
            let receiver = receiver.to_owned();
            let (hosts, addresses) = (BTreeSet::new(), BTreeSet::new());
            self.0.push_mut(Unreached { receiver, hosts, addresses, first: now, last: now })
        };
        one.hosts.insert(host.to_owned());
        one.addresses.extend(addresses.take(MAX_REMEMBERED));
        one.last = now;
        while one.hosts.len() > MAX_REMEMBERED {
            one.hosts.pop_last();
        }
        while one.addresses.len() > MAX_REMEMBERED {
            one.addresses.pop_last();
        }
    }

    /// Says whether three receivers, pairwise without a common host or address, have been unreachable long enough.
    fn is_unavailable(&mut self, now: Timestamp) -> bool {
        self.forget(now);
        let is_long = self.0.iter().any(|seen| now.duration_since(seen.first) >= FOR);
        is_long && self.has_three_apart()
    }

    fn has_three_apart(&self) -> bool {
        let all = &self.0;
        // One bit for each later receiver.
        let apart: Vec<u64> = (0..all.len())
            .map(|one| {
                let later = (one + 1..all.len()).filter(|other| all[one].is_apart_from(&all[*other]));
                later.fold(0, |bits, other| bits | 1 << other)
            })
            .collect();
        let has = |bits: u64, other: usize| bits & 1 << other != 0;
        apart
            .iter()
            .any(|of_one| (0..all.len()).any(|other| has(*of_one, other) && of_one & apart[other] != 0))
    }

    /// After the clock was set back, ages are unknown.
    fn forget(&mut self, now: Timestamp) {
        self.0.retain(|seen| {
            let age = now.duration_since(seen.last);
            !age.is_negative() && age <= REMEMBERED
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn address(byte: u8) -> impl Iterator<Item = IpAddr> {
        std::iter::once(IpAddr::from([203, 0, 113, byte]))
    }

    /// Marks receivers as unreachable: host, last byte of the address, second.
    fn seen(all: &[(&str, u8, i64)]) -> Seen {
        let mut seen = Seen::default();
        for (host, byte, second) in all {
            seen.unreached((&client_of(host), host), address(*byte), at(*second));
        }
        seen
    }

    /// A client with this host only.
    fn client_of(host: &str) -> String {
        format!("itp-{host}")
    }

    #[test]
    fn a_client_counts_once_over_all_its_hosts() {
        let mut moved = Seen::default();
        for (host, byte) in [("a", 1), ("b", 2), ("c", 3)] {
            moved.unreached(("itp-1", host), address(byte), at(0));
        }
        assert_eq!((moved.0.len(), moved.is_unavailable(at(60))), (1, false));
        // Two clients on one host share that host.
        moved.unreached(("itp-2", "c"), address(4), at(0));
        moved.unreached(("itp-3", "d"), address(5), at(0));
        assert!(!moved.is_unavailable(at(60)));
        moved.unreached(("itp-4", "e"), address(6), at(0));
        assert!(moved.is_unavailable(at(60)));
    }

    #[test]
    fn a_receiver_that_names_the_addresses_of_others_hides_nothing() {
        for first in [true, false] {
            let mut seen = Seen::default();
            let names_all = |seen: &mut Seen| {
                let all = [1, 2, 3].map(|byte| IpAddr::from([203, 0, 113, byte]));
                seen.unreached(("hostile", "everybody"), all.into_iter(), at(0));
            };
            if first {
                names_all(&mut seen);
            }
            for (host, byte) in [("a", 1), ("b", 2), ("c", 3)] {
                seen.unreached((&client_of(host), host), address(byte), at(0));
            }
            if !first {
                names_all(&mut seen);
            }
            assert!(seen.is_unavailable(at(30)), "{first}");
        }
    }

    #[test]
    fn three_receivers_at_three_addresses_out_of_reach_for_thirty_seconds_are_our_own_fault() {
        let mut three = seen(&[("a", 1, 0), ("b", 2, 1), ("c", 3, 2)]);
        assert!(!three.is_unavailable(at(29)));
        assert!(three.is_unavailable(at(30)));
        three.reached();
        assert!(!three.is_unavailable(at(31)));
    }

    #[test]
    fn fewer_receivers_or_addresses_are_not_our_fault() {
        for fewer in [
            seen(&[("a", 1, 0), ("b", 2, 0), ("a", 3, 0), ("a", 4, 0)]),
            seen(&[("a", 1, 0), ("b", 2, 0), ("c", 2, 0), ("d", 1, 0)]),
            seen(&[("a", 1, 0)]),
        ] {
            let mut fewer = fewer;
            assert!(!fewer.is_unavailable(at(60)));
        }
    }

    #[test]
    fn hosts_that_share_addresses_do_not_count_separately_in_any_order() {
        let addresses = |bytes: [u8; 2]| bytes.map(|byte| IpAddr::from([203, 0, 113, byte])).into_iter();
        let all = [("a", [1, 2]), ("b", [3, 4]), ("c", [2, 3]), ("a", [5, 6]), ("d", [6, 7])];
        for names in [&[("a", [1, 2]), ("b", [2, 3]), ("c", [3, 1])][..], &all] {
            let mut seen = Seen::default();
            for (host, bytes) in names {
                seen.unreached((&client_of(host), host), addresses(*bytes), at(0));
            }
            assert!(!seen.is_unavailable(at(60)), "{names:?}");
        }
    }

    #[test]
    fn reaching_one_receiver_in_time_clears_the_suspicion() {
        let mut seen = seen(&[("a", 1, 0), ("b", 2, 1), ("c", 3, 2)]);
        seen.reached();
        for (host, byte) in [("a", 1), ("b", 2), ("c", 3)] {
            seen.unreached((&client_of(host), host), address(byte), at(20));
        }
        assert!(!seen.is_unavailable(at(49)));
        assert!(seen.is_unavailable(at(50)));
    }

    #[test]
    fn old_and_future_observations_are_ignored() {
        let all = [("a", 1, 0), ("b", 2, 1), ("c", 3, 2)];
        assert!(!seen(&all).is_unavailable(at(2 + 30 * 60)));
        assert!(!seen(&all).is_unavailable(at(-1)));
    }

    #[test]
    fn the_memory_is_bounded_and_holds_the_latest_receivers() {
        let mut seen = Seen::default();
        for number in 0..=255 {
            let host = format!("host-{number}");
            seen.unreached((&client_of(&host), &host), address(number), at(number.into()));
            seen.unreached(("moves", &host), address(number), at(number.into()));
        }
        assert_eq!(seen.0.len(), MAX_REMEMBERED);
        assert!(seen.0.iter().all(|one| one.hosts.len().max(one.addresses.len()) <= MAX_REMEMBERED));
        assert!(seen.0.iter().any(|one| one.receiver == "itp-host-255"));
        assert!(!seen.0.iter().any(|one| one.receiver == "itp-host-0"));
        assert!(seen.is_unavailable(at(300)));
    }
}

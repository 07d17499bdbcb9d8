//! Whether anybody is reached: an environment that reaches none of several receivers has no way out, and that is not theirs.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::notification::ClientId;

/// So many clients' receivers, no two with a host or an address in common, must have been out of reach.
const RECEIVERS: usize = 3;
/// For so long nobody must have been reached.
const FOR: SignedDuration = SignedDuration::from_secs(30);
/// What was seen longer ago says nothing. Longer than the quarter of an hour after which a kept message comes again at the latest.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(30);
/// So many clients, hosts and addresses are kept of one receiver. A balancer names a few of its addresses at a time, in turns.
const MOST_NAMES: usize = 64;

/// What an environment has seen since it last reached a receiver. Copies share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Egress(Arc<Mutex<Seen>>);

impl Egress {
    /// A TCP connection to a receiver has opened, or one that was open has brought an answer.
    pub(super) fn reached(&self) {
        self.with(Seen::reached);
    }

    /// No TCP connection to a client's receiver at these addresses could be opened; says whether that is so of everybody.
    pub(super) fn unreached(
        &self,
        (client, host): (&ClientId, &str),
        addresses: &[SocketAddr],
        now: Timestamp,
    ) -> bool {
        self.with(|seen| {
            seen.unreached((client.as_str(), host), addresses.iter().map(SocketAddr::ip), now);
            seen.is_unavailable(now)
        })
    }

    /// Says whether nobody is reached.
    pub(super) fn is_unavailable(&self, now: Timestamp) -> bool {
        self.with(|seen| seen.is_unavailable(now))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Receivers out of reach, no two with one client, one host or any address in common: three are all that is asked for, so no more are kept.
#[derive(Debug, Default)]
struct Seen(Vec<Unreached>);

#[derive(Debug)]
struct Unreached {
    clients: BTreeSet<String>,
    hosts: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    first: Timestamp,
    last: Timestamp,
}

impl Unreached {
    fn is_same_as(&self, other: &Self) -> bool {
        !self.clients.is_disjoint(&other.clients)
            || !self.hosts.is_disjoint(&other.hosts)
            || !self.addresses.is_disjoint(&other.addresses)
    }

    /// Takes another one in that turned out to be the same.
    fn join(&mut self, other: Self) {
        extend(&mut self.clients, other.clients);
        extend(&mut self.hosts, other.hosts);
        extend(&mut self.addresses, other.addresses);
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
    }
}

/// Takes others in, as long as there is room.
fn extend<T: Ord>(names: &mut BTreeSet<T>, others: BTreeSet<T>) {
    names.extend(others);
    while names.len() > MOST_NAMES {
        names.pop_last();
    }
}

impl Seen {
    fn reached(&mut self) {
        self.0.clear();
    }

    fn unreached(
        &mut self,
        (client, host): (&str, &str),
        addresses: impl Iterator<Item = IpAddr>,
        now: Timestamp,
    ) {
        self.forget(now);
        let [clients, hosts] = [client, host].map(|name| BTreeSet::from([name.to_owned()]));
        let addresses = addresses.take(MOST_NAMES).collect();
        let mut one = Unreached { clients, hosts, addresses, first: now, last: now };
        // By its addresses it may be the same as two that were taken for different ones.
        while let Some(at) = self.0.iter().position(|seen| seen.is_same_as(&one)) {
            one.join(self.0.remove(at));
        }
        if self.0.len() < RECEIVERS {
            self.0.push(one);
        }
    }

    fn is_unavailable(&mut self, now: Timestamp) -> bool {
        self.forget(now);
        let since = self.0.iter().map(|seen| seen.first).min();
        self.0.len() >= RECEIVERS && since.is_some_and(|since| now.duration_since(since) >= FOR)
    }

    /// A clock that was set back tells nothing of an age.
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

    /// Lets receivers be out of reach: host, last byte of the address, second.
    fn seen(all: &[(&str, u8, i64)]) -> Seen {
        let mut seen = Seen::default();
        for (host, byte, second) in all {
            seen.unreached((&client_of(host), host), address(*byte), at(*second));
        }
        seen
    }

    /// A client whose only host this is.
    fn client_of(host: &str) -> String {
        format!("itp-{host}")
    }

    #[test]
    fn one_client_is_one_receiver_over_however_many_hosts() {
        let mut moved = Seen::default();
        for (host, byte) in [("a", 1), ("b", 2), ("c", 3)] {
            moved.unreached(("itp-1", host), address(byte), at(0));
        }
        assert_eq!((moved.0.len(), moved.is_unavailable(at(60))), (1, false));
        // Two clients at one host are one receiver; a third is another.
        moved.unreached(("itp-2", "c"), address(4), at(0));
        moved.unreached(("itp-3", "d"), address(5), at(0));
        assert_eq!(moved.0.len(), 2);
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
    fn fewer_receivers_or_addresses_are_theirs() {
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
    fn hosts_that_share_any_address_are_one_receiver_in_whatever_order_it_names_them() {
        let addresses = |bytes: [u8; 2]| bytes.map(|byte| IpAddr::from([203, 0, 113, byte])).into_iter();
        let mut rotating = Seen::default();
        for (host, bytes) in [("a", [1, 2]), ("b", [2, 3]), ("c", [3, 1])] {
            rotating.unreached((&client_of(host), host), addresses(bytes), at(0));
        }
        assert_eq!((rotating.0.len(), rotating.is_unavailable(at(60))), (1, false));
        // Two that were taken for different ones, until an answer names an address of each.
        let mut joined = Seen::default();
        for (host, bytes) in [("a", [1, 2]), ("b", [3, 4]), ("c", [2, 3]), ("a", [5, 6]), ("d", [6, 7])] {
            joined.unreached((&client_of(host), host), addresses(bytes), at(0));
        }
        assert_eq!(joined.0.len(), 1);
        // What is kept of one stays small.
        for byte in 0..=255 {
            let host = format!("host-{byte}");
            joined.unreached((&client_of(&host), &host), addresses([byte, 1]), at(0));
        }
        assert!(
            joined
                .0
                .iter()
                .all(|one| one.clients.len().max(one.hosts.len()).max(one.addresses.len()) <= MOST_NAMES)
        );
    }

    #[test]
    fn one_that_is_reached_within_the_time_keeps_it_off() {
        let mut seen = seen(&[("a", 1, 0), ("b", 2, 1), ("c", 3, 2)]);
        seen.reached();
        for (host, byte) in [("a", 1), ("b", 2), ("c", 3)] {
            seen.unreached((&client_of(host), host), address(byte), at(20));
        }
        assert!(!seen.is_unavailable(at(49)));
        assert!(seen.is_unavailable(at(50)));
    }

    #[test]
    fn what_was_seen_long_ago_or_in_the_future_says_nothing() {
        let all = [("a", 1, 0), ("b", 2, 1), ("c", 3, 2)];
        assert!(!seen(&all).is_unavailable(at(2 + 30 * 60)));
        assert!(!seen(&all).is_unavailable(at(-1)));
    }

    #[test]
    fn no_more_is_kept_than_is_asked_for() {
        let hosts: Vec<_> = (0..200).map(|number| format!("host-{number}")).collect();
        let many: Vec<_> = hosts.iter().zip(0..).map(|(host, byte)| (host.as_str(), byte, 0)).collect();
        assert_eq!(seen(&many).0.len(), RECEIVERS);
    }
}

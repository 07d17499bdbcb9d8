//! From a host name to an open TCP connection: resolve, check every address, connect.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use convention::address::AddressPolicy;
use convention::delivery::Failure;
use convention::directory::BaseUri;
use convention::notification::ReceiverKey;
use http::Uri;
use platform::clock::Clock;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::classify;
use super::connect_error::ConnectError;
use super::fault::{Blame, NetworkFault, blame, is_ipv6, is_local};
use super::network::Network;
use super::transport::Transport;
use super::unseen::Unseen;

/// Timeout of a name look-up. Lambda has no resolver cache of its own.
const DNS_BUDGET: Duration = Duration::from_secs(5);
/// After this time, a look-up of our own name is started in parallel.
const SLOW_DNS: Duration = Duration::from_secs(1);
/// Timeout of the look-up of our own name.
const OWN_NAME_BUDGET: Duration = Duration::from_secs(2);
/// With less time left, our own name is not looked up: a failure would say nothing about the resolver.
const OWN_NAME_MIN_TIME: Duration = Duration::from_millis(500);
/// Timeout of connecting to one address: a SYN and two repetitions, after 1 s and after 3 s.
pub(super) const CONNECT_BUDGET: Duration = Duration::from_secs(4);
/// Timeout for all addresses of a host; together with the look-up it fits into the exchange.
const CONNECTING_BUDGET: Duration = Duration::from_secs(9);
/// Maximum number of addresses tried, so that an attempt cannot be used as a port scan.
pub(super) const MAX_ADDRESSES: usize = 8;
/// Connecting ends this long before the deadline of its exchange, so that its result is known.
const DEADLINE_MARGIN: Duration = Duration::from_millis(100);

/// Resolves the host of a receiver and opens a TCP connection to it before this instant.
pub(super) async fn reach(
    receiver: &ReceiverKey,
    (host, port): (&str, u16),
    network: &Network,
    clock: &Clock,
    deadline: Instant,
) -> Result<(Box<dyn Transport>, SocketAddr), ConnectError> {
    let until = deadline.checked_sub(DEADLINE_MARGIN).unwrap_or(deadline);
    let addresses = match resolve(host, port, network, until).await {
        Ok(addresses) => addresses,
        Err(error) => {
            // The name servers may be unreachable for the same reason.
            let is_unavailable =
                error.failure == Failure::DnsError && network.egress().is_unavailable(clock.now());
            return Err(if is_unavailable { error.caused_by_egress() } else { error });
        }
    };
    match connect_to_any(&addresses, network, until).await {
        Ok(connected) => {
            network.egress().reached();
            Ok(connected)
        }
        Err(error) if error.ours.is_some() => Err(error),
        Err(error) => {
            let (egress, now) = (network.egress(), clock.now());
            // A host with IPv6 addresses only proves nothing: this machine may have no IPv6.
            let is_unavailable = if is_ipv6_only(&addresses) {
                egress.is_unavailable(now)
            } else {
                egress.unreached((receiver, host), &addresses, now)
            };
            Err(if is_unavailable { error.caused_by_egress() } else { error })
        }
    }
}

/// Resolves a host. One address that is not allowed refuses the whole host: a name that sometimes points to a private
/// address is no safer than one that always does.
pub(super) async fn resolve(
    host: &str,
    port: u16,
    network: &Network,
    until: Instant,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => look_up(host, port, network, until).await?,
    };
    check_addresses(&addresses, network.policy()).map_err(ConnectError::new)?;
    Ok(addresses)
}

/// Looks a name up. If that fails and our own name fails too, the fault is ours: an unreachable resolver looks like
/// unreachable name servers of the receiver. If there is no time to look up our own name, the fault counts as the
/// receiver's.
pub(super) async fn look_up(
    host: &str,
    port: u16,
    network: &Network,
    until: Instant,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let until = until.min(Instant::now() + DNS_BUDGET);
    let own = async |budget: Duration| {
        let budget = budget.min(until.saturating_duration_since(Instant::now()));
        budget < OWN_NAME_MIN_TIME || timeout(budget, network.resolves_own_name()).await.unwrap_or(false)
    };
    let mut answer = pin!(timeout_at(until, network.look_up(host, port)));
    let beside = async {
        sleep(SLOW_DNS).await;
        // Ends before the timeout of the look-up.
        own(OWN_NAME_BUDGET.min(until.saturating_duration_since(Instant::now()) / 2)).await
    };
    let (answer, known) = tokio::select! {
        biased;
        answer = &mut answer => (answer, None),
        known = beside => (answer.await, Some(known)),
    };
    let error = match answer {
        Ok(Ok(addresses)) if !addresses.is_empty() => return Ok(addresses),
        Ok(Ok(_)) | Err(_) => ConnectError::new(Failure::DnsError),
        Ok(Err(error)) if is_local(&error) => {
            return Err(ConnectError::new(Failure::DnsError).caused_by(NetworkFault::Local(Arc::new(error))));
        }
        Ok(Err(error)) => ConnectError::because(Failure::DnsError, error),
    };
    let is_theirs = match known {
        Some(known) => known,
        None => own(OWN_NAME_BUDGET).await,
    };
    Err(if is_theirs { error } else { error.caused_by(NetworkFault::Resolver) })
}

/// Checks whether a receiver's host, as it resolves now, may be connected to; the error says whose fault it is
/// otherwise.
pub async fn check_host(base: &BaseUri, network: &Network) -> Result<(), Unseen> {
    let invalid = Unseen::Receiver(Failure::InvalidUrl);
    let uri: Uri = base.as_str().parse().map_err(|_| invalid)?;
    let host = uri.host().map(bare).ok_or(invalid)?;
    let until = Instant::now() + DNS_BUDGET;
    let resolved = resolve(host, uri.port_u16().unwrap_or(443), network, until).await;
    resolved.map(drop).map_err(|error| Unseen::by(error.failure, error.ours.is_some()))
}

/// Returns the host of a URI, without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Says whether all of a host's addresses may be connected to (guarantee G7).
pub fn check_addresses(addresses: &[SocketAddr], policy: AddressPolicy) -> Result<(), Failure> {
    let blocked = addresses.iter().any(|address| policy.refusal(address.ip()).is_some());
    if blocked { Err(Failure::BlockedAddress) } else { Ok(()) }
}

/// Connects to the first address that accepts.
///
/// If none does: an error of this machine that may affect every address is our fault. Otherwise a failure of the
/// receiver at one address is the receiver's fault, even if this machine has no route to another address (IPv6 on a
/// machine without it). If this machine has no route to any of them, the fault is ours, except for a receiver with
/// IPv6 addresses only: that is its own choice, and as a fault of ours its messages would return to the queue for a
/// day and fill it for all receivers (guarantee G10).
async fn connect_to_any(
    addresses: &[SocketAddr],
    network: &Network,
    until: Instant,
) -> Result<(Box<dyn Transport>, SocketAddr), ConnectError> {
    let (mut theirs, mut routeless, mut ours) = (None, None, None);
    let until = until.min(Instant::now() + CONNECTING_BUDGET);
    for address in addresses.iter().take(MAX_ADDRESSES) {
        let one = until.min(Instant::now() + CONNECT_BUDGET);
        match timeout_at(one, open(*address, network)).await {
            Ok(Ok(transport)) => return Ok((transport, *address)),
            Ok(Err((error, whose))) => {
                let failure = classify::connecting(&error);
                let (slot, error) = match whose {
                    Blame::Receiver => (&mut theirs, ConnectError::because(failure, error)),
                    caused_by => {
                        let fault = NetworkFault::Local(Arc::new(error));
                        let slot = if caused_by == Blame::Ours { &mut ours } else { &mut routeless };
                        (slot, ConnectError::new(failure).caused_by(fault))
                    }
                };
                *slot = Some(error);
            }
            Err(_) => theirs = Some(ConnectError::new(Failure::ConnectTimeout)),
        }
    }
    let routeless = match routeless {
        Some(_) if is_ipv6_only(addresses) => Some(ConnectError::new(Failure::ConnectTimeout)),
        other => other,
    };
    Err(ours.or(theirs).or(routeless).unwrap_or_else(|| ConnectError::new(Failure::DnsError)))
}

/// Connects to one address; the error says whose fault a failure is.
pub(super) async fn open(
    address: SocketAddr,
    network: &Network,
) -> Result<Box<dyn Transport>, (io::Error, Blame)> {
    let (mut opening, mut polls) = (pin!(network.open(address)), 0);
    let opened = poll_fn(|cx| {
        polls += 1;
        opening.as_mut().poll(cx)
    });
    opened.await.map_err(|error| {
        // An error that the operating system returns at once has not left this machine.
        let whose = blame(&error, &address, polls == 1);
        (error, whose)
    })
}

/// Says whether all tried addresses are IPv6.
fn is_ipv6_only(addresses: &[SocketAddr]) -> bool {
    addresses.iter().take(MAX_ADDRESSES).all(|address| is_ipv6(address.ip()))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_resolver_is_at_fault_only_if_there_was_time_to_ask_it_for_our_own_name() {
        let silent = Network::new(
            AddressPolicy::Public,
            |_, _| pending::<io::Result<Vec<SocketAddr>>>(),
            |_| pending::<io::Result<Box<dyn Transport>>>(),
        )
        .with_own_name(Some(("dynamodb.sa-east-1.amazonaws.com".to_owned(), 443)));
        for (left_ms, is_ours) in [(100, false), (900, false), (1_500, false), (5_000, true)] {
            let until = Instant::now() + Duration::from_millis(left_ms);
            let error = resolve("itp.example.com", 443, &silent, until).await.unwrap_err();
            assert_eq!((error.failure, error.ours.is_some()), (Failure::DnsError, is_ours), "{left_ms} ms");
        }
    }
}

//! Faults of ours that keep a request from being sent. They consume no attempt.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use convention::codes::Code;
use convention::delivery::Failure;
use thiserror::Error;

use super::kms_key::SigningUnavailable;
use crate::revocation::RevocationUnavailable;

/// A fault of ours because of which nothing was sent.
#[derive(Clone, Debug, Error)]
pub enum LocalFault {
    /// The key of our certificate did not sign.
    #[error("our handshake was not signed")]
    Signing(#[from] SigningUnavailable),
    /// Our network failed.
    #[error("our network does not work")]
    Network(#[from] NetworkFault),
    /// The revocation status of the receiver's certificate is unknown because of a fault of ours.
    #[error("the receiver's certificate cannot be checked for revocation")]
    Revocation(#[from] RevocationUnavailable),
}

impl LocalFault {
    /// Returns the fault's stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Signing(_) => Code::SigningUnavailable,
            Self::Network(fault) => fault.code(),
            Self::Revocation(_) => RevocationUnavailable::CODE,
        }
    }
}

/// A fault of our network.
#[derive(Clone, Debug, Error)]
pub enum NetworkFault {
    /// The operating system refuses to connect: no file descriptors, no port, no route, no permission.
    #[error("this machine cannot connect")]
    Local(#[source] Arc<io::Error>),
    /// No name is resolved, not even our own.
    #[error("the resolver does not work: a name of our own is not resolved either")]
    Resolver,
    /// No receiver is reached.
    #[error("none of several receivers is reached; this one failed as {0}")]
    Egress(Failure),
}

impl NetworkFault {
    /// Returns the fault's stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Local(_) => Code::NetworkUnavailable,
            Self::Resolver => Code::ResolverUnavailable,
            Self::Egress(_) => Code::EgressUnavailable,
        }
    }
}

/// Where the cause of a socket error lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Blame {
    /// With the receiver or on the way to it.
    Receiver,
    /// With us: this machine has no route to the address. Another address of the receiver may have one.
    NoRoute,
    /// With us: this machine could not connect to any address.
    Ours,
}

/// Errors that the operating system gives before a packet leaves (`connect(2)`, `socket(2)`, `epoll_ctl(2)`, Linux manual pages).
const OURS: &[i32] = &[
    libc::EMFILE,
    libc::ENFILE,
    libc::ENOBUFS,
    libc::ENOMEM,
    libc::ENOSPC,
    libc::EADDRINUSE,
    libc::EADDRNOTAVAIL,
    libc::EACCES,
    libc::EPERM,
    libc::ENETDOWN,
    libc::EAFNOSUPPORT,
    libc::EPFNOSUPPORT,
    libc::EPROTONOSUPPORT,
    libc::ESOCKTNOSUPPORT,
    libc::ENOSYS,
    libc::ENODEV,
    libc::EAGAIN,
    libc::EBADF,
    libc::EUSERS,
];
/// Errors of a missing or dead route. Routers on the way return some of them by ICMP, but never immediately.
const NO_ROUTE: &[i32] =
    &[libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EHOSTDOWN, libc::ENONET, libc::EINVAL];
/// Further errors that mean there is no IPv6 here. Routers also cause `EACCES` (RFC 4443, section 3.1, code 1).
const NO_IPV6: &[i32] = &[libc::EADDRNOTAVAIL, libc::EAFNOSUPPORT, libc::EPFNOSUPPORT];

/// Attributes an error of connecting to an address. `at_once` tells whether the operating system returned it
/// immediately.
pub(super) fn blame(error: &io::Error, to: &SocketAddr, at_once: bool) -> Blame {
    let routeless = |is: bool| if is { Blame::NoRoute } else { Blame::Receiver };
    let is_ipv6 = is_ipv6(to.ip());
    match error.raw_os_error() {
        Some(code) if NO_ROUTE.contains(&code) => routeless(at_once),
        Some(libc::EACCES) if is_ipv6 => routeless(at_once),
        Some(code) if is_ipv6 && NO_IPV6.contains(&code) => Blame::NoRoute,
        Some(code) if OURS.contains(&code) => Blame::Ours,
        Some(_) => Blame::Receiver,
        None => match error.kind() {
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => routeless(at_once),
            io::ErrorKind::AddrInUse
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::OutOfMemory
            | io::ErrorKind::PermissionDenied => Blame::Ours,
            _ => Blame::Receiver,
        },
    }
}

/// Says whether an error of a name look-up is local to this machine, since the resolver is reached over a socket too.
pub(super) fn is_local(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| OURS.contains(&code))
}

/// Says whether an address is IPv6 and not an IPv4-mapped one.
pub(super) fn is_ipv6(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "203.0.113.1:443";
    const V6: &str = "[2001:db8::1]:443";

    fn blamed(code: i32, to: &str, at_once: bool) -> Blame {
        blame(&io::Error::from_raw_os_error(code), &to.parse().unwrap(), at_once)
    }

    #[test]
    fn what_the_machine_refuses_is_ours_whatever_the_address() {
        for code in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOBUFS,
            libc::ENOMEM,
            libc::EPERM,
            libc::ENETDOWN,
            libc::EADDRINUSE,
            libc::EPROTONOSUPPORT,
        ] {
            for to in [V4, V6] {
                assert_eq!(
                    (blamed(code, to, true), blamed(code, to, false)),
                    (Blame::Ours, Blame::Ours),
                    "{code}"
                );
            }
        }
        for code in [libc::EADDRNOTAVAIL, libc::EACCES, libc::EAFNOSUPPORT] {
            assert_eq!(blamed(code, V4, true), Blame::Ours, "{code}");
            assert_eq!(blamed(code, V6, true), Blame::NoRoute, "{code}");
        }
    }

    #[test]
    fn a_route_that_is_missing_is_ours_at_once_and_the_receivers_later() {
        for code in [libc::ENETUNREACH, libc::EHOSTUNREACH] {
            for to in [V4, V6] {
                assert_eq!(blamed(code, to, true), Blame::NoRoute);
                assert_eq!(blamed(code, to, false), Blame::Receiver);
            }
        }
        assert_eq!(blamed(libc::EACCES, V6, false), Blame::Receiver);
        let later = io::Error::from(io::ErrorKind::HostUnreachable);
        assert_eq!(blame(&later, &V4.parse().unwrap(), false), Blame::Receiver);
    }

    #[test]
    fn what_the_other_side_answers_is_its_own() {
        for code in [libc::ECONNREFUSED, libc::ECONNRESET, libc::ETIMEDOUT, libc::EPIPE] {
            assert_eq!(blamed(code, V4, true), Blame::Receiver, "{code}");
        }
        assert_eq!(blame(&io::Error::other("odd"), &V4.parse().unwrap(), true), Blame::Receiver);
    }
}

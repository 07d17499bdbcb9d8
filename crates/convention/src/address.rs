//! Which addresses may be connected to (guarantee G7), decided on the resolved address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses a receiver may have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AddressPolicy {
    /// Public addresses only.
    #[default]
    Public,
    /// Public addresses and this machine's loopback addresses, for the local stack only.
    PublicAndLoopback,
}

impl AddressPolicy {
    /// Says why an address is refused; `None` when it may be connected to.
    pub fn refusal(self, address: IpAddr) -> Option<&'static str> {
        let refusal = match address {
            IpAddr::V4(v4) => refusal_v4(v4),
            IpAddr::V6(v6) => refusal_v6(v6),
        };
        refusal.filter(|_| self == Self::Public || !is_loopback(address))
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Ranges: IANA IPv4 Special-Purpose Address Registry, those that are not globally reachable.
fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (0, ..) => "this network",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "private address",
        (100, 64..=127, _) => "carrier-grade NAT address",
        (127, ..) => "IPv4 loopback",
        (169, 254, 169) if address == Ipv4Addr::new(169, 254, 169, 254) => "link-local metadata address",
        (169, 254, _) => "link-local address",
        (192, 0, 0) => "protocol assignment address",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "documentation address",
        (192, 88, 99) => "6to4 relay address",
        (198, 18..=19, _) => "benchmarking address",
        (224..=239, ..) => "multicast address",
        (240.., ..) => "reserved address",
        _ => return None,
    })
}

/// Only global unicast, `2000::/3`, is public, except the tunnel and documentation ranges that IANA registers
/// inside it.
fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    if let Some(v4) = address.to_ipv4_mapped() {
        return Some(refusal_v4(v4).unwrap_or("IPv4-mapped address"));
    }
    let [first, second, ..] = address.segments();
    Some(match (first, second) {
        _ if address == METADATA => "link-local metadata address",
        _ if address.is_loopback() => "IPv6 loopback",
        _ if address.is_unspecified() => "unspecified address",
        (0x64, 0xff9b) => "NAT64 address",
        (0x2001, 0..=0x1ff) => "protocol assignment address",
        (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => "documentation address",
        (0x2002, _) => "6to4 address",
        (0x2000..=0x3fff, _) => return None,
        (0xfc00..=0xfdff, _) => "private address",
        (0xfe80..=0xfebf, _) => "link-local address",
        (0xff00.., _) => "multicast address",
        _ => "not a global unicast address",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_public_addresses_are_refused() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.1.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(AddressPolicy::Public.refusal(address).is_some(), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(AddressPolicy::Public.refusal(address), None, "{address}");
        }
    }

    #[test]
    fn the_local_policy_also_allows_loopback_only() {
        let refusal = |address: &str| AddressPolicy::PublicAndLoopback.refusal(address.parse().unwrap());
        assert_eq!(refusal("127.0.0.1"), None);
        assert_eq!(refusal("::1"), None);
        assert!(
            refusal("10.0.0.1").is_some()
                && refusal("169.254.169.254").is_some()
                && refusal("0.0.0.0").is_some()
        );
    }
}

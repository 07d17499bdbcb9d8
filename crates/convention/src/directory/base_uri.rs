//! The base URI of a receiver: `webhook_uris` of its registration.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::address::AddressPolicy;
use crate::notification::Ecosystem;

/// The base URI under which a receiver is notified: scheme, host and an optional path, kept byte for byte.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct BaseUri(String);

impl BaseUri {
    /// The longest base URI (`webhook_uris`, `maxLength`, DCR-DCM swagger).
    pub const MAX_LENGTH: usize = 255;

    /// Parses a base URI, which must match the published pattern and be safe to connect to.
    pub fn parse(text: &str, policy: AddressPolicy) -> Result<Self, BaseUriError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(BaseUriError::TooLong(text.len()));
        }
        if !matches_published_pattern(text) {
            return Err(BaseUriError::NotPublishedPattern);
        }
        let rest = text.strip_prefix("https://").ok_or(BaseUriError::NotPublishedPattern)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        check_authority(authority, policy)?;
        check_path(path)?;
        Ok(Self(text.to_owned()))
    }

    /// Parses a stored base URI. Earlier releases accepted a final slash, so one is removed.
    pub fn parse_stored(text: &str, policy: AddressPolicy) -> Result<Self, BaseUriError> {
        Self::parse(text.strip_suffix('/').unwrap_or(text), policy)
    }

    /// Parses a base URI of an ecosystem that has a length for it but no pattern: one final slash is dropped.
    ///
    /// What else the pattern of Open Finance refuses stays refused, as nothing can be appended to it, or proxies would change
    /// what was.
    pub(super) fn parse_without_pattern(text: &str, policy: AddressPolicy) -> Result<Self, BaseUriError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(BaseUriError::TooLong(text.len()));
        }
        Self::parse_stored(text, policy).map_err(|error| match error {
            BaseUriError::NotPublishedPattern => BaseUriError::NotBase,
            other => other,
        })
    }

    /// Returns the base URI as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether the base already contains the webhook path of the ecosystem, which is probably a mistake.
    ///
    /// The convention lets no sender remove it, so the URL is composed verbatim and the registration gets a
    /// warning.
    pub(super) fn contains_webhook_path(&self, ecosystem: Ecosystem) -> bool {
        self.0.contains(ecosystem.webhook_path())
    }
}

impl fmt::Display for BaseUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rule that a base URI breaks.
#[derive(Debug, Error, Eq, PartialEq)]
pub enum BaseUriError {
    /// Longer than the published limit.
    #[error("longer than 255 characters: {0}")]
    TooLong(usize),
    /// Not matched by the published pattern.
    #[error(
        "not https:// with a host and an optional path, without \"?\", \"#\", spaces, empty segments or a final \"/\""
    )]
    NotPublishedPattern,
    /// Nothing to which a path can be appended, where no pattern is published.
    #[error("not https:// with a host and an optional path, without \"?\", \"#\", spaces or empty segments")]
    NotBase,
    /// Credentials in the URI.
    #[error("userinfo")]
    UserInfo,
    /// The name of this machine.
    #[error("loopback name")]
    LoopbackName,
    /// An address that is not public.
    #[error("{0}")]
    Address(&'static str),
    /// A host that some resolvers would parse as an IPv4 address, such as `0x7f.1`.
    #[error("ambiguous IPv4 address")]
    AmbiguousAddress,
    /// A host without a dot, or one that ends in a dot.
    #[error("not a public host name")]
    NotPublicName,
    /// A host name that is invalid in DNS; international names need their `xn--` form.
    #[error("not a host name")]
    NotHostName,
    /// An invalid port.
    #[error("not a port")]
    Port,
    /// `.` or `..` as a segment.
    #[error("dot segment")]
    DotSegment,
    /// `.` or `..` as a segment, percent-encoded.
    #[error("encoded dot segment")]
    EncodedDotSegment,
    /// A character that RFC 3986 does not allow in a path.
    #[error("character not allowed in a path")]
    PathCharacter,
}

impl BaseUriError {
    /// Returns the rule's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too_long",
            Self::NotPublishedPattern => "not_published_pattern",
            Self::NotBase => "not_base",
            Self::UserInfo => "userinfo",
            Self::LoopbackName => "loopback_name",
            Self::Address(_) => "address_not_public",
            Self::AmbiguousAddress => "ambiguous_address",
            Self::NotPublicName => "name_not_public",
            Self::NotHostName => "not_host_name",
            Self::Port => "not_port",
            Self::DotSegment => "dot_segment",
            Self::EncodedDotSegment => "encoded_dot_segment",
            Self::PathCharacter => "path_character",
        }
    }
}

/// Says whether a text matches `^(https:\/\/[^\s\/?#]+(?:\/[^\s\/?#]+)*)$` of the DCR-DCM swagger.
pub fn matches_published_pattern(text: &str) -> bool {
    // \s of ECMA 262, which the swagger's patterns are written in, has U+FEFF besides the Unicode spaces.
    let refused = |c: char| c.is_whitespace() || matches!(c, '?' | '#' | '\u{feff}');
    text.strip_prefix("https://")
        .is_some_and(|rest| rest.split('/').all(|part| !part.is_empty() && !part.contains(refused)))
}

fn check_authority(authority: &str, policy: AddressPolicy) -> Result<(), BaseUriError> {
    if authority.contains('@') {
        return Err(BaseUriError::UserInfo);
    }
    if let Some(rest) = authority.strip_prefix('[') {
        let (literal, port) = rest.split_once(']').ok_or(BaseUriError::NotHostName)?;
        let address: Ipv6Addr = literal.parse().map_err(|_| BaseUriError::NotHostName)?;
        check_port(port)?;
        return check_address(address.into(), policy);
    }
    let (host, port) = authority.find(':').map_or((authority, ""), |at| authority.split_at(at));
    check_port(port)?;
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return check_address(address.into(), policy);
    }
    check_name(host, policy)
}

fn check_address(address: IpAddr, policy: AddressPolicy) -> Result<(), BaseUriError> {
    policy.refusal(address).map_or(Ok(()), |reason| Err(BaseUriError::Address(reason)))
}

fn check_port(text: &str) -> Result<(), BaseUriError> {
    let Some(digits) = text.strip_prefix(':') else {
        return if text.is_empty() { Ok(()) } else { Err(BaseUriError::NotHostName) };
    };
    match digits.parse::<u16>() {
        Ok(1..) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err(BaseUriError::Port),
    }
}

fn check_name(host: &str, policy: AddressPolicy) -> Result<(), BaseUriError> {
    let lower = host.to_ascii_lowercase();
    if lower == "localhost" || lower.ends_with(".localhost") {
        return if policy == AddressPolicy::PublicAndLoopback {
            Ok(())
        } else {
            Err(BaseUriError::LoopbackName)
        };
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let last = lower.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && (last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x")) {
        return Err(BaseUriError::AmbiguousAddress);
    }
    if lower.ends_with('.') || !lower.contains('.') {
        return Err(BaseUriError::NotPublicName);
    }
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(BaseUriError::NotHostName);
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), BaseUriError> {
    for segment in path.split('/') {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        if dots == "." || dots == ".." {
            return Err(if segment.contains('%') {
                BaseUriError::EncodedDotSegment
            } else {
                BaseUriError::DotSegment
            });
        }
        if !is_encoded_segment(segment.as_bytes()) {
            return Err(BaseUriError::PathCharacter);
        }
    }
    Ok(())
}

/// Says whether bytes are `*pchar` of RFC 3986, section 3.3.
fn is_encoded_segment(mut bytes: &[u8]) -> bool {
    loop {
        bytes = match bytes {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if is_literal_in_segment(*byte) => rest,
            _ => return false,
        }
    }
}

/// Says whether a byte stands for itself in a path segment: `pchar` of RFC 3986 without `pct-encoded`.
pub(crate) fn is_literal_in_segment(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_a_resolver_may_read_as_an_inside_address_are_refused() {
        for host in [
            "2130706433",
            "0x7f000001",
            "127.1",
            "0177.0.0.1",
            "127.0.0.0x1",
            "1.2.3.4.5",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(BaseUri::parse(&format!("https://{host}/x"), AddressPolicy::Public).is_err(), "{host}");
        }
    }

    #[test]
    fn names_that_only_an_inside_network_knows_are_refused() {
        for host in
            ["intranet", "itp.com.", "-a.com", "a..com", "itp.com:", "itp.com:0", "itp.com:65536", "í.com"]
        {
            assert!(BaseUri::parse(&format!("https://{host}/x"), AddressPolicy::Public).is_err(), "{host}");
        }
    }

    #[test]
    fn characters_that_parsers_disagree_on_are_refused() {
        for path in ["a\\b", "a%2", "a%zz", "a|b", "a\"b", "é", "../x", ".%2E/x"] {
            assert!(
                BaseUri::parse(&format!("https://itp.com/{path}"), AddressPolicy::Public).is_err(),
                "{path}"
            );
        }
    }
}

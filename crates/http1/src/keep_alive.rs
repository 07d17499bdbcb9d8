//! The header `Keep-Alive`: how long a server keeps an idle connection open.
//!
//! Source: RFC 2068, section 19.7.1.1, and draft-thomson-hybi-http-timeout-03, section 2: `timeout` is the number of
//! seconds for which an idle connection is kept open, `max` how many more requests are answered on it.

use http::HeaderMap;
use jiff::SignedDuration;

const NAME: &str = "keep-alive";
/// A connection is abandoned this long before the server closes it, to allow for the transit of the answer and of the
/// next request.
const MARGIN: SignedDuration = SignedDuration::from_secs(1);

/// What a server has announced on one connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct KeepAlive {
    timeout: Option<u32>,
    /// The number of requests left.
    max: Option<u32>,
}

impl KeepAlive {
    /// Reads the head of an answer. Values remain valid until the server announces others.
    pub(crate) fn observe(&mut self, headers: &HeaderMap) {
        self.max = self.max.map(|max| max.saturating_sub(1));
        if !headers.contains_key(NAME) {
            return;
        }
        // The smallest of several values counts.
        let announced = |name: &str| {
            let fields =
                headers.get_all(NAME).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
            fields.filter_map(|field| parameter(field, name)).min()
        };
        self.timeout = announced("timeout").or(self.timeout);
        self.max = announced("max").or(self.max);
    }

    /// Returns how long the connection may be idle and still be reused; `None` if nothing was announced, zero if it
    /// must not be reused.
    pub(crate) fn idle_limit(self) -> Option<SignedDuration> {
        if self.max == Some(0) {
            return Some(SignedDuration::ZERO);
        }
        let timeout = SignedDuration::from_secs(self.timeout?.into());
        Some((timeout - MARGIN).max(SignedDuration::ZERO))
    }
}

/// Reads `name=seconds`, in any case, with spaces and quotes. An invalid number counts as 0, which only prevents
/// reuse of the connection.
fn parameter(field: &[u8], wanted: &str) -> Option<u32> {
    let field = String::from_utf8_lossy(field);
    // Some servers separate parameters with semicolons.
    field
        .split(';')
        .filter_map(|field| {
            let (name, value) = field.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then_some(())?;
            let value = value.trim().trim_matches('"').trim();
            let digits: &str = value.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            // A number with more digits than fit exceeds any limit of ours.
            Some(if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u32::MAX) })
        })
        .min()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (http::header::HeaderName::from_static(NAME), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn limit(values: &[&str]) -> Option<i64> {
        let mut keep_alive = KeepAlive::default();
        keep_alive.observe(&headers(values));
        keep_alive.idle_limit().map(|limit| limit.as_secs())
    }

    #[test]
    fn a_connection_is_given_up_a_second_before_its_server_closes_it() {
        for (value, expected) in [
            ("timeout=5", Some(4)),
            ("timeout=5, max=100", Some(4)),
            ("max=100,timeout=5", Some(4)),
            ("TimeOut = 5", Some(4)),
            ("timeout=\"5\"", Some(4)),
            (" timeout = \" 5 \" ;max=3", Some(4)),
            ("timeout=2", Some(1)),
            ("timeout=1", Some(0)),
            ("timeout=0", Some(0)),
            ("timeout=5.5", Some(4)),
            ("timeout=5s", Some(4)),
            ("timeout=99999999999999999999", Some(i64::from(u32::MAX) - 1)),
            ("timeout=-1", Some(0)),
            ("timeout=", Some(0)),
            ("timeout=soon", Some(0)),
            ("timeout=60, timeout=3", Some(2)),
            ("max=0", Some(0)),
            ("timeout=60, max=0", Some(0)),
            ("max=1", None),
            ("timeout", None),
            ("xtimeout=1", None),
            ("", None),
        ] {
            assert_eq!(limit(&[value]), expected, "{value}");
        }
        assert_eq!(limit(&["timeout=60", "timeout=3"]), Some(2));
        assert_eq!(limit(&[]), None);
    }

    #[test]
    fn an_announcement_holds_for_the_connection_and_requests_are_counted_down() {
        let mut keep_alive = KeepAlive::default();
        keep_alive.observe(&headers(&["timeout=3, max=2"]));
        keep_alive.observe(&headers(&[]));
        assert_eq!(keep_alive.idle_limit(), Some(SignedDuration::from_secs(2)));
        keep_alive.observe(&headers(&[]));
        assert_eq!(keep_alive.idle_limit(), Some(SignedDuration::ZERO));
        keep_alive.observe(&headers(&["timeout=9, max=7"]));
        assert_eq!(keep_alive.idle_limit(), Some(SignedDuration::from_secs(8)));
    }
}

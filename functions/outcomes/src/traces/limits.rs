//! What a collector takes in one request.

use jiff::{SignedDuration, Timestamp};
use opentelemetry_proto::tonic::trace::v1::Span;

/// Times between the starts of spans, and since them. One span beyond a limit has all others of its request refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Maximum age of a span.
    max_age: SignedDuration,
    /// Maximum time between two spans of a request.
    max_gap: SignedDuration,
}

/// Source: "OTLP endpoints", "Endpoint limits and restrictions", Amazon CloudWatch User Guide: 14 days, and 24 hours.
/// The gap is a bit smaller, as it is not said whether the end of a span counts.
pub(super) const XRAY_LIMITS: Limits =
    Limits { max_age: SignedDuration::from_hours(14 * 24), max_gap: SignedDuration::from_hours(23) };

impl Limits {
    /// Divides spans into requests; also returns the number of those that are too old, which are in none.
    pub(super) fn requests(self, mut spans: Vec<Span>, now: Timestamp) -> (Vec<Vec<Span>>, usize) {
        let start = |span: &Span| i128::from(span.start_time_unix_nano);
        let count = spans.len();
        spans.retain(|span| now.as_nanosecond() - start(span) <= self.max_age.as_nanos());
        let old = count - spans.len();
        spans.sort_by_key(start);
        let mut requests: Vec<Vec<Span>> = Vec::new();
        for span in spans {
            match requests.last_mut() {
                Some(request) if start(&span) - start(&request[0]) <= self.max_gap.as_nanos() => {
                    request.push(span);
                }
                _ => requests.push(vec![span]),
            }
        }
        (requests, old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_far_apart_are_in_several_requests_and_old_ones_in_none() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let ago = |hours: i64| {
            let start = now - SignedDuration::from_hours(hours);
            Span { start_time_unix_nano: start.as_nanosecond().try_into().unwrap(), ..Span::default() }
        };
        let hours = [0, 337, 30, 336, 1, 23, 24, 1_000];
        let (requests, old) = XRAY_LIMITS.requests(hours.map(ago).to_vec(), now);
        let expected: Vec<Vec<_>> = [&[336][..], &[30, 24, 23], &[1, 0]]
            .map(|hours| hours.iter().copied().map(ago).collect())
            .to_vec();
        assert_eq!((requests, old), (expected, 2));
    }
}

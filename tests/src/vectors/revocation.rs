//! Family REV: whether a receiver's verified path may be used, by what is known of its revocation.

use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{Checked, Good, RevocationState, Verdict, decide};
use serde::Deserialize;

use super::compare::{Comparison, Field, read};
use super::{Judgement, Vector};

/// Ages and rests of validity in seconds, from the instant of the decision.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    revoked: bool,
    list: Option<Evidence>,
    ocsp: Option<Evidence>,
    first_seen_s_ago: i64,
    window_s: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Evidence {
    checked_s_ago: i64,
    /// Until `nextUpdate`; negative where that is over.
    valid_for_s: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    verdict: String,
    /// Null where it is not accepted.
    mechanism: Field<String>,
    /// Whether the log and a metric tell of it.
    fallback: Field<bool>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let now: Timestamp = "2026-11-29T12:00:00Z".parse().map_err(|error| format!("{error}"))?;
    let seconds = SignedDuration::from_secs;
    let good = |evidence: &Evidence| Good {
        checked_at: now - seconds(evidence.checked_s_ago),
        until: now + seconds(evidence.valid_for_s),
    };
    let state = RevocationState {
        revoked: input.revoked,
        lists: input.list.as_ref().map(good),
        ocsp: input.ocsp.as_ref().map(good),
        first_seen: now - seconds(input.first_seen_s_ago),
    };
    let (verdict, checked) = match decide(&state, now, seconds(input.window_s)) {
        Verdict::Accepted(checked) => ("accepted", Some(checked)),
        Verdict::Revoked => ("revoked", None),
        Verdict::Unknown => ("unknown", None),
    };
    let mut comparison = Comparison::default();
    comparison.equal("verdict", expected.verdict.as_str(), verdict);
    let mechanism = checked.map(|checked| checked.mechanism.as_str().to_owned());
    comparison.equal_field("mechanism", &expected.mechanism, mechanism.as_ref());
    let fallback = checked.map(Checked::is_fallback);
    comparison.equal_field("fallback", &expected.fallback, fallback.as_ref());
    comparison.finish()
}

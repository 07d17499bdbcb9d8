//! What only the log tells: receivers without mutual TLS, suspensions, and the days that our certificates have left.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use convention::notification::ClientId;
use jiff::{SignedDuration, Timestamp};
use mtls::Expiry;
use platform::telemetry::field_text;
use report::{Certificate, InitiatorKey, Month, Suspended};
use serde_json::{Map, Value};
use tokio::time::sleep;

use crate::attempts::LogGroups;
use crate::log_line::{ATTEMPT, RESUMED, SUSPENDED, of_line};

/// The code of a finding of dispatch.
const WITHOUT_MTLS: &str = "receiver_without_mtls";
/// How much is read at once, so that a long month shows how far it is.
const PART: SignedDuration = SignedDuration::from_hours(24);
/// A line of an attempt is written when it ends.
const LASTS: SignedDuration = SignedDuration::from_mins(1);
/// The schedule that measures certificates runs every hour.
const MEASURED_WITHIN: SignedDuration = SignedDuration::from_hours(3);

/// The log groups of a stack.
#[derive(Clone, Debug)]
pub struct Logs {
    /// Those of dispatch.
    pub dispatch: LogGroups,
    /// Those of directory; `None` for a stack that does not say which.
    pub directory: Option<LogGroups>,
    /// Lines before are no longer kept; `None` if that is not known.
    pub kept_from: Option<Timestamp>,
}

/// An account has five of these requests a second, which AWS means for people ("CloudWatch Logs quotas").
const MAX_TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(2);

/// Whom a line is of: the authorisation server, and the client id as far as the line has it.
pub(super) type Logged = (Option<String>, String);

impl Logs {
    /// Counts deliveries of the month to receivers that did not ask for a client certificate.
    pub(super) async fn without_mtls(
        &self,
        month: Month,
        now: Timestamp,
        tell: &mut impl FnMut(&str),
    ) -> Result<Option<BTreeMap<Logged, u64>>> {
        if !self.keeps(month) {
            return Ok(None);
        }
        let mut counts = BTreeMap::new();
        let pattern = format!("\"{ATTEMPT}\" \"{WITHOUT_MTLS}\"");
        let take = |at: Timestamp, line: &str| {
            let Some(fields) = of_line(line.trim_end(), &[ATTEMPT]) else { return };
            let findings = field_text(&fields, "findings").unwrap_or_default();
            let lasted = fields.get("duration_ms").and_then(Value::as_i64).unwrap_or_default();
            let began = at.checked_sub(SignedDuration::from_millis(lasted)).unwrap_or(at);
            if findings.split(',').any(|finding| finding == WITHOUT_MTLS) && month.contains(began) {
                *counts.entry(whose(&fields)).or_default() += 1;
            }
        };
        self.each(&self.dispatch, (month.start(), month.end() + LASTS, now), &pattern, take, tell).await?;
        Ok(Some(counts))
    }

    /// Reads the suspensions of the month, oldest first.
    pub(super) async fn suspensions(
        &self,
        month: Month,
        now: Timestamp,
        tell: &mut impl FnMut(&str),
    ) -> Result<Option<BTreeMap<Logged, Vec<Suspended>>>> {
        let Some(groups) = self.directory.as_ref().filter(|_| self.keeps(month)) else { return Ok(None) };
        let mut found: BTreeMap<Logged, Vec<Suspended>> = BTreeMap::new();
        for sentence in [SUSPENDED, RESUMED] {
            let take = |at: Timestamp, line: &str| {
                let Some(fields) = of_line(line.trim_end(), &[sentence]) else { return };
                if month.contains(at) {
                    let code = field_text(&fields, "code").filter(|_| sentence == SUSPENDED);
                    found.entry(whose(&fields)).or_default().push(Suspended { at, code });
                }
            };
            let pattern = format!("\"{sentence}\"");
            self.each(groups, (month.start(), month.end(), now), &pattern, take, tell).await?;
        }
        for all in found.values_mut() {
            all.sort_by_key(|one| one.at);
        }
        Ok(Some(found))
    }

    /// Reads the days that our certificates had left when they were last measured.
    pub(super) async fn certificates(&self, now: Timestamp) -> Result<Option<Vec<Certificate>>> {
        let mut last: BTreeMap<String, Certificate> = BTreeMap::new();
        let take = |_: Timestamp, line: &str| {
            let Some(one) = certificate(line) else { return };
            let before = last.get(&one.owner).map(|before| before.measured_at);
            if before.is_none_or(|before| before <= one.measured_at) {
                last.insert(one.owner.clone(), one);
            }
        };
        let pattern = format!("\"{}\"", Expiry::METRIC);
        self.each(&self.dispatch, (now - MEASURED_WITHIN, now, now), &pattern, take, &mut |_: &str| ())
            .await?;
        let certificates: Vec<_> = last.into_values().collect();
        Ok(Some(certificates).filter(|all| !all.is_empty()))
    }

    /// Says whether the lines of a whole month are known to be kept.
    fn keeps(&self, month: Month) -> bool {
        self.kept_from.is_some_and(|from| from <= month.start())
    }

    async fn each(
        &self,
        groups: &LogGroups,
        (since, until, now): (Timestamp, Timestamp, Timestamp),
        pattern: &str,
        mut take: impl FnMut(Timestamp, &str),
        tell: &mut impl FnMut(&str),
    ) -> Result<()> {
        let mut groups = groups.anew();
        let (mut from, until) = (since, until.min(now));
        loop {
            let to = from.checked_add(PART).unwrap_or(until).min(until);
            tell(&format!("log lines of {}", from.strftime("%Y-%m-%d")));
            let mut tries = 1;
            loop {
                let told = |at, line: &str| {
                    take(at, line);
                    Ok(())
                };
                match groups.read((from, to), pattern, told).await {
                    Err(error) if is_throttled(&error) && tries < MAX_TRIES => {
                        tries += 1;
                        sleep(PAUSE).await;
                    }
                    read => break read?,
                }
            }
            if to >= until {
                return Ok(());
            }
            from = to;
        }
    }
}

/// Says whether CloudWatch Logs wants to be asked less (API reference, "Common Errors"). What was told before is not told again.
fn is_throttled(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<aws_sdk_cloudwatchlogs::Error>();
    error.and_then(ProvideErrorMetadata::code) == Some("ThrottlingException")
}

/// Returns a client id as log lines have it.
pub(super) fn logged(key: &InitiatorKey) -> Logged {
    let client_id = key.client_id.chars().take(ClientId::LOGGED_LENGTH).collect();
    (key.authorisation_server.clone(), client_id)
}

fn whose(fields: &Map<String, Value>) -> Logged {
    let text = |name| field_text(fields, name);
    let client_id: String = text("client_id").unwrap_or_default();
    let client_id = client_id.chars().take(ClientId::LOGGED_LENGTH).collect();
    (text("authorisation_server").map(|server| server.to_ascii_lowercase()), client_id)
}

/// Reads a line of the metric, in CloudWatch's embedded format.
fn certificate(line: &str) -> Option<Certificate> {
    let line: Value = serde_json::from_str(line.trim()).ok()?;
    let days = match &line[Expiry::METRIC] {
        Value::Array(all) => all.iter().filter_map(Value::as_i64).min(),
        one => one.as_i64(),
    };
    Some(Certificate {
        owner: line["authorisation_server_id"].as_str()?.to_owned(),
        days_left: days?,
        measured_at: Timestamp::from_millisecond(line["_aws"]["Timestamp"].as_i64()?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_a_certificate_are_read_from_the_line_of_the_metric() {
        let line = r#"{"_aws":{"Timestamp":1796000000000,"CloudWatchMetrics":[]},"FunctionName":"d","CertificateDaysLeft":12,"authorisation_server_id":"a"}"#;
        let read = certificate(line).unwrap();
        assert_eq!((read.owner.as_str(), read.days_left), ("a", 12));
        for other in ["START", r#"{"CertificateDaysLeft":12}"#, &line.replace("12", "null")] {
            assert_eq!(certificate(other), None, "{other}");
        }
    }

    #[test]
    fn a_client_is_found_by_what_lines_have_of_its_id() {
        let long = InitiatorKey::new(Some("AA"), &"x".repeat(50));
        assert_eq!(logged(&long), (Some("aa".to_owned()), "x".repeat(43)));
        let fields = serde_json::json!({ "client_id": "x".repeat(43), "authorisation_server": "AA" });
        assert_eq!(whose(fields.as_object().unwrap()), logged(&long));
    }
}

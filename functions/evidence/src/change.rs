//! Derives records from a change of the ledger by comparing the row before and after.

use std::collections::HashMap;

use convention::delivery::{AttemptView, NotificationView, Status};
use jiff::Timestamp;
use platform::aws::{Change, LedgerReader, image_row};
use serde_json::Value;

use crate::record::{Attempt, Kind, Record};

/// The principal that deletes expired rows ("DynamoDB Streams and Time to Live", Amazon DynamoDB Developer Guide).
const EXPIRY: &str = "dynamodb.amazonaws.com";

/// Returns the records of a change, oldest first. The result depends on the change only.
///
/// No content of a stream is an error: an unreadable row must not block the rows behind it for a day until they
/// expire. It becomes a record that says so.
pub fn records(change: &Change) -> Vec<Record> {
    if is_listing(change) {
        return vec![];
    }
    if change.name == "REMOVE" {
        let expired = change.by.as_ref().is_some_and(|by| by.principal == EXPIRY);
        let kind = if expired { Kind::RowExpired } else { Kind::RowRemoved };
        let old = change.dynamodb.old_image.as_ref().and_then(|image| LedgerReader::view(&image_row(image)));
        return vec![of_notification(change, kind, old.as_ref())];
    }
    let images = &change.dynamodb;
    let new = images.new_image.as_ref().and_then(|image| LedgerReader::view(&image_row(image)));
    let old = images.old_image.as_ref().map(|image| LedgerReader::view(&image_row(image)));
    let unreadable = || of_notification(change, Kind::RowUnreadable, None);
    match (new, old) {
        (None, _) => vec![unreadable()],
        // The current content is recorded whatever the content before.
        (Some(new), Some(None)) => [vec![unreadable()], compare(change, None, &new)].concat(),
        (Some(new), None) => compare(change, None, &new),
        (Some(new), Some(Some(old))) => compare(change, Some(&old), &new),
    }
}

/// Says whether the row only lists an undelivered notification, whose own row says the same.
fn is_listing(change: &Change) -> bool {
    change.dynamodb.key("partition").contains('#')
}

fn compare(change: &Change, old: Option<&NotificationView>, new: &NotificationView) -> Vec<Record> {
    let before = |number| old.and_then(|old| old.attempts.iter().find(|attempt| attempt.attempt == number));
    let mut records = Vec::new();
    for attempt in &new.attempts {
        let (was, is) = (before(attempt.attempt).map(parts), parts(attempt));
        if was.as_ref().is_none_or(|was| was.0 != is.0) {
            records.push(of_attempt(change, Kind::AttemptBegan, new, is.0.clone()));
        }
        let ended = is.1.ended_at.is_some() || is.1.outcome.is_some();
        if ended && was.is_none_or(|was| was.1 != is.1) {
            records.push(of_attempt(change, Kind::AttemptEnded, new, is.1));
        }
    }
    for erased in old.iter().flat_map(|old| &old.attempts) {
        if !new.attempts.iter().any(|attempt| attempt.attempt == erased.attempt) {
            records.push(of_attempt(change, Kind::AttemptErased, new, parts(erased).1));
        }
    }
    let was = old.map(|old| old.status.as_str());
    if records.is_empty() && was != Some(&new.status) {
        if has_ended(&new.status) {
            records.push(of_notification(change, Kind::NotificationEnded, Some(new)));
        } else if was.is_some_and(has_ended) {
            records.push(of_notification(change, Kind::NotificationReopened, Some(new)));
        }
    }
    if records.is_empty() && old.is_some_and(|old| old != new) {
        records.push(of_notification(change, Kind::RowRewritten, Some(new)));
    }
    let images = &change.dynamodb;
    if let (Some(was), is) = (expiry(images.old_image.as_ref()), expiry(images.new_image.as_ref()))
        && is.is_some_and(|is| is < was)
    {
        records.push(of_notification(change, Kind::ExpiryShortened, Some(new)));
    }
    records
}

/// Returns when DynamoDB may delete the row, which the ledger's reader does not return.
fn expiry(image: Option<&HashMap<String, Value>>) -> Option<Timestamp> {
    let seconds = image?.get("expires_at")?.get("N")?.as_str()?.parse().ok()?;
    Timestamp::from_second(seconds).ok()
}

fn has_ended(status: &str) -> bool {
    match status.parse() {
        Ok(Status::Delivered | Status::Undelivered | Status::Cancelled) => true,
        Ok(Status::Attempting | Status::Waiting) | Err(()) => false,
    }
}

/// Returns what was known of an attempt when it began, and all that is known.
fn parts(shown: &AttemptView) -> (Attempt, Attempt) {
    let began = Attempt {
        number: shown.attempt,
        interaction_id: shown.interaction_id.clone(),
        host: host(&shown.base_uri).to_owned(),
        url_api_version: shown.url_api_version.clone(),
        started_at: shown.started_at,
        ended_at: None,
        outcome: None,
        status: None,
        address: None,
        tls: None,
    };
    let ended = Attempt {
        ended_at: shown.ended_at,
        outcome: shown.outcome.clone(),
        status: shown.status,
        address: shown.address.clone(),
        tls: shown.tls.clone(),
        ..began.clone()
    };
    (began, ended)
}

/// Returns host and port of a base URI, which has no user and no query.
fn host(base_uri: &str) -> &str {
    let rest = base_uri.split_once("://").map_or(base_uri, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

fn of_attempt(change: &Change, kind: Kind, shown: &NotificationView, attempt: Attempt) -> Record {
    let number = attempt.number;
    let record = of_notification(change, kind, Some(shown));
    let id = format!("{}.{number}.{}", record.notification_id, kind.as_str());
    Record { id, attempt: Some(attempt), ..record }
}

fn of_notification(change: &Change, kind: Kind, shown: Option<&NotificationView>) -> Record {
    let images = &change.dynamodb;
    let notification_id = images.key("notification").to_owned();
    Record {
        id: format!("{notification_id}.{}", kind.as_str()),
        kind,
        notification_id,
        sequence: images.sequence_number.clone(),
        recorded_at: images.written_at(),
        notification_status: shown.map(|shown| shown.status.clone()),
        reason: shown.and_then(|shown| shown.reason.clone()),
        client_id: shown.map(|shown| shown.client_id.clone()),
        authorisation_server: shown.and_then(|shown| shown.authorisation_server.clone()),
        endpoint: shown.map(|shown| shown.endpoint.clone()),
        resource_id: shown.map(|shown| shown.resource_id.clone()),
        api_version: shown.and_then(|shown| shown.api_version.clone()),
        event_instant: shown.map(|shown| shown.event_instant.clone()),
        accepted_at: shown.and_then(|shown| shown.accepted_at),
        replay_of: shown.and_then(|shown| shown.replay_of.clone()),
        expires_at: expiry(images.new_image.as_ref().or(images.old_image.as_ref())),
        attempt: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAME: &str = "339c89c7469c6be05b1f0d2a97c3e481";

    fn attempt(number: u8, end: Option<(&str, u16)>) -> Value {
        let mut map = json!({
            "interaction_id": { "S": format!("339c89c7-469c-46be-a882-45a01e824cd{number}") },
            "started_at": { "N": "1795348800000" }, "deadline_ms": { "N": "15000" },
            "base_uri": { "S": "https://itp.example:8443/kong3" },
        });
        if let Some((outcome, status)) = end {
            map["ended_at"] = json!({ "N": "1795348800212" });
            map["outcome"] = json!({ "S": outcome });
            map["status"] = json!({ "N": status.to_string() });
            map["peer"] = json!({ "S": "203.0.113.7:8443" });
        }
        json!({ "M": map })
    }

    fn image(status: &str, attempts: &[Value]) -> Value {
        let mut image = json!({
            "partition": { "S": "339c89c7469c6be" }, "notification": { "S": NAME }, "status": { "S": status },
            "client_id": { "S": "itp-1" }, "endpoint": { "S": "E2" }, "resource_id": { "S": "p-1" },
            "event_instant": { "S": "2026-11-22T12:00:00Z" }, "expires_at": { "N": "1953028800" },
        });
        for (number, attempt) in (1..).zip(attempts) {
            image[format!("attempt_{number}")] = attempt.clone();
        }
        image
    }

    #[expect(clippy::needless_pass_by_value, reason = "images are made for it")]
    fn change(name: &str, old: Option<Value>, new: Option<Value>) -> Change {
        serde_json::from_value(json!({
            "eventName": name,
            "dynamodb": {
                "ApproximateCreationDateTime": 1_795_348_801.0, "SequenceNumber": "100000000003", "OldImage": old,
                "NewImage": new, "Keys": { "partition": { "S": "339c89c7469c6be" }, "notification": { "S": NAME } },
            },
        }))
        .unwrap()
    }

    fn kinds(records: &[Record]) -> Vec<&str> {
        records.iter().map(|record| record.kind.as_str()).collect()
    }

    #[test]
    fn the_first_write_of_a_notification_is_an_attempt_that_began() {
        let new = image("attempting", &[attempt(1, None)]);
        let records = records(&change("INSERT", None, Some(new)));
        assert_eq!(kinds(&records), ["attempt_began"]);
        let record = &records[0];
        assert_eq!(record.id, format!("{NAME}.1.attempt_began"));
        assert_eq!(record.recorded_at.to_string(), "2026-11-22T12:00:01Z");
        let attempt = record.attempt.as_ref().unwrap();
        assert_eq!((attempt.host.as_str(), attempt.outcome.as_deref()), ("itp.example:8443", None));
        assert_eq!(Record::from_line(record.to_line().as_bytes()).unwrap(), *record);
    }

    #[test]
    fn a_record_has_the_version_of_the_resource_and_that_of_the_url_if_it_is_another() {
        let versions = |named: Option<&str>| {
            let mut attempt = attempt(1, None);
            if let Some(named) = named {
                attempt["M"]["url_api_version"] = json!({ "S": named });
            }
            let mut new = image("attempting", &[attempt]);
            new["api_version"] = json!({ "S": "v4" });
            let record = records(&change("INSERT", None, Some(new))).remove(0);
            assert_eq!(Record::from_line(record.to_line().as_bytes()).unwrap(), record);
            (record.api_version.unwrap(), record.attempt.unwrap().url_api_version)
        };
        assert_eq!(versions(None), ("v4".to_owned(), None));
        assert_eq!(versions(Some("v5")), ("v4".to_owned(), Some("v5".to_owned())));
    }

    #[test]
    fn the_second_write_is_its_end_and_says_where_the_notification_stands() {
        let old = image("attempting", &[attempt(1, None)]);
        let new = image("delivered", &[attempt(1, Some(("delivered", 202)))]);
        let records = records(&change("MODIFY", Some(old), Some(new)));
        assert_eq!(kinds(&records), ["attempt_ended"]);
        let record = &records[0];
        assert_eq!(record.notification_status.as_deref(), Some("delivered"));
        let attempt = record.attempt.as_ref().unwrap();
        assert_eq!((attempt.status, attempt.outcome.as_deref()), (Some(202), Some("delivered")));
        assert_eq!(attempt.address.as_deref(), Some("203.0.113.7:8443"));
    }

    #[test]
    fn an_attempt_that_was_taken_for_interrupted_ends_again_when_it_had_been_delivered() {
        let (first, second) = (attempt(1, Some(("interrupted", 0))), attempt(1, Some(("delivered", 202))));
        let old = image("waiting", &[first]);
        let records = records(&change("MODIFY", Some(old), Some(image("delivered", &[second]))));
        assert_eq!(kinds(&records), ["attempt_ended"]);
        assert_eq!(records[0].attempt.as_ref().unwrap().outcome.as_deref(), Some("delivered"));
    }

    #[test]
    fn a_notification_that_is_cancelled_before_any_attempt_ends() {
        let mut new = image("cancelled", &[]);
        new["reason"] = json!({ "S": "receiver_removed" });
        let records = records(&change("INSERT", None, Some(new)));
        assert_eq!(kinds(&records), ["notification_ended"]);
        assert_eq!(records[0].reason.as_deref(), Some("receiver_removed"));
    }

    #[test]
    fn what_only_a_person_does_to_the_ledger_is_recorded() {
        let (one, two) = (attempt(1, Some(("timeout", 504))), attempt(2, Some(("delivered", 202))));
        let delivered = || image("delivered", &[one.clone(), two.clone()]);
        let erased = image("delivered", std::slice::from_ref(&one));
        assert_eq!(kinds(&records(&change("MODIFY", Some(delivered()), Some(erased)))), ["attempt_erased"]);
        let reopened = image("waiting", &[one.clone(), two.clone()]);
        assert_eq!(
            kinds(&records(&change("MODIFY", Some(delivered()), Some(reopened)))),
            ["notification_reopened"]
        );
        assert_eq!(kinds(&records(&change("REMOVE", Some(delivered()), None))), ["row_removed"]);
        let rewritten = image("delivered", &[attempt(1, Some(("delivered", 202))), two.clone()]);
        assert_eq!(kinds(&records(&change("MODIFY", Some(delivered()), Some(rewritten)))), ["attempt_ended"]);
    }

    #[test]
    fn whatever_is_shown_of_a_row_leaves_a_record_when_it_is_rewritten() {
        let ended = || {
            let mut row = image("delivered", &[attempt(1, Some(("delivered", 202)))]);
            row["accepted_at"] = json!({ "N": "1795348799000" });
            row
        };
        assert_eq!(records(&change("MODIFY", Some(ended()), Some(ended()))), []);
        for (name, value) in [
            ("client_id", json!({ "S": "itp-2" })),
            ("resource_id", json!({ "S": "p-2" })),
            ("endpoint", json!({ "S": "E3" })),
            ("api_version", json!({ "S": "v5" })),
            ("event_instant", json!({ "S": "2026-11-22T12:00:01Z" })),
            ("accepted_at", json!({ "N": "1795348799001" })),
            ("reason", json!({ "S": "receiver_removed" })),
            ("replay_of", json!({ "S": "339c89c7469c6be05b1f0d2a97c3e482" })),
            ("status", json!({ "S": "undelivered" })),
        ] {
            let mut new = ended();
            new[name] = value;
            let records = records(&change("MODIFY", Some(ended()), Some(new)));
            let expected = if name == "status" { "notification_ended" } else { "row_rewritten" };
            assert_eq!(kinds(&records), [expected], "{name}");
        }
        // The host stays the same.
        let mut new = ended();
        new["attempt_1"]["M"]["base_uri"] = json!({ "S": "https://itp.example:8443/other" });
        assert_eq!(kinds(&records(&change("MODIFY", Some(ended()), Some(new)))), ["row_rewritten"]);
    }

    #[test]
    fn an_expiry_that_is_moved_forward_leaves_a_record_and_a_later_one_does_not() {
        let expiring = |attempts: &[Value], at: &str| {
            let mut row = image("waiting", attempts);
            row["expires_at"] = json!({ "N": at });
            row
        };
        let (one, two) = (attempt(1, Some(("timeout", 504))), attempt(2, None));
        let first = std::slice::from_ref(&one);
        let shortened = |new| records(&change("MODIFY", Some(expiring(first, "1953028800")), Some(new)));
        let records = shortened(expiring(first, "1795348900"));
        assert_eq!(kinds(&records), ["expiry_shortened"]);
        assert_eq!(records[0].expires_at.unwrap().to_string(), "2026-11-22T12:01:40Z");
        assert_eq!(shortened(expiring(first, "1953028801")), []);
        // When an attempt begins, the row takes the retention of a new deployment.
        let both = shortened(expiring(&[one.clone(), two], "1953028799"));
        assert_eq!(kinds(&both), ["attempt_began", "expiry_shortened"]);
    }

    #[test]
    fn a_row_that_could_not_be_read_before_does_not_hide_what_it_says_now() {
        let new = image("delivered", &[attempt(1, Some(("delivered", 202)))]);
        let records = records(&change("MODIFY", Some(json!({})), Some(new)));
        assert_eq!(kinds(&records), ["row_unreadable", "attempt_began", "attempt_ended"]);
    }

    #[test]
    fn an_attempt_that_was_rolled_back_ends_and_begins_again_under_another_name() {
        let rolled_back = attempt(1, Some(("signing_unavailable", 0)));
        let (before, after) =
            (image("attempting", &[attempt(1, None)]), image("waiting", std::slice::from_ref(&rolled_back)));
        let ended = records(&change("MODIFY", Some(before), Some(after.clone())));
        assert_eq!(kinds(&ended), ["attempt_ended"]);
        assert_eq!(ended[0].notification_status.as_deref(), Some("waiting"));
        let mut again = attempt(1, None);
        again["M"]["interaction_id"] = json!({ "S": "339c89c7-469c-46be-a882-45a01e824cd9" });
        let began = records(&change("MODIFY", Some(after), Some(image("attempting", &[again]))));
        assert_eq!(kinds(&began), ["attempt_began"]);
    }

    #[test]
    fn a_change_that_does_not_look_as_documented_becomes_a_record_with_its_number() {
        let odd = json!({
            "eventName": "MODIFY",
            "dynamodb": {
                "ApproximateCreationDateTime": "yesterday", "SequenceNumber": "100000000004",
                "Keys": { "partition": { "S": "339c89c7469c6be" }, "notification": { "S": NAME } },
            },
        });
        let found = records(&Change::read(&odd));
        assert_eq!(kinds(&found), ["row_unreadable"]);
        assert_eq!((found[0].sequence.as_str(), found[0].notification_id.as_str()), ("100000000004", NAME));
        assert_eq!(kinds(&records(&Change::read(&json!("?")))), ["row_unreadable"]);
    }

    #[test]
    fn a_row_that_expires_is_told_from_one_that_somebody_deletes() {
        let mut change = change("REMOVE", Some(image("delivered", &[])), None);
        change.by =
            serde_json::from_value(json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" }))
                .unwrap();
        assert_eq!(kinds(&records(&change)), ["row_expired"]);
    }

    #[test]
    fn a_write_that_changes_nothing_of_an_attempt_is_worth_no_record() {
        let old = image("attempting", &[attempt(1, None)]);
        let mut new = old.clone();
        new["expires_at"] = json!({ "N": "1953028801" });
        assert_eq!(records(&change("MODIFY", Some(old), Some(new))), []);
    }

    #[test]
    fn a_row_that_cannot_be_read_is_said_to_be_and_holds_up_nobody() {
        let old = image("attempting", &[attempt(1, None)]);
        for odd in [json!({}), json!({ "status": { "S": "later" } }), json!({ "attempt_1": { "M": {} } })] {
            let records = records(&change("MODIFY", Some(old.clone()), Some(odd)));
            assert_eq!(kinds(&records), ["row_unreadable"]);
            assert_eq!(records[0].notification_id, NAME);
        }
    }

    #[test]
    fn the_rows_that_list_what_was_given_up_are_no_notifications() {
        let mut change = change("INSERT", None, Some(json!({ "message": { "S": "{}" } })));
        change.dynamodb.keys.insert("partition".to_owned(), json!({ "S": "undelivered#2026-11-22T13#4" }));
        assert_eq!(records(&change), []);
    }

    #[test]
    fn a_record_holds_nothing_of_the_path_that_a_receiver_chose() {
        assert_eq!(host("https://itp.example/kong3/52998224725"), "itp.example");
        assert_eq!(host("https://itp.example"), "itp.example");
    }
}

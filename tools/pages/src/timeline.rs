//! What happened to a notification, and what comes next.

use convention::codes::Code;
use convention::delivery::{AttemptNumber, AttemptView, LEASE, Next, NotificationView, Status, next};
use jiff::{SignedDuration, Timestamp};

/// A step of a notification's way, in the order of time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// The event at the bank.
    Event(Timestamp),
    /// Intake accepted the state change, so long after the event.
    Accepted(Timestamp, SignedDuration),
    /// An attempt.
    Attempt(Box<Attempt>),
    /// The attempt that comes next, and when it is due.
    Due(u8, Timestamp),
    /// It has been accepted and is about to be attempted.
    Queued,
    /// It ended.
    Ended(End),
}

/// An attempt and the phases around it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// What the ledger says.
    pub view: AttemptView,
    /// How long it waited since it was due: in the queue, or for a function.
    pub waited: Option<SignedDuration>,
    /// From its begin to its end.
    pub lasted: Option<SignedDuration>,
    /// The sentence of its failure in both languages; empty for a delivery.
    pub sentence: (&'static str, &'static str),
    /// Whether it was accepted.
    pub is_delivered: bool,
    /// Whether no end is recorded, and none can come.
    pub is_lost: bool,
}

/// How a notification ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// The receiver accepted it.
    Delivered,
    /// It was given up: after three attempts, or for this fault of ours.
    Undelivered(Option<String>),
    /// Nothing is to be sent, for this reason.
    Cancelled(String),
    /// A status of another version.
    Other(String),
}

/// Tells a notification step by step.
pub fn steps(shown: &NotificationView, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    let event = shown.event_instant.parse::<Timestamp>().ok();
    steps.extend(event.map(Step::Event));
    // A replay carries when its original was accepted.
    let accepted = shown.accepted_at.filter(|_| shown.replay_of.is_none());
    if let Some(accepted) = accepted {
        steps.push(Step::Accepted(accepted, accepted.duration_since(event.unwrap_or(accepted))));
    }
    let mut due = accepted.or_else(|| event.filter(|_| shown.replay_of.is_none()));
    for view in &shown.attempts {
        steps.push(Step::Attempt(Box::new(attempt(view, due, now))));
        due = due_after(view);
    }
    steps.extend(following(shown, due, now));
    steps
}

fn attempt(view: &AttemptView, due: Option<Timestamp>, now: Timestamp) -> Attempt {
    let code = view.outcome.as_deref();
    let is_delivered = code == Some("delivered");
    let row = code.filter(|_| !is_delivered).and_then(Code::named).map(Code::row);
    Attempt {
        waited: due.map(|due| view.started_at.duration_since(due).max(SignedDuration::ZERO)),
        lasted: view.ended_at.map(|ended| ended.duration_since(view.started_at)),
        sentence: row.map_or(("", ""), |row| (row.en, row.pt_br)),
        is_delivered,
        is_lost: view.outcome.is_none() && now.duration_since(view.started_at) > LEASE,
        view: view.clone(),
    }
}

/// When the attempt after this one is due; an attempt whose process stopped counts from when that was proven.
fn due_after(view: &AttemptView) -> Option<Timestamp> {
    let ended = view.ended_at.or_else(|| view.started_at.checked_add(LEASE).ok())?;
    match next(AttemptNumber::try_from(u64::from(view.attempt)).ok()?, ended) {
        Next::Attempt(_, due) => Some(due),
        Next::Exhausted => None,
    }
}

fn following(shown: &NotificationView, due: Option<Timestamp>, now: Timestamp) -> Option<Step> {
    let status = shown.status.parse::<Status>();
    let last = shown.attempts.last();
    Some(match status {
        Ok(Status::Delivered) => Step::Ended(End::Delivered),
        Ok(Status::Undelivered) => Step::Ended(End::Undelivered(shown.reason.clone())),
        Ok(Status::Cancelled) => Step::Ended(End::Cancelled(shown.reason.clone().unwrap_or_default())),
        Err(()) => Step::Ended(End::Other(shown.status.clone())),
        Ok(_) => match (last, due) {
            (None, _) => Step::Queued,
            (Some(last), _) if last.outcome.is_none() && now.duration_since(last.started_at) <= LEASE => {
                return None;
            }
            (Some(last), Some(due)) => Step::Due(last.attempt + 1, due),
            (Some(_), None) => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(number: u8, started: &str, ended: Option<&str>, outcome: Option<&str>) -> AttemptView {
        AttemptView {
            attempt: number,
            interaction_id: format!("i-{number}"),
            base_uri: "https://itp.example".to_owned(),
            url_api_version: None,
            started_at: started.parse().unwrap(),
            deadline_ms: None,
            ended_at: ended.map(|ended| ended.parse().unwrap()),
            outcome: outcome.map(str::to_owned),
            status: None,
            address: None,
            tls: None,
        }
    }

    fn shown(status: &str, attempts: Vec<AttemptView>) -> NotificationView {
        NotificationView {
            notification_id: "n".to_owned(),
            status: status.to_owned(),
            client_id: "itp-1".to_owned(),
            authorisation_server: None,
            endpoint: "E2".to_owned(),
            resource_id: "p-1".to_owned(),
            api_version: None,
            event_instant: "2026-11-30T14:00:00Z".to_owned(),
            accepted_at: "2026-11-30T14:00:00.1Z".parse().ok(),
            reason: Some("no_receiver".to_owned()),
            replay_of: None,
            attempts,
        }
    }

    fn steps_at(now: &str, status: &str, attempts: Vec<AttemptView>) -> Vec<Step> {
        steps(&shown(status, attempts), now.parse().unwrap())
    }

    #[test]
    fn what_comes_next_is_said_with_its_time() {
        let first = view(1, "2026-11-30T14:00:00.3Z", Some("2026-11-30T14:00:00.5Z"), Some("server_error"));
        let second = view(2, "2026-11-30T14:00:11Z", Some("2026-11-30T14:00:26Z"), Some("timeout"));
        let told = steps_at("2026-11-30T14:00:30Z", "waiting", vec![first.clone(), second]);
        assert_eq!(told.last(), Some(&Step::Due(3, "2026-11-30T14:01:26Z".parse().unwrap())));
        let Step::Attempt(attempt) = &told[3] else { panic!("{told:?}") };
        assert_eq!(
            (attempt.waited, attempt.lasted),
            (Some(SignedDuration::from_millis(500)), Some(SignedDuration::from_secs(15)))
        );
        assert!(!attempt.sentence.0.is_empty() && attempt.sentence.0 != attempt.sentence.1);
        assert_eq!(steps_at("2026-11-30T14:00:00.2Z", "attempting", vec![]).last(), Some(&Step::Queued));
    }

    #[test]
    fn an_attempt_without_an_end_is_under_way_until_its_lease_ends() {
        let begun = view(1, "2026-11-30T14:00:00.3Z", None, None);
        let under_way = steps_at("2026-11-30T14:00:10Z", "attempting", vec![begun.clone()]);
        assert!(matches!(under_way.last(), Some(Step::Attempt(attempt)) if !attempt.is_lost));
        let lost = steps_at("2026-11-30T14:01:10Z", "attempting", vec![begun]);
        assert!(matches!(&lost[2], Step::Attempt(attempt) if attempt.is_lost));
        assert_eq!(lost.last(), Some(&Step::Due(2, "2026-11-30T14:00:55.3Z".parse().unwrap())));
    }

    #[test]
    fn a_replay_did_not_wait_since_its_original_was_accepted() {
        let first = view(1, "2026-12-05T09:00:00Z", Some("2026-12-05T09:00:01Z"), Some("delivered"));
        let replay =
            NotificationView { replay_of: Some("n-1".to_owned()), ..shown("delivered", vec![first]) };
        let told = steps(&replay, "2026-12-05T10:00:00Z".parse().unwrap());
        assert!(matches!(&told[1], Step::Attempt(attempt) if attempt.waited.is_none()), "{told:?}");
    }

    #[test]
    fn each_end_is_told() {
        for (status, end) in [
            ("delivered", End::Delivered),
            ("undelivered", End::Undelivered(Some("no_receiver".to_owned()))),
            ("cancelled", End::Cancelled("no_receiver".to_owned())),
            ("of_tomorrow", End::Other("of_tomorrow".to_owned())),
        ] {
            assert_eq!(steps_at("2026-11-30T15:00:00Z", status, vec![]).last(), Some(&Step::Ended(end)));
        }
    }
}

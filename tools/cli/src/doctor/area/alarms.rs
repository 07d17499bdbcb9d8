//! The alarms: whether each is there, tells somebody, has data, and is on now.

use jiff::{SignedDuration, Timestamp};

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};
use crate::doctor::setup::ago;

/// The alarms of the stack.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Alarms {
    /// The topic that the stack was told to notify; may be empty.
    pub(crate) topic: String,
    /// Each alarm's name in the template, and what it is.
    pub(crate) alarms: Vec<(String, Option<Alarm>)>,
}

/// One alarm.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Alarm {
    /// What it says, with the section of its runbook at the end.
    pub(crate) description: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub(crate) state: String,
    /// Why it is in that state, as CloudWatch says.
    pub(crate) reason: String,
    /// Since when.
    pub(crate) since: Option<Timestamp>,
    /// Whether its actions are on.
    pub(crate) is_armed: bool,
    /// Who is told when it goes on.
    pub(crate) actions: Vec<String>,
    /// Whether only a deployment in steps looks at it, and nobody is told.
    pub(crate) is_for_deployments: bool,
}

/// An alarm has data at once, as what is missing counts as good or bad in most of them. A new stack has this long.
const WITHOUT_DATA: SignedDuration = SignedDuration::from_hours(26);

/// Checks each alarm.
pub(crate) fn check(alarms: &Answer<Alarms>, now: Timestamp) -> Vec<Finding> {
    let alarms = match alarms {
        Ok(alarms) => alarms,
        Err(unread) => return vec![unread.finding(Area::Alarms, "the alarms")],
    };
    if alarms.alarms.is_empty() {
        return vec![Finding::error(
            Area::Alarms,
            "the stack has no alarm",
            "deploy it again with infra/operations.yaml",
        )];
    }
    let mut found: Vec<Finding> = Vec::new();
    for (name, alarm) in &alarms.alarms {
        match alarm {
            Some(alarm) => {
                found.extend(of_state(name, alarm, now));
                found.extend(of_actions(name, alarm, &alarms.topic));
            }
            None => found.push(
                Finding::error(
                    Area::Alarms,
                    format!("{name} was deleted"),
                    "deploy with another value of a parameter of it, or make it by hand",
                )
                .runbook("alarms"),
            ),
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(Area::Alarms, format!("{} alarms, none of them on", alarms.alarms.len())));
    }
    found
}

fn of_state(name: &str, alarm: &Alarm, now: Timestamp) -> Option<Finding> {
    let since = alarm.since.map(|since| format!(" {}", ago(now, since))).unwrap_or_default();
    let Alarm { reason, description, .. } = alarm;
    let lasts = alarm.since.is_some_and(|since| now.duration_since(since) > WITHOUT_DATA);
    match alarm.state.as_str() {
        "ALARM" => Some(
            Finding::error(Area::Alarms, format!("{name} went on{since}: {reason}"), "follow its runbook")
                .runbook("alarms")
                .runbook_of(description),
        ),
        "INSUFFICIENT_DATA" if lasts => Some(
            Finding::warn(
                Area::Alarms,
                format!("{name} has no data, the last time{since}: it cannot go on"),
                "see whether what it watches still has the name that the alarm knows, and deploy",
            )
            .runbook_of(description),
        ),
        _ => None,
    }
}

fn of_actions(name: &str, alarm: &Alarm, topic: &str) -> Option<Finding> {
    // That the stack has no topic is said of the topic.
    if alarm.is_for_deployments || topic.is_empty() {
        return None;
    }
    if !alarm.is_armed {
        return Some(Finding::error(
            Area::Alarms,
            format!("the actions of {name} are off: it tells nobody"),
            format!("aws cloudwatch enable-alarm-actions for {name}"),
        ));
    }
    let tells = alarm.actions.iter().any(|action| action == topic);
    (!tells).then(|| {
        let others = if alarm.actions.is_empty() { "nobody".to_owned() } else { alarm.actions.join(", ") };
        Finding::error(
            Area::Alarms,
            format!("{name} tells {others}, not {topic}"),
            "it was changed by hand: set its actions again",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{now, one};

    const TOPIC: &str = "arn:aws:sns:sa-east-1:123456789012:alarms";

    fn right() -> Alarms {
        let alarm = Alarm {
            description: "Notifications wait. docs/operations.md#notifications-wait-in-the-queue".to_owned(),
            state: "OK".to_owned(),
            reason: "no datapoints".to_owned(),
            since: Some(now() - SignedDuration::from_hours(30)),
            is_armed: true,
            actions: vec![TOPIC.to_owned()],
            is_for_deployments: false,
        };
        let quiet = Alarm { actions: vec![], is_for_deployments: true, ..alarm.clone() };
        Alarms {
            topic: TOPIC.to_owned(),
            alarms: vec![
                ("QueueAgeAlarm".to_owned(), Some(alarm)),
                ("NewVersionApiFailsAlarm".to_owned(), Some(quiet)),
            ],
        }
    }

    fn found(change: impl FnOnce(&mut Alarm)) -> Finding {
        let mut alarms = right();
        change(alarms.alarms[0].1.as_mut().unwrap());
        one(&check(&Ok(alarms), now()))
    }

    #[test]
    fn alarms_that_are_off_and_tell_the_topic_are_right() {
        assert_eq!(found(|_| ()).what, "2 alarms, none of them on");
        // A new stack's have no data yet.
        let new = found(|alarm| {
            "INSUFFICIENT_DATA".clone_into(&mut alarm.state);
            alarm.since = Some(now() - SignedDuration::from_hours(1));
        });
        assert_eq!(new.severity, Severity::Ok);
    }

    #[test]
    fn an_alarm_that_is_on_leads_to_its_runbook() {
        let on = found(|alarm| "ALARM".clone_into(&mut alarm.state));
        assert_eq!(on.severity, Severity::Error);
        assert_eq!(on.what, "QueueAgeAlarm went on 30 hours ago: no datapoints");
        assert_eq!(on.runbook.as_deref(), Some("docs/operations.md#notifications-wait-in-the-queue"));
    }

    #[test]
    fn an_alarm_that_cannot_go_on_or_tells_nobody_is_told() {
        let blind = found(|alarm| "INSUFFICIENT_DATA".clone_into(&mut alarm.state));
        assert!(blind.severity == Severity::Warn && blind.what.contains("has no data"), "{blind:?}");
        let off = found(|alarm| alarm.is_armed = false);
        assert!(off.severity == Severity::Error && off.what.contains("are off"), "{off:?}");
        let nobody = found(|alarm| alarm.actions.clear());
        assert!(nobody.severity == Severity::Error && nobody.what.contains("tells nobody"), "{nobody:?}");
        let other = found(|alarm| alarm.actions = vec!["arn:other".to_owned()]);
        assert!(other.what.contains("tells arn:other"), "{other:?}");
    }

    #[test]
    fn an_alarm_that_was_deleted_is_missed() {
        let mut alarms = right();
        alarms.alarms[1].1 = None;
        assert_eq!(one(&check(&Ok(alarms), now())).what, "NewVersionApiFailsAlarm was deleted");
        assert_eq!(one(&check(&Ok(Alarms::default()), now())).severity, Severity::Error);
        let denied = Err(Unread::Failed("AccessDenied on cloudwatch:DescribeAlarms".to_owned()));
        assert_eq!(one(&check(&denied, now())).severity, Severity::Unknown);
    }

    #[test]
    fn a_stack_without_a_topic_has_alarms_without_actions() {
        let mut alarms = right();
        alarms.topic.clear();
        alarms.alarms[0].1.as_mut().unwrap().actions.clear();
        assert_eq!(one(&check(&Ok(alarms), now())).severity, Severity::Ok);
    }
}

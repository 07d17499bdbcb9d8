//! What was fetched from others, and how old it is: the Directory's keys and list, and revocation lists.

use account::DeployedStack;
use convention::notification::Ecosystem;
use jiff::{SignedDuration, Timestamp};

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};
use crate::doctor::setup::{ago, is_young};

/// What the directory table holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fetched {
    /// When the Directory last confirmed its keys; `None` if they were never fetched.
    pub(crate) keys: Answer<Option<Timestamp>>,
    /// When it last confirmed its list of participants.
    pub(crate) participants: Answer<Option<Timestamp>>,
    /// The revocation data; `None` before the first run.
    pub(crate) revocation: Answer<Option<Revocation>>,
}

/// What is known of revocation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Revocation {
    /// The lists of all authorities.
    pub(crate) lists: Vec<RevocationList>,
    /// Rows that cannot be read.
    pub(crate) unreadable: usize,
}

/// A revocation list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RevocationList {
    /// Whose it is.
    pub(crate) authority: String,
    /// When it was last confirmed, and when its successor is due; `None` if no list was ever usable.
    pub(crate) good: Option<(Timestamp, Timestamp)>,
}

/// An answer of the Directory is fresh for a day at most; the alarms wait as long.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(26);

/// The schedule runs every five minutes; revocation lists take several runs, and one may fail.
const FIRST_RUN: SignedDuration = SignedDuration::from_mins(45);

/// Checks the age of everything.
pub(crate) fn check(fetched: &Fetched, stack: &DeployedStack, now: Timestamp) -> Vec<Finding> {
    let participants = if stack.parameter("Ecosystem") == Ecosystem::OpenInsurance.as_str() {
        Finding::ok(Area::Directory, "no list of participants is kept: Open Insurance suspends no client")
    } else {
        of_document(&fetched.participants, "participants", "no organisation's status is known", now)
    };
    let keys = of_document(&fetched.keys, "keys", "software statements cannot be verified", now);
    let mut found = vec![keys, participants];
    found.extend(match &fetched.revocation {
        Ok(Some(revocation)) => of_revocation(revocation, now),
        Ok(None) => vec![
            Finding::warn(
                Area::Directory,
                "no revocation data was fetched yet",
                "see the schedules here; the first run is five minutes after the deployment",
            )
            .runbook("revocation-cannot-be-checked"),
        ],
        Err(unread) => vec![unread.finding(Area::Directory, "the revocation data")],
    });
    let is_missing =
        [fetched.keys == Ok(None), fetched.participants == Ok(None), fetched.revocation == Ok(None)];
    if is_young(stack, FIRST_RUN, now) {
        for (one, _) in found.iter_mut().zip(is_missing).filter(|(_, is_missing)| *is_missing) {
            *one = Finding::ok(
                Area::Directory,
                "what the schedule fetches is not there yet: the stack was just deployed",
            );
        }
    }
    found
}

fn of_document(fetched: &Answer<Option<Timestamp>>, what: &str, without: &str, now: Timestamp) -> Finding {
    let what_to_do = "fetch its URL by hand; see the schedules here, and whether egress is open";
    let found = match fetched {
        Ok(Some(at)) => {
            let what = format!("the Directory last confirmed its {what} {}", ago(now, *at));
            if now.duration_since(*at) <= MAX_AGE {
                return Finding::ok(Area::Directory, what);
            }
            Finding::warn(Area::Directory, what, what_to_do)
        }
        Ok(None) => {
            let what = format!("the Directory's {what} were never fetched: {without}");
            Finding::error(Area::Directory, what, what_to_do)
        }
        Err(unread) => return unread.finding(Area::Directory, &format!("the Directory's {what}")),
    };
    found.runbook("the-directory-does-not-answer")
}

fn of_revocation(revocation: &Revocation, now: Timestamp) -> Vec<Finding> {
    let mut found: Vec<Finding> = revocation.lists.iter().filter_map(|list| of_list(list, now)).collect();
    if revocation.unreadable > 0 {
        found.push(
            Finding::error(
                Area::Directory,
                format!("{} rows of revocation data cannot be read", revocation.unreadable),
                "the next run rewrites them; delete one that stays",
            )
            .runbook("revocationrowsbrokenalarm"),
        );
    }
    if found.is_empty() {
        let due = revocation.lists.iter().filter_map(|list| Some(list.good?.1)).min();
        let due = due.map(|due| format!(", the next due at {due}")).unwrap_or_default();
        found.push(Finding::ok(Area::Directory, format!("{} revocation lists{due}", revocation.lists.len())));
    }
    found
}

fn of_list(list: &RevocationList, now: Timestamp) -> Option<Finding> {
    let authority = &list.authority;
    let what = match list.good {
        Some((_, due)) if due > now => return None,
        Some((at, due)) => format!(
            "the revocation list of {authority} expired {} and was last confirmed {}",
            ago(now, due),
            ago(now, at)
        ),
        None => format!("there is no usable revocation list of {authority}"),
    };
    let what_to_do = "fetch it by hand; read the directory function's log for its host";
    Some(Finding::warn(Area::Directory, what, what_to_do).runbook("revocation-cannot-be-checked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{minutes_ago, now, one, right_stack};

    fn right() -> Fetched {
        let hour = SignedDuration::from_hours(1);
        let list =
            RevocationList { authority: "AC Raiz".to_owned(), good: Some((now() - hour, now() + hour)) };
        Fetched {
            keys: Ok(Some(now() - hour)),
            participants: Ok(Some(now() - hour)),
            revocation: Ok(Some(Revocation { lists: vec![list], unreadable: 0 })),
        }
    }

    fn wrong(change: impl FnOnce(&mut Fetched)) -> Vec<Finding> {
        let mut fetched = right();
        change(&mut fetched);
        let mut found = check(&fetched, &right_stack(), now());
        assert_eq!(found.len(), 3);
        found.retain(|one| one.severity != Severity::Ok);
        found
    }

    fn revocation(fetched: &mut Fetched) -> &mut Revocation {
        fetched.revocation.as_mut().unwrap().as_mut().unwrap()
    }

    #[test]
    fn what_was_confirmed_within_a_day_is_right() {
        assert_eq!(wrong(|_| ()), []);
        assert_eq!(wrong(|fetched| fetched.keys = Ok(Some(now() - MAX_AGE))), []);
    }

    #[test]
    fn what_was_just_deployed_has_fetched_nothing_yet() {
        let mut young = right_stack();
        young.changed_at = Some(minutes_ago(3));
        let nothing = Fetched { keys: Ok(None), participants: Ok(None), revocation: Ok(None) };
        assert!(check(&nothing, &young, now()).iter().all(|one| one.severity == Severity::Ok));
        assert!(check(&nothing, &right_stack(), now()).iter().all(|one| one.severity != Severity::Ok));
    }

    #[test]
    fn no_list_of_participants_is_missed_in_open_insurance() {
        let mut stack = right_stack();
        stack.parameters.insert("Ecosystem".to_owned(), "open-insurance".to_owned());
        let found = check(&Fetched { participants: Ok(None), ..right() }, &stack, now());
        assert!(found.iter().all(|one| one.severity == Severity::Ok), "{found:?}");
        let found = check(&Fetched { keys: Ok(None), ..right() }, &stack, now());
        assert_eq!(found[0].severity, Severity::Error);
    }

    #[test]
    fn an_old_missing_or_expired_key_is_told() {
        type Change = fn(&mut Fetched);
        let old = SignedDuration::from_hours(27);
        let unread = || Unread::Failed("AccessDenied on dynamodb:GetItem".to_owned());
        let at = now();
        let cases: [(Change, Severity, &str); 8] = [
            (|fetched| fetched.keys = Ok(None), Severity::Error, "keys were never fetched"),
            (|fetched| fetched.participants = Ok(None), Severity::Error, "participants were never fetched"),
            (|fetched| fetched.revocation = Ok(None), Severity::Warn, "no revocation data"),
            (
                |fetched| revocation(fetched).lists[0].good = None,
                Severity::Warn,
                "no usable revocation list of AC Raiz",
            ),
            (|fetched| revocation(fetched).unreadable = 2, Severity::Error, "2 rows"),
            (|fetched| fetched.keys = Err(Unread::NotHere), Severity::NotHere, "keys"),
            (|fetched| fetched.participants = Err(Unread::NotHere), Severity::NotHere, "participants"),
            (|fetched| fetched.revocation = Err(Unread::NotHere), Severity::NotHere, "revocation"),
        ];
        for (change, severity, text) in cases {
            let found = one(&wrong(change));
            assert!(found.severity == severity && found.what.contains(text), "{text}: {found:?}");
        }
        assert_eq!(one(&wrong(|fetched| fetched.keys = Ok(Some(at - old)))).severity, Severity::Warn);
        assert_eq!(one(&wrong(|fetched| fetched.keys = Err(unread()))).severity, Severity::Unknown);
        let expired = one(&wrong(|fetched| revocation(fetched).lists[0].good = Some((at - old, at))));
        assert!(expired.what.contains("expired 0 s ago and was last confirmed 27 hours ago"), "{expired:?}");
    }
}

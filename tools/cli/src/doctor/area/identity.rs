//! The certificates that the sender presents: to receivers, and to the Directory's API.

use account::DeployedStack;
use jiff::{SignedDuration, Timestamp};
use mtls::Expiry;

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};
use crate::doctor::measured::Measured;
use crate::doctor::setup::{ago, is_young};

/// What is known of the identities in one secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Identities {
    /// What the secret holds; `None` if it was not opened, as it is its custodian's.
    pub(crate) secret: Option<Answer<Held>>,
    /// The fewest days that the function measured when it last loaded the secret.
    pub(crate) measured: Answer<Option<Measured>>,
}

/// What a secret holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Held {
    /// The identities.
    pub(crate) identities: Vec<Identity>,
    /// The authorisation servers of the stack that have none.
    pub(crate) without: Vec<String>,
    /// Why the secret as a whole cannot be read.
    pub(crate) problem: Option<String>,
}

/// One identity.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Identity {
    /// The id of its authorisation server, or nothing for the only one.
    pub(crate) owner: Option<String>,
    /// Whole days until its certificate expires.
    pub(crate) days_left: Option<i64>,
    /// Why dispatch cannot use it: another key, dates, a form.
    pub(crate) problem: Option<String>,
    /// Why it is not known whether its key in KMS is that of the certificate.
    pub(crate) unproven: Option<String>,
    /// What receivers may refuse in its chain.
    pub(crate) chain: Vec<String>,
}

/// The schedule measures every hour.
const MEASURED_WITHIN: SignedDuration = SignedDuration::from_mins(150);
const LIST: &str =
    "have the custodian run arauto identity list, and store the right pair with arauto identity put";
const ROTATE: &str = "rotate it";

/// Checks the identities that are presented to receivers.
pub(crate) fn check(found: &Identities, stack: &DeployedStack, now: Timestamp) -> Vec<Finding> {
    match &found.secret {
        Some(Ok(held)) => of_held(held),
        Some(Err(unread)) if !unread.is_denied() => vec![unread.finding(Area::Identity, "IdentitySecret")],
        _ => vec![of_measured(&found.measured, stack, now)],
    }
}

/// Checks the identity at the Directory's API, which is optional.
pub(crate) fn check_directory(found: &Identities, now: Timestamp) -> Vec<Finding> {
    let of = "the Directory's API";
    match (&found.secret, &found.measured) {
        (Some(Ok(Held { problem: Some(problem), .. })), _) => {
            vec![unusable("DirectoryIdentitySecret", problem)]
        }
        (Some(Ok(Held { identities, .. })), _) if identities.is_empty() => vec![none_for_directory()],
        (Some(Ok(held)), _) => held.identities.iter().flat_map(|one| of_identity(one, of)).collect(),
        (Some(Err(unread)), _) if !unread.is_denied() => {
            vec![unread.finding(Area::Identity, "DirectoryIdentitySecret")]
        }
        (_, Ok(Some(last))) => {
            vec![of_days(last.days(), of, &format!("as directory measured {}", ago(now, last.at)))]
        }
        (_, Ok(None)) => vec![none_for_directory()],
        (_, Err(unread)) => vec![unread.finding(Area::Identity, "CertificateDaysLeft of directory")],
    }
}

fn none_for_directory() -> Finding {
    Finding::ok(Area::Identity, "none is stored for the Directory's API: the public list alone is used")
}

fn of_held(held: &Held) -> Vec<Finding> {
    if let Some(problem) = &held.problem {
        return vec![unusable("IdentitySecret", problem)];
    }
    if held.identities.is_empty() {
        return vec![
            Finding::error(
                Area::Identity,
                "IdentitySecret is empty: every notification is requeued",
                "store the certificate and its key with arauto identity put",
            )
            .runbook("store-an-identity"),
        ];
    }
    let of = |one: &Identity| one.owner.clone().unwrap_or_else(|| "the default brand".to_owned());
    let mut found: Vec<Finding> = held.identities.iter().flat_map(|one| of_identity(one, &of(one))).collect();
    found.extend(held.without.iter().map(|id| {
        Finding::error(
            Area::Identity,
            format!("authorisation server {id} has no identity: its notifications are requeued"),
            format!("arauto identity put --authorisation-server-id {id}, or correct AuthorisationServers"),
        )
        .runbook("identitymissingalarm")
    }));
    found
}

fn of_identity(identity: &Identity, of: &str) -> Vec<Finding> {
    if let Some(problem) = &identity.problem {
        return vec![unusable(&format!("the identity of {of}"), problem)];
    }
    let days = identity.days_left.unwrap_or_default();
    let mut found = match &identity.unproven {
        Some(why) => vec![
            of_days(days, of, "its key is in KMS"),
            Finding::unknown(
                Area::Identity,
                format!("whether the key in KMS is that of {of}: {why}"),
                "run it as the custodian, who needs kms:GetPublicKey",
            ),
        ],
        None => vec![of_days(days, of, "the key is that of the certificate")],
    };
    found.extend(identity.chain.iter().map(|warning| {
        Finding::warn(Area::Identity, format!("{of}: {warning}"), LIST).runbook("rotate-an-identity")
    }));
    found
}

fn unusable(subject: &str, problem: &str) -> Finding {
    Finding::error(Area::Identity, format!("{subject} cannot be used: {problem}"), LIST)
        .runbook("a-new-identity-was-refused")
}

fn of_measured(measured: &Answer<Option<Measured>>, stack: &DeployedStack, now: Timestamp) -> Finding {
    match measured {
        Ok(Some(last)) if now.duration_since(last.at) <= MEASURED_WITHIN => of_days(
            last.days(),
            "receivers",
            &format!(
                "the first to expire, as dispatch measured {}; keys and chains are its custodian's to see (--identities)",
                ago(now, last.at)
            ),
        ),
        Ok(None) if is_young(stack, MEASURED_WITHIN, now) => Finding::warn(
            Area::Identity,
            "not measured yet: the stack was just deployed, and CheckIdentities runs every hour",
            "store the identity with arauto identity put; run it again two hours later",
        )
        .runbook("store-an-identity"),
        Ok(last) => {
            let last = last.map_or("in the last three hours".to_owned(), |last| format!("since {}", last.at));
            Finding::error(
                Area::Identity,
                format!(
                    "dispatch measured no certificate {last}: none is stored, or CheckIdentities does not run"
                ),
                "see the schedules here; if they run, have the custodian run arauto identity list",
            )
            .runbook("certificateexpiringalarm")
        }
        Err(unread) => unread.finding(Area::Identity, "CertificateDaysLeft of dispatch"),
    }
}

fn of_days(days: i64, of: &str, how: &str) -> Finding {
    let what = format!("the certificate for {of} has {days} days left ({how})");
    if days < 0 {
        Finding::error(Area::Identity, format!("the certificate for {of} has expired ({how})"), ROTATE)
            .runbook("rotate-an-identity")
    } else if days <= Expiry::ALARM_DAYS {
        Finding::warn(Area::Identity, what, ROTATE).runbook("rotate-an-identity")
    } else {
        Finding::ok(Area::Identity, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{minutes_ago, now, one, right_stack};

    const A: &str = "11111111-aaaa-4000-8000-000000000001";

    fn check(found: &Identities, now: Timestamp) -> Vec<Finding> {
        super::check(found, &right_stack(), now)
    }

    fn good() -> Identity {
        Identity { owner: Some(A.to_owned()), days_left: Some(200), ..Identity::default() }
    }

    fn held(change: impl FnOnce(&mut Held)) -> Identities {
        let mut held = Held { identities: vec![good()], ..Held::default() };
        change(&mut held);
        Identities { secret: Some(Ok(held)), measured: Ok(None) }
    }

    fn measured(days: f64, minutes_ago: i64) -> Identities {
        let at = now() - SignedDuration::from_mins(minutes_ago);
        Identities { secret: None, measured: Ok(Some(Measured { at, value: days })) }
    }

    #[test]
    fn an_identity_whose_key_matches_and_that_has_months_left_is_right() {
        let found = one(&check(&held(|_| ()), now()));
        assert_eq!(found.severity, Severity::Ok);
        assert!(found.what.contains("200 days left"), "{found:?}");
    }

    #[test]
    fn each_flaw_of_what_is_stored_is_told_with_what_to_do() {
        type Change = fn(&mut Held);
        let cases: [(Change, Severity, &str); 7] = [
            (
                |held| held.identities[0].unproven = Some("no answer".to_owned()),
                Severity::Unknown,
                "the key in KMS",
            ),
            (|held| held.identities.clear(), Severity::Error, "IdentitySecret is empty"),
            (
                |held| held.problem = Some("it is no JSON".to_owned()),
                Severity::Error,
                "IdentitySecret cannot be used",
            ),
            (
                |held| held.identities[0].problem = Some("another key".to_owned()),
                Severity::Error,
                "another key",
            ),
            (|held| held.identities[0].days_left = Some(30), Severity::Warn, "30 days left"),
            (
                |held| held.identities[0].chain.push("lacks its issuer".to_owned()),
                Severity::Warn,
                "lacks its issuer",
            ),
            (|held| held.without.push("other".to_owned()), Severity::Error, "other has no identity"),
        ];
        for (change, severity, text) in cases {
            let mut found = check(&held(change), now());
            found.retain(|one| one.severity != Severity::Ok);
            let found = one(&found);
            assert!(found.severity == severity && found.what.contains(text), "{text}: {found:?}");
            assert!(!found.what_to_do.is_empty(), "{found:?}");
            assert!(found.runbook.is_some() || severity == Severity::Unknown, "{found:?}");
        }
    }

    #[test]
    fn whoever_may_not_open_the_secret_is_told_what_dispatch_measured() {
        for (days, minutes, severity) in [
            (200.0, 10, Severity::Ok),
            (31.0, 10, Severity::Ok),
            (30.0, 10, Severity::Warn),
            (0.0, 10, Severity::Warn),
            (-1.0, 10, Severity::Error),
            (200.0, 151, Severity::Error),
        ] {
            let found = one(&check(&measured(days, minutes), now()));
            assert_eq!(found.severity, severity, "{days} days, {minutes} minutes ago: {found:?}");
        }
        let none = Identities { secret: None, measured: Ok(None) };
        assert_eq!(one(&check(&none, now())).severity, Severity::Error);
        let denied = Unread::Failed("AccessDeniedException on secretsmanager:GetSecretValue".to_owned());
        let denied = Identities { secret: Some(Err(denied)), ..measured(200.0, 10) };
        assert_eq!(one(&check(&denied, now())).severity, Severity::Ok);
    }

    #[test]
    fn what_was_just_deployed_has_measured_nothing_yet() {
        let mut young = right_stack();
        young.changed_at = Some(minutes_ago(100));
        let none = Identities { secret: None, measured: Ok(None) };
        assert_eq!(one(&super::check(&none, &young, now())).severity, Severity::Warn);
        assert_eq!(one(&super::check(&measured(200.0, 151), &young, now())).severity, Severity::Error);
    }

    #[test]
    fn what_does_not_answer_is_not_known_and_no_fault() {
        let silent = Unread::Failed("no answer to cloudwatch:GetMetricData".to_owned());
        let found = Identities { secret: Some(Err(silent.clone())), measured: Err(silent) };
        assert_eq!(one(&check(&found, now())).severity, Severity::Unknown);
        let found = Identities { secret: None, ..found };
        assert_eq!(one(&check(&found, now())).severity, Severity::Unknown);
        assert_eq!(one(&check_directory(&found, now())).severity, Severity::Unknown);
    }

    #[test]
    fn the_directorys_identity_may_be_missing() {
        let of = |found| one(&check_directory(&found, now())).severity;
        assert_eq!(of(Identities { secret: None, measured: Ok(None) }), Severity::Ok);
        assert_eq!(of(held(|held| held.identities.clear())), Severity::Ok);
        assert_eq!(of(held(|held| held.identities[0].days_left = Some(3))), Severity::Warn);
        assert_eq!(of(held(|held| held.problem = Some("no".to_owned()))), Severity::Error);
        assert_eq!(of(measured(-2.0, 10)), Severity::Error);
    }
}

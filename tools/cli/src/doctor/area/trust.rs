//! The authorities that are trusted to issue receivers' certificates.

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};

/// What the secret of the trust anchors holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Anchors {
    /// Nothing yet.
    Empty,
    /// Something that cannot be used, and why.
    Unusable(String),
    /// Authorities.
    Usable(Vec<Anchor>),
}

/// One authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Anchor {
    /// Its name.
    pub(crate) subject: String,
    /// Whole days until its certificate expires.
    pub(crate) days_left: i64,
}

/// A new root takes weeks to reach everybody.
const SOON_DAYS: i64 = 90;

/// Checks that there are authorities, and that each lasts.
pub(crate) fn check(anchors: &Answer<Anchors>) -> Vec<Finding> {
    let anchors = match anchors {
        Ok(Anchors::Usable(anchors)) if !anchors.is_empty() => anchors,
        Ok(Anchors::Unusable(why)) => {
            return vec![
                Finding::error(
                    Area::Trust,
                    format!("TrustSecret cannot be used: {why}"),
                    "put the authorities again, all in one PEM file",
                )
                .runbook("add-a-trust-anchor"),
            ];
        }
        Ok(_) => {
            return vec![
                Finding::error(
                    Area::Trust,
                    "TrustSecret is empty: every notification is requeued",
                    "store the authorities of receivers (infra/trust)",
                )
                .runbook("add-a-trust-anchor"),
            ];
        }
        Err(unread) => return vec![unread.finding(Area::Trust, "TrustSecret")],
    };
    let mut found: Vec<Finding> = anchors.iter().filter_map(expiring).collect();
    if found.is_empty() {
        let soonest = anchors.iter().map(|one| one.days_left).min().unwrap_or_default();
        let count = anchors.len();
        found.push(Finding::ok(
            Area::Trust,
            format!("{count} authorities, the first to expire in {soonest} days"),
        ));
    }
    found
}

fn expiring(anchor: &Anchor) -> Option<Finding> {
    let Anchor { subject, days_left } = anchor;
    let found = match *days_left {
        ..0 => Finding::error(
            Area::Trust,
            format!("an authority has expired, and no receiver below it can be verified: {subject}"),
            "put its successor beside the others",
        ),
        0..=SOON_DAYS => Finding::warn(
            Area::Trust,
            format!("an authority expires in {days_left} days: {subject}"),
            "put its successor beside it",
        ),
        _ => return None,
    };
    Some(found.runbook("add-a-trust-anchor"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::one;

    #[test]
    fn authorities_must_be_there_and_last() {
        let anchor = |days_left| Anchor { subject: "Raiz".to_owned(), days_left };
        let usable = |days: &[i64]| Anchors::Usable(days.iter().copied().map(anchor).collect());
        for (anchors, severity) in [
            (Ok(usable(&[4000, 91])), Severity::Ok),
            (Ok(usable(&[4000, 90])), Severity::Warn),
            (Ok(usable(&[4000, 0])), Severity::Warn),
            (Ok(usable(&[4000, -1])), Severity::Error),
            (Ok(usable(&[])), Severity::Error),
            (Ok(Anchors::Empty), Severity::Error),
            (Ok(Anchors::Unusable("line 3".to_owned())), Severity::Error),
            (Err(Unread::Failed("AccessDenied".to_owned())), Severity::Unknown),
        ] {
            assert_eq!(one(&check(&anchors)).severity, severity, "{anchors:?}");
        }
    }
}

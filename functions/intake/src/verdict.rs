//! What became of one state change.

use lambda_http::http::StatusCode;
use serde::Serialize;
use webhook::FieldError;
use webhook::delivery::AttemptMessage;
use webhook::notification::{NotificationId, Rule};

/// What became of one state change.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is queued to be notified.
    Accepted,
    /// It is a copy of another change of the same request.
    Duplicate(NotificationId),
    /// It is not to be notified, by this rule.
    NotNotifiable(Rule),
    /// Its client is not registered for notifications.
    NoReceiver,
    /// It cannot be read.
    Invalid(Vec<FieldError>),
    /// It could not be queued, and is to be sent again.
    Unavailable,
}

/// A verdict as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    index: usize,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
}

impl Judged {
    /// Says what became of the change at this position.
    pub(crate) fn new(index: usize, verdict: Verdict) -> Self {
        let base = |verdict, detail| Self {
            index,
            verdict,
            notification_id: None,
            rule: None,
            detail,
            errors: Vec::new(),
        };
        match verdict {
            Verdict::Accepted => base("accepted", None),
            Verdict::Duplicate(id) => {
                Self { notification_id: Some(id.to_string()), ..base("duplicate", None) }
            }
            Verdict::NotNotifiable(rule) => {
                Self { rule: Some(rule.code()), ..base("not_notifiable", Some(rule.sentence())) }
            }
            Verdict::NoReceiver => {
                base("no_receiver", Some("The client is not registered for notifications."))
            }
            Verdict::Invalid(errors) => Self { errors, ..base("invalid", None) },
            Verdict::Unavailable => {
                base("unavailable", Some("It could not be queued. Send it again; a copy does no harm."))
            }
        }
    }

    /// Says that the change at this position is queued.
    pub(crate) fn queued(index: usize, message: &AttemptMessage) -> Self {
        let notification_id = Some(message.notification.to_string());
        Self { notification_id, ..Self::new(index, Verdict::Accepted) }
    }

    fn is(&self, verdict: &str) -> bool {
        self.verdict == verdict
    }
}

/// Decides the status that stands over all verdicts of a request.
///
/// 202 when nothing is left to do; 400 when no change can be read; 503 when none could be queued; 207 when some of the caller's
/// changes want mending or sending again and others do not.
pub(crate) fn status(all: &[Judged]) -> StatusCode {
    let done = |judged: &Judged| !judged.is("invalid") && !judged.is("unavailable");
    if all.iter().all(done) {
        StatusCode::ACCEPTED
    } else if all.iter().all(|judged| judged.is("invalid")) {
        StatusCode::BAD_REQUEST
    } else if all.iter().all(|judged| judged.is("unavailable")) {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::MULTI_STATUS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(verdicts: Vec<Verdict>) -> u16 {
        let judged: Vec<_> =
            verdicts.into_iter().enumerate().map(|(i, verdict)| Judged::new(i, verdict)).collect();
        status(&judged).as_u16()
    }

    #[test]
    fn one_bad_change_does_not_refuse_the_others() {
        assert_eq!(status_of(vec![Verdict::Accepted, Verdict::NoReceiver]), 202);
        assert_eq!(status_of(vec![Verdict::Accepted, Verdict::Invalid(Vec::new())]), 207);
        assert_eq!(status_of(vec![Verdict::Accepted, Verdict::Unavailable]), 207);
        assert_eq!(status_of(vec![Verdict::Invalid(Vec::new()), Verdict::Unavailable]), 207);
        assert_eq!(status_of(vec![Verdict::Invalid(Vec::new())]), 400);
        assert_eq!(status_of(vec![Verdict::Unavailable, Verdict::Unavailable]), 503);
    }
}

//! The verdict about one state change.

use std::borrow::Cow;

use convention::FieldError;
use convention::codes::Code;
use convention::delivery::AttemptMessage;
use convention::notification::Rule;
use convention::source::Source;
use lambda_http::http::StatusCode;
use platform::aws::SendError;
use platform::telemetry::{Usage, Used};
use serde::Serialize;

/// The verdict about one state change.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is queued as this message of the request.
    Queued {
        /// The index of its message.
        at: usize,
    },
    /// It is a copy of another change of the same request.
    Duplicate {
        /// The index of the message that stands for both.
        of: usize,
    },
    /// It is not notified, because of this rule.
    NotNotifiable(Rule),
    /// Its client is not registered for notifications.
    NoReceiver,
    /// It cannot be read.
    Invalid(Vec<FieldError>),
    /// Whether it must be notified is unknown, or its timer could not be set; it must be sent again.
    Unavailable,
    /// Its timer is never taken, a defect of ours.
    NeverTaken,
}

/// What became of a message that was sent to the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Taken {
    /// The queue has it.
    Yes,
    /// The queue did not take it; it may next time.
    NotNow,
    /// The queue never takes it, a defect of ours.
    Never,
}

impl Taken {
    /// Reads the result of sending.
    pub(crate) fn of(sent: &Result<(), SendError>) -> Self {
        match sent {
            Ok(()) => Self::Yes,
            Err(SendError::Rejected { .. }) => Self::Never,
            Err(_) => Self::NotNow,
        }
    }
}

/// A verdict in an answer.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeResult {
    index: usize,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
    /// Whether sending it again cannot help.
    #[serde(skip)]
    is_never_taken: bool,
}

impl ChangeResult {
    /// Creates the result of the change at this position from the messages of the request and which of them were
    /// queued.
    pub(crate) fn new(index: usize, verdict: Verdict, messages: &[AttemptMessage], taken: &[Taken]) -> Self {
        let base = |verdict, detail| Self {
            index,
            verdict,
            notification_id: None,
            rule: None,
            detail,
            warnings: Vec::new(),
            errors: Vec::new(),
            is_never_taken: false,
        };
        let named = |verdict, message: &AttemptMessage| Self {
            notification_id: Some(message.notification.to_string()),
            ..base(verdict, None)
        };
        match verdict {
            Verdict::Queued { at } | Verdict::Duplicate { of: at } if taken[at] != Taken::Yes => {
                let is_never_taken = taken[at] == Taken::Never;
                Self { is_never_taken, ..Self::new(index, Verdict::Unavailable, messages, taken) }
            }
            Verdict::Queued { at } => named("accepted", &messages[at]),
            Verdict::Duplicate { of } => named("duplicate", &messages[of]),
            Verdict::NotNotifiable(rule) => Self {
                rule: Some(rule.code()),
                warnings: rule.warning().into_iter().collect(),
                ..base("not_notifiable", Some(rule.sentence()))
            },
            Verdict::NoReceiver => base(Code::NoReceiver.as_str(), Some(Code::NoReceiver.row().en)),
            Verdict::Invalid(errors) => Self { errors, ..base("invalid", None) },
            Verdict::NeverTaken => {
                Self { is_never_taken: true, ..Self::new(index, Verdict::Unavailable, messages, taken) }
            }
            Verdict::Unavailable => {
                base("unavailable", Some("It could not be queued. Send it again; a copy does no harm."))
            }
        }
    }

    /// Says whether a record of a stream must be repeated.
    pub(crate) fn is_repeated(&self) -> bool {
        self.is("unavailable") && !self.is_never_taken
    }

    /// Returns why a record of a stream is rejected, if it is. Repeating one that our queue never takes would block its
    /// shard; a request gets 503 instead.
    pub(crate) fn rejected_for(&self) -> Option<Cow<'_, [FieldError]>> {
        if self.is_never_taken {
            return Some(Cow::Owned(vec![FieldError::never_queued()]));
        }
        self.is("invalid").then_some(Cow::Borrowed(&self.errors))
    }

    fn is(&self, verdict: &str) -> bool {
        self.verdict == verdict
    }
}

/// Logs the one line of a request or of a source's batch: the number of changes by verdict, and the usage since the
/// last line.
pub(crate) fn log(source: Option<Source>, all: &[&ChangeResult], used: &Used) {
    let count = |verdict| all.iter().filter(|judged| judged.is(verdict)).count();
    tracing::info!(
        source = source.map(Source::as_str),
        accepted = count("accepted"),
        duplicate = count("duplicate"),
        not_notifiable = count("not_notifiable"),
        no_receiver = count(Code::NoReceiver.as_str()),
        invalid = count("invalid"),
        unavailable = count("unavailable"),
        invocations = used.get(Usage::Invocations),
        ms = used.get(Usage::Ms),
        sqs_requests = used.get(Usage::SqsRequests),
        table_reads = used.get(Usage::TableReads),
        // Only on a stack with timers.
        table_writes = used.get(Usage::TableWrites),
        "State changes were judged."
    );
}

/// Decides the status of the whole answer.
///
/// 202 if nothing is left to do; 400 if no change can be read; 503 if none could be queued; 207 if some changes must
/// be corrected or sent again and others not.
pub(crate) fn status(all: &[ChangeResult]) -> StatusCode {
    let done = |judged: &ChangeResult| !judged.is("invalid") && !judged.is("unavailable");
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
    use convention::notification::StateChange;
    use serde_json::json;

    use super::*;

    fn message() -> AttemptMessage {
        let change = json!({
            "client_id": "c-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1", "api_version": "v5",
            "from": "RCVD", "to": "ACSC", "event_instant": "2026-03-10T12:00:00Z"
        });
        let change = StateChange::from_json(&change, "").unwrap();
        AttemptMessage::first(change, "2026-03-10T12:00:01Z".parse().unwrap()).unwrap()
    }

    /// Judges verdicts over one message, which was queued or not.
    fn judged(verdicts: Vec<Verdict>, taken: Taken) -> Vec<ChangeResult> {
        let message = [message()];
        let judge = |(index, verdict)| ChangeResult::new(index, verdict, &message, &[taken]);
        verdicts.into_iter().enumerate().map(judge).collect()
    }

    fn status_of(verdicts: Vec<Verdict>) -> u16 {
        status(&judged(verdicts, Taken::Yes)).as_u16()
    }

    #[test]
    fn one_bad_change_does_not_refuse_the_others() {
        let queued = || Verdict::Queued { at: 0 };
        assert_eq!(status_of(vec![queued(), Verdict::NoReceiver]), 202);
        assert_eq!(status_of(vec![queued(), Verdict::Invalid(Vec::new())]), 207);
        assert_eq!(status_of(vec![queued(), Verdict::Unavailable]), 207);
        assert_eq!(status_of(vec![Verdict::Invalid(Vec::new()), Verdict::Unavailable]), 207);
        assert_eq!(status_of(vec![Verdict::Invalid(Vec::new())]), 400);
        assert_eq!(status_of(vec![Verdict::Unavailable, Verdict::Unavailable]), 503);
    }

    #[test]
    fn a_copy_of_what_could_not_be_queued_is_to_be_sent_again_too() {
        let copies = || vec![Verdict::Queued { at: 0 }, Verdict::Duplicate { of: 0 }];
        let verdicts =
            |taken| judged(copies(), taken).into_iter().map(|judged| judged.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(Taken::Yes), ["accepted", "duplicate"]);
        for taken in [Taken::NotNow, Taken::Never] {
            assert_eq!(verdicts(taken), ["unavailable", "unavailable"]);
            assert_eq!(status(&judged(copies(), taken)).as_u16(), 503);
        }
    }
}

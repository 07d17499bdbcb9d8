//! How a notification is attempted, how outcomes are judged and when to retry. Pure decisions without I/O.

mod adaptive_timeout;
mod attempt;
mod hour;
mod message;
mod outcome;
mod progress;
mod receive_metadata;
mod record;
mod schedule;
mod trace_header;
mod undelivered;
mod writes;

pub use adaptive_timeout::{REDUCED_TIMEOUT, Signal, SlowReceiver, marks_as_slow};
pub use attempt::AttemptNumber;
pub use hour::{Hour, ParseHourError};
pub use message::{AttemptMessage, ParseMessageError};
pub use outcome::{Answer, Failure, Finding, Outcome};
pub use progress::{Progress, Resolution, Status, Unlisted, resolve};
pub use receive_metadata::{
    BACKOFF_BASE, ClockSkew, MAX_BACKOFF, ReceiveMetadata, VISIBILITY, backoff_after_lease,
};
pub use record::{AttemptView, NotificationView};
pub use schedule::{
    AFTER_FIRST_FAILURE, AFTER_SECOND_FAILURE, BODY_LIMIT, EXCHANGE_DEADLINE, FIRST_ATTEMPT_WITHIN,
    HEADER_LIMIT, LEASE, Next, delay_seconds, failed_at, is_late, next,
};
pub use trace_header::{ParseTraceHeaderError, TraceHeader};
pub use undelivered::{UNDELIVERED_ROW_RETENTION, Undelivered};
pub use writes::{LedgerMode, LedgerWrites, ParseLedgerWritesError};

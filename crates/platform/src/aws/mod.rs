//! Adapters over the AWS SDK. Tests replace the SDK's HTTP layer; there are no mock traits.

mod attempt_log;
mod attributes;
mod cause;
mod clients;
mod directory_table;
mod http;
mod keys;
mod ledger;
mod ledger_error;
mod ledger_reader;
mod put_refused_again;
mod queue;
mod receivers;
mod receivers_page;
mod resource_states;
mod secrets;
mod slow_mark;
mod slow_receivers;
mod table_stream;
mod undelivered;

pub use attempt_log::{AttemptLines, AttemptLog, AttemptLogError, AttemptsOf};
pub use cause::cause;
pub use clients::{
    CALL_TIMEOUT, LOGS_TIMEOUT, cloudwatch_logs, dns_suffix, dynamodb, endpoint_name, kms, sdk_config,
    secrets_manager, sqs,
};
pub use directory_table::{
    DOCUMENT_LIMIT, DirectoryTable, DirectoryTableError, Document, Read, keys_row, participants_row,
};
pub use http::Http;
pub use keys::{KeyArn, KeyError, Keys, NotAKeyArn};
pub use ledger::{AttemptRecord, Begin, Cancel, Ledger};
pub use ledger_error::LedgerError;
pub use ledger_reader::LedgerReader;
pub use put_refused_again::{Refused, put_refused_again};
pub use queue::{Queues, RESEND_PAUSES, SEND_TIMEOUT, SendError, message_group};
pub use receivers::{Found, Marked, RECEIVER_CACHE_TTL, Receivers, ReceiversError};
pub use receivers_page::ReceiversPage;
pub use resource_states::{Due, Observed, ResourceStates};
pub use secrets::{SecretError, Secrets};
pub use slow_mark::{SLOW_RECEIVER_ATTRIBUTES, read_slow_mark};
pub use table_stream::{Change, Identity, Images, image_row};
pub use undelivered::{UNDELIVERED_PARTITIONS, UndeliveredRows};

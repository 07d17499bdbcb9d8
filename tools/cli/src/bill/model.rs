//! The cost of a million notifications delivered at the first attempt: the bill of an assumed load.

use std::fmt;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::item::{Counts, GB, Terms};
use crate::prices::{Prices, Rate, Usd};

/// The assumed load.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Model {
    /// Milliseconds that Lambda bills for a batch of dispatch.
    pub batch_ms: u64,
    /// Milliseconds that it bills for an intake request.
    pub request_ms: u64,
    /// Reads of the receivers table for each batch. A row is cached for 8 s, so one receiver is read at most once.
    pub reads: u64,
    /// Percentage of deliveries that open a connection.
    pub new_connections: u64,
    /// Whether the ledger is written once and read once (`LedgerWrites=lean`).
    pub lean: bool,
    /// How state changes come.
    pub source: Source,
    /// Whether each change comes alone, as at most banks: a request or message each, and a batch each.
    pub alone: bool,
}

/// How state changes come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Source {
    /// Requests to the HTTP API, which intake answers.
    #[default]
    Api,
    /// Messages in the intake queue, which trigger dispatch. The producers' sends are included.
    Sqs,
    /// Events on an event bus, whose rule sends them to such a queue. The price of the events is not included.
    Eventbridge,
    /// Records of a stream, which trigger intake. The price of the stream is not included.
    Kinesis,
}

impl Source {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Sqs => "sqs",
            Self::Eventbridge => "eventbridge",
            Self::Kinesis => "kinesis",
        }
    }
}

/// Notifications of the model.
const MILLION: u64 = 1_000_000;
/// Messages of a full batch, of dispatch and of SQS.
pub(super) const BATCH: u64 = 10;
/// State changes of a request to intake.
pub(super) const REQUEST: u64 = 100;

impl Model {
    /// Bytes of an attempt's line, with a UUID as client id and with a trace.
    pub const LINE_BYTES: u64 = 356;
    /// Bytes of the metrics of an invocation of dispatch, for any number of receivers.
    pub const METRICS_BYTES: u64 = 470;
    /// Bytes of a line of metrics without values.
    pub const METRICS_LINE_BYTES: u64 = Self::METRICS_BYTES - BATCH * Self::METRICS_VALUES_BYTES;
    /// Bytes of the values of an attempt in such a line.
    pub const METRICS_VALUES_BYTES: u64 = 6;
    /// Bytes of the line of a request to intake.
    pub const REQUEST_BYTES: u64 = 205;
    /// Bytes that Lambda writes for an invocation: none, since `SystemLogLevel` omits successful ones.
    pub const PLATFORM_BYTES: u64 = 0;
    /// Bytes of the API's access log for a request.
    pub const ACCESS_LOG_BYTES: u64 = 510;
    /// Bytes sent for a notification on an open connection, TLS included.
    pub const SENT_BYTES: u64 = 330;
    /// Bytes sent to open a connection: the handshake, with a certificate and one intermediate.
    pub const HANDSHAKE_BYTES: u64 = 2_750;

    /// Bytes of a delivered notification's ledger row, as `DynamoDB` counts them for a write.
    pub const ROW_BYTES: u64 = 620;
    /// Bytes that `DynamoDB` adds to each row that it stores.
    pub const ROW_OVERHEAD: u64 = 100;

    /// Returns the cost of storing a million notifications' rows for a month.
    pub fn kept_for_a_month(prices: &Prices) -> Usd {
        let bytes = MILLION * (Self::ROW_BYTES + Self::ROW_OVERHEAD);
        let rates = [Rate::DynamoDbStorage, Rate::DynamoDbBackup];
        rates.map(|rate| prices.value(rate).of(bytes.into(), GB)).into_iter().sum()
    }

    /// Returns the assumptions for programs; none is measured.
    pub fn to_json(self) -> Value {
        let Self { batch_ms, request_ms, reads, new_connections, lean, source, .. } = self;
        json!({
            "billed_ms_of_a_batch": batch_ms,
            "messages_of_a_batch": self.batch(),
            "billed_ms_of_a_request": request_ms,
            "changes_of_a_request": self.request(),
            "source": source.as_str(),
            "reads_of_a_batch": reads,
            "percent_of_deliveries_that_connect": new_connections,
            "ledger_writes": if lean { "lean" } else { "full" },
        })
    }

    fn batch(self) -> u64 {
        if self.alone { 1 } else { BATCH }
    }

    fn request(self) -> u64 {
        if self.alone { 1 } else { REQUEST }
    }

    /// Returns the usage of the load.
    pub fn counts(self, terms: Terms) -> Counts {
        let batches = MILLION / self.batch();
        // A queue triggers dispatch itself.
        let requests = match self.source {
            Source::Api | Source::Kinesis => MILLION / self.request(),
            Source::Sqs | Source::Eventbridge => 0,
        };
        let connections = MILLION * self.new_connections / 100;
        let ms = batches * self.batch_ms + requests * self.request_ms;
        Counts {
            attempts: MILLION,
            delivered: MILLION,
            reports: batches + requests,
            reported_mb_ms: ms * terms.memory_mb,
            dispatches: batches,
            invocations: batches + requests,
            ms,
            api_calls: if self.source == Source::Api { requests } else { 0 },
            // By intake, or by the producers or a rule in its place; a rule sends each event by itself.
            sqs_requests: if self.source == Source::Eventbridge { MILLION } else { batches },
            table_writes: if self.lean { MILLION } else { 2 * MILLION },
            table_reads: batches * self.reads + if self.lean { MILLION } else { 0 },
            connections,
            sent_bytes: MILLION * Self::SENT_BYTES + connections * Self::HANDSHAKE_BYTES,
            log_bytes: MILLION * Self::LINE_BYTES
                + batches * (Self::METRICS_BYTES + Self::PLATFORM_BYTES)
                + requests * (Self::REQUEST_BYTES + Self::PLATFORM_BYTES),
            ..Counts::default()
        }
    }
}

impl fmt::Display for Model {
    /// Writes the assumptions, each with its option.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch_ms, request_ms, reads, new_connections, lean, source, .. } = self;
        writeln!(f, "Assumed, not measured:")?;
        writeln!(f, "  {batch_ms} ms billed for a batch of {} (--batch-ms)", self.batch())?;
        match source {
            Source::Api => {
                writeln!(
                    f,
                    "  {request_ms} ms billed for a request of {} changes (--request-ms)",
                    self.request()
                )?;
            }
            Source::Kinesis => {
                writeln!(
                    f,
                    "  {request_ms} ms billed for {} records of a stream (--request-ms)",
                    self.request()
                )?;
            }
            Source::Sqs => writeln!(f, "  state changes come by SQS and trigger dispatch (--source)")?,
            Source::Eventbridge => {
                writeln!(f, "  state changes come by EventBridge and trigger dispatch (--source)")?;
            }
        }
        let rows = if *reads == 1 { "receiver" } else { "receivers" };
        writeln!(f, "  {reads} {rows} read from the table for each batch (--reads)")?;
        writeln!(f, "  {new_connections} % of deliveries open a connection (--new-connections)")?;
        write!(f, "  LedgerWrites={} (--lean)", if *lean { "lean" } else { "full" })
    }
}

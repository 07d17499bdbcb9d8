//! The cost of a million notifications delivered at the first attempt: the bill of an assumed load.

use std::fmt;

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
    /// Bytes of the line of a request to intake.
    pub const REQUEST_BYTES: u64 = 205;
    /// Bytes that Lambda writes for an invocation: none, since `SystemLogLevel` omits successful ones.
    pub const PLATFORM_BYTES: u64 = 0;
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
        prices.value(Rate::DynamoDbStorage).of(bytes.into(), GB)
    }

    /// Returns the assumptions for programs; none is measured.
    pub fn to_json(self) -> Value {
        let Self { batch_ms, request_ms, reads, new_connections, lean } = self;
        json!({
            "billed_ms_of_a_batch": batch_ms,
            "messages_of_a_batch": BATCH,
            "billed_ms_of_a_request": request_ms,
            "changes_of_a_request": REQUEST,
            "reads_of_a_batch": reads,
            "percent_of_deliveries_that_connect": new_connections,
            "ledger_writes": if lean { "lean" } else { "full" },
        })
    }

    /// Returns the usage of the load.
    pub fn counts(self, terms: Terms) -> Counts {
        let (batches, requests) = (MILLION / BATCH, MILLION / REQUEST);
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
            api_calls: requests,
            sqs_requests: MILLION / BATCH,
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
        let Self { batch_ms, request_ms, reads, new_connections, lean } = self;
        writeln!(f, "Assumed, not measured:")?;
        writeln!(f, "  {batch_ms} ms billed for a batch of {BATCH} (--batch-ms)")?;
        writeln!(f, "  {request_ms} ms billed for a request of {REQUEST} changes (--request-ms)")?;
        let rows = if *reads == 1 { "receiver" } else { "receivers" };
        writeln!(f, "  {reads} {rows} read from the table for each batch (--reads)")?;
        writeln!(f, "  {new_connections} % of deliveries open a connection (--new-connections)")?;
        write!(f, "  LedgerWrites={} (--lean)", if *lean { "lean" } else { "full" })
    }
}

//! The items of a bill and their cost.

use serde::Serialize;

use crate::prices::{Prices, Rate, Usd};

/// Usage counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Attempts that ended.
    pub attempts: u64,
    /// Delivered attempts.
    pub delivered: u64,
    /// Invocation reports by Lambda.
    pub reports: u64,
    /// Memory in megabytes times billed milliseconds, from these reports.
    pub reported_mb_ms: u64,
    /// Invocations counted by the functions.
    pub invocations: u64,
    /// Their milliseconds, as measured by the functions.
    pub ms: u64,
    /// Those of dispatch.
    pub dispatches: u64,
    /// Those that were calls of the API.
    pub api_calls: u64,
    /// Requests of SQS by the functions.
    pub sqs_requests: u64,
    /// Requests of `DynamoDB` that write.
    pub table_writes: u64,
    /// Requests of `DynamoDB` that read.
    pub table_reads: u64,
    /// Requests of Secrets Manager.
    pub secret_requests: u64,
    /// Signatures by KMS.
    pub kms_signatures: u64,
    /// Other requests of KMS.
    pub kms_requests: u64,
    /// Connections to receivers.
    pub connections: u64,
    /// Bytes sent to receivers.
    pub sent_bytes: u64,
    /// Bytes of log lines.
    pub log_bytes: u64,
    /// Traces that X-Ray records; of an assumed load only.
    pub traces: u64,
}

impl Counts {
    /// Adds the usage of another line or group.
    pub fn add(&mut self, other: &Self) {
        let Self {
            attempts,
            delivered,
            reports,
            reported_mb_ms,
            invocations,
            ms,
            dispatches,
            api_calls,
            sqs_requests,
            table_writes,
            table_reads,
            secret_requests,
            kms_signatures,
            kms_requests,
            connections,
            sent_bytes,
            log_bytes,
            traces,
        } = other;
        self.attempts += attempts;
        self.delivered += delivered;
        self.reports += reports;
        self.reported_mb_ms += reported_mb_ms;
        self.invocations += invocations;
        self.ms += ms;
        self.dispatches += dispatches;
        self.api_calls += api_calls;
        self.sqs_requests += sqs_requests;
        self.table_writes += table_writes;
        self.table_reads += table_reads;
        self.secret_requests += secret_requests;
        self.kms_signatures += kms_signatures;
        self.kms_requests += kms_requests;
        self.connections += connections;
        self.sent_bytes += sent_bytes;
        self.log_bytes += log_bytes;
        self.traces += traces;
    }
}

/// The factors of prices besides the region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// The rate of a gigabyte-second.
    pub gigabyte_second: Rate,
    /// The rate of a signature.
    pub signature: Rate,
    /// The rate of a write of the ledger.
    pub ledger_write: Rate,
    /// Memory in megabytes of an invocation without a report of Lambda.
    pub memory_mb: u64,
}

/// An item of the bill.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Item {
    /// Writes of tables.
    TableWrites,
    /// Reads of tables.
    TableReads,
    /// Requests of SQS by the functions.
    Sqs,
    /// Receives and deletes by the event source.
    EventSource,
    /// The surcharge on message groups.
    FairQueue,
    /// Duration billed by Lambda.
    LambdaTime,
    /// Lambda's requests.
    LambdaRequests,
    /// Calls of the API.
    Api,
    /// Log lines.
    Logs,
    /// Traces of X-Ray.
    Traces,
    /// Traffic out of AWS.
    DataOut,
    /// Signatures by KMS.
    KmsSignatures,
    /// Other requests of KMS.
    KmsRequests,
    /// Requests of Secrets Manager.
    Secrets,
}

/// An item with its amount.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cost {
    /// The item.
    pub item: Item,
    /// The number of units, and the number of units that has the price.
    pub quantity: (u128, u128),
    /// The price.
    pub rate: Rate,
    /// The amount.
    pub usd: Usd,
}

/// Bytes of a gigabyte of logs or traffic; decimal, which is the more expensive reading of the price list.
pub(super) const GB: u128 = 1_000_000_000;
/// Megabyte-milliseconds of a gigabyte-second.
const GB_SECOND: u128 = 1_024 * 1_000;
/// Requests of the event source for each batch: one receive and one delete.
const OF_EVENT_SOURCE: u64 = 2;

impl Item {
    /// All items.
    pub const ALL: [Self; 14] = [
        Self::TableWrites,
        Self::TableReads,
        Self::Sqs,
        Self::EventSource,
        Self::FairQueue,
        Self::LambdaTime,
        Self::LambdaRequests,
        Self::Api,
        Self::Logs,
        Self::Traces,
        Self::DataOut,
        Self::KmsSignatures,
        Self::KmsRequests,
        Self::Secrets,
    ];

    /// Returns the name and the counted unit.
    pub fn name_and_unit(self) -> (&'static str, &'static str) {
        match self {
            Self::TableWrites => ("DynamoDB writes", "writes"),
            Self::TableReads => ("DynamoDB reads", "reads"),
            Self::Sqs => ("SQS, by the functions", "requests"),
            Self::EventSource => ("SQS, by the event source", "requests"),
            Self::FairQueue => ("SQS, message groups", "requests"),
            Self::LambdaTime => ("Lambda time", "GB-s"),
            Self::LambdaRequests => ("Lambda requests", "requests"),
            Self::Api => ("HTTP API", "calls"),
            Self::Logs => ("CloudWatch Logs", "GB"),
            Self::Traces => ("X-Ray", "traces"),
            Self::DataOut => ("Data out to receivers", "GB"),
            Self::KmsSignatures => ("KMS signatures", "requests"),
            Self::KmsRequests => ("KMS, other", "requests"),
            Self::Secrets => ("Secrets Manager", "requests"),
        }
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        self.name_and_unit().0
    }

    /// Returns the name in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::TableWrites => "dynamodb_writes",
            Self::TableReads => "dynamodb_reads",
            Self::Sqs => "sqs_functions",
            Self::EventSource => "sqs_event_source",
            Self::FairQueue => "sqs_message_groups",
            Self::LambdaTime => "lambda_gb_seconds",
            Self::LambdaRequests => "lambda_requests",
            Self::Api => "http_api",
            Self::Logs => "logs",
            Self::Traces => "xray",
            Self::DataOut => "data_out",
            Self::KmsSignatures => "kms_signatures",
            Self::KmsRequests => "kms_requests",
            Self::Secrets => "secrets_manager",
        }
    }

    /// Says whether the quantity is derived from other counts.
    pub fn is_inferred(self) -> bool {
        match self {
            Self::EventSource | Self::FairQueue | Self::Api | Self::Traces => true,
            Self::TableWrites
            | Self::TableReads
            | Self::Sqs
            | Self::LambdaTime
            | Self::LambdaRequests
            | Self::Logs
            | Self::DataOut
            | Self::KmsSignatures
            | Self::KmsRequests
            | Self::Secrets => false,
        }
    }

    /// Says whether the budget of a notification includes it. Data out depends on the receivers' connections, and
    /// whether the surcharge on message groups is charged is unknown.
    pub fn is_in_budget(self) -> bool {
        match self {
            Self::DataOut | Self::FairQueue => false,
            Self::TableWrites
            | Self::TableReads
            | Self::Sqs
            | Self::EventSource
            | Self::LambdaTime
            | Self::LambdaRequests
            | Self::Api
            | Self::Logs
            | Self::Traces
            | Self::KmsSignatures
            | Self::KmsRequests
            | Self::Secrets => true,
        }
    }

    /// Says whether it is allocated by the duration of attempts; all else is by their number.
    pub fn is_by_time(self) -> bool {
        match self {
            Self::LambdaTime => true,
            Self::TableWrites
            | Self::TableReads
            | Self::Sqs
            | Self::EventSource
            | Self::FairQueue
            | Self::LambdaRequests
            | Self::Api
            | Self::Logs
            | Self::Traces
            | Self::DataOut
            | Self::KmsSignatures
            | Self::KmsRequests
            | Self::Secrets => false,
        }
    }

    fn quantity(self, counts: &Counts, terms: Terms) -> ((u128, u128), Rate) {
        let event_source = OF_EVENT_SOURCE * counts.dispatches;
        let (count, per, rate) = match self {
            Self::TableWrites => (counts.table_writes, 1, terms.ledger_write),
            Self::TableReads => (counts.table_reads, 1, Rate::DynamoDbRead),
            Self::Sqs => (counts.sqs_requests, 1, Rate::SqsRequest),
            Self::EventSource => (event_source, 1, Rate::SqsRequest),
            Self::FairQueue => (counts.sqs_requests + event_source, 1, Rate::SqsFairRequest),
            Self::LambdaTime => (counts.reported_mb_ms, GB_SECOND, terms.gigabyte_second),
            Self::LambdaRequests => (counts.reports, 1, Rate::LambdaRequest),
            Self::Api => (counts.api_calls, 1, Rate::HttpApiCall),
            Self::Logs => (counts.log_bytes, GB, Rate::LogsIngested),
            Self::Traces => (counts.traces, 1, Rate::XRayTrace),
            Self::DataOut => (counts.sent_bytes, GB, Rate::DataOut),
            Self::KmsSignatures => (counts.kms_signatures, 1, terms.signature),
            Self::KmsRequests => (counts.kms_requests, 1, Rate::KmsRequest),
            Self::Secrets => (counts.secret_requests, 1, Rate::SecretRequest),
        };
        ((u128::from(count), per), rate)
    }

    /// Returns the cost of this item.
    pub fn cost(self, counts: &Counts, terms: Terms, prices: &Prices) -> Cost {
        let (quantity, rate) = self.quantity(counts, terms);
        Cost { item: self, quantity, rate, usd: prices.value(rate).of(quantity.0, quantity.1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::Region;

    const TERMS: Terms = Terms {
        gigabyte_second: Rate::LambdaArm64,
        signature: Rate::KmsRsa4096,
        ledger_write: Rate::DynamoDbWrite,
        memory_mb: 256,
    };

    #[test]
    fn each_position_costs_what_it_does_by_hand() {
        let counts = Counts {
            reports: 100_000,
            reported_mb_ms: 100_000 * 200 * 256,
            dispatches: 100_000,
            api_calls: 10_000,
            sqs_requests: 100_000,
            table_writes: 2_000_000,
            table_reads: 100_000,
            secret_requests: 7,
            kms_signatures: 1_000,
            kms_requests: 3,
            sent_bytes: 5_000_000_000,
            log_bytes: 400_000_000,
            traces: 60_000,
            ..Counts::default()
        };
        let exact = |item: Item, region| item.cost(&counts, TERMS, &Prices::of(region)).usd.exact();
        for (item, virginia, paulo) in [
            (Item::TableWrites, "1.25", "1.875"),
            (Item::TableReads, "0.0125", "0.01875"),
            (Item::Sqs, "0.04", "0.04"),
            (Item::EventSource, "0.08", "0.08"),
            (Item::FairQueue, "0.03", "0.03"),
            // 5,000 GB-s.
            (Item::LambdaTime, "0.066667", "0.066667"),
            (Item::LambdaRequests, "0.02", "0.02"),
            (Item::Api, "0.01", "0.016"),
            (Item::Logs, "0.2", "0.36"),
            (Item::Traces, "0.3", "0.3"),
            (Item::DataOut, "0.45", "0.75"),
            (Item::KmsSignatures, "0.015", "0.015"),
            (Item::KmsRequests, "0.000009", "0.000009"),
            (Item::Secrets, "0.000035", "0.000035"),
        ] {
            assert_eq!(exact(item, Region::UsEast1), virginia, "{item:?}");
            assert_eq!(exact(item, Region::SaEast1), paulo, "{item:?}");
        }
    }
}

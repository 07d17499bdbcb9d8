//! Counts billable usage where it occurs; it is written once for each invocation, in a line that is written anyway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A kind of usage. Each is a field with that name in a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Usage {
    /// Invocations since the last report.
    Invocations,
    /// Their duration as measured by the function, each rounded up to a millisecond.
    Ms,
    /// Requests to SQS, without those of the event source, which receives and deletes.
    SqsRequests,
    /// Write requests to `DynamoDB`.
    TableWrites,
    /// Read requests to `DynamoDB`.
    TableReads,
    /// Requests to Secrets Manager.
    SecretRequests,
    /// Signatures by KMS.
    KmsSignatures,
    /// Other requests to KMS.
    KmsRequests,
    /// Requests to any other service.
    OtherRequests,
    /// Connections to receivers.
    Connections,
    /// Bytes sent to receivers, with TLS but without the overhead of TCP and IP.
    SentBytes,
    /// Bytes received from receivers.
    ReceivedBytes,
}

impl Usage {
    /// All kinds, in the order of the fields.
    pub const ALL: [Self; 12] = [
        Self::Invocations,
        Self::Ms,
        Self::SqsRequests,
        Self::TableWrites,
        Self::TableReads,
        Self::SecretRequests,
        Self::KmsSignatures,
        Self::KmsRequests,
        Self::OtherRequests,
        Self::Connections,
        Self::SentBytes,
        Self::ReceivedBytes,
    ];

    /// Returns the field's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invocations => "invocations",
            Self::Ms => "ms",
            Self::SqsRequests => "sqs_requests",
            Self::TableWrites => "table_writes",
            Self::TableReads => "table_reads",
            Self::SecretRequests => "secret_requests",
            Self::KmsSignatures => "kms_signatures",
            Self::KmsRequests => "kms_requests",
            Self::OtherRequests => "other_requests",
            Self::Connections => "connections",
            Self::SentBytes => "sent_bytes",
            Self::ReceivedBytes => "received_bytes",
        }
    }

    /// Classifies a request to AWS by the header that names its operation; services without that header count as
    /// others.
    pub fn of_request(target: &str) -> Self {
        let (service, operation) = target.split_once('.').unwrap_or((target, ""));
        match (service, operation) {
            ("AmazonSQS", _) => Self::SqsRequests,
            (
                "DynamoDB_20120810",
                "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems",
            ) => Self::TableWrites,
            ("DynamoDB_20120810", _) => Self::TableReads,
            ("secretsmanager", _) => Self::SecretRequests,
            ("TrentService", "Sign") => Self::KmsSignatures,
            ("TrentService", _) => Self::KmsRequests,
            _ => Self::OtherRequests,
        }
    }
}

/// Counts the usage of one function. Copies share the counters; counting allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct UsageMeter(Arc<[AtomicU64; Usage::ALL.len()]>);

impl UsageMeter {
    /// Adds a count.
    pub fn add(&self, usage: Usage, count: u64) {
        self.0[usage as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// Counts an invocation of this duration.
    pub fn invoked(&self, took: Duration) {
        self.add(Usage::Invocations, 1);
        let ms = took.as_nanos().div_ceil(1_000_000);
        self.add(Usage::Ms, u64::try_from(ms).unwrap_or(u64::MAX));
    }

    /// Returns the usage since the last call.
    pub fn take(&self) -> Used {
        Used(self.0.each_ref().map(|count| count.swap(0, Ordering::Relaxed)))
    }
}

/// An amount of usage.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Used([u64; Usage::ALL.len()]);

impl Used {
    /// Returns the count of a kind; `None` for zero, which lines leave out to save billed bytes.
    pub fn get(&self, usage: Usage) -> Option<u64> {
        Some(self.0[usage as usize]).filter(|count| *count > 0)
    }

    /// Returns all non-zero counts as fields of a line.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Usage::ALL.into_iter().filter_map(|usage| Some((usage.as_str(), self.get(usage)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_reported_once() {
        let meter = UsageMeter::default();
        let same = meter.clone();
        meter.add(Usage::SqsRequests, 2);
        same.add(Usage::SqsRequests, 1);
        same.invoked(Duration::from_micros(41_200));
        same.invoked(Duration::from_millis(8));
        let used = meter.take();
        assert_eq!(used.fields().collect::<Vec<_>>(), [("invocations", 2), ("ms", 50), ("sqs_requests", 3)]);
        assert_eq!((used.get(Usage::TableReads), meter.take()), (None, Used::default()));
    }

    #[test]
    fn a_request_is_counted_by_its_service_and_by_whether_it_writes() {
        for (target, usage) in [
            ("AmazonSQS.SendMessageBatch", Usage::SqsRequests),
            ("DynamoDB_20120810.UpdateItem", Usage::TableWrites),
            ("DynamoDB_20120810.GetItem", Usage::TableReads),
            ("DynamoDB_20120810.Query", Usage::TableReads),
            ("secretsmanager.GetSecretValue", Usage::SecretRequests),
            ("TrentService.Sign", Usage::KmsSignatures),
            ("TrentService.GetPublicKey", Usage::KmsRequests),
            ("Firehose_20150804.PutRecordBatch", Usage::OtherRequests),
            ("", Usage::OtherRequests),
        ] {
            assert_eq!(Usage::of_request(target), usage, "{target}");
        }
    }

    #[test]
    fn each_thing_has_its_own_count() {
        let meter = UsageMeter::default();
        for (index, usage) in Usage::ALL.into_iter().enumerate() {
            assert_eq!(usage as usize, index, "{}", usage.as_str());
            meter.add(usage, 1);
        }
        assert_eq!(meter.take().fields().count(), Usage::ALL.len());
    }
}

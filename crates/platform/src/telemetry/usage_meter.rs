//! What is paid for by use: counted where it happens, written once an invocation beside what is written anyway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One thing that is counted. Each is the field of that name in a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Usage {
    /// Invocations of the function that were not told of before.
    Invocations,
    /// How long they took as the function sees it, each rounded up to a millisecond.
    Ms,
    /// Requests of SQS; what the event source receives and deletes is not among them.
    SqsRequests,
    /// Requests of `DynamoDB` that write.
    TableWrites,
    /// Requests of `DynamoDB` that read.
    TableReads,
    /// Requests of Secrets Manager.
    SecretRequests,
    /// Signatures by KMS.
    KmsSignatures,
    /// Other requests of KMS.
    KmsRequests,
    /// Requests of any other service.
    OtherRequests,
    /// Connections to receivers.
    Connections,
    /// Bytes sent to receivers, TLS included; not what TCP and IP add.
    SentBytes,
    /// Bytes received from them.
    ReceivedBytes,
}

impl Usage {
    /// All that is counted, in the order of the fields.
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

    /// Returns what a request to AWS is counted as, by the header that names its operation; services without it are others.
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

/// Counts what one function uses. Copies are the same one; nothing is allocated to count.
#[derive(Clone, Debug, Default)]
pub struct UsageMeter(Arc<[AtomicU64; Usage::ALL.len()]>);

impl UsageMeter {
    /// Counts so many.
    pub fn add(&self, usage: Usage, count: u64) {
        self.0[usage as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// Counts an invocation that took so long.
    pub fn invoked(&self, took: Duration) {
        self.add(Usage::Invocations, 1);
        let ms = took.as_nanos().div_ceil(1_000_000);
        self.add(Usage::Ms, u64::try_from(ms).unwrap_or(u64::MAX));
    }

    /// Returns what was counted since the last time.
    pub fn take(&self) -> Used {
        Used(self.0.each_ref().map(|count| count.swap(0, Ordering::Relaxed)))
    }
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Used([u64; Usage::ALL.len()]);

impl Used {
    /// Returns how many, if any: what was not used is left out of lines, as their bytes are paid for.
    pub fn get(&self, usage: Usage) -> Option<u64> {
        Some(self.0[usage as usize]).filter(|count| *count > 0)
    }

    /// Returns all that was used, as fields of a line.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Usage::ALL.into_iter().filter_map(|usage| Some((usage.as_str(), self.get(usage)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_once() {
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

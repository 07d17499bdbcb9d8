//! State changes from a Kinesis stream or a Kafka topic: the same verdicts as those of requests.
//!
//! Records that are invalid, or that our queue never takes, go to the rejected queue and count as done, so that they
//! block nobody. What could not be queued yet is repeated, with all that follows it in its shard or, for Kafka, with its
//! whole batch; a copy does no harm, since a change always becomes the same notification.

use std::collections::HashMap;

use aws_lambda_events::kinesis::{KinesisEvent, KinesisEventRecord};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use convention::FieldError;
use convention::delivery::{ReceiveMetadata, TraceHeader};
use convention::notification::StateChange;
use convention::source::{Reading, Rejection, Source, read};
use futures_util::future::join_all;
use jiff::Timestamp;
use platform::telemetry::{ErrorChain, rejected_changes};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;

use crate::judge::{Intake, Parsed};
use crate::verdict::{self, ChangeResult};

/// A batch of records.
#[derive(Debug)]
pub(crate) struct Batch {
    source: Source,
    from: String,
    records: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    /// Its place, for people.
    id: String,
    /// What Lambda calls it in a partial answer.
    sequence_number: String,
    /// When the source took it, by the source's clock.
    arrived: Option<Timestamp>,
    body: Vec<u8>,
}

/// What of a batch is repeated: of Kinesis all from this record on, nothing if there is none.
///
/// Source: "Configuring partial batch response with Kinesis Data Streams and Lambda", AWS Lambda Developer Guide.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The records to be repeated.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A record to be repeated.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its sequence number.
    pub item_identifier: String,
}

/// A batch fails as a whole.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The event is of no source that intake knows.
    #[error("the event is neither a request nor records of a stream or topic")]
    Unknown,
    /// The event cannot be read.
    #[error("the event of a source cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// Some records of Kafka could not be queued, so all are repeated.
    #[error("{0} of the topic's records could not be queued")]
    Repeated(usize),
}

/// The part of an event that tells sources apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    event_source: Option<String>,
    #[serde(rename = "Records", default)]
    records: Vec<KindOfRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KindOfRecord {
    event_source: Option<String>,
}

/// A batch of Kafka. Each record is read by itself: one that cannot be read must not fail the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KafkaBatch {
    event_source_arn: Option<String>,
    bootstrap_servers: Option<String>,
    #[serde(default)]
    records: HashMap<String, Vec<Value>>,
}

/// The part of a record of Kafka that intake needs. Keys, headers and times may be anything.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KafkaRecord {
    topic: Option<String>,
    partition: i64,
    offset: i64,
    timestamp: Option<Value>,
    timestamp_type: Option<String>,
    value: Option<String>,
}

impl Batch {
    /// Reads the event of a source.
    pub(crate) fn of(event: &[u8]) -> Result<Self, StreamError> {
        let kind: Kind = serde_json::from_slice(event).map_err(|_| StreamError::Unknown)?;
        let of_record = kind.records.first().and_then(|record| record.event_source.as_deref());
        match kind.event_source.as_deref().or(of_record) {
            Some("aws:kinesis") => Ok(Self::of_kinesis(parsed(event)?)),
            // "Process Amazon MSK messages with Lambda" and "Processing self-managed Apache Kafka messages with
            // Lambda", AWS Lambda Developer Guide. The guide calls a self-managed broker "SelfManagedKafka", Powertools
            // for AWS Lambda expects "aws:SelfManagedKafka".
            Some("aws:kafka") => Ok(Self::of_kafka(parsed(event)?, true)),
            Some("SelfManagedKafka" | "aws:SelfManagedKafka") => Ok(Self::of_kafka(parsed(event)?, false)),
            _ => Err(StreamError::Unknown),
        }
    }

    fn of_kinesis(event: KinesisEvent) -> Self {
        let from = event.records.first().and_then(|record| record.event_source_arn.clone());
        let record = |KinesisEventRecord { event_id, kinesis, .. }: KinesisEventRecord| {
            let arrived = kinesis.approximate_arrival_timestamp.timestamp_millis();
            Record {
                id: event_id.unwrap_or_default(),
                sequence_number: kinesis.sequence_number,
                arrived: Timestamp::from_millisecond(arrived).ok(),
                body: kinesis.data.0,
            }
        };
        let records = event.records.into_iter().map(record).collect();
        Self { source: Source::Kinesis, from: from.unwrap_or_default(), records }
    }

    fn of_kafka(event: KafkaBatch, is_msk: bool) -> Self {
        let from = event.event_source_arn.or(event.bootstrap_servers).unwrap_or_default();
        let records = event.records.into_values().flatten();
        let records = records.map(|record| Record::of_kafka(&record, is_msk)).collect();
        Self { source: Source::Kafka, from, records }
    }
}

impl Record {
    /// Reads a record of Kafka. One that cannot be read is kept as its JSON, so that it alone is rejected.
    fn of_kafka(record: &Value, is_msk: bool) -> Self {
        let Ok(read) = KafkaRecord::deserialize(record) else {
            let part = |name| record.get(name).map(Value::to_string).unwrap_or_default();
            let id = format!("{}-{}@{}", part("topic"), part("partition"), part("offset"));
            let body = record.to_string().into_bytes();
            return Self { id, sequence_number: String::new(), arrived: None, body };
        };
        let KafkaRecord { topic, partition, offset, timestamp, timestamp_type, value } = read;
        // Another time is the producer's, or that of a broker whose clock AWS does not keep: neither proves
        // anything about our clock.
        let is_proof = is_msk && timestamp_type.as_deref() == Some("LOG_APPEND_TIME");
        let millis = timestamp.as_ref().and_then(Value::as_i64).filter(|_| is_proof);
        let value = value.unwrap_or_default();
        Self {
            id: format!("{}-{partition}@{offset}", topic.unwrap_or_default()),
            sequence_number: String::new(),
            arrived: millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
            // Lambda encodes values; one that is not is rejected as it is.
            body: STANDARD.decode(&value).unwrap_or_else(|_| value.into_bytes()),
        }
    }
}

fn parsed<'a, E: Deserialize<'a>>(event: &'a [u8]) -> Result<E, StreamError> {
    serde_json::from_slice(event).map_err(StreamError::Unreadable)
}

/// What a record was read as: nothing where our clock cannot tell whether its event is in the future.
type Read = Option<Result<StateChange, Vec<FieldError>>>;

impl Intake {
    /// Judges the records of a batch, and says which are repeated.
    pub(crate) async fn take_in(
        &self,
        batch: &Batch,
        trace: Option<&TraceHeader>,
    ) -> Result<BatchResponse, StreamError> {
        let (began, now) = (Instant::now(), self.clock.now());
        let read: Vec<Read> =
            batch.records.iter().map(|record| self.read(batch.source, record, now)).collect();
        let parsed = read.iter().flatten().cloned();
        let parsed = parsed.map(|change| Parsed { change, pointer: String::new() }).collect();
        let judged = self.judge_all(parsed, trace, now).await;
        let mut verdicts = judged.iter();
        let judged: Vec<_> = read.iter().map(|read| read.as_ref().and_then(|_| verdicts.next())).collect();
        let is_repeated = |judged: Option<&ChangeResult>| judged.is_none_or(ChangeResult::is_repeated);
        let mut repeated: Vec<usize> = (0..judged.len()).filter(|at| is_repeated(judged[*at])).collect();
        // What is repeated is rejected then, once. Of Kafka that is all, of Kinesis what follows the first.
        let ends = match (batch.source, repeated.first()) {
            (_, None) => judged.len(),
            (Source::Kinesis, Some(first)) => *first,
            _ => 0,
        };
        let ended = judged.iter().take(ends).enumerate();
        let rejected = ended.filter_map(|(at, judged)| Some((at, judged.as_ref()?.rejected_for()?)));
        let rejected = join_all(rejected.map(async |(at, errors)| {
            let is_rejected = self.reject(batch, &batch.records[at], &errors).await;
            (at, is_rejected)
        }));
        let rejected = rejected.await;
        let done = rejected.iter().filter(|(_, is_rejected)| *is_rejected).count();
        if let Ok(times @ 1..) = u32::try_from(done) {
            self.metrics.write(now, &rejected_changes(batch.source.as_str(), times));
        }
        repeated.extend(rejected.iter().filter(|(_, is_rejected)| !is_rejected).map(|(at, _)| *at));
        let judged: Vec<_> = judged.into_iter().flatten().collect();
        self.meter.invoked(began.elapsed());
        verdict::log(Some(batch.source), &judged, &self.meter.take());
        match (batch.source, repeated.iter().min()) {
            (_, None) => Ok(BatchResponse::default()),
            (Source::Kinesis, Some(first)) => {
                let item_identifier = batch.records[*first].sequence_number.clone();
                Ok(BatchResponse { batch_item_failures: vec![BatchItemFailure { item_identifier }] })
            }
            _ => Err(StreamError::Repeated(repeated.len())),
        }
    }

    fn read(&self, source: Source, record: &Record, now: Timestamp) -> Read {
        let metadata = ReceiveMetadata { sent: record.arrived, first_received: None, receives: 1 };
        if let Err(skew) = metadata.check_clock(now) {
            tracing::error!(code = "clock_skew", error = %ErrorChain(&skew), "A record is repeated, as our clock is wrong.");
            return None;
        }
        let Reading { change, .. } =
            read(source, &record.body, &self.envelope, (self.ecosystem, &self.servers), now);
        Some(change.and_then(|posted| self.refuse_expiry_without_timers(posted.change, &posted.pointer)))
    }

    /// Moves a record to the rejected queue; `false` if it must be repeated.
    async fn reject(&self, batch: &Batch, record: &Record, errors: &[FieldError]) -> bool {
        let Batch { source, from, .. } = batch;
        let Record { id, body, .. } = record;
        let rejection = Rejection { source: *source, from, id, at: self.clock.now(), errors, body };
        let sent = self.queues.reject(&rejection).await;
        // The pointers of unknown fields are the producer's text, so they stay in the queue.
        match &sent {
            Ok(()) => tracing::error!(
                code = "change_rejected",
                source = source.as_str(),
                record_id = id,
                errors = errors.len(),
                "A record cannot become a notification and was moved to the rejected queue."
            ),
            Err(error) => tracing::error!(
                code = "queue_unavailable",
                source = source.as_str(),
                record_id = id,
                error = %ErrorChain(error),
                "A record that is to be rejected could not be, and is repeated."
            ),
        }
        sent.is_ok()
    }
}

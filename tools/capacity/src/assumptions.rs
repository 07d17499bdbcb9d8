//! Every number of the model with its source, in one table.

use convention::delivery::{
    AFTER_FIRST_FAILURE, AFTER_SECOND_FAILURE, EXCHANGE_DEADLINE, FIRST_ATTEMPT_WITHIN, REDUCED_TIMEOUT,
};
use platform::aws::{RECEIVER_CACHE_TTL, UNDELIVERED_PARTITIONS};

/// A number used by the model.
#[derive(Clone, Copy, Debug)]
pub struct Assumption {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Its source.
    pub source: Source,
}

/// The source of a number.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A page of AWS that was read on `CHECKED`: title and address.
    Aws(&'static str, &'static str),
    /// A page of AWS whose content is not confirmed: title, address and the reason.
    Unconfirmed(&'static str, &'static str, &'static str),
    /// This project, so it is not an assumption: the file.
    Here(&'static str),
    /// An estimate: its reason.
    Assumed(&'static str),
}

/// When the pages of AWS were read, in stored copies of unknown age.
pub(super) const CHECKED: &str = "2026-11-23";

const SQS_SCALING: Source =
    Source::Aws("SQS scaling", "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html");
const POLLERS: Source = Source::Aws(
    "poller configuration",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-eventsourcemapping-provisionedpollerconfig.html",
);
const LAMBDA_SCALING: Source =
    Source::Aws("Lambda scaling", "https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html");
const LAMBDA_QUOTAS: Source =
    Source::Aws("Lambda quotas", "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html");
const LAMBDA_MEMORY: Source =
    Source::Aws("Lambda memory", "https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html");
const LAMBDA_CONCURRENCY: Source =
    Source::Aws("Lambda concurrency", "https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html");
const SQS_QUOTAS: Source = Source::Aws(
    "SQS quotas",
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html",
);
const FAIR_QUEUES: Source = Source::Aws(
    "fair queues",
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html",
);
const DYNAMODB_QUOTAS: Source = Source::Aws(
    "DynamoDB quotas",
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html",
);
const ON_DEMAND: Source = Source::Aws(
    "on-demand mode",
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html",
);
const KEYS: Source = Source::Aws(
    "partition keys",
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html",
);
const KMS: Source = Source::Aws(
    "KMS quotas",
    "https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html",
);
const API: Source = Source::Aws(
    "API Gateway quotas",
    "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html",
);
const FIREHOSE: Source = Source::Unconfirmed(
    "Firehose quotas",
    "https://docs.aws.amazon.com/firehose/latest/dev/limits.html",
    "only older copies say so",
);
const SECRETS: Source = Source::Aws(
    "Secrets Manager quotas",
    "https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html",
);
const LEAN: Source = Source::Here("crates/convention/src/delivery/writes.rs");
const SCHEDULE: Source = Source::Here("crates/convention/src/delivery/schedule.rs");
const ADAPTIVE_TIMEOUT: Source = Source::Here("crates/convention/src/delivery/adaptive_timeout.rs");

#[expect(clippy::cast_precision_loss, reason = "minutes at most")]
const fn seconds(millis: i128) -> f64 {
    millis as f64 / 1e3
}

/// Defines each number as a constant, and the table of all.
macro_rules! assumptions {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $value:expr, $unit:literal, $source:expr;)+) => {
        $($(#[$doc])* pub(super) const $constant: Assumption =
            Assumption { name: $name, value: $value, unit: $unit, source: $source };)+

        /// All numbers, in the order in which a notification meets them.
        pub const ASSUMPTIONS: &[Assumption] = &[$($constant),+];
    };
}

assumptions! {
    /// When a first attempt is due.
    DUE = "First attempt due after the event", seconds(FIRST_ATTEMPT_WITHIN.as_millis()), "s", SCHEDULE;
    /// Requests a second of all APIs of an account.
    API_REQUESTS = "HTTP API requests of an account", 10_000.0, "/s", API;
    /// The template's throttle.
    API_RATE = "`ApiRateLimit` by default", 500.0, "/s", Source::Here("template.yaml");
    /// Maximum number of changes in a request.
    CHANGES = "Changes in a request", 100.0, "", Source::Here("functions/intake/src/wire.rs");
    /// Time from the event to the queue.
    INTAKE = "From event to receivable message", 60.0, "ms", Source::Assumed("one call of the API, one of SQS");
    /// Time that intake needs for a request.
    INTAKE_BUSY = "Intake time per request", 50.0, "ms", Source::Assumed("two calls of AWS");
    /// Maximum number of messages in flight of a queue.
    IN_FLIGHT = "Messages in flight", 120_000.0, "", SQS_QUOTAS;
    /// Share of the messages in flight from which a group is noisy.
    NOISY_SHARE = "Share in flight that makes a receiver noisy", 10.0, "%", FAIR_QUEUES;
    /// Number of messages in flight from which a group can be noisy.
    NOISY_FROM = "Least number in flight for that", 30.0, "", FAIR_QUEUES;
    /// Messages in an invocation.
    BATCH = "Messages in an invocation", 10.0, "", Source::Here("template.yaml");
    /// Initial concurrency of the event source mapping.
    FIRST_INVOKES = "Initial invocations of an event source", 5.0, "", SQS_SCALING;
    /// Its growth.
    RAMP = "Invocations that it adds", 300.0, "/min", SQS_SCALING;
    /// Its maximum.
    CEILING = "Maximum invocations of it", 1_250.0, "", SQS_SCALING;
    /// Maximum of the setting.
    MAXIMUM_CONCURRENCY = "Maximum of `MaximumConcurrency`", 1_000.0, "", SQS_SCALING;
    /// Concurrency of a poller.
    POLLER_INVOKES = "Invocations of a provisioned poller", 10.0, "", SQS_SCALING;
    /// Receives of a poller.
    POLLER_POLLS = "Its receives", 10.0, "/s", SQS_SCALING;
    /// Throughput of a poller.
    POLLER_BYTES = "Its throughput", 1.0, "MB/s", SQS_SCALING;
    /// Growth of pollers.
    POLLERS_RAMP = "Invocations that provisioned mode adds", 1_000.0, "/min", SQS_SCALING;
    /// Maximum number of ready pollers.
    POLLERS_READY = "Maximum of ready pollers", 200.0, "", POLLERS;
    /// Maximum number of pollers.
    POLLERS_MOST = "Maximum of pollers (Lambda's API page says 10,000)", 2_000.0, "", POLLERS;
    /// Size of a message in the event.
    EVENT_BYTES = "Bytes of a message", 1_000.0, "B", Source::Assumed("a body of 600");
    /// Time from the queue to a poller.
    RECEIVE = "Receiving a batch and invoking the function", 20.0, "ms", Source::Assumed("one call of SQS, one of Lambda");
    /// Concurrent executions of an account.
    ACCOUNT = "Concurrent executions of an account (new ones may have fewer)", 1_000.0, "", LAMBDA_QUOTAS;
    /// Rate at which Lambda creates environments.
    NEW_ENVIRONMENTS = "New environments in 10 s", 1_000.0, "", LAMBDA_SCALING;
    /// Invocations a second for each concurrent execution.
    REQUESTS_EACH = "Invocations for each concurrent execution", 10.0, "/s", LAMBDA_CONCURRENCY;
    /// Duration of a start.
    START = "Environment start, Lambda's part", 250.0, "ms", Source::Assumed("");
    /// Processor time of the process's part: a constant, as that of an attempt is.
    START_CPU = "Processor time of a start until its first request, beside the attempt and its handshake", 10_000.0, "µs", Source::Assumed("twice what `make bench` measures: a start until its first request arrives, less a notification over a fresh connection");
    /// Part of a start that is billed.
    INIT_BILLED = "Billed part of a start", 40.0, "ms", Source::Assumed("the process, some 12 ms, and what Lambda rounds up");
    /// How long an environment without a call is kept.
    IDLE_LIFE = "Life of an environment without a call", 300.0, "s", Source::Assumed("AWS does not say; minutes are usual");
    /// Memory of dispatch.
    MEMORY = "Memory of dispatch", 256.0, "MB", Source::Here("template.yaml");
    /// Memory that comes with a whole processor.
    MEMORY_OF_CPU = "Memory for one processor", 1_769.0, "MB", LAMBDA_MEMORY;
    /// Processor time of an attempt: a constant, so that runs of the benchmark do not change the page.
    CPU = "Processor time of an attempt, connection reused", 200.0, "µs", Source::Assumed("a quarter over 160 µs; `make bench` measures it");
    /// Processor time of a handshake.
    HANDSHAKE_CPU = "Processor time of a handshake", 1_500.0, "µs", Source::Assumed("one RSA-2048 signature, a key exchange, a chain of three");
    /// Lifetime of a cached receiver.
    COPY = "Life of a receiver's copy", seconds(RECEIVER_CACHE_TTL.as_millis()), "s", Source::Here("crates/platform/src/aws/receivers.rs");
    /// Duration of a call of DynamoDB.
    DYNAMODB = "DynamoDB call", 6.0, "ms", Source::Assumed("AWS says single-digit");
    /// Duration of a call of SQS.
    SQS = "SQS call", 10.0, "ms", Source::Assumed("");
    /// Idle timeout of a connection.
    IDLE = "Idle timeout of a connection", 4.0, "s", Source::Here("crates/mtls/src/client.rs");
    /// Duration of a signature.
    KMS_SIGN = "KMS signature", 15.0, "ms", Source::Assumed("");
    /// Signatures a second.
    KMS_SIGNS = "KMS signatures, RSA, of an account", 1_000.0, "/s", KMS;
    /// Timeout of an attempt.
    PATIENT = "Deadline of an attempt", seconds(EXCHANGE_DEADLINE.as_millis().cast_signed()), "s", SCHEDULE;
    /// Timeout of an attempt to a slow receiver.
    HANGING = "Deadline while the receiver hangs", seconds(REDUCED_TIMEOUT.as_millis().cast_signed()), "s", ADAPTIVE_TIMEOUT;
    /// The second attempt.
    SECOND = "Second attempt after the first", seconds(AFTER_FIRST_FAILURE.as_millis()), "s", SCHEDULE;
    /// The third attempt.
    THIRD = "Third attempt after the second", seconds(AFTER_SECOND_FAILURE.as_millis()), "s", SCHEDULE;
    /// Write units of an attempt.
    WRITES = "Ledger writes of an attempt", 2.0, "", Source::Here("crates/platform/src/aws/ledger.rs");
    /// Write units of a delivered first attempt with write-behind.
    LEAN_WRITES = "Ledger writes of a delivered first attempt, `lean`", 1.0, "", LEAN;
    /// Read units of a first attempt with write-behind.
    LEAN_READS = "Ledger reads of a first attempt, `lean`", 1.0, "", LEAN;
    /// Write units of a row with failures.
    LATER_UNITS = "Write units of each after a failure", 2.0, "", Source::Here("docs/adr/0002-one-ledger-row-per-notification.md");
    /// Write units of listing an undelivered notification.
    GIVEN_UP_UNITS = "Write units to list an undelivered notification", 2.0, "", Source::Assumed("1.2 KB");
    /// Partition keys of that list.
    GIVEN_UP_KEYS = "Partition keys of that list per hour", UNDELIVERED_PARTITIONS as f64, "", Source::Here("crates/platform/src/aws/undelivered.rs");
    /// Write units of a table.
    TABLE_WRITES = "Write units of an on-demand table", 40_000.0, "/s", DYNAMODB_QUOTAS;
    /// Read units of a table.
    TABLE_READS = "Read units of an on-demand table", 40_000.0, "/s", DYNAMODB_QUOTAS;
    /// Write units of a new table.
    NEW_TABLE_WRITES = "Write units of a new table at once; twice its peak within 30 minutes", 4_000.0, "/s", ON_DEMAND;
    /// Read units of a new table.
    NEW_TABLE_READS = "Read units of a new table at once, likewise", 12_000.0, "/s", ON_DEMAND;
    /// Write units of a key.
    KEY_WRITES = "Write units of one partition key", 1_000.0, "/s", KEYS;
    /// Read units of a key.
    KEY_READS = "Read units of one partition key", 3_000.0, "/s", KEYS;
    /// Reads of secrets.
    SECRET_READS = "Reads of secrets of an account", 10_000.0, "/s", SECRETS;
    /// Interval at which an environment reads its secrets.
    SECRETS_EVERY = "Secrets are read every", 300.0, "s", Source::Here("docs/adr/0006-identities-in-secrets-manager.md");
    /// How long a busy environment keeps metrics that are as usual, with `Monitoring=essential`.
    METRICS_EVERY = "With Monitoring=essential, a busy environment keeps metrics for", 2.0, "s", Source::Here("functions/dispatch/src/batch_metrics.rs");
    /// Invocations that share a line of metrics.
    METRICS_SHARED = "Invocations that share them at most", 10.0, "", Source::Here("functions/dispatch/src/batch_metrics.rs");
    /// Secrets that it reads: the identities, and the trusted authorities.
    SECRETS_READ = "Secrets that it reads", 2.0, "", Source::Here("template.yaml");
    /// Size of the evidence of a notification.
    EVIDENCE_BYTES = "Evidence bytes of an attempt", 1_300.0, "B", Source::Here("docs/evidence.md");
    /// Throughput of Firehose.
    FIREHOSE_BYTES = "Firehose direct put (5 in us-east-1, us-west-2, eu-west-1)", 1.0, "MiB/s", FIREHOSE;
}

/// Simplifications of the model.
pub const SIMPLIFICATIONS: &[&str] = &[
    "Notifications come at random (Poisson), alike for every receiver, and mix in batches.",
    "An invocation lasts as long as its slowest message; its messages are in flight until it ends.",
    "A dead receiver says nothing until the deadline.",
    "Delays, and receivers' answers, are half fixed and half exponential, with the mean above.",
    "Fair queues: a receiver beyond the threshold is noisy until it has no backlog. A receive takes the others' messages first, \
     then the oldest noisy ones. AWS calls its thresholds approximate.",
    "A receive gets what is there, up to ten. No process is taken away.",
    "With a batching window, messages go round as many open batches as there are invocations, five at least. Each is invoked when it \
     has ten, or when the window is over.",
    "Throttled invocations leave messages in the queue; on AWS pollers hold them and retry.",
    "After the first 1,000, 100 environments come a second. The one used last is used next.",
    "With `LedgerWrites=lean` each message is delivered once, and the read takes as long as the write.",
    "Throttling by DynamoDB, KMS, Secrets Manager, the API and Firehose is counted, not played.",
    "Beyond 200,000 messages, one message and one environment stand for several, and limits are divided; waits near a limit come \
     out too long.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_named_twice_and_each_has_a_source() {
        let mut names = std::collections::BTreeSet::new();
        for Assumption { name, value, source, .. } in ASSUMPTIONS {
            assert!(names.insert(name), "{name}");
            assert!(value.is_finite() && *value > 0.0, "{name}");
            if let Source::Aws(_, url) | Source::Unconfirmed(_, url, _) = source {
                assert!(url.starts_with("https://docs.aws.amazon.com/"), "{url}");
            }
        }
    }

    #[test]
    fn no_attempt_handshake_or_start_takes_more_processor_than_is_assumed_in_what_the_benchmark_published() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.json");
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("docs/benchmarks.json: {error}"));
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["short"], false, "a short run has no figures of time");
        let mut cases = report["cases"].as_array().unwrap().iter();
        let case = cases.find(|case| case["name"] == "10 receivers").unwrap();
        let measured = case["dispatch"]["cpu_us"].as_f64().unwrap();
        assert!(measured > 0.0 && measured <= CPU.value, "{measured} µs, {} are assumed", CPU.value);
        // Of a start until it asks for an invocation, which is part of it.
        let mut starts = report["starts"].as_array().unwrap().iter();
        let start = starts.find(|start| start["name"] == "dispatch").unwrap()["cpu_ms"].as_f64().unwrap();
        assert!(start > 0.0 && start * 1e3 <= START_CPU.value, "{start} ms until it asks for an invocation");
        // Reports from before 30 November 2026 have no notification that is alone.
        let Some(rows) = report["cold"].as_array().filter(|rows| !rows.is_empty()) else { return };
        let alone = |what: &str| {
            let row = rows.iter().find(|row| row["what"] == what && row["memory_mb"].is_null()).unwrap();
            row["result"]["measured"]["dispatch"]["cpu_us"].as_f64().unwrap()
        };
        let (start, fresh) = (alone("start"), alone("fresh"));
        assert!(
            fresh > 0.0 && fresh <= CPU.value + HANDSHAKE_CPU.value,
            "{fresh} µs over a fresh connection"
        );
        assert!(start > fresh && start - fresh <= START_CPU.value, "{start} µs of a start, {fresh} after it");
    }

    #[test]
    fn the_numbers_of_the_template_are_those_of_the_template() {
        let template = include_str!("../../../template.yaml");
        let after = |start: &str, name: &str| -> f64 {
            let (_, rest) = template.split_once(start).unwrap();
            let (_, value) = rest.split_once(name).unwrap();
            value.trim_start().split([' ', ',', '\n']).next().unwrap().parse().unwrap()
        };
        let near = |left: f64, right: f64| (left - right).abs() < f64::EPSILON;
        assert!(near(after("\n  DispatchMemory:", "Default:"), MEMORY.value));
        assert!(near(after("\n  DispatchFunction:\n", "BatchSize:"), BATCH.value));
        assert!(near(after("\n  ApiRateLimit:", "Default:"), API_RATE.value));
    }
}

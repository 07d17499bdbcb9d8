//! What a stack costs in a month beside its notifications: what stands, and what is stored.

use super::item::{Counts, GB};
use super::load::{DAYS, Load, whole};
use super::model::{Model, Source};
use super::stack::Stack;
use crate::prices::{Prices, Rate, Usd};

/// What a stack has, as counted in its templates and in what its functions emit; `tests/tests/bill/standing.rs` counts.
pub struct Inventory;

impl Inventory {
    /// Keys of KMS in production: of the data, and of the identities (`IdentityCustodianArn`).
    pub const KEYS: u64 = 2;
    /// The key of evidence.
    pub const EVIDENCE_KEYS: u64 = 1;
    /// Secrets: identities, the identity at the Directory, trusted authorities.
    pub const SECRETS: u64 = 3;
    /// Metrics that alarms read, with `Monitoring=full`. An alarm that computes is billed for each metric that it reads.
    pub const ALARMS: u64 = 64;
    /// The same with `Monitoring=essential`.
    pub const ESSENTIAL_ALARMS: u64 = 35;
    /// Those of the intake queue.
    pub const QUEUE_ALARMS: u64 = 3;
    /// Those of evidence.
    pub const EVIDENCE_ALARMS: u64 = 7;
    /// Metrics that have values in every hour: of certificates twice, of a review twice, of the Directory's keys and list.
    pub const METRICS: u64 = 6;
    /// Metrics that have values in an hour with a notification.
    pub const TRAFFIC_METRICS: u64 = 4;
}

/// Empty receives of a queue in a month: five long polls of 20 s at a time ("Configuring scaling behavior for SQS event source
/// mappings", AWS Lambda Developer Guide, has the five; that they are 20 s long is assumed).
const POLLS: u64 = 5 * 3 * 60 * 24 * DAYS;
/// Runs of the directory's schedule in a month: one in five minutes.
const REVIEWS: u64 = 12 * 24 * DAYS;
/// Billed milliseconds of a run, assumed: it asks the Directory.
const REVIEW_MS: u64 = 1_000;
/// Memory of directory in megabytes.
const REVIEW_MB: u64 = 256;
/// Secrets that a run reads.
const REVIEW_SECRETS: u64 = 2;
/// Hours of a month, as AWS counts them.
const HOURS: u64 = 730;
/// NAT gateways, and their public addresses.
const GATEWAYS: u64 = 2;
/// Bytes of evidence of a notification as Firehose takes them, and as they are stored (`docs/evidence.md`).
const EVIDENCE_BYTES: u64 = 1_300;
const EVIDENCE_STORED_BYTES: u64 = 260;
/// `EvidenceRetentionDays` by default.
const EVIDENCE_DAYS: u64 = 1_825;

/// An item that does not depend on the month's notifications alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StandingItem {
    /// Keys.
    Keys,
    /// Secrets.
    Secrets,
    /// Alarms on metrics.
    Alarms,
    /// The alarm on a query, with a metric for each receiver.
    ReceiversAlarm,
    /// Metrics of the functions.
    Metrics,
    /// Metrics of receivers.
    ReceiversMetrics,
    /// The dashboard.
    Dashboard,
    /// Empty receives.
    Polling,
    /// Runs of schedules.
    Schedules,
    /// Secrets that they read.
    ScheduleSecrets,
    /// Gateways.
    Gateways,
    /// Their addresses.
    Addresses,
    /// Traffic through them.
    GatewayTraffic,
    /// Evidence on its way.
    EvidenceStream,
    /// Evidence in its bucket.
    EvidenceStorage,
    /// Log lines.
    LogStorage,
    /// Rows of the ledger.
    LedgerStorage,
    /// Their point-in-time recovery.
    LedgerBackup,
}

impl StandingItem {
    /// Returns the name and the unit.
    pub fn name_and_unit(self) -> (&'static str, &'static str) {
        match self {
            Self::Keys => ("KMS keys", "keys"),
            Self::Secrets => ("Secrets", "secrets"),
            Self::Alarms => ("Alarms", "metrics"),
            Self::ReceiversAlarm => ("Alarm on receivers", "metrics"),
            Self::Metrics => ("Metrics of the functions", "metrics"),
            Self::ReceiversMetrics => ("Metrics of receivers", "metrics"),
            Self::Dashboard => ("Dashboard", "dashboards"),
            Self::Polling => ("SQS, empty receives", "requests"),
            Self::Schedules => ("Lambda time, schedules", "GB-s"),
            Self::ScheduleSecrets => ("Secrets Manager, schedules", "requests"),
            Self::Gateways => ("NAT gateways", "hours"),
            Self::Addresses => ("Public addresses", "hours"),
            Self::GatewayTraffic => ("NAT traffic", "GB"),
            Self::EvidenceStream => ("Firehose, evidence", "GB"),
            Self::EvidenceStorage => ("S3, evidence", "GB-months"),
            Self::LogStorage => ("CloudWatch Logs, stored", "GB-months"),
            Self::LedgerStorage => ("Ledger, stored", "GB-months"),
            Self::LedgerBackup => ("Ledger, recovery", "GB-months"),
        }
    }

    /// Returns the name in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Keys => "kms_keys",
            Self::Secrets => "secrets",
            Self::Alarms => "alarms",
            Self::ReceiversAlarm => "alarm_on_receivers",
            Self::Metrics => "metrics",
            Self::ReceiversMetrics => "metrics_of_receivers",
            Self::Dashboard => "dashboard",
            Self::Polling => "sqs_empty_receives",
            Self::Schedules => "lambda_schedules",
            Self::ScheduleSecrets => "secrets_manager_schedules",
            Self::Gateways => "nat_gateways",
            Self::Addresses => "public_addresses",
            Self::GatewayTraffic => "nat_traffic",
            Self::EvidenceStream => "firehose",
            Self::EvidenceStorage => "s3_storage",
            Self::LogStorage => "logs_storage",
            Self::LedgerStorage => "ledger_storage",
            Self::LedgerBackup => "ledger_recovery",
        }
    }

    /// Says whether it grows from month to month, until what is retained is as old as it may be.
    pub fn is_stored(self) -> bool {
        match self {
            Self::EvidenceStorage | Self::LogStorage | Self::LedgerStorage | Self::LedgerBackup => true,
            Self::Keys
            | Self::Secrets
            | Self::Alarms
            | Self::ReceiversAlarm
            | Self::Metrics
            | Self::ReceiversMetrics
            | Self::Dashboard
            | Self::Polling
            | Self::Schedules
            | Self::ScheduleSecrets
            | Self::Gateways
            | Self::Addresses
            | Self::GatewayTraffic
            | Self::EvidenceStream => false,
        }
    }
}

/// An item with its amount.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// The item.
    pub item: StandingItem,
    /// The number of units, and the number of units that has the price.
    pub quantity: (u128, u128),
    /// The price.
    pub rate: Rate,
    /// The amount of a month; of what is stored, once it is as old as it may be.
    pub usd: Usd,
    /// The amount of the first month.
    pub first_usd: Usd,
}

impl Standing {
    /// Returns the items of a stack with a load, without those that it has none of.
    pub fn of(load: &Load, stack: &Stack, counts: &Counts, prices: &Prices) -> Vec<Self> {
        let mut all = monitoring(load, stack);
        let queues = match load.source {
            Source::Sqs | Source::Eventbridge => 2,
            Source::Api | Source::Kinesis => 1,
        };
        let keys = Inventory::KEYS + if stack.evidence { Inventory::EVIDENCE_KEYS } else { 0 };
        all.extend([
            (StandingItem::Keys, keys, 1, Rate::KmsKey),
            (StandingItem::Secrets, Inventory::SECRETS, 1, Rate::Secret),
            (StandingItem::Polling, queues * POLLS, 1, Rate::SqsRequest),
            (StandingItem::Schedules, REVIEWS * REVIEW_MS * REVIEW_MB, 1_024 * 1_000, Rate::LambdaArm64),
            (StandingItem::ScheduleSecrets, REVIEWS * REVIEW_SECRETS, 1, Rate::SecretRequest),
        ]);
        if stack.own_network {
            // What receivers answer is about as much as they are sent.
            all.extend([
                (StandingItem::Gateways, GATEWAYS * HOURS, 1, Rate::NatHour),
                (StandingItem::Addresses, GATEWAYS * HOURS, 1, Rate::PublicAddressHour),
                (StandingItem::GatewayTraffic, 2 * counts.sent_bytes, GB, Rate::NatProcessed),
            ]);
        }
        let stored = |bytes: u64, days: u64| bytes.saturating_mul(days) / DAYS;
        if stack.evidence {
            let bytes = stored(load.month * EVIDENCE_STORED_BYTES, EVIDENCE_DAYS);
            all.extend([
                (StandingItem::EvidenceStream, load.month * EVIDENCE_BYTES, GB, Rate::FirehoseIngested),
                (StandingItem::EvidenceStorage, bytes, GB, Rate::S3GlacierInstant),
            ]);
        }
        let rows = stored(load.month * (Model::ROW_BYTES + Model::ROW_OVERHEAD), stack.ledger_days);
        let of_rows = if stack.infrequent { Rate::DynamoDbIaStorage } else { Rate::DynamoDbStorage };
        all.extend([
            (StandingItem::LogStorage, stored(counts.log_bytes, stack.log_days), GB, Rate::LogsStored),
            (StandingItem::LedgerStorage, rows, GB, of_rows),
            (StandingItem::LedgerBackup, rows, GB, Rate::DynamoDbBackup),
        ]);
        let present = all.into_iter().filter(|(_, count, ..)| *count > 0);
        present
            .map(|(item, count, per, rate)| {
                let quantity = (u128::from(count), per);
                let usd = prices.value(rate).of(quantity.0, quantity.1);
                let days = match item {
                    StandingItem::EvidenceStorage => EVIDENCE_DAYS,
                    StandingItem::LogStorage => stack.log_days,
                    _ => stack.ledger_days,
                };
                let first = u128::from(days.max(DAYS));
                let first_usd = if item.is_stored() { usd.of(DAYS.into(), first) } else { usd };
                Self { item, quantity, rate, usd, first_usd }
            })
            .collect()
    }
}

type Priced = (StandingItem, u64, u128, Rate);

/// Alarms, metrics and the dashboard.
fn monitoring(load: &Load, stack: &Stack) -> Vec<Priced> {
    let mut alarms = if stack.essential { Inventory::ESSENTIAL_ALARMS } else { Inventory::ALARMS };
    if matches!(load.source, Source::Sqs | Source::Eventbridge) {
        alarms += Inventory::QUEUE_ALARMS;
    }
    if stack.evidence {
        alarms += Inventory::EVIDENCE_ALARMS;
    }
    // A metric is billed by the hours in which it has values ("Metrics", Amazon CloudWatch pricing).
    let hours = |share: f64, metrics: u64| whole((share * super::load::real(HOURS * metrics)).round());
    let with_traffic = hours(load.share_of_hours(load.rate), Inventory::TRAFFIC_METRICS);
    let metrics = HOURS * Inventory::METRICS + with_traffic;
    let mut all = vec![
        (StandingItem::Alarms, alarms, 1, Rate::Alarm),
        (StandingItem::Metrics, metrics, u128::from(HOURS), Rate::Metric),
    ];
    if !stack.essential {
        let of_receivers = load.share_of_hours(load.rate / super::load::real(load.receivers));
        all.extend([
            (StandingItem::ReceiversAlarm, load.receivers, 1, Rate::InsightsAlarm),
            (
                StandingItem::ReceiversMetrics,
                hours(of_receivers, load.receivers),
                u128::from(HOURS),
                Rate::Metric,
            ),
            (StandingItem::Dashboard, 1, 1, Rate::Dashboard),
        ]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::Region;

    fn standing(load: &Load, stack: &Stack) -> Vec<Standing> {
        let counts = Counts { log_bytes: 400_000_000, sent_bytes: 1_000_000_000, ..Counts::default() };
        Standing::of(load, stack, &counts, &Prices::of(Region::UsEast1))
    }

    fn usd(all: &[Standing], item: StandingItem) -> (String, String) {
        let found = all.iter().find(|one| one.item == item).unwrap();
        (found.usd.rounded(2), found.first_usd.rounded(2))
    }

    #[test]
    fn each_item_costs_what_it_does_by_hand() {
        let load = Load::of_month(1_000_000, 24, 10);
        let all = standing(&load, &Stack { evidence: true, own_network: true, ..Stack::default() });
        let same = |usd: &str| (usd.to_owned(), usd.to_owned());
        for (item, expected) in [
            (StandingItem::Keys, same("3.00")),
            (StandingItem::Secrets, same("1.20")),
            (StandingItem::ReceiversAlarm, same("1.00")),
            // Six and four metrics, in every hour; and ten of receivers.
            (StandingItem::Metrics, same("3.00")),
            (StandingItem::ReceiversMetrics, same("3.00")),
            (StandingItem::Dashboard, same("3.00")),
            (StandingItem::Polling, same("0.26")),
            (StandingItem::Schedules, same("0.03")),
            (StandingItem::ScheduleSecrets, same("0.09")),
            (StandingItem::Gateways, same("65.70")),
            (StandingItem::Addresses, same("7.30")),
            (StandingItem::GatewayTraffic, same("0.09")),
            (StandingItem::EvidenceStream, same("0.04")),
            // 0.4 GB for a year; 0.72 GB for five years.
            (StandingItem::LogStorage, ("0.15".to_owned(), "0.01".to_owned())),
            (StandingItem::LedgerStorage, ("10.95".to_owned(), "0.18".to_owned())),
            (StandingItem::LedgerBackup, ("8.76".to_owned(), "0.14".to_owned())),
        ] {
            assert_eq!(usd(&all, item), expected, "{item:?}");
        }
        let infrequent = standing(&load, &Stack { infrequent: true, ledger_days: 30, ..Stack::default() });
        assert_eq!(usd(&infrequent, StandingItem::LedgerStorage), same("0.07"));
    }

    #[test]
    fn a_metric_is_paid_for_in_the_hours_in_which_it_has_values() {
        let metrics = |load: Load| usd(&standing(&load, &Stack::default()), StandingItem::Metrics).0;
        // Six always; four in a third of the hours, or in hardly any.
        assert_eq!(metrics(Load::of_month(1_000_000, 8, 10)), "2.20");
        assert_eq!(metrics(Load::of_month(10, 8, 10)), "1.82");
    }
}

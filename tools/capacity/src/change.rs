//! A change that lets a load be carried: a parameter of the stack, or a quota by its AWS name.

use std::fmt;

use convention::delivery::LedgerWrites;

use super::format::grouped;
use super::load::Mapping;
use super::numbers::whole_above;
use super::question::Question;

/// A change of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The parameters of dispatch's event source mapping.
    Mapping(Mapping),
    /// `ApiRateLimit`.
    ApiRate(f64),
    /// Changes in a request.
    Changes(u64),
    /// Concurrent executions of the account.
    Concurrency(f64),
    /// Messages in flight of the queue.
    InFlight(f64),
    /// Write units of a table.
    TableWrites(f64),
    /// `LedgerWrites=lean`: the write units a second of the table afterwards.
    Lean(f64),
    /// Read units of a table.
    TableReads(f64),
    /// The warm throughput of a table.
    WarmTables,
    /// Signatures of KMS.
    KmsSigns(f64),
    /// Requests of the account's APIs.
    ApiRequests(f64),
    /// Mebibytes of the stream of evidence.
    Firehose(f64),
    /// No parameter and no quota helps: a remark.
    None(&'static str),
}

impl Change {
    /// Applies the change; `false` if there is nothing to apply.
    pub fn make(&self, question: &mut Question) -> bool {
        let settings = &mut question.settings;
        let quotas = &mut settings.quotas;
        match self {
            Self::Mapping(mapping) => settings.mapping = *mapping,
            Self::ApiRate(rate) => settings.api_rate = *rate,
            Self::Changes(changes) => question.load.changes_per_request = *changes,
            Self::Concurrency(concurrency) => quotas.concurrency = *concurrency,
            Self::InFlight(messages) => quotas.in_flight = *messages,
            Self::TableWrites(units) => quotas.table_writes = *units,
            Self::Lean(_) => settings.ledger_writes = LedgerWrites::Lean,
            Self::TableReads(units) => quotas.table_reads = *units,
            Self::WarmTables => settings.new_tables = false,
            Self::KmsSigns(signs) => quotas.kms_signs = *signs,
            Self::ApiRequests(requests) => quotas.api_requests = *requests,
            Self::Firehose(mebibytes) => quotas.firehose = *mebibytes,
            Self::None(_) => return false,
        }
        true
    }
}

impl Change {
    /// Returns what the institution itself sets or does for it, if there is anything.
    pub fn sets(&self) -> Option<String> {
        match self {
            Self::Mapping(_) | Self::ApiRate(_) | Self::Changes(_) | Self::Lean(_) | Self::WarmTables => {
                Some(self.to_string())
            }
            Self::Concurrency(to) => Some(format!("AccountConcurrency={to}")),
            Self::InFlight(_)
            | Self::TableWrites(_)
            | Self::TableReads(_)
            | Self::KmsSigns(_)
            | Self::ApiRequests(_)
            | Self::Firehose(_)
            | Self::None(_) => None,
        }
    }

    /// Returns the quota that AWS raises on request for it, if there is one.
    pub fn asks(&self) -> Option<String> {
        let (quota, to) = match self {
            Self::Mapping(_)
            | Self::ApiRate(_)
            | Self::Changes(_)
            | Self::Lean(_)
            | Self::WarmTables
            | Self::None(_) => return None,
            Self::Concurrency(to) => ("\"Concurrent executions\" of AWS Lambda", to),
            Self::InFlight(to) => ("messages in flight of a standard queue of Amazon SQS", to),
            Self::TableWrites(to) => ("\"Table-level write throughput limit\" of Amazon DynamoDB", to),
            Self::TableReads(to) => ("\"Table-level read throughput limit\" of Amazon DynamoDB", to),
            Self::KmsSigns(to) => ("\"Cryptographic operations (RSA) request rate\" of AWS KMS", to),
            Self::ApiRequests(to) => ("\"Throttle rate\" of Amazon API Gateway", to),
            Self::Firehose(to) => ("MiB/s of a stream's direct put of Amazon Data Firehose", to),
        };
        Some(format!("{quota}: {}", grouped(*to)))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapping(mapping) => write!(f, "{mapping}"),
            Self::ApiRate(rate) => write!(f, "ApiRateLimit={rate}"),
            Self::Changes(to) => write!(f, "{to} state changes in each request"),
            Self::Concurrency(to) => {
                write!(f, "AWS Lambda, \"Concurrent executions\": {to}, and AccountConcurrency={to}")
            }
            Self::InFlight(to) => write!(f, "Amazon SQS, messages in flight of a standard queue: {to}"),
            Self::TableWrites(to) => {
                write!(f, "Amazon DynamoDB, \"Table-level write throughput limit\": {to}")
            }
            Self::Lean(units) => write!(
                f,
                "LedgerWrites=lean, {} write units then; the ledger no longer knows every request, and a fourth may be sent \
                 (docs/configuration.md, \"Writing the ledger once\")",
                grouped(*units)
            ),
            Self::TableReads(to) => write!(f, "Amazon DynamoDB, \"Table-level read throughput limit\": {to}"),
            Self::WarmTables => f.write_str(
                "aws dynamodb update-table --warm-throughput, or half an hour of less for each doubling",
            ),
            Self::KmsSigns(to) => write!(f, "AWS KMS, \"Cryptographic operations (RSA) request rate\": {to}"),
            Self::ApiRequests(to) => write!(f, "Amazon API Gateway, \"Throttle rate\": {to}"),
            Self::Firehose(to) => write!(f, "Amazon Data Firehose, direct put of a stream: {to} MiB/s"),
            Self::None(left) => f.write_str(left),
        }
    }
}

/// Returns a limit for this need: a tenth more, rounded.
pub(super) fn enough(needed: f64) -> f64 {
    let wanted = needed * 1.1;
    let mut step = 1.0;
    while wanted >= 100.0 * step {
        step *= 10.0;
    }
    (wanted / step).ceil() * step
}

/// Returns such a limit as a whole number.
pub(super) fn enough_of(needed: f64) -> u64 {
    whole_above(enough(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_set_or_asked_for_and_concurrency_is_both() {
        let mapping = Change::Mapping(Mapping::Pollers(2, 3));
        for (change, sets, asks) in [
            (mapping, Some("DispatchMinimumPollers=2 DispatchMaximumPollers=3"), None),
            (
                Change::Concurrency(11_000.0),
                Some("AccountConcurrency=11000"),
                Some("\"Concurrent executions\" of AWS Lambda: 11,000"),
            ),
            (
                Change::TableWrites(74_000.0),
                None,
                Some("\"Table-level write throughput limit\" of Amazon DynamoDB: 74,000"),
            ),
            (Change::None("nothing"), None, None),
        ] {
            assert_eq!((change.sets().as_deref(), change.asks().as_deref()), (sets, asks), "{change}");
        }
    }

    #[test]
    fn a_limit_is_a_tenth_more_than_is_needed_and_round() {
        assert_eq!([1.0, 9.5, 47.0, 512.0, 54_736.0].map(enough_of), [2, 11, 52, 570, 61_000]);
    }
}

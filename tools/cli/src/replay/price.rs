//! The cost of a replay at list price.
//!
//! The prices are those of `infra/prices/us-east-1.json`: on demand, no free tier, Lambda on arm64.

use std::ops::Add;

use crate::prices::{Prices, Rate, Usd};

/// Messages of one SQS call and of one invocation, if there are enough.
const BATCH: usize = 10;
/// Memory of dispatch: a quarter of a gigabyte. Times are in milliseconds.
const GIGABYTES: (u128, u128) = (1, 4);
const DELIVERED_MS: u64 = 200;
const TIMED_OUT_MS: u64 = 15_000;

/// Billable requests and durations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BatchMetrics {
    /// Calls of SQS.
    pub sqs: u64,
    /// Read units (4 KB) of DynamoDB.
    pub reads: u64,
    /// Write units (1 KB) of DynamoDB.
    pub writes: u64,
    /// Invocations of dispatch.
    pub invocations: u64,
    /// Their time, in milliseconds.
    pub invoked_ms: u64,
}

impl BatchMetrics {
    /// Returns the requests of the command itself: look each replay up, queue it, mark its row (2 KB with its
    /// message), and delete the message from the dead-letter queue.
    pub fn of_command(count: usize) -> Self {
        let (all, batches) = (count as u64, batches(count));
        Self { sqs: 3 * batches, reads: all, writes: 2 * all, ..Self::default() }
    }

    /// Returns what dispatch adds if every replay is delivered at its first attempt.
    pub fn delivered_at_once(count: usize) -> Self {
        let (all, batches) = (count as u64, batches(count));
        Self {
            sqs: 2 * batches,
            writes: 2 * all,
            invocations: batches,
            invoked_ms: batches * DELIVERED_MS,
            ..Self::default()
        }
    }

    /// Returns what dispatch adds if every receiver times out three times after 15 s: queued attempts, dead letters
    /// and list rows.
    pub fn silent_three_times(count: usize) -> Self {
        let (all, batches) = (count as u64, batches(count));
        Self {
            sqs: 6 * batches + 3 * all,
            writes: (3 * 2 + 2) * all,
            invocations: 3 * batches,
            invoked_ms: 3 * batches * TIMED_OUT_MS,
            ..Self::default()
        }
    }

    /// Returns the number of requests to SQS and DynamoDB.
    pub fn requests(self) -> u64 {
        self.sqs + self.reads + self.writes
    }

    /// Returns the cost by a price list.
    pub fn price(self, prices: &Prices) -> Usd {
        let cost = |rate, count: u64| prices.value(rate).times(count.into());
        let (numerator, denominator) = GIGABYTES;
        let lambda = prices.value(Rate::LambdaArm64);
        cost(Rate::SqsRequest, self.sqs)
            + cost(Rate::DynamoDbRead, self.reads)
            + cost(Rate::DynamoDbWrite, self.writes)
            + cost(Rate::LambdaRequest, self.invocations)
            + lambda.of(u128::from(self.invoked_ms) * numerator, 1_000 * denominator)
    }
}

impl Add for BatchMetrics {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sqs: self.sqs + other.sqs,
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            invocations: self.invocations + other.invocations,
            invoked_ms: self.invoked_ms + other.invoked_ms,
        }
    }
}

fn batches(count: usize) -> u64 {
    count.div_ceil(BATCH) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::Region;

    #[test]
    fn a_million_delivered_at_once_costs_what_the_prices_say() {
        // 0.2 calls of SQS, two writes, a tenth of an invocation of 0.05 GB-s each.
        let prices = Prices::of(Region::UsEast1);
        let delivered = BatchMetrics::delivered_at_once(1_000_000).price(&prices);
        assert_eq!(delivered.to_string(), "1.416667");
        let command = BatchMetrics::of_command(1_000_000).price(&prices);
        assert_eq!(command.to_string(), "1.495000");
        assert!(BatchMetrics::silent_three_times(1_000_000).price(&prices) > delivered);
    }

    #[test]
    fn part_of_a_batch_is_a_call() {
        let batch_metrics = BatchMetrics::of_command(11) + BatchMetrics::delivered_at_once(11);
        assert_eq!(
            (batch_metrics.sqs, batch_metrics.reads, batch_metrics.writes, batch_metrics.invocations),
            (10, 11, 44, 2)
        );
        assert_eq!(BatchMetrics::default().price(&Prices::of(Region::UsEast1)), Usd::ZERO);
    }
}

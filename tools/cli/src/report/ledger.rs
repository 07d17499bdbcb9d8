//! Notifications and attempts from the ledger, where there is no evidence: the whole table is read, in parts at once.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use platform::aws::LedgerReader;
use report::{Basis, Check, Counter, Counts, Month, Selection, Source};

use super::facts::take_row;

/// Number of parts that are read at once. A page of each is in memory, of 1 MB at most (`Scan`, Amazon DynamoDB API Reference).
const PARTS: i32 = 8;

type Row = HashMap<String, AttributeValue>;

/// One part of the table.
struct Part {
    number: i32,
    next: Option<Row>,
    is_done: bool,
}

/// The ledger of a stack.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The client.
    pub client: Client,
    /// The table.
    pub table: String,
    /// Nothing is known of before; `None` if that is not known.
    pub kept_from: Option<Timestamp>,
    /// Whether it is written once; `None` if that is not known.
    pub lean: Option<bool>,
}

/// Reads the ledger of a month.
pub(super) async fn read(
    ledger: &Ledger,
    (month, selection): (Month, &Selection),
    now: Timestamp,
    mut tell: impl FnMut(&str),
) -> Result<(Counts, Basis)> {
    let known_from = ledger.kept_from.filter(|from| *from > month.start());
    let mut counter = Counter::new(month, selection.clone(), false).known_from(known_from);
    let (mut rows, mut unreadable) = (0_u64, 0_u64);
    let mut parts: Vec<_> = (0..PARTS).map(|number| Part { number, next: None, is_done: false }).collect();
    while parts.iter().any(|part| !part.is_done) {
        let pages = parts.iter().filter(|part| !part.is_done).map(|part| page(ledger, part));
        for (number, found, next) in try_join_all(pages).await? {
            for row in found.iter().filter(|row| !is_listing(row)) {
                rows += 1;
                match LedgerReader::view(row) {
                    Some(row) => take_row(&mut counter, &row),
                    None => unreadable += 1,
                }
            }
            if let Some(part) = parts.iter_mut().find(|part| part.number == number) {
                part.is_done = next.is_none();
                part.next = next;
            }
        }
        tell(&format!("{} rows of the ledger", terminal::grouped(rows)));
    }
    let basis = Basis {
        source: Source::Ledger,
        check: Check::Unsealed,
        is_copy: false,
        known_from,
        read_until: now,
        chain: None,
        lean: ledger.lean,
        unattributed_records: 0,
        // Which initiators they are of is not known.
        unreadable_rows: unreadable,
        differences: Vec::new(),
    };
    Ok((counter.finish(), basis))
}

async fn page(ledger: &Ledger, part: &Part) -> Result<(i32, Vec<Row>, Option<Row>)> {
    let answer = ledger
        .client
        .scan()
        .table_name(&ledger.table)
        .segment(part.number)
        .total_segments(PARTS)
        .set_exclusive_start_key(part.next.clone())
        .send()
        .await
        .map_err(aws_sdk_dynamodb::Error::from)
        .with_context(|| format!("failed to read the ledger {}", ledger.table))?;
    Ok((part.number, answer.items.unwrap_or_default(), answer.last_evaluated_key))
}

/// Says whether a row is no notification: it lists one, or is a state of a resource or a timer.
fn is_listing(row: &Row) -> bool {
    let partition = row.get("partition").and_then(|value| value.as_s().ok());
    partition.is_none_or(|partition| partition.contains('#'))
}

//! A table: rows by key, as far as the functions use them.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::expression::Expressions;

/// A read that is not consistent is never further behind than this. DynamoDB names no limit; "usually one second or less"
/// (Amazon DynamoDB Developer Guide, "DynamoDB read consistency").
pub(super) const MAX_LAG: Duration = Duration::from_secs(3);

type Key = Vec<String>;

/// A table, which answers as the service does.
#[derive(Debug)]
pub struct Table {
    key: &'static [&'static str],
    rows: BTreeMap<Key, Value>,
    /// What rows were before they changed, oldest change first, as far back as a read may lag.
    changes: VecDeque<(Instant, Key, Option<Value>)>,
    limit: Option<Limit>,
    /// What the table's stream would hand over, where somebody reads it.
    stream: Option<Vec<Value>>,
}

/// How many writes a second a table takes from all its callers. What was not used within a second is lost.
#[derive(Debug)]
struct Limit {
    per_second: u32,
    left: f64,
    counted_at: Instant,
}

impl Limit {
    /// Takes one write; `false` if there is none left.
    fn take(&mut self, now: Instant) -> bool {
        let per_second = f64::from(self.per_second);
        let more = now.duration_since(self.counted_at).as_secs_f64() * per_second;
        self.left = (self.left + more).min(per_second);
        self.counted_at = now;
        let is_left = self.left >= 1.0;
        if is_left {
            self.left -= 1.0;
        }
        is_left
    }
}

/// How far behind a read of one row is.
pub type Lag<'a> = &'a mut dyn FnMut() -> Duration;

impl Table {
    /// An empty table with these key attributes.
    pub fn new(key: &'static [&'static str]) -> Self {
        Self { key, rows: BTreeMap::new(), changes: VecDeque::new(), limit: None, stream: None }
    }

    /// Limits the writes of all callers together; `None` takes the limit away.
    pub fn set_limit(&mut self, per_second: Option<u32>, now: Instant) {
        let limit = |per_second| Limit { per_second, left: f64::from(per_second), counted_at: now };
        self.limit = per_second.map(limit);
    }

    /// A row as it was so long ago.
    fn as_of(&self, key: &Key, now: Instant, lag: Duration) -> Option<&Value> {
        if lag.is_zero() {
            return self.rows.get(key);
        }
        let at = now - lag;
        let changed_since = self.changes.iter().find(|(when, changed, _)| *when > at && changed == key);
        changed_since.map_or_else(|| self.rows.get(key), |(_, _, before)| before.as_ref())
    }

    /// Every row, each as old as `lag` says.
    fn read_all(&self, now: Instant, lag: Lag<'_>) -> Vec<Cow<'_, Value>> {
        let removed = self.changes.iter().map(|(_, key, _)| key).filter(|key| !self.rows.contains_key(*key));
        let keys: std::collections::BTreeSet<_> = self.rows.keys().chain(removed).collect();
        keys.into_iter().filter_map(|key| self.as_of(key, now, lag()).map(Cow::Borrowed)).collect()
    }

    /// Writes or deletes a row.
    fn change(&mut self, key: Key, row: Option<Value>, now: Instant) {
        while self.changes.front().is_some_and(|(when, ..)| now.duration_since(*when) > MAX_LAG) {
            self.changes.pop_front();
        }
        let after = self.stream.is_some().then(|| row.clone()).flatten();
        let before = match row {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(&key),
        };
        self.tell(before.as_ref(), after.as_ref());
        self.changes.push_back((now, key, before));
    }

    /// Notes a change for the stream; a write that changes nothing makes none ("DynamoDB Streams", Amazon DynamoDB Developer Guide).
    fn tell(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let keys = self.key;
        let Some(stream) = self.stream.as_mut().filter(|_| before != after) else { return };
        let name = match (before, after) {
            (None, _) => "INSERT",
            (_, None) => "REMOVE",
            _ => "MODIFY",
        };
        let row = after.or(before).expect("one of them is there");
        let keys: Value = keys.iter().map(|name| ((*name).to_owned(), row[*name].clone())).collect();
        let mut change = json!({
            "eventName": name,
            "dynamodb": { "Keys": keys, "SequenceNumber": format!("{:021}", stream.len() + 1) },
        });
        for (image, row) in [("OldImage", before), ("NewImage", after)] {
            if let Some(row) = row {
                change["dynamodb"][image] = row.clone();
            }
        }
        stream.push(change);
    }

    /// Returns the changes since the first call, which begins the stream.
    pub(super) fn stream(&mut self) -> &[Value] {
        self.stream.get_or_insert_default()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Value> {
        self.rows.values()
    }

    /// Finds a row of a table with one key.
    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        self.rows.get(&vec![key.to_owned()])
    }

    pub(super) fn put_row(&mut self, row: Value) {
        self.change(self.key_of(&row), Some(row), Instant::now());
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Value) -> bool) {
        self.rows.retain(|_, row| keep(row));
    }

    /// Answers one request with a status and a body; `lag` says how far behind a read is that need not be consistent.
    pub fn answer(&mut self, operation: &str, input: &Value, now: Instant, lag: Lag<'_>) -> (u16, Value) {
        let is_consistent = input["ConsistentRead"] == true;
        let mut no_lag = || Duration::ZERO;
        let lag: Lag<'_> = if is_consistent { &mut no_lag } else { lag };
        match operation {
            "GetItem" => match self.as_of(&self.key_of(&input["Key"]), now, lag()) {
                Some(row) => (200, json!({ "Item": row })),
                None => (200, json!({})),
            },
            "Query" => self.query(input, now, lag),
            "Scan" => self.scan(input, now, lag),
            write => {
                if self.limit.as_mut().is_some_and(|limit| !limit.take(now)) {
                    return (400, json!({ "__type": THROTTLED }));
                }
                match write {
                    "PutItem" => self.put(input, now),
                    "DeleteItem" => {
                        self.change(self.key_of(&input["Key"]), None, now);
                        (200, json!({}))
                    }
                    "UpdateItem" => self.update(input, now),
                    other => panic!("{other} is used by no function"),
                }
            }
        }
    }

    fn put(&mut self, input: &Value, now: Instant) -> (u16, Value) {
        let key = self.key_of(&input["Item"]);
        let present = self.rows.get(&key);
        if input.get("ConditionExpression").is_some() {
            let expressions = Expressions::of(input);
            if let Some(name) = expressions.unused() {
                return invalid(&format!("{name} is used in no expression"));
            }
            if !expressions.condition_holds(present) {
                return refused(input, present);
            }
        }
        self.change(key, Some(input["Item"].clone()), now);
        (200, json!({}))
    }

    fn scan(&self, input: &Value, now: Instant, lag: Lag<'_>) -> (u16, Value) {
        let kept = |row: &Cow<'_, Value>| match input.get("FilterExpression") {
            None => true,
            Some(_) => Expressions::of(input).filter_holds(row),
        };
        let after = input.get("ExclusiveStartKey").map(|key| self.key_of(key));
        let mut rows = self.read_all(now, lag);
        rows.retain(|row| after.as_ref().is_none_or(|after| self.key_of(row) > *after));
        // Which segment a row is in is DynamoDB's to choose; it is always the same.
        if let (Some(segment), Some(of)) = (input["Segment"].as_u64(), input["TotalSegments"].as_u64()) {
            let of_key = |key: &[String]| key.concat().bytes().map(u64::from).sum::<u64>() % of;
            rows.retain(|row| of_key(&self.key_of(row)) == segment);
        }
        let limit =
            input["Limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        // The limit counts rows before the filter. A scan that ends exactly at the limit still returns a LastEvaluatedKey.
        let last = rows.get(limit.saturating_sub(1)).map(|row| {
            let names = self.key.iter().map(|name| ((*name).to_owned(), row[*name].clone()));
            names.collect::<Value>()
        });
        rows.truncate(limit);
        let found: Vec<_> = rows.into_iter().filter(kept).collect();
        let mut answer = json!({ "Items": found });
        if let Some(last) = last {
            answer["LastEvaluatedKey"] = last;
        }
        (200, answer)
    }

    fn query(&self, input: &Value, now: Instant, lag: Lag<'_>) -> (u16, Value) {
        let expressions = Expressions::of(input);
        if let Some(name) = expressions.unused() {
            return invalid(&format!("{name} is used in no expression"));
        }
        let found: Vec<_> =
            self.read_all(now, lag).into_iter().filter(|row| expressions.key_is(row)).collect();
        (200, json!({ "Items": found }))
    }

    fn update(&mut self, input: &Value, now: Instant) -> (u16, Value) {
        let key = self.key_of(&input["Key"]);
        let present = self.rows.get(&key);
        let expressions = Expressions::of(input);
        if let Some(name) = expressions.unused() {
            return invalid(&format!("{name} is used in no expression"));
        }
        if !expressions.condition_holds(present) {
            return refused(input, present);
        }
        let mut row = present.cloned().unwrap_or_else(|| input["Key"].clone());
        if let Err(path) = expressions.apply(&mut row) {
            return invalid(&format!("the path {path} leads nowhere"));
        }
        let answer = match input["ReturnValues"].as_str() {
            None => json!({}),
            Some("UPDATED_NEW") => json!({ "Attributes": expressions.updated(&row) }),
            Some("ALL_OLD") => present.map_or_else(|| json!({}), |row| json!({ "Attributes": row })),
            Some(other) => panic!("{other} is asked for by no function"),
        };
        self.change(key, Some(row), now);
        (200, answer)
    }

    fn key_of(&self, item: &Value) -> Vec<String> {
        let text = |name: &&str| item[*name]["S"].as_str().expect("keys are texts").to_owned();
        self.key.iter().map(text).collect()
    }
}

/// What a table answers whose capacity is used up.
///
/// Source: "Error handling with DynamoDB", Amazon DynamoDB Developer Guide.
pub(super) const THROTTLED: &str = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";

fn refused(input: &Value, present: Option<&Value>) -> (u16, Value) {
    let mut refusal = json!({ "__type": "ConditionalCheckFailedException" });
    if input["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        && let Some(row) = present
    {
        refusal["Item"] = row.clone();
    }
    (400, refusal)
}

fn invalid(message: &str) -> (u16, Value) {
    (400, json!({ "__type": "ValidationException", "message": message }))
}

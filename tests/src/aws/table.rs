//! A table: rows by key, as far as the functions use them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::expression::Expressions;

#[derive(Debug)]
pub(super) struct Table {
    key: &'static [&'static str],
    rows: BTreeMap<Vec<String>, Value>,
}

impl Table {
    pub(super) fn new(key: &'static [&'static str]) -> Self {
        Self { key, rows: BTreeMap::new() }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Value> {
        self.rows.values()
    }

    /// Finds a row of a table with one key.
    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        self.rows.get(&vec![key.to_owned()])
    }

    pub(super) fn put_row(&mut self, row: Value) {
        self.rows.insert(self.key_of(&row), row);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Value) -> bool) {
        self.rows.retain(|_, row| keep(row));
    }

    /// Answers one request with a status and a body.
    pub(super) fn answer(&mut self, operation: &str, input: &Value) -> (u16, Value) {
        match operation {
            "GetItem" => match self.rows.get(&self.key_of(&input["Key"])) {
                Some(row) => (200, json!({ "Item": row })),
                None => (200, json!({})),
            },
            "PutItem" => self.put(input),
            "DeleteItem" => {
                let key = self.key_of(&input["Key"]);
                self.rows.remove(&key);
                (200, json!({}))
            }
            "Query" => self.query(input),
            "Scan" => self.scan(input),
            "UpdateItem" => self.update(input),
            other => panic!("{other} is used by no function"),
        }
    }

    fn put(&mut self, input: &Value) -> (u16, Value) {
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
        self.rows.insert(key, input["Item"].clone());
        (200, json!({}))
    }

    fn scan(&self, input: &Value) -> (u16, Value) {
        let kept = |row: &&Value| match input.get("FilterExpression") {
            None => true,
            Some(_) => Expressions::of(input).filter_holds(row),
        };
        (200, json!({ "Items": self.rows.values().filter(kept).collect::<Vec<_>>() }))
    }

    fn query(&self, input: &Value) -> (u16, Value) {
        let expressions = Expressions::of(input);
        if let Some(name) = expressions.unused() {
            return invalid(&format!("{name} is used in no expression"));
        }
        let found: Vec<_> = self.rows.values().filter(|row| expressions.key_is(row)).collect();
        (200, json!({ "Items": found }))
    }

    fn update(&mut self, input: &Value) -> (u16, Value) {
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
            Some(other) => panic!("{other} is asked for by no function"),
        };
        self.rows.insert(key, row);
        (200, answer)
    }

    fn key_of(&self, item: &Value) -> Vec<String> {
        let text = |name: &&str| item[*name]["S"].as_str().expect("keys are texts").to_owned();
        self.key.iter().map(text).collect()
    }
}

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

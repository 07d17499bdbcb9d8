//! The expressions of DynamoDB that the functions write: `SET`, `ADD` of a number, `REMOVE`, `AND`, `OR`, `=`, `<`, `<=`, `<>`,
//! `attribute_exists`, `attribute_not_exists`, `begins_with`, and in an assignment `if_not_exists` of its own path.
//! Any other is a failure of the test, not a guess.

use serde_json::{Value, json};

/// The expressions of one request.
#[derive(Debug)]
pub struct Expressions<'a> {
    input: &'a Value,
}

impl<'a> Expressions<'a> {
    /// Those of this request.
    pub fn of(input: &'a Value) -> Self {
        Self { input }
    }

    /// Names a placeholder that no expression uses, which the service refuses.
    pub(super) fn unused(&self) -> Option<&'a str> {
        let expressions = ["ConditionExpression", "KeyConditionExpression", "UpdateExpression"]
            .map(|name| self.input[name].as_str());
        let tokens = expressions.map(|text| tokens(text.unwrap_or_default())).concat();
        let used = |name: &str| tokens.iter().any(|token| token.split('.').any(|part| part == name));
        ["ExpressionAttributeNames", "ExpressionAttributeValues"]
            .iter()
            .flat_map(|kind| self.input[kind].as_object().into_iter().flatten())
            .map(|(name, _)| name.as_str())
            .find(|name| !used(name))
    }

    /// Says whether the condition, if there is one, holds of a row.
    pub fn condition_holds(&self, row: Option<&Value>) -> bool {
        if self.input.get("ConditionExpression").is_none() {
            return true;
        }
        self.holds("ConditionExpression", row)
    }

    /// Says whether a scan keeps a row.
    pub(super) fn filter_holds(&self, row: &Value) -> bool {
        self.holds("FilterExpression", Some(row))
    }

    /// Says whether a query finds a row.
    pub(super) fn key_is(&self, row: &Value) -> bool {
        self.holds("KeyConditionExpression", Some(row))
    }

    fn holds(&self, expression: &str, row: Option<&Value>) -> bool {
        let tokens = tokens(self.text(expression));
        let mut condition = Condition { tokens: tokens.iter().map(String::as_str).collect(), at: 0 };
        let holds = condition.any(&|token| self.value(token, row));
        assert_eq!(condition.at, tokens.len(), "the condition goes on: {tokens:?}");
        holds
    }

    /// Sets what is to be set; fails with a path into a map that is not there.
    pub fn apply(&self, row: &mut Value) -> Result<(), String> {
        let split = |text: &'a str, word: &str| {
            text.split_once(word).map_or((text, None), |(before, after)| (before, Some(after)))
        };
        let (expression, removed) = split(self.text("UpdateExpression"), " REMOVE ");
        let (expression, sum) = split(expression, " ADD ");
        for name in removed.into_iter().flat_map(|names| names.split(", ")) {
            row.as_object_mut().expect("a row is an object").remove(&self.path(name));
        }
        if let Some((name, more)) = sum.and_then(|sum| sum.split_once(' ')) {
            let more = number(self.value(more, None).expect("what is added is given"));
            let before = row.get(name).map_or(0, number);
            row[name] = json!({ "N": (before + more).to_string() });
        }
        let assignments = expression.strip_prefix("SET ").expect("an update sets");
        // A comma inside an argument list stands before the value, and no assignment begins with one.
        for assignment in assignments.replace(", :", ",:").split(", ") {
            let (path, value) = assignment.split_once(" = ").expect("an assignment has two sides");
            let default = value.strip_prefix("if_not_exists(").map(|arguments| {
                let arguments = arguments.strip_suffix(')').and_then(|arguments| arguments.split_once(','));
                let (of, default) = arguments.expect("if_not_exists has two arguments");
                assert_eq!(of, path, "only a path's own value is kept");
                default
            });
            if default.is_some() && self.value(path, Some(row)).is_some() {
                continue;
            }
            let value = default.unwrap_or(value);
            let path = self.path(path);
            let value = self.value(value, None).expect("what is assigned is given").clone();
            match path.split_once('.') {
                None => row[path.as_str()] = value,
                Some((map, name)) => {
                    let map =
                        row.get_mut(map).and_then(|map| map.get_mut("M")).ok_or_else(|| path.clone())?;
                    map[name] = value;
                }
            }
        }
        Ok(())
    }

    /// The attributes of a row that the update named.
    pub(super) fn updated(&self, row: &Value) -> Value {
        let update = tokens(self.text("UpdateExpression"));
        let named: Vec<_> =
            update.iter().filter(|token| !token.starts_with(':')).map(|token| self.path(token)).collect();
        let is_named = |name: &str| named.iter().any(|path| path.split('.').next() == Some(name));
        let row = row.as_object().into_iter().flatten();
        row.filter(|(name, _)| is_named(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn text(&self, name: &str) -> &'a str {
        self.input[name].as_str().expect("the expression is given")
    }

    fn path(&self, path: &str) -> String {
        let given =
            |part: &str| self.input["ExpressionAttributeNames"][part].as_str().expect("a name is given");
        let name = |part: &str| if part.starts_with('#') { given(part).to_owned() } else { part.to_owned() };
        path.split('.').map(name).collect::<Vec<_>>().join(".")
    }

    fn value<'b>(&'b self, token: &str, row: Option<&'b Value>) -> Option<&'b Value> {
        if token.starts_with(':') {
            return Some(self.input["ExpressionAttributeValues"].get(token).expect("a value is given"));
        }
        let path = self.path(token);
        let (first, rest) = path.split_once('.').map_or((path.as_str(), None), |(a, b)| (a, Some(b)));
        let value = row?.get(first)?;
        match rest {
            None => Some(value),
            Some(name) => value.get("M")?.get(name),
        }
    }
}

struct Condition<'a> {
    tokens: Vec<&'a str>,
    at: usize,
}

type Lookup<'a> = dyn Fn(&str) -> Option<&'a Value> + 'a;

impl Condition<'_> {
    fn any(&mut self, look_up: &Lookup<'_>) -> bool {
        let mut holds = self.all(look_up);
        while self.takes("OR") {
            holds |= self.all(look_up);
        }
        holds
    }

    fn all(&mut self, look_up: &Lookup<'_>) -> bool {
        let mut holds = self.one(look_up);
        while self.takes("AND") {
            holds &= self.one(look_up);
        }
        holds
    }

    fn one(&mut self, look_up: &Lookup<'_>) -> bool {
        if self.takes("(") {
            let holds = self.any(look_up);
            assert!(self.takes(")"), "a parenthesis stays open: {:?}", self.tokens);
            return holds;
        }
        if self.takes("attribute_not_exists") {
            assert!(self.takes("("), "a function has an argument: {:?}", self.tokens);
            let absent = look_up(self.next()).is_none();
            assert!(self.takes(")"), "a function has one argument: {:?}", self.tokens);
            return absent;
        }
        if self.takes("attribute_exists") {
            assert!(self.takes("("), "a function has an argument: {:?}", self.tokens);
            let present = look_up(self.next()).is_some();
            assert!(self.takes(")"), "a function has one argument: {:?}", self.tokens);
            return present;
        }
        if self.takes("begins_with") {
            assert!(self.takes("("), "a function has arguments: {:?}", self.tokens);
            let text = |value: Option<&Value>| value.and_then(|value| value["S"].as_str()).map(str::to_owned);
            let whole = text(look_up(self.next()));
            assert!(self.takes(","), "a prefix follows: {:?}", self.tokens);
            let prefix = text(look_up(self.next())).expect("a prefix is a text");
            assert!(self.takes(")"), "a function has two arguments: {:?}", self.tokens);
            return whole.is_some_and(|whole| whole.starts_with(&prefix));
        }
        let left = look_up(self.next());
        let operator = self.next().to_owned();
        let right = look_up(self.next());
        let (Some(left), Some(right)) = (left, right) else { return false };
        match operator.as_str() {
            "=" => left == right,
            "<>" => left != right,
            "<" => number(left) < number(right),
            "<=" => number(left) <= number(right),
            other => panic!("no function compares with {other}"),
        }
    }

    fn takes(&mut self, token: &str) -> bool {
        let present = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(present);
        present
    }

    fn next(&mut self) -> &str {
        self.at += 1;
        self.tokens.get(self.at - 1).expect("the condition ends early")
    }
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().and_then(|number| number.parse().ok()).expect("numbers are compared by size")
}

fn tokens(text: &str) -> Vec<String> {
    let apart = text.replace('(', " ( ").replace(')', " ) ").replace(',', " , ");
    apart.split_whitespace().map(str::to_owned).collect()
}

//! The state changes of an input of any form: one, many, a line each or pretty-printed, an array, or the body of a
//! request to the API.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use serde_json::{Deserializer, Value, json};

/// One state change, or what cannot be one.
#[derive(Debug)]
pub(super) struct Document {
    /// The line where it begins, or that of the array that has it.
    pub(super) line: usize,
    /// Its place in its array, from 1.
    pub(super) change: Option<usize>,
    /// Its value, or why the text is not JSON.
    pub(super) value: Result<Value, String>,
}

/// Reads documents as soon as their last line is there.
pub(super) struct Documents<R> {
    input: R,
    read: usize,
    /// Lines that are read again, because the text before them was no JSON.
    again: VecDeque<(usize, String)>,
    ready: VecDeque<Document>,
}

impl<R: BufRead> Documents<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, read: 0, again: VecDeque::new(), ready: VecDeque::new() }
    }

    /// Returns the next document; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Document>> {
        loop {
            if let Some(document) = self.ready.pop_front() {
                return Ok(Some(document));
            }
            let Some(lines) = self.lines()? else { return Ok(None) };
            self.ready = parsed(lines);
        }
    }

    /// Returns the lines until all brackets are closed.
    fn lines(&mut self) -> io::Result<Option<Vec<(usize, String)>>> {
        let mut lines: Vec<(usize, String)> = Vec::new();
        let mut open = Brackets::default();
        while let Some((number, line)) = self.line()? {
            if lines.is_empty() && line.trim().is_empty() {
                continue;
            }
            open.read(&line);
            lines.push((number, line));
            if open.are_closed() {
                return Ok(Some(lines));
            }
        }
        // A line without its end would take all lines after it along, where the next one is whole by itself.
        if lines.get(1).is_some_and(|(_, second)| serde_json::from_str::<Value>(second).is_ok()) {
            self.again = lines.split_off(1).into();
        }
        Ok((!lines.is_empty()).then_some(lines))
    }

    fn line(&mut self) -> io::Result<Option<(usize, String)>> {
        if let Some(again) = self.again.pop_front() {
            return Ok(Some(again));
        }
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        self.read += 1;
        let line = if self.read == 1 { line.trim_start_matches('\u{feff}').to_owned() } else { line };
        Ok(Some((self.read, line)))
    }
}

/// How many brackets are open, outside of texts.
#[derive(Default)]
struct Brackets {
    depth: i64,
    in_text: bool,
}

impl Brackets {
    fn read(&mut self, line: &str) {
        // No text of JSON goes over the end of its line.
        self.in_text = false;
        let mut escaped = false;
        for byte in line.bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if self.in_text => escaped = true,
                b'"' => self.in_text = !self.in_text,
                b'{' | b'[' if !self.in_text => self.depth += 1,
                b'}' | b']' if !self.in_text => self.depth -= 1,
                _ => {}
            }
        }
    }

    fn are_closed(&self) -> bool {
        self.depth <= 0
    }
}

/// Parses lines that hold whole values, of which there may be several.
fn parsed(lines: Vec<(usize, String)>) -> VecDeque<Document> {
    let first = lines.first().map_or(1, |(number, _)| *number);
    let text: String = lines.into_iter().map(|(_, line)| line).collect();
    let mut values = Deserializer::from_str(&text).into_iter::<Value>();
    let mut documents = VecDeque::new();
    loop {
        let before = text.get(values.byte_offset()..).unwrap_or_default();
        let skipped = text.len() - before.trim_start().len();
        let line = first + text.bytes().take(skipped).filter(|byte| *byte == b'\n').count();
        match values.next() {
            None => return documents,
            Some(Ok(value)) => documents.extend(spread(line, value)),
            Some(Err(error)) => {
                let place = format!(" at line {} column {}", error.line(), error.column());
                let why = error.to_string().replace(&place, "");
                let at =
                    format!("{why} at line {} column {}", first + error.line().max(1) - 1, error.column());
                documents.push_back(Document { line, change: None, value: Err(at) });
                return documents;
            }
        }
    }
}

/// Takes an array apart, and the body of a request with several changes.
fn spread(line: usize, value: Value) -> Vec<Document> {
    let one = |value| vec![Document { line, change: None, value: Ok(value) }];
    let many = |values: Vec<Value>, receiver: Option<Value>| {
        let numbered = (1..).zip(values).map(|(change, value)| {
            let value = match &receiver {
                Some(receiver) => json!({ "change": value, "receiver": receiver }),
                None => value,
            };
            Document { line, change: Some(change), value: Ok(value) }
        });
        numbered.collect()
    };
    match value {
        Value::Array(values) => many(values, None),
        Value::Object(mut object) => {
            let receiver = object.get("receiver").cloned();
            match object.remove("changes") {
                Some(Value::Array(values)) => many(values, receiver),
                Some(other) => {
                    object.insert("changes".to_owned(), other);
                    one(Value::Object(object))
                }
                None => one(Value::Object(object)),
            }
        }
        other => one(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line, place in an array, and the value or `error`.
    fn read(text: &str) -> Vec<(usize, Option<usize>, String)> {
        let mut documents = Documents::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(Document { line, change, value }) = documents.next().unwrap() {
            all.push((line, change, value.map_or_else(|error| error, |value| value.to_string())));
        }
        all
    }

    fn alone(line: usize, text: &str) -> (usize, Option<usize>, String) {
        (line, None, text.to_owned())
    }

    #[test]
    fn one_value_is_read_in_each_way_of_writing_it() {
        for text in ["{\"a\":1}", "\u{feff}{\"a\":1}\r\n", "{\n  \"a\": 1\n}\n", "{\"a\"\n:\n1}"] {
            assert_eq!(read(text), [alone(1, "{\"a\":1}")], "{text:?}");
        }
        assert_eq!(read(""), []);
        assert_eq!(read("\n \n"), []);
        assert_eq!(read("[]"), []);
    }

    #[test]
    fn many_values_are_read_by_line_pretty_printed_side_by_side_and_in_arrays() {
        let both = [alone(1, "{\"a\":\"}{\"}"), alone(3, "{\"b\":[{}]}")];
        assert_eq!(read("{\"a\":\"}{\"}\n\n{\"b\":[{}]}\n"), both);
        assert_eq!(read("{\n\"a\": \"}{\"} \n{\"b\":\n[{}]}\n")[1], alone(3, "{\"b\":[{}]}"));
        assert_eq!(
            read("{\"a\":\"\\\"{\"} {\"b\":2}"),
            [alone(1, "{\"a\":\"\\\"{\"}"), alone(1, "{\"b\":2}")]
        );
        let numbered = |texts: [&str; 2]| [1, 2].map(|at| (2, Some(at), texts[at - 1].to_owned()));
        assert_eq!(read("\n[\n {\"a\":1},\n {\"b\":2}\n]"), numbered(["{\"a\":1}", "{\"b\":2}"]));
        assert_eq!(read("\n{\"changes\": [{\"a\":1}, 2]}"), numbered(["{\"a\":1}", "2"]));
        let with = numbered(["{\"change\":1,\"receiver\":{}}", "{\"change\":2,\"receiver\":{}}"]);
        assert_eq!(read("\n{\"changes\": [1, 2], \"receiver\": {}}"), with);
        assert_eq!(read("{\"changes\":1}"), [alone(1, "{\"changes\":1}")]);
    }

    #[test]
    fn text_that_is_no_json_hides_nothing_after_it() {
        let documents = read("{\"a\":1\n{\"b\":2}\nnonsense\n{\"c\":\"open}\n{\"d\":4}\n");
        assert_eq!(documents.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!((documents[1].2.as_str(), documents[4].2.as_str()), ("{\"b\":2}", "{\"d\":4}"));
        assert!(documents[0].2.starts_with("EOF while parsing"), "{documents:?}");
        assert_eq!(documents[2].2, "expected ident at line 3 column 2");
        let cut = read("\n{\n  \"a\": 1,\n  \"b\":\n");
        assert_eq!((cut.len(), cut[0].0), (1, 2));
        let comma = read("\n{\n  \"a\": 1,\n}\n{\"b\":2}");
        assert_eq!(comma, [alone(2, "trailing comma at line 4 column 1"), alone(5, "{\"b\":2}")]);
    }
}

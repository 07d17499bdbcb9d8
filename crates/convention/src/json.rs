//! JSON that fields are read from, and JSON in which every name stands for one thing.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_json_borrow::Value as Borrowed;

/// A JSON value that is read field by field: `serde_json`'s, or one that borrows its texts from what it was parsed of.
///
/// Of members of one name the last counts in both.
pub trait Json: Sized {
    /// Returns the names of its members; `None` if it is no object.
    fn names(&self) -> Option<impl Iterator<Item = &str>>;
    /// Returns the member of this name.
    fn member(&self, name: &str) -> Option<&Self>;
    /// Returns its items; `None` if it is no array.
    fn items(&self) -> Option<&[Self]>;
    /// Returns the text that it is.
    fn text(&self) -> Option<&str>;
    /// Returns whether it is true or false.
    fn boolean(&self) -> Option<bool>;
    /// Says whether it is null.
    fn is_nothing(&self) -> bool;
}

impl Json for Value {
    fn names(&self) -> Option<impl Iterator<Item = &str>> {
        Some(self.as_object()?.keys().map(String::as_str))
    }

    fn member(&self, name: &str) -> Option<&Self> {
        self.get(name)
    }

    fn items(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn boolean(&self) -> Option<bool> {
        self.as_bool()
    }

    fn is_nothing(&self) -> bool {
        self.is_null()
    }
}

impl Json for Borrowed<'_> {
    fn names(&self) -> Option<impl Iterator<Item = &str>> {
        Some(self.as_object()?.keys())
    }

    fn member(&self, name: &str) -> Option<&Self> {
        self.as_object()?.as_vec().iter().rev().find(|(of, _)| *of == name).map(|(_, value)| value)
    }

    fn items(&self) -> Option<&[Self]> {
        self.as_array()
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn boolean(&self) -> Option<bool> {
        self.as_bool()
    }

    fn is_nothing(&self) -> bool {
        self.is_null()
    }
}

/// A JSON value without an object that has a name twice.
///
/// RFC 8259, section 4, leaves to each reader which of two members of one name counts. Two readers that disagree could be
/// shown two different documents under one signature, so a document like that is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UniqueJson(pub Value);

impl<'de> Deserialize<'de> for UniqueJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Unique).map(Self)
    }
}

struct Unique;

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(UniqueJson(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, UniqueJson(value))) = members.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("an object has a name twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value, String> {
        serde_json::from_str::<UniqueJson>(text).map(|json| json.0).map_err(|error| error.to_string())
    }

    #[test]
    fn both_kinds_of_values_are_read_alike() {
        fn read(value: &impl Json) -> (Vec<String>, [Option<String>; 3], Option<bool>, bool) {
            let mut names: Vec<_> = value.names().unwrap().map(str::to_owned).collect();
            names.sort_unstable();
            names.dedup();
            let text = |value: Option<&_>| value.and_then(Json::text).map(str::to_owned);
            let item = value.member("list").and_then(Json::items).and_then(|items| items.get(1));
            let texts = [text(value.member("text")), text(value.member("none")), text(item)];
            let nothing = value.member("nothing").is_some_and(Json::is_nothing);
            (names, texts, value.member("yes").and_then(Json::boolean), nothing)
        }
        let text = r#"{"text":"a","list":[1,"\u0062"],"yes":true,"nothing":null,"text":"c\"d"}"#;
        let (owned, borrowed) =
            (serde_json::from_str::<Value>(text), serde_json::from_str::<Borrowed<'_>>(text));
        let of_owned = read(&owned.unwrap());
        assert_eq!(of_owned.1, [Some("c\"d".to_owned()), None, Some("b".to_owned())]);
        assert_eq!(read(&borrowed.unwrap()), of_owned);
    }

    #[test]
    fn what_is_unambiguous_is_read_as_it_stands() {
        let text = r#"{"a":[1,-2,3.5,true,null,"x",{"a":{}}],"b":{"a":"y"}}"#;
        assert_eq!(parse(text), Ok(serde_json::from_str(text).unwrap()));
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"\u0061":2}]}"#] {
            assert!(parse(text).unwrap_err().starts_with("an object has a name twice"), "{text}");
        }
    }
}

//! JSON in which duplicate names are refused, and JSON in which they can be detected.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A JSON value without duplicate names in any object.
///
/// RFC 8259, section 4, leaves to each reader which duplicate counts. Two readers could see two different
/// documents under one signature, so such a document is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UniqueJson(pub Value);

impl<'de> Deserialize<'de> for UniqueJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = EveryMember::deserialize(deserializer)?;
        if value.repeats_a_name() {
            return Err(D::Error::custom("an object has a duplicate name"));
        }
        Ok(Self(value.into()))
    }
}

/// A JSON value whose objects keep every member, including duplicates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum EveryMember {
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
    /// Any other value.
    Scalar(Value),
}

impl EveryMember {
    /// Returns all values of a name.
    pub(crate) fn members(&self, name: &str) -> impl Iterator<Item = &Self> {
        let members = if let Self::Object(members) = self { members.as_slice() } else { &[] };
        members.iter().filter(move |(of, _)| of == name).map(|(_, value)| value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Scalar(value) = self { value.as_str() } else { None }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Value::Null))
    }

    /// Says whether any object, at any depth, has a duplicate name.
    pub(crate) fn repeats_a_name(&self) -> bool {
        match self {
            Self::Object(members) => {
                let mut names = HashSet::new();
                members.iter().any(|(name, value)| !names.insert(name) || value.repeats_a_name())
            }
            Self::Array(items) => items.iter().any(Self::repeats_a_name),
            Self::Scalar(_) => false,
        }
    }
}

/// The last of several members with one name counts.
impl From<EveryMember> for Value {
    fn from(value: EveryMember) -> Self {
        match value {
            EveryMember::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name, value.into()));
                Self::Object(members.collect::<Map<_, _>>())
            }
            EveryMember::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            EveryMember::Scalar(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for EveryMember {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = EveryMember;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<EveryMember, E> {
        Ok(EveryMember::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<EveryMember, E> {
        Ok(EveryMember::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<EveryMember, E> {
        Ok(EveryMember::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<EveryMember, E> {
        Ok(EveryMember::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<EveryMember, E> {
        Ok(EveryMember::Scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<EveryMember, E> {
        Ok(EveryMember::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<EveryMember, E> {
        Ok(EveryMember::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<EveryMember, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(EveryMember::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<EveryMember, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(EveryMember::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value, String> {
        serde_json::from_str::<UniqueJson>(text).map(|json| json.0).map_err(|error| error.to_string())
    }

    #[test]
    fn unambiguous_json_is_read_as_it_stands() {
        let text = r#"{"a":[1,-2,3.5,true,null,"x",{"a":{}}],"b":{"a":"y"}}"#;
        assert_eq!(parse(text), Ok(serde_json::from_str(text).unwrap()));
    }

    #[test]
    fn a_duplicate_name_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"\u0061":2}]}"#] {
            assert!(parse(text).unwrap_err().starts_with("an object has a duplicate name"), "{text}");
        }
    }
}

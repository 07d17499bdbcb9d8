//! Reading the fields of a vector, and comparing what was expected with what came.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Judgement;

/// A field that may be absent, null, or there: three different things to a vector.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Field<T> {
    /// The vector does not speak of it.
    #[default]
    Absent,
    /// The vector says that there is none.
    Null,
    /// The vector says what it is.
    Is(T),
}

impl<T> Field<T> {
    /// Returns the value; both absent and null are none.
    pub(super) fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Says whether the vector speaks of it.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Is))
    }
}

/// Reads a field that may be absent but not null, so that no expectation is lost by being null.
pub(super) fn there<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads the `input` or `expected` of a vector. A field that the type does not have is an error.
pub(super) fn read<T: DeserializeOwned>(part: &'static str, value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("{part} cannot be judged: {error}"))
}

/// Collects what differs.
#[derive(Debug, Default)]
pub(super) struct Comparison(Vec<String>);

impl Comparison {
    /// Compares one field.
    pub(super) fn equal<T: Debug + PartialEq + ?Sized>(&mut self, field: &str, expected: &T, came: &T) {
        if expected != came {
            self.differ(field, &format!("{expected:?}"), &format!("{came:?}"));
        }
    }

    /// Compares one field if the vector speaks of it.
    pub(super) fn equal_if<T: Debug + PartialEq>(&mut self, field: &str, expected: Option<&T>, came: &T) {
        if let Some(expected) = expected {
            self.equal(field, expected, came);
        }
    }

    /// Compares one field that may be expected to be null, if the vector speaks of it.
    pub(super) fn equal_field<T: Debug + PartialEq>(
        &mut self,
        field: &str,
        expected: &Field<T>,
        came: Option<&T>,
    ) {
        if expected.is_there() {
            self.equal(field, &expected.value(), &came);
        }
    }

    /// Notes that a field differs, or cannot be had at all.
    pub(super) fn differ(&mut self, field: &str, expected: &str, came: &str) {
        self.0.push(format!("{field}: expected {expected}, came {came}"));
    }

    /// Says what differed.
    pub(super) fn finish(self) -> Judgement {
        if self.0.is_empty() { Ok(()) } else { Err(self.0.join("\n")) }
    }
}

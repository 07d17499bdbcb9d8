//! Reads the wanted fields of a JSON line.
//!
//! Other values are skipped without validation: an invalid byte in a `User-Agent` breaks no line, as it would with
//! `serde_json::Value`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The values of the wanted fields, by their numbers.
pub(crate) type Values<'t> = Vec<Option<Cow<'t, str>>>;

/// Wanted fields as a tree of objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    children: Vec<(String, Self)>,
    /// The numbers of the fields that end here.
    fields: Vec<usize>,
}

impl Tree {
    /// Wants a field: `/request/method` of an object in an object, or `status` of the outermost one.
    pub(crate) fn want(&mut self, name: &str, field: usize) {
        let names: Vec<&str> = match name.strip_prefix('/') {
            Some(path) => path.split('/').collect(),
            None => vec![name],
        };
        let node = names.iter().fold(self, |node, name| {
            let at = node.children.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                node.children.push(((*name).to_owned(), Self::default()));
                node.children.len() - 1
            });
            &mut node.children[at].1
        });
        node.fields.push(field);
    }

    /// Reads a line: an object, or an array of objects, as Kong writes a batch.
    pub(crate) fn read<'t>(
        &self,
        line: &'t [u8],
        fields: usize,
    ) -> Result<Vec<Values<'t>>, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(line);
        let found = json.deserialize_any(Rows { tree: self, fields })?;
        json.end()?;
        Ok(found)
    }
}

struct Rows<'a> {
    tree: &'a Tree,
    fields: usize,
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = Vec<Values<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object, or an array of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.fields];
        Field { tree: self.tree, values: &mut values }.visit_map(map)?;
        Ok(vec![values])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        loop {
            let mut values = vec![None; self.fields];
            match seq.next_element_seed(Field { tree: self.tree, values: &mut values })? {
                Some(true) => rows.push(values),
                Some(false) => return Err(A::Error::custom("expected an array of objects")),
                None => return Ok(rows),
            }
        }
    }
}

/// A value, and which fields it is. It gives whether it is an object.
struct Field<'a, 'de> {
    tree: &'a Tree,
    values: &'a mut Values<'de>,
}

impl<'de> Field<'_, 'de> {
    fn set(self, value: Cow<'de, str>) -> bool {
        if let Some((last, others)) = self.tree.fields.split_last() {
            for field in others {
                self.values[*field] = Some(value.clone());
            }
            self.values[*last] = Some(value);
        }
        false
    }

    fn set_text(self, value: &impl ToString) -> bool {
        if self.tree.fields.is_empty() { false } else { self.set(Cow::Owned(value.to_string())) }
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_, 'de> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(child) = map.next_key_seed(Key(self.tree))? {
            match child {
                Some(tree) => {
                    map.next_value_seed(Field { tree, values: &mut *self.values })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(true)
    }

    /// A header that was sent several times is a list: the first counts.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        if seq.next_element_seed(self)?.is_some() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(false)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<bool, E> {
        Ok(self.set(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(self.set_text(&text))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(self.set_text(&value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        Ok(self.set_text(&value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        Ok(self.set_text(&value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        // Seconds with milliseconds: nginx's $msec without quotation marks.
        Ok(self.set_text(&format!("{value:.3}")))
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }
}

struct Key<'a>(&'a Tree);

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<&'a Tree>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Option<&'a Tree>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.children.iter().find(|(known, _)| known == name).map(|(_, tree)| tree))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: impl AsRef<[u8]>) -> Option<Vec<Vec<Option<String>>>> {
        let mut tree = Tree::default();
        for (field, name) in ["status", "/request/method", "/request/headers/etag", "a.b"].iter().enumerate()
        {
            tree.want(name, field);
        }
        let rows = tree.read(line.as_ref(), 4).ok()?;
        let texts = |row: Values<'_>| row.into_iter().map(|value| value.map(Cow::into_owned)).collect();
        Some(rows.into_iter().map(texts).collect())
    }

    #[test]
    fn fields_are_found_at_any_depth_and_the_others_passed_over() {
        let text = |text: &str| Some(text.to_owned());
        let line = r#"{"other":{"status":[1,{"x":2}]},"status":200,"request":{"method":"G\u0045T","headers":{"etag":["x","y"]}},"a.b":1.5}"#;
        assert_eq!(read(line), Some(vec![vec![text("200"), text("GET"), text("x"), text("1.500")]]));
        let batch = r#"[{"status":"200"},{"request":null}]"#;
        let rows = read(batch).unwrap();
        assert_eq!((rows.len(), rows[0][0].as_deref(), &rows[1]), (2, Some("200"), &vec![None; 4]));
    }

    #[test]
    fn skipped_may_have_any_bytes() {
        let line = b"{\"agent\":\"\xe9\",\"status\":200}";
        assert_eq!(read(line).unwrap()[0][0].as_deref(), Some("200"));
        assert!(serde_json::from_slice::<serde_json::Value>(line).is_err());
    }

    #[test]
    fn a_line_that_is_no_object_is_refused() {
        for line in ["", "1", "\"x\"", "{", r#"{"status":200} x"#, "[1]", "[{},null]", r#"{"status":tru}"#] {
            assert_eq!(read(line), None, "{line}");
        }
        assert_eq!(read("[]"), Some(vec![]));
    }
}

//! A line of an access log: a GET of a resource, something else, or broken.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::iter::zip;

use convention::notification::Partition;

use crate::clients::{Client, Clients};
use crate::columns::spaced;
use crate::json::{Tree, Values};
use crate::mapping::{Format, Mapping, Slot};
use crate::time::parse;

/// A GET of a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Get {
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) client: Client,
    pub(crate) resource: Partition,
    pub(crate) status: u16,
    /// A hash of what is equal only if nothing has changed, if the log has it.
    pub(crate) state: Option<u64>,
}

/// Why a line cannot be read. It is not quoted: it may hold what must not be shown (guarantee G8).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Broken {
    Json,
    Path,
    Status,
    Time,
    Names,
    TooLong,
}

impl Broken {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Json => "it is no JSON object",
            Self::Path => "it has no method or no path",
            Self::Status => "it has no HTTP status",
            Self::Time => "it has no time",
            Self::Names => "no line #Fields names its columns",
            Self::TooLong => "it is longer than 1 MiB",
        }
    }
}

/// Reads the lines of one file after another.
#[derive(Clone, Debug)]
pub(crate) struct LineParser<'m> {
    mapping: &'m Mapping,
    tree: Tree,
    /// The wanted field of each column; `None` until the columns are named.
    columns: Option<Vec<Vec<usize>>>,
}

impl<'m> LineParser<'m> {
    pub(crate) fn new(mapping: &'m Mapping) -> Self {
        let mut tree = Tree::default();
        for (field, (_, name)) in mapping.fields.iter().enumerate() {
            tree.want(name, field);
        }
        let mut parser = Self { mapping, tree, columns: None };
        if mapping.format == Format::Columns {
            parser.name_columns(mapping.columns.iter().map(String::as_str));
        }
        parser
    }

    fn name_columns<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        let fields = &self.mapping.fields;
        let wanted = |name: &str| {
            fields
                .iter()
                .enumerate()
                .filter(|(_, (_, known))| known == name)
                .map(|(field, _)| field)
                .collect()
        };
        self.columns = Some(names.map(wanted).collect());
    }

    /// Reads a line, and gives each of its GETs and how many of its entries are something else. A batch of which one entry is broken
    /// gives the others all the same.
    pub(crate) fn read(
        &mut self,
        line: &[u8],
        clients: &mut Clients,
        mut found: impl FnMut(Get),
    ) -> Result<u64, Broken> {
        match self.mapping.format {
            Format::Json => {
                // A time or stream may stand in front, as `aws logs tail` writes it.
                let brace = || line.iter().position(|byte| *byte == b'{');
                let start = if line.starts_with(b"[") { Some(0) } else { brace() }.ok_or(Broken::Json)?;
                let json = line.get(start..).unwrap_or_default();
                let rows = self.tree.read(json, self.mapping.fields.len()).map_err(|_| Broken::Json)?;
                let (mut others, mut broken) = (0, None);
                for row in &rows {
                    match self.get(row, clients) {
                        Ok(Some(get)) => found(get),
                        Ok(None) => others += 1,
                        Err(why) => broken = Some(why),
                    }
                }
                broken.map_or(Ok(others), Err)
            }
            Format::Columns => {
                let line = String::from_utf8_lossy(line);
                let values = self.values(spaced(&line))?;
                Ok(self.one(&values, clients, found)?)
            }
            Format::W3c => {
                let line = String::from_utf8_lossy(line);
                if let Some(comment) = line.strip_prefix('#') {
                    if let Some(names) = comment.strip_prefix("Fields:") {
                        self.name_columns(names.split_whitespace());
                    }
                    return Ok(1);
                }
                let values = self.values(line.split('\t').map(Cow::Borrowed))?;
                Ok(self.one(&values, clients, found)?)
            }
        }
    }

    fn one(
        &self,
        values: &Values<'_>,
        clients: &mut Clients,
        mut found: impl FnMut(Get),
    ) -> Result<u64, Broken> {
        match self.get(values, clients)? {
            Some(get) => found(get),
            None => return Ok(1),
        }
        Ok(0)
    }

    fn values<'t>(&self, columns: impl Iterator<Item = Cow<'t, str>>) -> Result<Values<'t>, Broken> {
        let mut values = vec![None; self.mapping.fields.len()];
        for (fields, column) in zip(self.columns.as_ref().ok_or(Broken::Names)?, columns) {
            for field in fields {
                values[*field] = Some(column.clone());
            }
        }
        Ok(values)
    }

    /// The GET of an entry; `None` if it is something else.
    fn get(&self, values: &Values<'_>, clients: &mut Clients) -> Result<Option<Get>, Broken> {
        let all = |slot: Slot| {
            let values = zip(&self.mapping.fields, values).filter(move |((own, _), _)| *own == slot);
            values.filter_map(|(_, value)| value.as_deref()).filter(|value| !matches!(*value, "" | "-"))
        };
        let first = |slot| all(slot).next();
        let (method, path) = match (first(Slot::Method), first(Slot::Path), first(Slot::Request)) {
            (Some(method), Some(path), _) => (method, path),
            (_, _, Some(request)) => {
                let mut words = request.split(' ');
                // What is not HTTP has no path.
                match (words.next(), words.next()) {
                    (Some(method), Some(path)) => (method, path),
                    _ => return Ok(None),
                }
            }
            // Somebody who speaks no HTTP is logged as `"-"`, or with nothing in between.
            _ if values_have(&self.mapping.fields, values, Slot::Request) => return Ok(None),
            (Some(method), None, None) if method != "GET" => return Ok(None),
            _ => return Err(Broken::Path),
        };
        if method != "GET" {
            return Ok(None);
        }
        let Some(resource) = self.mapping.paths.resource(path) else { return Ok(None) };
        let status = first(Slot::Status).and_then(|text| text.parse().ok()).ok_or(Broken::Status)?;
        let at = match (first(Slot::Date), first(Slot::Time)) {
            (Some(date), Some(time)) => parse(&format!("{date} {time}"), self.mapping.zone),
            (None, Some(time)) => parse(time, self.mapping.zone),
            (_, None) => None,
        };
        let at = at.ok_or(Broken::Time)?;
        let client = first(Slot::Client).map_or(Client::UNKNOWN, |name| clients.number(name));
        let state = first(Slot::State).map(|text| {
            let mut hash = DefaultHasher::new();
            text.hash(&mut hash);
            hash.finish()
        });
        Ok(Some(Get { at, client, resource, status, state }))
    }
}

fn values_have(fields: &[(Slot, String)], values: &Values<'_>, slot: Slot) -> bool {
    zip(fields, values).any(|((own, _), value)| *own == slot && value.is_some())
}

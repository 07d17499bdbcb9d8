//! Where a log has what is needed.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use jiff::tz::Offset;
use serde::Deserialize;

use crate::resource::{PathPattern, Paths};
use crate::time::offset;

/// How the lines of a log are read.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(crate) format: Format,
    /// Each wanted field: what it is, and its name. Of several with a value, the first counts.
    pub(crate) fields: Vec<(Slot, String)>,
    pub(crate) columns: Vec<String>,
    pub(crate) zone: Offset,
    pub(crate) paths: Paths,
    pub(crate) aliases: HashMap<String, String>,
    /// What to do where lines have no path.
    pub(crate) advice: Option<String>,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A JSON object.
    Json,
    /// Columns between spaces, in a fixed order.
    Columns,
    /// Columns between tabs, in the order that a line `#Fields:` names (W3C extended log file format).
    W3c,
}

/// What a field is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Slot {
    Client,
    Method,
    Path,
    /// Method and path in one: `GET /x HTTP/1.1`.
    Request,
    Status,
    Time,
    /// The day, where `Time` is the time of day alone.
    Date,
    /// What is equal in two answers only if nothing has changed between them.
    State,
}

/// A ready-made mapping.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preset {
    /// HTTP API of API Gateway, JSON.
    ApiGatewayHttp,
    /// REST API of API Gateway, JSON.
    ApiGatewayRest,
    /// Application Load Balancer.
    Alb,
    /// nginx, combined.
    Nginx,
    /// nginx, JSON.
    NginxJson,
    /// Kong's http-log and file-log.
    Kong,
    /// `CloudFront`'s standard logs.
    CloudFront,
}

impl Preset {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::ApiGatewayHttp, "api-gateway-http"),
        (Self::ApiGatewayRest, "api-gateway-rest"),
        (Self::Alb, "alb"),
        (Self::Nginx, "nginx"),
        (Self::NginxJson, "nginx-json"),
        (Self::Kong, "kong"),
        (Self::CloudFront, "cloudfront"),
    ];

    /// Returns the mapping.
    pub fn mapping(self) -> Mapping {
        let text = match self {
            Self::ApiGatewayHttp => include_str!("../mappings/api-gateway-http.json"),
            Self::ApiGatewayRest => include_str!("../mappings/api-gateway-rest.json"),
            Self::Alb => include_str!("../mappings/alb.json"),
            Self::Nginx => include_str!("../mappings/nginx.json"),
            Self::NginxJson => include_str!("../mappings/nginx-json.json"),
            Self::Kong => include_str!("../mappings/kong.json"),
            Self::CloudFront => include_str!("../mappings/cloudfront.json"),
        };
        Mapping::from_json(text).expect("a test reads every mapping that comes with the command")
    }
}

impl Mapping {
    /// Reads a mapping; its names are those of the files in `mappings/`.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: File = serde_json::from_str(text).context("the mapping cannot be read")?;
        let slots = [
            (Slot::Client, &file.client),
            (Slot::Method, &file.method),
            (Slot::Path, &file.path),
            (Slot::Request, &file.request),
            (Slot::Status, &file.status),
            (Slot::Time, &file.time),
            (Slot::Date, &file.date),
            (Slot::State, &file.state),
        ];
        for (name, names) in [("status", &file.status), ("time", &file.time)] {
            if names.names().is_empty() {
                bail!("the mapping lacks {name}");
            }
        }
        if file.request.names().is_empty() && (file.method.names().is_empty() || file.path.names().is_empty())
        {
            bail!("the mapping lacks request, or method and path");
        }
        let fields: Vec<_> = slots
            .iter()
            .flat_map(|(slot, names)| names.names().iter().map(|name| (*slot, name.clone())))
            .collect();
        if file.format == Format::Columns
            && let Some((_, name)) = fields.iter().find(|(_, name)| !file.columns.contains(name))
        {
            bail!("the mapping has no column {name:?}");
        }
        let zone = file.zone.as_deref().map_or(Some(Offset::UTC), offset);
        Ok(Self {
            format: file.format,
            fields,
            columns: file.columns,
            zone: zone.context("zone must be an offset such as -03:00")?,
            paths: Paths::of(&file.resources)?,
            aliases: file.clients,
            advice: file.advice,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Where the names are documented; for readers of the file.
    #[serde(default, rename = "source")]
    _source: Option<String>,
    format: Format,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    client: Names,
    #[serde(default)]
    method: Names,
    #[serde(default)]
    path: Names,
    #[serde(default)]
    request: Names,
    #[serde(default)]
    status: Names,
    #[serde(default)]
    time: Names,
    #[serde(default)]
    date: Names,
    #[serde(default)]
    state: Names,
    /// The offset of times that have none.
    zone: Option<String>,
    #[serde(default)]
    resources: Vec<PathPattern>,
    /// Client ids by what the log writes for them.
    #[serde(default)]
    clients: HashMap<String, String>,
    advice: Option<String>,
}

/// A name, or several of which the first with a value counts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Names {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ready_made_mapping_is_read() {
        for (preset, name) in Preset::ALL {
            let mapping = preset.mapping();
            let names_clients = mapping.fields.iter().any(|(slot, _)| *slot == Slot::Client);
            assert_eq!(names_clients, !["alb", "cloudfront"].contains(&name), "{name}");
        }
    }

    #[test]
    fn a_mapping_that_lacks_something_is_refused_by_its_name() {
        let refused = |text: &str| format!("{:#}", Mapping::from_json(text).unwrap_err());
        assert!(refused(r#"{"format":"json","time":"t","method":"m","path":"p"}"#).ends_with("lacks status"));
        assert!(refused(r#"{"format":"json","status":"s","time":"t"}"#).contains("lacks request"));
        let other = r#"{"format":"columns","columns":["t","s"],"status":"s","time":"t","request":"r"}"#;
        assert!(refused(other).ends_with("no column \"r\""));
        assert!(refused(r#"{"format":"json","when":"t"}"#).contains("when"));
        let zone = r#"{"format":"json","status":"s","time":"t","request":"r","zone":"BRT"}"#;
        assert!(refused(zone).contains("-03:00"));
    }
}

//! The file of vectors.

use std::fs;
use std::path::{Path, PathBuf};

use platform::config::environment;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// The version of the file format that this test reads.
const SCHEMA: u64 = 1;
/// The variable that names another file than the project's own.
const VARIABLE: &str = "ARAUTO_VECTORS";

/// One vector, as the file has it. Its parts are read by the family it belongs to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Its name in the file.
    pub id: String,
    /// Which family it belongs to.
    pub category: String,
    /// What it is about, in words.
    pub title: String,
    /// What it rests on: spec, conformance, inference or policy.
    pub basis: String,
    /// Where that is written.
    pub sources: Vec<String>,
    /// What the product is given.
    pub input: Value,
    /// What must come of it.
    pub expected: Value,
    /// A remark.
    #[serde(default)]
    pub note: Option<String>,
}

/// A file of vectors.
#[derive(Debug)]
pub struct VectorFile {
    /// Each vector, or why it cannot be read and what it calls itself.
    pub vectors: Vec<Result<Vector, (String, String)>>,
    /// Whether this is the project's own copy.
    pub own: bool,
}

#[derive(Deserialize)]
struct Document {
    schema_version: u64,
    vectors: Vec<Value>,
}

impl VectorFile {
    /// Reads the file that the environment names, else the project's own.
    pub fn read() -> Result<Self, VectorFileError> {
        let own = workspace().join("tests/vectors.json");
        let path = environment(VARIABLE).filter(|name| !name.is_empty()).map_or_else(|| own.clone(), find);
        let shown = path.display().to_string();
        let text = fs::read_to_string(&path)
            .map_err(|source| VectorFileError::Unreadable { path: shown.clone(), source })?;
        let same = |other: &Path| path.canonicalize().ok() == other.canonicalize().ok();
        Self::parse(&text, same(&own)).map_err(|reason| VectorFileError::Format { path: shown, reason })
    }

    /// Reads the text of a file; `own` says whether it is the project's copy.
    pub fn parse(text: &str, own: bool) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        if value.get("schema_version").and_then(Value::as_u64).is_some_and(|version| version != SCHEMA) {
            return Err(format!("its schema_version is not {SCHEMA}"));
        }
        let document = Document::deserialize(value).map_err(|error| error.to_string())?;
        debug_assert_eq!(document.schema_version, SCHEMA);
        if document.vectors.is_empty() {
            return Err("it holds no vector".to_owned());
        }
        let named =
            |value: &Value| value.get("id").and_then(Value::as_str).unwrap_or("without id").to_owned();
        let vectors = document
            .vectors
            .into_iter()
            .map(|value| Vector::deserialize(&value).map_err(|error| (named(&value), error.to_string())));
        Ok(Self { vectors: vectors.collect(), own })
    }
}

/// Finds a file named relative to the workspace, or to where the test was started.
fn find(name: String) -> PathBuf {
    let in_workspace = workspace().join(&name);
    if in_workspace.exists() { in_workspace } else { PathBuf::from(name) }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of vectors that cannot be judged at all.
#[derive(Debug, Error)]
pub enum VectorFileError {
    /// It cannot be read.
    #[error("the vectors cannot be read from {path}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a file of vectors, or of another version.
    #[error("{path} is no file of vectors that this test knows: {reason}")]
    Format {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
}

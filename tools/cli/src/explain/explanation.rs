//! The explanation of one state change, for people and for programs.

use std::io::{self, Write};

use convention::FieldError;
use serde::Serialize;
use serde_json::{Map, Value};

/// The explanation of one state change.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub(super) line: usize,
    /// The place in an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change: Option<usize>,
    pub(super) decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notification_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) headers: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<FieldError>,
    /// The change that follows by time alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<Box<Then>>,
}

/// What follows by time alone.
#[derive(Debug, Serialize)]
pub(super) struct Then {
    /// When.
    pub(super) expires_at: String,
    /// What is then made of it.
    #[serde(flatten)]
    pub(super) explanation: Explanation,
}

/// Explains what is invalid.
pub(super) fn invalid(line: usize, errors: Vec<FieldError>) -> Explanation {
    Explanation { line, decision: "invalid", errors, ..Explanation::EMPTY }
}

impl Explanation {
    pub(super) const EMPTY: Self = Self {
        line: 0,
        change: None,
        decision: "",
        required: None,
        endpoint: None,
        notification_id: None,
        method: None,
        url: None,
        headers: None,
        body: None,
        rule: None,
        detail: None,
        warnings: Vec::new(),
        errors: Vec::new(),
        then: None,
    };

    /// Says whether the caller or we must fix something.
    pub fn is_fault(&self) -> bool {
        let then = self.then.as_ref();
        matches!(self.decision, "invalid" | "misconfigured")
            || then.is_some_and(|then| then.explanation.is_fault())
    }

    /// Writes the explanation for people.
    pub(super) fn write_for_people(&self, out: &mut impl Write) -> io::Result<()> {
        let required = match self.required {
            Some(true) => " (required)",
            Some(false) => " (optional, and the receiver asks for it)",
            None => "",
        };
        let endpoint = self.endpoint.map(|code| format!(" {code}")).unwrap_or_default();
        let change = self.change.map(|change| format!(", change {change}")).unwrap_or_default();
        writeln!(out, "line {}{change}: {}{endpoint}{required}", self.line, self.decision)?;
        if let (Some(method), Some(url)) = (self.method, &self.url) {
            writeln!(out, "  {method} {url}")?;
        }
        for (name, value) in self.headers.iter().flatten() {
            let fresh = if name == "x-webhook-interaction-id" { "   (another for each attempt)" } else { "" };
            writeln!(out, "  {name}: {}{fresh}", value.as_str().unwrap_or_default())?;
        }
        if let Some(body) = &self.body {
            writeln!(out, "  {body}")?;
        }
        match (self.rule, &self.detail) {
            (Some(rule), Some(detail)) => writeln!(out, "  {rule}: {detail}")?,
            (None, Some(detail)) => writeln!(out, "  {detail}")?,
            _ => {}
        }
        for warning in &self.warnings {
            writeln!(out, "  warning: {warning}")?;
        }
        for FieldError { pointer, code, detail } in &self.errors {
            let pointer = if pointer.is_empty() { "/" } else { pointer };
            writeln!(out, "  {pointer}: {code}: {detail}")?;
        }
        if let Some(Then { expires_at, explanation }) = self.then.as_deref() {
            writeln!(out, "  at {expires_at}, with Timers and unless another state comes first:")?;
            explanation.write_for_people(out)?;
        }
        Ok(())
    }
}

//! Debian's Chromium, as `tests/browser/look.mjs` drives it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tests::contract::file;
use tests::skip::unless;

/// A browser and its driver.
pub(crate) struct Browser {
    chromium: PathBuf,
    modules: PathBuf,
}

/// What is looked at, and how.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) url: String,
    fields: Value,
    steps: Vec<Value>,
}

/// What was seen.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) lang: String,
    pub(crate) title: String,
    pub(crate) text: String,
    /// Each request, those that were blocked too.
    pub(crate) requests: Vec<String>,
    /// Errors of scripts and of the Content Security Policy.
    pub(crate) errors: Vec<String>,
    /// What axe-core found (WCAG 2 and best practices).
    pub(crate) axe: Vec<String>,
    /// What expressions said.
    pub(crate) said: Vec<String>,
    /// Pixels by which the page is wider than the window.
    pub(crate) overflow: i64,
}

const SCRIPT: &str = "tests/browser/look.mjs";
/// Where pictures go, if they are wanted.
const PICTURES: &str = "ARAUTO_PICTURES";

impl Browser {
    /// Finds the browser and its driver; without them the test is skipped, and that is noted.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(PathBuf::from);
        let chromium = chromium.into_iter().find(|path| path.exists());
        let modules = file(".arauto/browser/node_modules").unwrap();
        let both = chromium.filter(|_| modules.join("playwright-core").exists());
        let chromium = unless(test, both, "make test-tools installs Chromium and its driver").unwrap()?;
        Some(Self { chromium, modules })
    }

    /// Makes the visits, one after the other.
    pub(crate) fn look(&self, visits: &[Visit]) -> Vec<Seen> {
        let visits: Vec<_> = visits.iter().map(Visit::to_json).collect();
        let plan = json!({ "chromium": self.chromium, "visits": visits });
        let mut node = Command::new("node")
            .arg(file(SCRIPT).unwrap())
            .env("ARAUTO_NODE_MODULES", &self.modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        node.stdin.take().unwrap().write_all(plan.to_string().as_bytes()).unwrap();
        let output = node.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let seen: Vec<Seen> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(
            output.status.success() && seen.len() == visits.len(),
            "{} of {} pages",
            seen.len(),
            visits.len()
        );
        seen
    }
}

impl Visit {
    pub(crate) fn of(url: String) -> Self {
        Self { url, fields: json!({}), steps: Vec::new() }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.fields[name] = value;
        self
    }

    fn step(mut self, step: Value) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn dark(self) -> Self {
        self.with("colour", json!("dark"))
    }

    pub(crate) fn narrow(self) -> Self {
        self.with("width", json!(390))
    }

    /// Takes a picture where pictures are wanted: `ARAUTO_PICTURES=folder`.
    pub(crate) fn pictured(self, name: &str) -> Self {
        let Some(folder) = std::env::var_os(PICTURES) else { return self };
        let path = self.url.splitn(5, '/').nth(4).unwrap_or_default();
        let plain: String =
            path.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '-' }).collect();
        let picture = PathBuf::from(folder).join(format!("{plain}-{name}.png"));
        self.with("picture", json!(picture))
    }

    pub(crate) fn after(self, pause: Duration) -> Self {
        self.step(json!({ "pause": pause.as_millis() }))
    }

    pub(crate) fn press(self, key: &str) -> Self {
        self.step(json!({ "press": key }))
    }

    /// Presses Tab until this has the focus.
    pub(crate) fn tab_to(self, selector: &str) -> Self {
        self.step(json!({ "tabTo": selector }))
    }

    pub(crate) fn until_shown(self, selector: &str) -> Self {
        self.step(json!({ "wait": selector }))
    }

    pub(crate) fn says(self, expression: &str) -> Self {
        self.step(json!({ "evaluate": expression }))
    }

    fn to_json(&self) -> Value {
        let mut visit = self.fields.clone();
        (visit["url"], visit["steps"]) = (json!(self.url), json!(self.steps));
        visit
    }
}

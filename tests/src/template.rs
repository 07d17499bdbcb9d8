//! The templates of the stack, as a test reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use regex_lite::Regex;
use serde_json::Value;

use crate::contract::file;

/// The template that goes to AWS, and those nested in it.
pub fn templates() -> Result<Vec<String>> {
    let mut paths = vec!["template.yaml".to_owned()];
    for resource in resources("template.yaml")?.values() {
        paths.extend(resource["Properties"]["TemplateURL"].as_str().map(str::to_owned));
    }
    Ok(paths)
}

/// The resources of a template, by their names.
pub fn resources(path: &str) -> Result<BTreeMap<String, Value>> {
    Ok(Template::read(path)?.resources())
}

/// A template. What a tag of CloudFormation stands for is not looked into: `!Ref X` reads as `X`, `!If [A, b, c]` as a list.
#[derive(Debug)]
pub struct Template(Value);

impl Template {
    /// Reads a template of this checkout, such as `template.yaml`.
    pub fn read(path: &str) -> Result<Self> {
        let path = file(path)?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let tag = Regex::new(r"(?m)([:\[,-] |\[)![A-Za-z0-9]+ ").context("the expression is wrong")?;
        let template = serde_saphyr::from_str(&tag.replace_all(&text, "$1"));
        Ok(Self(template.with_context(|| format!("{} is no YAML", path.display()))?))
    }

    /// A section, such as `Parameters`; null where there is none.
    pub fn section(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// All resources, by their names.
    pub fn resources(&self) -> BTreeMap<String, Value> {
        let resources = self.0["Resources"].as_object().into_iter().flatten();
        resources.map(|(name, resource)| (name.clone(), resource.clone())).collect()
    }

    /// A property of a resource; null where there is none.
    pub fn property(&self, resource: &str, property: &str) -> &Value {
        &self.0["Resources"][resource]["Properties"][property]
    }

    /// A property that is a number of seconds.
    pub fn seconds(&self, resource: &str, property: &str) -> Result<Duration> {
        let seconds = self.property(resource, property).as_u64();
        seconds.map(Duration::from_secs).with_context(|| format!("{resource} has no {property} in seconds"))
    }

    /// A parameter's number, such as its `Default` or `MaxValue`.
    pub fn bound(&self, parameter: &str, bound: &str) -> Result<u64> {
        let number = self.0["Parameters"][parameter][bound].as_u64();
        number.with_context(|| format!("{parameter} has no {bound}"))
    }
}

//! The templates of the stack, as data.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::time::Duration;

use anyhow::{Context as _, Result};
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
    let template = Template::read(path)?;
    let resources =
        template.0["Resources"].as_object().with_context(|| format!("{path} has no resources"))?;
    Ok(resources.clone().into_iter().collect())
}

/// A template. What a tag of CloudFormation stands for is not looked into: `!Ref X` reads as `X`, `!If [A, b, c]` as a list.
#[derive(Debug)]
pub struct Template(Value);

impl Template {
    /// Reads a template of this checkout, such as `template.yaml`.
    pub fn read(path: &str) -> Result<Self> {
        let text = read_to_string(file(path)?).with_context(|| format!("cannot read {path}"))?;
        let tag = Regex::new(r"(?m)([:\[,-] |\[)![A-Za-z]+ ")?;
        let template = serde_saphyr::from_str(&tag.replace_all(&text, "$1"));
        Ok(Self(template.with_context(|| format!("{path} is not the YAML it should be"))?))
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

    /// A number that a parameter says of itself, such as its `Default` or `MaxValue`.
    pub fn bound(&self, parameter: &str, bound: &str) -> Result<u64> {
        let number = self.0["Parameters"][parameter][bound].as_u64();
        number.with_context(|| format!("{parameter} has no {bound}"))
    }
}

//! The templates of the stack, as data.

use std::collections::BTreeMap;
use std::fs::read_to_string;

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

/// The resources of a template. What a tag of CloudFormation stands for is not looked into: `!Ref X` reads as `X`.
pub fn resources(path: &str) -> Result<BTreeMap<String, Value>> {
    let text = read_to_string(file(path)?).with_context(|| format!("cannot read {path}"))?;
    let tag = Regex::new(r"(?m)([:\[,-] |\[)![A-Za-z]+ ")?;
    let template: Value = serde_saphyr::from_str(&tag.replace_all(&text, "$1"))
        .with_context(|| format!("{path} is not the YAML it should be"))?;
    let resources = template["Resources"].as_object().with_context(|| format!("{path} has no resources"))?;
    Ok(resources.clone().into_iter().collect())
}

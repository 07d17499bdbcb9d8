//! The templates of the stack, as a test reads them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::contract::file;

/// The template that nests the others.
const ROOT: &str = "template.yaml";

/// The template that goes to AWS, and those nested in it.
pub fn templates() -> Result<Vec<String>> {
    let mut paths = vec![ROOT.to_owned()];
    for resource in resources(ROOT)?.values() {
        paths.extend(resource["Properties"]["TemplateURL"].as_str().map(str::to_owned));
    }
    Ok(paths)
}

/// The resources of a template, by their names.
pub fn resources(path: &str) -> Result<BTreeMap<String, Value>> {
    Ok(Template::read(path)?.resources())
}

/// A template. What a tag of CloudFormation stands for is not looked into: `!Ref X` reads as `X`, `!If [A, b, c]` as a list.
#[derive(Clone, Debug)]
pub struct Template(Arc<Value>);

impl Template {
    /// Reads a template of this checkout, such as `template.yaml`.
    pub fn read(path: &str) -> Result<Self> {
        // By its text: understanding it takes a second, and many tests ask for the same.
        static READ: Mutex<BTreeMap<String, Template>> = Mutex::new(BTreeMap::new());
        let path = file(path)?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(template) = read.get(&text) {
            return Ok(template.clone());
        }
        let tag = Regex::new(r"(?m)([:\[,-] |\[)![A-Za-z0-9]+ ").context("the expression is wrong")?;
        let template = serde_saphyr::from_str(&tag.replace_all(&text, "$1"));
        let template = template.with_context(|| format!("{} is no YAML", path.display()))?;
        let template = Self(Arc::new(template));
        read.insert(text, template.clone());
        Ok(template)
    }

    /// Reads the whole stack as one template, as if nothing were nested: the root, with the resources and conditions of the nested
    /// templates in it. What is named by a parameter of a nested template, or by an output of one, has the name that it has where
    /// it is made. A nested resource without a condition has that of its stack.
    pub fn stack() -> Result<Self> {
        static READ: OnceLock<Template> = OnceLock::new();
        if let Some(stack) = READ.get() {
            return Ok(stack.clone());
        }
        let stack = Self::read_stack()?;
        Ok(READ.get_or_init(|| stack).clone())
    }

    fn read_stack() -> Result<Self> {
        let root = Self::read(ROOT)?;
        let mut whole = Value::clone(&root.0);
        let mut outputs = Map::new();
        for (stack, resource) in root.resources() {
            let Some(path) = resource["Properties"]["TemplateURL"].as_str() else { continue };
            let given = given(&resource["Properties"]["Parameters"]);
            let nested = put_in(&Self::read(path)?.0, &given);
            for (name, condition) in entries(&nested["Conditions"]) {
                let before = whole["Conditions"]
                    .as_object_mut()
                    .and_then(|all| all.insert(name.clone(), condition.clone()));
                ensure!(
                    before.is_none_or(|before| before == *condition),
                    "{name} of {path} is another condition elsewhere"
                );
            }
            for (name, inner) in entries(&nested["Resources"]) {
                let mut inner = inner.clone();
                if inner["Condition"].is_null() {
                    inner["Condition"] = resource["Condition"].clone();
                }
                let before =
                    whole["Resources"].as_object_mut().and_then(|all| all.insert(name.clone(), inner));
                ensure!(before.is_none(), "{name} of {path} is the name of another resource too");
            }
            for (name, output) in entries(&nested["Outputs"]) {
                outputs.insert(format!("{stack}.Outputs.{name}"), output["Value"].clone());
            }
        }
        // What a stack is given may be an output of another, and so on: not more often than there are stacks.
        for _ in 0..templates()?.len() {
            whole = put_in(&whole, &outputs);
        }
        Ok(Self(Arc::new(whole)))
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

/// What a nested stack is given. A list is handed on as text, and is that list; of what may not be there it is what is there.
pub fn given(parameters: &Value) -> Map<String, Value> {
    let list = |value: &Value| match value.as_array().map(Vec::as_slice) {
        Some([comma, list]) if comma == "," => list.clone(),
        Some([_, value, nothing]) if nothing == "" => value.clone(),
        _ => value.clone(),
    };
    entries(parameters).map(|(name, value)| (name.clone(), list(value))).collect()
}

/// Puts values in the place of their names: of a text that is the name, and of `${name}` in a text.
pub fn put_in(whole: &Value, values: &Map<String, Value>) -> Value {
    match whole {
        Value::String(text) => values.get(text).cloned().unwrap_or_else(|| put_in_text(text, values).into()),
        Value::Array(all) => all.iter().map(|one| put_in(one, values)).collect(),
        Value::Object(all) => all.iter().map(|(name, one)| (name.clone(), put_in(one, values))).collect(),
        other => other.clone(),
    }
}

fn put_in_text(text: &str, values: &Map<String, Value>) -> String {
    let mut parts = text.split("${");
    let before = parts.next().unwrap_or_default().to_owned();
    let put_in = |part: &str| {
        let value = part.split_once('}').and_then(|(name, rest)| Some((values.get(name)?.as_str()?, rest)));
        match value {
            Some((value, rest)) if value.contains("${") => format!("{value}{rest}"),
            Some((value, rest)) => format!("${{{value}}}{rest}"),
            None => format!("${{{part}"),
        }
    };
    std::iter::once(before).chain(parts.map(put_in)).collect()
}

fn entries(section: &Value) -> impl Iterator<Item = (&String, &Value)> {
    section.as_object().into_iter().flatten()
}

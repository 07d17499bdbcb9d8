//! What the template of a stack asks for, with its parameters and names filled in.
//!
//! Of CloudFormation's functions it knows those that settings are made of. What needs another is not known, and is not compared.

use std::collections::BTreeMap;

use account::DeployedStack;
use serde_json::Value;

/// The template of a stack as SAM expanded it, and the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    template: &'a Value,
    stack: &'a DeployedStack,
}

/// A template nests functions only so deep; it is a document of others.
const MAX_DEPTH: usize = 16;

impl<'a> Expected<'a> {
    /// Fills this template in for a stack.
    pub(crate) fn new(template: &'a Value, stack: &'a DeployedStack) -> Self {
        Self { template, stack }
    }

    /// Returns a property of a resource as text, by its path; `None` if it is not there or not known.
    pub(crate) fn text(&self, logical_id: &str, path: &[&str]) -> Option<String> {
        text(&self.property(logical_id, path)?)
    }

    /// Returns the texts of an object, such as the variables of a function; those that are not known are left out.
    pub(crate) fn texts(&self, logical_id: &str, path: &[&str]) -> BTreeMap<String, String> {
        let Some(Value::Object(all)) = self.property(logical_id, path) else { return BTreeMap::new() };
        all.iter().filter_map(|(name, value)| Some((name.clone(), text(&self.resolve(value, 0)?)?))).collect()
    }

    fn property(&self, logical_id: &str, path: &[&str]) -> Option<Value> {
        let mut value = self.resolve(&self.template["Resources"][logical_id]["Properties"], 0)?;
        for step in path {
            let inner = match step.parse::<usize>() {
                Ok(at) => value.get(at),
                Err(_) => value.get(step),
            };
            value = self.resolve(inner?, 0)?;
        }
        Some(value)
    }

    /// Replaces a function of CloudFormation by its value; what is inside of objects and lists stays.
    fn resolve(&self, value: &Value, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let Some((name, argument)) = function(value) else { return Some(value.clone()) };
        match name {
            "Ref" => self.reference(argument.as_str()?).map(Value::String),
            "Fn::GetAtt" => self.attribute(argument).map(Value::String),
            "Fn::If" => {
                let [condition, yes, no] = argument.as_array()?.as_slice() else { return None };
                let is_so = self.condition(condition.as_str()?, depth + 1)?;
                self.resolve(if is_so { yes } else { no }, depth + 1)
            }
            "Fn::FindInMap" => {
                let keys = argument.as_array()?.iter().map(|key| text(&self.resolve(key, depth + 1)?));
                let [map, first, second] = keys.collect::<Option<Vec<_>>>()?.try_into().ok()?;
                self.template["Mappings"].get(map)?.get(first)?.get(second).cloned()
            }
            _ => None,
        }
    }

    fn reference(&self, name: &str) -> Option<String> {
        match name {
            "AWS::StackName" => Some(self.stack.name.clone()),
            "AWS::AccountId" => Some(self.stack.account_and_region().0.to_owned()),
            "AWS::Region" => Some(self.stack.account_and_region().1.to_owned()),
            _ => {
                let parameter = self.stack.parameters.get(name).cloned();
                parameter.or_else(|| self.stack.physical_id(name).map(str::to_owned))
            }
        }
    }

    /// An output of a nested stack.
    fn attribute(&self, argument: &Value) -> Option<String> {
        let joined = match argument {
            Value::String(text) => text.clone(),
            parts => parts.as_array()?.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."),
        };
        let (resource, attribute) = joined.split_once('.')?;
        let output = attribute.strip_prefix("Outputs.")?;
        self.stack.nested_outputs.get(resource)?.get(output).cloned()
    }

    fn condition(&self, name: &str, depth: usize) -> Option<bool> {
        self.holds(self.template["Conditions"].get(name)?, depth)
    }

    fn holds(&self, condition: &Value, depth: usize) -> Option<bool> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (name, argument) = function(condition)?;
        let each = || argument.as_array().map(|all| all.iter().map(|one| self.holds(one, depth + 1)));
        match name {
            "Condition" => self.condition(argument.as_str()?, depth + 1),
            "Fn::Not" => each()?.next()?.map(|one| !one),
            "Fn::And" => each()?.try_fold(true, |all, one| Some(all & one?)),
            "Fn::Or" => each()?.try_fold(false, |any, one| Some(any | one?)),
            "Fn::Equals" => {
                let values = argument.as_array()?.iter().map(|one| text(&self.resolve(one, depth + 1)?));
                let [one, other] = values.collect::<Option<Vec<_>>>()?.try_into().ok()?;
                Some(one == other)
            }
            _ => None,
        }
    }
}

fn function(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.iter().next()?;
    (name.starts_with("Fn::") || name == "Ref" || name == "Condition").then_some((name, argument))
}

/// Numbers and truth values are texts to CloudFormation.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_so) => Some(is_so.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::tests::right_stack;

    #[test]
    fn parameters_names_maps_and_conditions_are_filled_in() {
        let template = json!({
            "Mappings": { "Notifications": { "Receives": { "Most": "150" } } },
            "Conditions": {
                "HasEvidence": { "Fn::Equals": [{ "Ref": "Evidence" }, "true"] },
                "HasNone": { "Fn::Not": [{ "Condition": "HasEvidence" }] },
                "Both": { "Fn::And": [{ "Condition": "HasEvidence" }, { "Condition": "HasNone" }] },
                "Either": { "Fn::Or": [{ "Condition": "HasEvidence" }, { "Condition": "HasNone" }] },
            },
            "Resources": { "F": { "Properties": {
                "Timeout": 45,
                "Architectures": [{ "Ref": "Architecture" }],
                "Role": { "Fn::GetAtt": ["RolesStack", "Outputs.DispatchRoleArn"] },
                "SameRole": { "Fn::GetAtt": "RolesStack.Outputs.DispatchRoleArn" },
                "Scaling": { "Fn::If": ["Both", { "A": 1 }, { "A": { "Fn::If": ["Either", 2, 3] } }] },
                "Variables": {
                    "QUEUE": { "Ref": "NotificationsQueue" },
                    "RECEIVES": { "Fn::FindInMap": ["Notifications", "Receives", "Most"] },
                    "JOINED": { "Fn::Join": ["", ["a", "b"]] },
                },
            } } },
        });
        let stack = right_stack();
        let expected = Expected::new(&template, &stack);
        let of = |path: &[&str]| expected.text("F", path);
        assert_eq!(of(&["Timeout"]).as_deref(), Some("45"));
        assert_eq!(of(&["Architectures", "0"]).as_deref(), Some("arm64"));
        assert_eq!(of(&["Role"]).as_deref(), Some("arn:aws:iam::123456789012:role/dispatch"));
        assert_eq!(of(&["SameRole"]), of(&["Role"]));
        assert_eq!(of(&["Scaling", "A"]).as_deref(), Some("2"));
        assert_eq!((of(&["Nothing"]), of(&["Variables"])), (None, None));
        let variables = expected.texts("F", &["Variables"]);
        assert_eq!(variables.len(), 2, "what cannot be known is left out: {variables:?}");
        assert_eq!(variables["RECEIVES"], "150");
        assert_eq!(variables["QUEUE"], stack.outputs["NotificationsQueueUrl"]);
    }
}

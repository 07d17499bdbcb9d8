//! `infra/api.yaml` as a judge: is this what the API is published to take and to answer?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use account::Checkout;
use account::aws_http::ApiAnswer;
use anyhow::{Context, Result, ensure};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The published contract of the API.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    /// By the text of their schemas: making one takes longer than most tests.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Contract {
    /// Reads the contract of this checkout, once in a process.
    pub fn read() -> Result<&'static Self> {
        static READ: OnceLock<Contract> = OnceLock::new();
        if let Some(contract) = READ.get() {
            return Ok(contract);
        }
        let contract = Self::parse()?;
        Ok(READ.get_or_init(|| contract))
    }

    fn parse() -> Result<Self> {
        let path = file("infra/api.yaml")?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let mut document: Value = serde_saphyr::from_str(&text).context("infra/api.yaml is no YAML")?;
        to_json_schema(&mut document);
        Ok(Self { document, validators: Mutex::default() })
    }

    /// The routes of the contract, such as `PUT /v1/clients/{clientId}`.
    pub fn routes(&self) -> BTreeSet<String> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let methods = ["get", "put", "post", "delete", "patch"];
        paths
            .flat_map(|(path, item)| {
                let present = methods.iter().filter(|method| item.get(method).is_some());
                present.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect()
    }

    /// The examples of an operation's request.
    pub fn request_examples(&self, method: &str, path: &str) -> Vec<Value> {
        let content = &self.document["paths"][path][method]["requestBody"]["content"]["application/json"];
        let examples = content["examples"].as_object().into_iter().flatten();
        examples.map(|(_, example)| self.resolve(example)["value"].clone()).collect()
    }

    /// Says whether a body is one that the operation takes.
    pub fn takes(&self, method: &str, path: &str, body: &Value) -> Result<bool> {
        let schema =
            &self.document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
        Ok(self.validator(schema)?.is_valid(body))
    }

    /// Checks that an answer is one that the operation is published to give.
    pub fn check(&self, method: &str, path: &str, answer: &ApiAnswer) -> Result<()> {
        let responses = &self.document["paths"][path][method]["responses"];
        let response = self.resolve(&responses[answer.status.to_string()]);
        ensure!(
            response.is_object(),
            "{method} {path} is not published to answer {}: {}",
            answer.status,
            answer.text()
        );
        let Some(content) = response["content"].as_object() else {
            ensure!(
                answer.body.is_empty(),
                "{method} {path}: {} has no body: {}",
                answer.status,
                answer.text()
            );
            return Ok(());
        };
        let media_type =
            answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let published = content.get(media_type).with_context(|| {
            format!(
                "{method} {path}: {} is not published as {media_type:?}: {}",
                answer.status,
                answer.text()
            )
        })?;
        for name in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            ensure!(
                answer.headers.contains_key(name),
                "{method} {path}: {} lacks the header {name}",
                answer.status
            );
        }
        let body: Value = serde_json::from_slice(&answer.body).context("the body is no JSON")?;
        let validator = self.validator(&published["schema"])?;
        let errors: Vec<_> = validator
            .iter_errors(&body)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        ensure!(
            errors.is_empty(),
            "{method} {path}: {} breaks the contract: {errors:?}: {body}",
            answer.status
        );
        Ok(())
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.document.pointer(pointer)).unwrap_or(value)
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let text = schema.to_string();
        if let Some(validator) = validators.get(&text) {
            return Ok(Arc::clone(validator));
        }
        let schema = json!({ "allOf": [schema], "components": self.document["components"] });
        let options = jsonschema::options().should_validate_formats(true);
        let validator = Arc::new(options.build(&schema).context("the schema cannot be used")?);
        validators.insert(text, Arc::clone(&validator));
        Ok(validator)
    }
}

/// A file of this checkout.
pub fn file(path: &str) -> Result<PathBuf> {
    Ok(Checkout::find()?.root().join(path))
}

/// Turns the `nullable` of `OpenAPI` 3.0 into what JSON Schema says instead.
fn to_json_schema(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.remove("nullable") == Some(Value::Bool(true)) {
                let schema = Value::Object(std::mem::take(object));
                *object = Map::from_iter([("anyOf".to_owned(), json!([schema, { "type": "null" }]))]);
            }
            object.values_mut().for_each(to_json_schema);
        }
        Value::Array(items) => items.iter_mut().for_each(to_json_schema),
        _ => {}
    }
}

/// Says whether a skipped test is a failure: `ARAUTO_SKIP=never`, as in CI, where everything is installed.
pub fn nothing_may_be_skipped() -> bool {
    platform::config::environment("ARAUTO_SKIP").as_deref() == Some("never")
}

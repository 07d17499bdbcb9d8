//! The same examination in dispatch: with its network, its identity and its data on revocation.

use std::time::Duration;

use account::ChosenStack;
use anyhow::{Context as _, Result, anyhow, bail};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use convention::directory::Settings;
use mtls::examine::Facts;
use platform::telemetry::ErrorChain;
use serde_json::{Value, json};

use super::here::Receiver;

/// The alias that events invoke (`AutoPublishAlias` in `template.yaml`); the local stack has none.
const LIVE: &str = "live";
/// Timeout of the call: that of dispatch, 45 s, and the start of an environment before it.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// Asks dispatch to examine the receiver at a base URI, as the command does for one that is not registered.
pub async fn from_dispatch(stack: &ChosenStack, base_uri: &str) -> Result<Facts> {
    let (base_uri, settings) = (base_uri.to_owned(), Settings::default());
    examine(stack, &Receiver { base_uri, authorisation_server: None, settings, suspension: None }, false)
        .await
}

/// Asks dispatch to examine a receiver. Needs `lambda:InvokeFunction`.
pub(super) async fn examine(stack: &ChosenStack, receiver: &Receiver, posts: bool) -> Result<Facts> {
    let function = stack.output("DispatchFunctionName")?;
    // One try: each is an examination, and may be a notification.
    let timeouts = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build();
    let config = Builder::from(&stack.sdk).timeout_config(timeouts).retry_config(RetryConfig::disabled());
    let task = json!({
        "task": "examine_receiver",
        "receiver": {
            "base_uri": receiver.base_uri, "authorisation_server": receiver.authorisation_server,
            "settings": receiver.settings, "posts": posts,
        },
    });
    let call = Client::from_conf(config.build()).invoke().function_name(function);
    let call = if stack.local.is_some() { call } else { call.qualifier(LIVE) };
    let answer =
        call.payload(Blob::new(task.to_string())).send().await.map_err(|error| match error.code() {
            Some(code) => {
                anyhow!(
                    "{code} on lambda:InvokeFunction of {function}: {}",
                    error.message().unwrap_or_default()
                )
            }
            None => anyhow!("no answer to lambda:InvokeFunction: {}", ErrorChain(&error)),
        })?;
    if let Some(error) = answer.function_error() {
        bail!("dispatch failed ({error}): its log says why");
    }
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let mut answer: Value = serde_json::from_slice(payload).context("dispatch's answer is no JSON")?;
    let mut examined = answer["examined"].take();
    if let Some(fault) = examined["fault"].as_str() {
        bail!("dispatch could not look: {fault} (`arauto outcomes {fault}`)");
    }
    if examined.is_null() {
        bail!("the dispatch that is deployed examines no receivers: deploy this version");
    }
    serde_json::from_value(examined["facts"].take()).context("dispatch found what this version does not know")
}

//! Writes of `DynamoDB` that are made without the SDK's clients: signed here, sent by its connector, and nothing around them.
//!
//! The SDK's own way to send takes several times the processor time of the request itself, and each notification makes two
//! (`docs/decisions.md`, "the ledger's writes are first tried directly"). What is not done at once is left to the SDK, which
//! tries again and tells errors apart.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemInputBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use http_body_util::BodyExt as _;
use serde::ser::{Error as _, Serialize, SerializeMap as _, Serializer};
use tokio::time::timeout;

use super::clients::TRY_TIMEOUT;
use super::signature::{Headers, Signer};
use crate::edge::Clock;

const HEADERS: Headers<'_> =
    Headers { content_type: "application/x-amz-json-1.0", target: "DynamoDB_20120810.UpdateItem" };
/// Credentials that end are asked for anew this long before.
const BEFORE_EXPIRY: Duration = Duration::from_mins(1);

/// Makes writes directly.
#[derive(Debug)]
pub struct Direct {
    connector: SharedHttpConnector,
    credentials: SharedCredentialsProvider,
    signer: Mutex<Option<Signer>>,
    region: String,
    uri: Uri,
    clock: Clock,
}

impl Direct {
    /// Uses the endpoint and the credentials of this configuration; `None` where its endpoint is none that this can name.
    pub fn new(sdk: &SdkConfig, connector: SharedHttpConnector, clock: Clock) -> Option<Self> {
        let region = sdk.region()?.to_string();
        let is_named_otherwise = region.starts_with("cn-") || region.contains("-iso");
        let is_special = sdk.use_fips() == Some(true) || sdk.use_dual_stack() == Some(true);
        let uri = match sdk.endpoint_url() {
            Some(url) => format!("{}/", url.trim_end_matches('/')),
            None if is_named_otherwise || is_special => return None,
            None => format!("https://dynamodb.{region}.amazonaws.com/"),
        };
        let (uri, credentials): (Uri, _) = (uri.parse().ok()?, sdk.credentials_provider()?);
        Some(Self { connector, credentials, signer: Mutex::default(), region, uri, clock })
    }

    /// Makes an update; `false` if it is not known to be done, for whatever reason.
    pub(super) async fn update(&self, update: &UpdateItemInputBuilder) -> bool {
        timeout(TRY_TIMEOUT, self.attempt(update)).await.ok().flatten().is_some()
    }

    async fn attempt(&self, update: &UpdateItemInputBuilder) -> Option<()> {
        let body = serde_json::to_string(&Body(update)).ok()?;
        let request = self.signed(body).await?;
        let answer = self.connector.call(request).await.ok()?;
        let done = answer.status().is_success();
        // Read to its end, or the connection could not be used again.
        answer.into_body().collect().await.ok()?;
        done.then_some(())
    }

    async fn signed(&self, body: String) -> Option<HttpRequest> {
        let now = self.clock.now();
        self.renew(now.into()).await?;
        let mut request = HttpRequest::new(SdkBody::empty());
        let mut signer = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        let signer = signer.as_mut()?;
        let added = signer.sign(&HEADERS, body.as_bytes(), now);
        let headers = request.headers_mut();
        headers.insert("content-type", HEADERS.content_type);
        headers.insert("x-amz-target", HEADERS.target);
        headers.insert("x-amz-date", added.date);
        headers.insert("authorization", added.authorization);
        if let Some(token) = signer.credentials().session_token() {
            headers.insert("x-amz-security-token", token.to_owned());
        }
        *request.body_mut() = SdkBody::from(body);
        request.set_method("POST").ok()?;
        request.set_uri(self.uri.clone()).ok()?;
        Some(request)
    }

    /// Asks for credentials where there are none, or none that last: those of a function are the same for as long as its process
    /// lives.
    async fn renew(&self, now: SystemTime) -> Option<()> {
        let lasts =
            |signer: &Signer| signer.credentials().expiry().is_none_or(|expiry| now + BEFORE_EXPIRY < expiry);
        if self.signer.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(lasts) {
            return Some(());
        }
        let fresh = self.credentials.provide_credentials().await.ok()?;
        let host = self.uri.authority()?.as_str();
        let signer = Signer::new(fresh, &self.region, "dynamodb", host);
        *self.signer.lock().unwrap_or_else(PoisonError::into_inner) = Some(signer);
        Some(())
    }
}

/// An update as the service reads it.
///
/// Source: Amazon `DynamoDB` API Reference, `UpdateItem`.
struct Body<'a>(&'a UpdateItemInputBuilder);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(update) = self;
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry("TableName", update.get_table_name())?;
        body.serialize_entry("Key", &Values(update.get_key().as_ref()))?;
        body.serialize_entry("UpdateExpression", update.get_update_expression())?;
        if let Some(condition) = update.get_condition_expression() {
            body.serialize_entry("ConditionExpression", condition)?;
        }
        if let Some(names) = update.get_expression_attribute_names() {
            body.serialize_entry("ExpressionAttributeNames", names)?;
        }
        body.serialize_entry(
            "ExpressionAttributeValues",
            &Values(update.get_expression_attribute_values().as_ref()),
        )?;
        if let Some(returned) = update.get_return_values_on_condition_check_failure() {
            body.serialize_entry("ReturnValuesOnConditionCheckFailure", returned.as_str())?;
        }
        body.end()
    }
}

struct Values<'a>(Option<&'a HashMap<String, AttributeValue>>);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.0.into_iter().flatten();
        serializer.collect_map(values.map(|(name, value)| (name, OneValue(value))))
    }
}

struct OneValue<'a>(&'a AttributeValue);

impl Serialize for OneValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::S(text) => serializer.collect_map([("S", text)]),
            AttributeValue::N(number) => serializer.collect_map([("N", number)]),
            AttributeValue::M(map) => serializer.collect_map([("M", Values(Some(map)))]),
            _ => Err(S::Error::custom("a value that no row of ours has")),
        }
    }
}

//! Deploys a template to MiniStack the way `sam deploy` does: packages and template to S3, then a stack from them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use account::aws_http::{Caller, http_client};
use account::local_stack::{LocalStack, REGION, credentials};
use anyhow::{Context as _, Result, bail, ensure};
use aws_sdk_cloudformation::types::StackStatus;
use http::Method;
use tokio::time::{Instant, sleep};

use super::cloudformation::CloudFormation;
use super::template::Template;

/// The bucket for packages and template, as `sam deploy --resolve-s3` makes one.
const BUCKET: &str = "arauto-code";

/// The name of the stack.
const STACK: &str = "arauto";

/// The template takes about half a second; the rest is for a machine that compiles meanwhile.
const WITHIN: Duration = Duration::from_mins(2);

/// Between two looks at a stack that is being made.
const POLL: Duration = Duration::from_millis(50);

/// Deploys to a MiniStack that has nothing yet and returns the outputs; `packages` are by the name of the binary, and `folder` is that of the template.
pub(super) async fn deploy(
    started: &LocalStack,
    template: &Template,
    folder: &Path,
    packages: &BTreeMap<String, PathBuf>,
    parameters: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let bucket = Bucket::make(&started.endpoint()).await?;
    for (binary, package) in packages {
        bucket.put_file(&key(binary), package).await?;
    }
    for path in template.nested() {
        bucket.put_file(path, &folder.join(path)).await?;
    }
    let text =
        template.packaged(|binary| format!("s3://{BUCKET}/{}", key(binary)), |path| bucket.url_of(path));
    let template_url = bucket.put("template.yaml", text.into_bytes()).await?;

    let cloudformation = CloudFormation::new(&started.sdk_config());
    cloudformation.create_stack(STACK, &template_url, parameters).await?;
    let deadline = Instant::now() + WITHIN;
    loop {
        let stack = cloudformation.describe(STACK).await?;
        match stack.status {
            StackStatus::CreateComplete => return Ok(stack.outputs),
            StackStatus::CreateInProgress if Instant::now() < deadline => sleep(POLL).await,
            status => {
                let reasons = cloudformation.failures(STACK).await?;
                let reasons =
                    if reasons.is_empty() { "(no reason given)".to_owned() } else { reasons.join("\n") };
                bail!(
                    "the template was not deployed; its stack is {status}. The failures, first to last:\n{reasons}"
                )
            }
        }
    }
}

fn key(binary: &str) -> String {
    format!("{binary}.zip")
}

struct Bucket {
    caller: Caller,
    url: String,
}

impl Bucket {
    async fn make(endpoint: &str) -> Result<Self> {
        let bucket = Self {
            caller: Caller::new(http_client(None)?, credentials(), REGION, "s3"),
            url: format!("{endpoint}/{BUCKET}"),
        };
        bucket.send(bucket.url.clone(), Vec::new()).await.context("cannot make the bucket for the code")?;
        Ok(bucket)
    }

    async fn put_file(&self, key: &str, path: &Path) -> Result<String> {
        let body = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.put(key, body).await
    }

    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String> {
        let url = self.url_of(key);
        self.send(url.clone(), body).await.with_context(|| format!("cannot upload {key}"))?;
        Ok(url)
    }

    fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.url)
    }

    async fn send(&self, url: String, body: Vec<u8>) -> Result<()> {
        let answer = self.caller.call_unsigned(Method::PUT, &url, "application/octet-stream", body).await?;
        ensure!(answer.status == 200, "{url} answered {}: {}", answer.status, answer.text());
        Ok(())
    }
}

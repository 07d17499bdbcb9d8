//! `arauto call`: one signed request to the API.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use account::Checkout;
use account::aws_http::{ApiAnswer, Caller, http_client};
use account::local_stack::LocalStack;
use account::sdk_config;
use anyhow::{Context as _, Result, bail};
use aws_credential_types::provider::ProvideCredentials as _;
use clap::Args;
use http::Method;
use serde_json::{Value, json};

/// Call the API, signed with SigV4
///
/// Without --url it calls the local stack that `arauto up` keeps. With it, credentials and region come from the environment
/// or the AWS profile.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto call PUT /v1/clients/itp-1 receiver.json\n  arauto call GET /v1/clients/itp-1\n  \
    arauto call POST /v1/state-changes changes.json --url https://ID.execute-api.us-east-1.amazonaws.com\n\n\
    Exit codes: 0 the answer is 2xx; 1 another answer, or none; 2 wrong usage."
)]
pub struct CallArgs {
    /// GET, PUT, POST or DELETE
    method: Method,
    /// The path, such as /v1/state-changes
    path: String,
    /// File with the JSON body; - is standard input
    file: Option<PathBuf>,
    /// Where the API is: the stack's output ApiUrl
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Print status, headers and body as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command; `false` if the answer is not a success.
pub async fn run(args: CallArgs) -> Result<bool> {
    if !args.path.starts_with('/') {
        bail!("{:?} is not a path: it starts with /, as /v1/state-changes does", args.path);
    }
    let body = args.file.as_deref().map(read).transpose()?.unwrap_or_default();
    let answer = match &args.url {
        Some(url) => call_aws(url, &args, body).await?,
        None => call_local(&args, body).await?,
    };
    print(&answer, args.json).context("failed to print the answer")?;
    Ok((200..300).contains(&answer.status))
}

async fn call_aws(url: &str, args: &CallArgs, body: Vec<u8>) -> Result<ApiAnswer> {
    let sdk = sdk_config().await;
    let region = sdk.region().context("no AWS region is set: set AWS_REGION")?.to_string();
    let provider = sdk.credentials_provider().context("no AWS credentials are set")?;
    let credentials = provider.provide_credentials().await.context("failed to get AWS credentials")?;
    let caller = Caller::new(http_client(None)?, credentials, &region, "execute-api");
    let url = format!("{}{}", url.trim_end_matches('/'), args.path);
    caller.call(args.method.clone(), &url, "application/json", body).await
}

async fn call_local(args: &CallArgs, body: Vec<u8>) -> Result<ApiAnswer> {
    let Some(stack) = LocalStack::find(&Checkout::find()?.scratch()).await? else {
        bail!("no local stack is up: start one with `make up`, or give --url");
    };
    stack.call_api(args.method.clone(), &args.path, "application/json", body).await
}

fn print(answer: &ApiAnswer, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| json!(answer.text()));
    if as_json {
        let headers: Value = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
            .collect::<serde_json::Map<_, _>>()
            .into();
        return writeln!(out, "{}", json!({ "status": answer.status, "headers": headers, "body": body }));
    }
    writeln!(out, "{}", answer.status)?;
    match &body {
        Value::String(text) if text.is_empty() => Ok(()),
        Value::String(text) => writeln!(out, "{text}"),
        document => writeln!(out, "{document:#}"),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).context("failed to read standard input")?;
        return Ok(bytes);
    }
    fs::read(path).with_context(|| format!("failed to read {}", path.display()))
}

//! `arauto call`: one signed request to the API.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use account::aws_http::ApiAnswer;
use account::{ApiRequest, StackArgs, Token, sdk_config};
use anyhow::{Context as _, Result};
use clap::Args;
use http::Method;
use serde_json::{Value, json};
use terminal::WrongUsage;

/// Call the API, signed with SigV4 or with a bearer token
///
/// Without --stack-name and --url it calls the local stack that `arauto up` keeps. The token is read from --token-file or
/// the variable ARAUTO_TOKEN; with one, the request is not signed.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  arauto call PUT /v1/clients/itp-1 receiver.json\n  \
    arauto call GET /v1/clients/itp-1 --stack-name arauto-homologation --profile bank\n  \
    arauto call POST /v1/state-changes changes.json --url https://api.bancoex.example --token-file token\n\n\
    Exit codes: 0 the answer is 2xx; 1 there is none; 2 wrong usage; 3 another answer.")]
pub struct CallArgs {
    /// GET, PUT, POST or DELETE
    method: Method,
    /// The path, such as /v1/state-changes
    path: String,
    /// File with the JSON body; - is standard input
    file: Option<PathBuf>,
    /// File with a bearer token, for a stack with ApiAuthorization=JWT; ARAUTO_TOKEN holds one, too
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    stack: StackArgs,
    /// The API without a stack: the output ApiUrl
    #[arg(long, value_name = "URL", conflicts_with = "stack_name", help_heading = "AWS")]
    url: Option<String>,
    /// Print status, headers and body as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command; `false` if the answer is not a success.
pub async fn run(args: CallArgs) -> Result<bool> {
    if !args.path.starts_with('/') {
        let wrong = format!("{:?} is not a path: it starts with /, as /v1/state-changes does", args.path);
        return Err(WrongUsage(wrong).into());
    }
    let token = match &args.token_file {
        Some(file) => Some(Token::from_file(file)?),
        None => Token::of_environment()?,
    };
    let body = args.file.as_deref().map(read).transpose()?.unwrap_or_default();
    let request = ApiRequest { method: args.method, path: args.path, body };
    let answer = match (&args.url, &token) {
        (Some(url), Some(token)) => request.send_with_token(url, token).await?,
        (Some(url), None) => request.send_signed(url, &sdk_config(&args.stack.account).await?).await?,
        (None, token) => request.send_to(&args.stack.find(" (or --url)").await?, token.as_ref()).await?,
    };
    print(&answer, args.json).context("failed to print the answer")?;
    Ok((200..300).contains(&answer.status))
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

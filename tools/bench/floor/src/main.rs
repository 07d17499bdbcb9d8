//! The floor of the benchmark: what dispatch cannot do without, and nothing else.
//!
//! Reads its work from standard input, one line a batch, and says on standard output when a batch is done. Each notification
//! of a batch is a POST of a body that is there already, over TLS with the settings of dispatch (FAPI-BR 2.2.1, section 6.4: no
//! session resumption). A batch of `posts` is no more than that. In one of `presigned` or `signed` one request to the stand-in for
//! AWS goes before each POST and one after it, as many as dispatch makes: signed in advance, which AWS would take for five minutes,
//! or as they are sent, which is the least that can be done for AWS. With `AWS_LAMBDA_RUNTIME_API` set it asks for its first
//! invocation instead, which is the floor of a start.

mod aws;
mod post;

use std::io::{Write as _, stdin, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use http::Uri;
use serde::Deserialize;

use aws::{Aws, Signature};
use post::Receivers;

/// What it is told on the first line.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Default))]
struct Setup {
    chain: PathBuf,
    key: PathBuf,
    trust: PathBuf,
    /// The stand-in for AWS.
    aws: String,
    /// The URL of a notification at each receiver, which its number follows.
    receivers: Vec<String>,
    /// The headers of a notification beside `host`, and its body.
    headers: Vec<(String, String)>,
    body: String,
    /// The same of a request to AWS, which dispatch has signed.
    aws_headers: Vec<(String, String)>,
    aws_body: String,
    /// What signs it anew.
    aws_region: String,
    aws_credentials: AwsCredentials,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(Default))]
struct AwsCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the edge")]
    if let Ok(runtime_api) = std::env::var("AWS_LAMBDA_RUNTIME_API") {
        let setup = setup(&std::env::var("FLOOR_SETUP").context("FLOOR_SETUP is not set")?)?;
        let _receivers = Receivers::new(&setup)?;
        return aws::first_next(&runtime_api).await;
    }
    // Read as blocks the thread: between two batches there is nothing else to do.
    let mut lines = stdin().lines();
    let setup = setup(&lines.next().context("there is no first line")??)?;
    let receivers = Arc::new(Receivers::new(&setup)?);
    let aws = Arc::new(Aws::new(&setup)?);
    for line in lines {
        let line = line?;
        let mut words = line.split(' ');
        let (kind, first, count) = (words.next(), words.next(), words.next());
        let number = |word: Option<&str>| {
            word.context("a number is missing")?.parse::<usize>().map_err(anyhow::Error::from)
        };
        let (first, count) = (number(first)?, number(count)?);
        let aws_signature = match kind {
            Some("posts") => None,
            Some("presigned") => Some(Signature::InAdvance),
            Some("signed") => Some(Signature::Now),
            _ => bail!("neither posts nor presigned nor signed: {line}"),
        };
        let all = (first..first + count).map(|number| {
            let (receivers, aws) = (Arc::clone(&receivers), Arc::clone(&aws));
            let task = tokio::spawn(async move {
                if let Some(signature) = aws_signature {
                    aws.ask(signature).await?;
                }
                receivers.post(number).await?;
                if let Some(signature) = aws_signature {
                    aws.ask(signature).await?;
                }
                anyhow::Ok(())
            });
            async move { task.await? }
        });
        try_join_all(all).await?;
        let mut out = stdout();
        out.write_all(b"done\n")?;
        out.flush()?;
    }
    Ok(())
}

fn setup(text: &str) -> Result<Setup> {
    serde_json::from_str(text).context("the setup cannot be read")
}

/// Makes the head of a POST that is sent again and again.
fn head(uri: &Uri, headers: &[(String, String)]) -> Result<http::request::Parts> {
    let authority = uri.authority().context("a URL has a host")?.as_str();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = http::Request::post(path).header(http::header::HOST, authority);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    Ok(request.body(())?.into_parts().0)
}

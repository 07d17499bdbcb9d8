//! Batches of notifications, one a line.

use std::io::{Write as _, stdin, stdout};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;

use crate::aws::{Aws, Signature};
use crate::post::Receivers;
use crate::setup::Setup;

/// One line: which notifications, and with which requests to AWS.
struct Batch {
    first: usize,
    count: usize,
    signature: Option<Signature>,
}

/// Reads the setup and then batches from standard input until it ends, and says after each that it is done.
pub(crate) async fn send_all() -> Result<()> {
    // Read as blocks the thread: between two batches there is nothing else to do.
    let mut lines = stdin().lines();
    let setup = Setup::parse(&lines.next().context("there is no first line")??)?;
    let receivers = Arc::new(Receivers::new(&setup)?);
    let aws = Arc::new(Aws::new(&setup)?);
    for line in lines {
        Batch::parse(&line?)?.send(&receivers, &aws).await?;
        let mut out = stdout();
        out.write_all(b"done\n")?;
        out.flush()?;
    }
    Ok(())
}

impl Batch {
    fn parse(line: &str) -> Result<Self> {
        let mut words = line.split(' ');
        let (kind, first, count) = (words.next(), words.next(), words.next());
        let number = |word: Option<&str>| {
            word.context("a number is missing")?.parse::<usize>().map_err(anyhow::Error::from)
        };
        let signature = match kind {
            Some("posts") => None,
            Some("presigned") => Some(Signature::InAdvance),
            Some("signed") => Some(Signature::Now),
            _ => bail!("neither posts nor presigned nor signed: {line}"),
        };
        Ok(Self { first: number(first)?, count: number(count)?, signature })
    }

    async fn send(&self, receivers: &Arc<Receivers>, aws: &Arc<Aws>) -> Result<()> {
        let signature = self.signature;
        let all = (self.first..self.first + self.count).map(|number| {
            let (receivers, aws) = (Arc::clone(receivers), Arc::clone(aws));
            let task = tokio::spawn(async move {
                if let Some(signature) = signature {
                    aws.ask(signature).await?;
                }
                receivers.post(number).await?;
                if let Some(signature) = signature {
                    aws.ask(signature).await?;
                }
                anyhow::Ok(())
            });
            async move { task.await? }
        });
        try_join_all(all).await?;
        Ok(())
    }
}

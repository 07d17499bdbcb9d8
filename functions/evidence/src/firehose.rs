//! Puts records into the Firehose stream.

use std::time::Duration;

use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::BoxError;
use aws_sdk_firehose::primitives::Blob as Data;
use aws_sdk_firehose::types::Record;
use platform::aws::cause;
use thiserror::Error;
use tokio::time::sleep;

use crate::batch::{Blob, CALL_RECORDS};

/// How often refused records are put again before the ledger's stream redelivers them.
const ROUNDS: u32 = 5;
/// Doubled after each round: 6 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// The Firehose stream.
#[derive(Clone, Debug)]
pub struct Firehose {
    client: Client,
    stream: String,
}

impl Firehose {
    /// Uses this stream.
    pub fn new(client: Client, stream: String) -> Self {
        Self { client, stream }
    }

    /// Puts records; only refused ones are put again (`PutRecordBatch`, Amazon Data Firehose API Reference). The
    /// error names the first change that may be missing; all before it were accepted.
    pub async fn put(&self, blobs: &[Blob]) -> Result<(), PutError> {
        for call in blobs.chunks(CALL_RECORDS) {
            self.put_call(call.iter().collect()).await?;
        }
        Ok(())
    }

    async fn put_call(&self, mut open: Vec<&Blob>) -> Result<(), PutError> {
        let mut pause = FIRST_PAUSE;
        for round in 1..=ROUNDS {
            let refused = match self.try_put(&open).await {
                Ok(refused) => refused,
                Err(source) => return Err(PutError { from: first(&open), source }),
            };
            let Some((_, why)) = refused.first().cloned() else { return Ok(()) };
            open = refused.iter().filter_map(|(at, _)| open.get(*at).copied()).collect();
            if round == ROUNDS {
                return Err(PutError { from: first(&open), source: why.into() });
            }
            sleep(pause).await;
            pause *= 2;
        }
        Ok(())
    }

    /// Puts records once, and returns the refused ones with their error codes.
    async fn try_put(&self, blobs: &[&Blob]) -> Result<Vec<(usize, String)>, BoxError> {
        let mut call = self.client.put_record_batch().delivery_stream_name(&self.stream);
        for blob in blobs {
            call = call.records(Record::builder().data(Data::new(blob.lines.as_ref())).build()?);
        }
        let answer = call.send().await.map_err(cause)?;
        if answer.failed_put_count == 0 {
            return Ok(vec![]);
        }
        let codes = answer.request_responses.into_iter().map(|entry| entry.error_code);
        Ok(codes.enumerate().filter_map(|(at, code)| Some((at, code?))).collect())
    }
}

fn first(blobs: &[&Blob]) -> String {
    blobs.first().map(|blob| blob.first.clone()).unwrap_or_default()
}

/// Why Firehose did not accept all records.
#[derive(Debug, Error)]
#[error("Firehose did not take the records")]
pub struct PutError {
    /// The number of the first change that may be missing.
    pub from: String,
    /// The service's error.
    source: BoxError,
}

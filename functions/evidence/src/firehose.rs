//! Puts records into the Firehose stream.

use std::time::Duration;

use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::BoxError;
use aws_sdk_firehose::primitives::Blob as Data;
use aws_sdk_firehose::types::Record;
use platform::aws::{cause, put_refused_again};
use thiserror::Error;

use crate::batch::{Blob, CALL_RECORDS};

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
            let put = put_refused_again(call, FIRST_PAUSE, async |open| self.try_put(open).await);
            put.await.map_err(|refused| PutError {
                from: refused.first.map(|blob| blob.first.clone()).unwrap_or_default(),
                source: refused.source,
            })?;
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

/// Why Firehose did not accept all records.
#[derive(Debug, Error)]
#[error("Firehose did not take the records")]
pub struct PutError {
    /// The number of the first change that may be missing.
    pub from: String,
    /// The service's error.
    source: BoxError,
}

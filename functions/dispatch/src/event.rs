//! The event of an invocation as it came, past the runtime's reader.
//!
//! The runtime's reader keeps the path of each value, for an error that no event of SQS ever has
//! (`docs/adr/0032-dispatch-hot-path-and-binary-size.md`).

use std::mem::replace;
use std::task::{Context, Poll};

use bytes::Bytes;
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Error, LambdaInvocation};
use tokio::task::futures::TaskLocalFuture;
use tokio::task_local;

use crate::sqs_event::Batch;

task_local! {
    static EVENT: Bytes;
}

/// Has the runtime read nothing, and keeps the event for [`Batch::of_invocation`].
#[derive(Clone, Copy, Debug)]
pub struct RawEvent;

impl<S> Layer<S> for RawEvent {
    type Service = Unread<S>;

    fn layer(&self, inner: S) -> Unread<S> {
        Unread(inner)
    }
}

/// A runtime that reads nothing.
#[derive(Clone, Debug)]
pub struct Unread<S>(S);

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for Unread<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Bytes, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> Self::Future {
        let event = replace(&mut invocation.body, Bytes::from_static(b"null"));
        EVENT.scope(event, self.0.call(invocation))
    }
}

impl Batch {
    /// Reads the event of the invocation that this is called in.
    ///
    /// # Errors
    /// The event is none of SQS; Lambda is told, and hands the batch out again.
    pub fn of_invocation() -> Result<Self, Error> {
        let event = EVENT.try_with(Bytes::clone)?;
        // Looked at as text once, and not text by text.
        Ok(serde_json::from_str(str::from_utf8(&event)?)?)
    }
}

#[cfg(test)]
mod tests {
    use lambda_runtime::service_fn;

    use super::*;

    /// Reads an event within its invocation, in which the runtime sees none.
    async fn read(event: &'static str) -> Result<Batch, Error> {
        let mut service = RawEvent.layer(service_fn(|invocation: LambdaInvocation| async move {
            assert_eq!(invocation.body, "null");
            Batch::of_invocation()
        }));
        let (parts, ()) = http::Response::new(()).into_parts();
        service
            .call(LambdaInvocation {
                parts,
                body: Bytes::from(event),
                context: lambda_runtime::Context::default(),
            })
            .await
    }

    #[tokio::test]
    async fn a_batch_is_read_within_its_invocation() {
        let batch =
            read(r#"{"Records":[{"messageId":"1","body":"a\"b","attributes":{},"awsRegion":"sa-east-1"}]}"#)
                .await;
        let batch = batch.unwrap();
        assert_eq!(batch.records.len(), 1);
        assert_eq!(batch.records[0].body, "a\"b");
    }

    #[tokio::test]
    async fn what_is_no_batch_is_an_error_that_says_where() {
        let error = read(r#"{"Records":[7]}"#).await.unwrap_err().to_string();
        assert!(error.contains("line 1 column"), "{error}");
        assert!(Batch::of_invocation().is_err(), "there is no invocation");
    }
}

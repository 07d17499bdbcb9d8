//! SQS: the queues.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use super::context::Context;
use crate::doctor::answer::Answer;
use crate::doctor::area::queues::Queue;

/// What SQS says of each queue.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) notifications: Answer<Option<Queue>>,
    pub(crate) dead_letters: Answer<Option<Queue>>,
    pub(crate) rejected: Answer<Option<Queue>>,
}

/// Reads the queues.
pub(crate) async fn read(context: Context<'_>) -> Read {
    let client = platform::aws::sqs(context.sdk);
    let (notifications, dead_letters, rejected) = tokio::join!(
        one(context, &client, "NotificationsQueue"),
        one(context, &client, "DeadLetterQueue"),
        one(context, &client, "RejectedQueue"),
    );
    Read { notifications, dead_letters, rejected }
}

async fn one(context: Context<'_>, client: &Client, logical_id: &str) -> Answer<Option<Queue>> {
    let Some(url) = context.stack.physical_id(logical_id) else { return Ok(None) };
    let asked = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
    let answer = context.optional("sqs:GetQueueAttributes", asked.send().await)?;
    Ok(answer.map(|answer| {
        let all = answer.attributes().into_iter().flatten();
        let attributes: std::collections::BTreeMap<_, _> =
            all.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
        let count = |name: QueueAttributeName| {
            attributes.get(name.as_str()).and_then(|count| count.parse().ok()).unwrap_or_default()
        };
        Queue {
            waiting: count(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
            attributes,
        }
    }))
}

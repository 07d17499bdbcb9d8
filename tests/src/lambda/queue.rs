//! Queues of a test's own, and what takes messages from them to a function as Lambda's event source does.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use devkit::stack::Stack;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::process::{Died, Process, binary, variables};
use super::proxy::Proxy;
use crate::world::tag;

/// How long a message that is not acknowledged stays hidden, in seconds; 270 in the template, which nobody wants to wait for.
const VISIBILITY_S: u8 = 6;

/// A queue of notifications with its queue of undelivered ones, and a dispatch process that works through it.
#[derive(Debug)]
pub struct OwnQueue {
    client: Client,
    notifications: String,
    undelivered: String,
    variables: BTreeMap<String, String>,
}

impl OwnQueue {
    /// Makes the queues, for a dispatch that finds AWS at `proxy`.
    pub async fn make(stack: &Stack, proxy: &Proxy) -> Result<Self> {
        let client = Client::new(&stack.sdk_config());
        let notifications = make(&client, &tag("notifications")).await?;
        let undelivered = make(&client, &tag("undelivered")).await?;
        let function = stack.output("DispatchFunctionName")?;
        let mut variables = variables(stack, function, &proxy.endpoint()).await?;
        variables.insert("ARAUTO_NOTIFICATIONS_QUEUE_URL".to_owned(), notifications.clone());
        variables.insert("ARAUTO_DEAD_LETTER_QUEUE_URL".to_owned(), undelivered.clone());
        Ok(Self { client, notifications, undelivered, variables })
    }

    /// Queues a message.
    pub async fn send(&self, body: &str) -> Result<()> {
        self.client.send_message().queue_url(&self.notifications).message_body(body).send().await?;
        Ok(())
    }

    /// Starts a dispatch process.
    pub async fn environment(&self) -> Result<Process> {
        Process::start(&binary("dispatch")?, &self.variables).await
    }

    /// Takes the next message, once there is one.
    pub async fn next(&self) -> Result<Message> {
        loop {
            let receive = self.client.receive_message().queue_url(&self.notifications).wait_time_seconds(1);
            let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
            if let Some(message) = receive.send().await?.messages.unwrap_or_default().pop() {
                return Ok(message);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Hands a message to a process; `true` if it was worked through and can be deleted.
    pub async fn offer(&self, message: &Message, process: &mut Process) -> Result<Result<bool, Died>> {
        let answer = process.invoke(event(message, &self.notifications)).await?;
        Ok(answer.map(|answer| answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty)))
    }

    /// Deletes a message, as Lambda does with one that was worked through.
    pub async fn delete(&self, message: &Message) -> Result<()> {
        let receipt = message.receipt_handle().context("a message has a receipt")?;
        self.client.delete_message().queue_url(&self.notifications).receipt_handle(receipt).send().await?;
        Ok(())
    }

    /// Says whether no message is left, visible, hidden or delayed.
    pub async fn is_empty(&self) -> Result<bool> {
        use QueueAttributeName as Name;
        let counts = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        let asked = self.client.get_queue_attributes().queue_url(&self.notifications);
        let answer = asked.set_attribute_names(Some(counts.to_vec())).send().await?;
        let count = |name| answer.attributes()?.get(name).map(String::as_str);
        Ok(counts.iter().all(|name| count(name) == Some("0")))
    }

    /// Returns the texts in the dead-letter queue.
    pub async fn undelivered(&self) -> Result<Vec<String>> {
        let receive = self.client.receive_message().queue_url(&self.undelivered).max_number_of_messages(10);
        let messages = receive.visibility_timeout(0).send().await?.messages.unwrap_or_default();
        Ok(messages.into_iter().filter_map(|message| message.body).collect())
    }
}

async fn make(client: &Client, name: &str) -> Result<String> {
    let made = client
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_S.to_string())
        .send()
        .await
        .with_context(|| format!("failed to make the queue {name}"))?;
    made.queue_url.context("a queue has a URL")
}

/// The event that Lambda makes of a message of this queue.
fn event(message: &Message, queue_url: &str) -> Value {
    let queue = queue_url.rsplit('/').next().unwrap_or_default();
    let attributes = message.attributes.iter().flatten();
    let attributes: BTreeMap<_, _> =
        attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
    json!({ "Records": [{
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
        "awsRegion": "us-east-1",
    }] })
}

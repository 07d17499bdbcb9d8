//! The operations of SQS on its queues, as AWS JSON.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::State;
use super::queue::{Message, Received};

impl State {
    /// Answers a request to SQS; `None` if it is none.
    pub(super) fn answer_sqs(
        &mut self,
        operation: &str,
        input: &Value,
        now: Instant,
    ) -> Option<(u16, Value)> {
        let queue = input["QueueUrl"].as_str().unwrap_or_default().to_owned();
        Some(match operation {
            "SendMessage" => (200, self.send(&queue, input, now)),
            "SendMessageBatch" => (200, self.send_batch(&queue, input, now)),
            "ReceiveMessage" => self.receive_message(&queue, input, now),
            "DeleteMessage" => {
                self.queue(&queue).delete(text(&input["ReceiptHandle"]));
                (200, json!({}))
            }
            "DeleteMessageBatch" => self.each(input, |state, entry| {
                state.queue(&queue).delete(text(&entry["ReceiptHandle"]));
                true
            }),
            "ChangeMessageVisibility" => {
                let timeout = Duration::from_secs(input["VisibilityTimeout"].as_u64().unwrap_or_default());
                if self.queue(&queue).change_visibility(text(&input["ReceiptHandle"]), timeout, now) {
                    self.changed.notify_one();
                    (200, json!({}))
                } else {
                    (400, json!({ "__type": "com.amazonaws.sqs#MessageNotInflight" }))
                }
            }
            "ChangeMessageVisibilityBatch" => self.each(input, |state, entry| {
                let timeout = Duration::from_secs(entry["VisibilityTimeout"].as_u64().unwrap_or_default());
                state.changed.notify_one();
                state.queue(&queue).change_visibility(text(&entry["ReceiptHandle"]), timeout, now)
            }),
            "GetQueueAttributes" => {
                let counts = self.queue(&queue).counts(now);
                let attributes = json!({
                    "ApproximateNumberOfMessages": counts.visible.to_string(),
                    "ApproximateNumberOfMessagesNotVisible": counts.in_flight.to_string(),
                    "ApproximateNumberOfMessagesDelayed": counts.delayed.to_string(),
                });
                (200, json!({ "Attributes": attributes }))
            }
            _ => return None,
        })
    }

    fn send(&mut self, queue: &str, input: &Value, now: Instant) -> Value {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let message = Message {
            body: text(&input["MessageBody"]).expect("a message has a body"),
            delay_s: input["DelaySeconds"].as_u64().unwrap_or_default(),
            group: text(&input["MessageGroupId"]),
            reason: text(&input["MessageAttributes"]["reason"]["StringValue"]),
            trace: text(&input["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"]),
        };
        let id = self.queue(queue).send(message, now);
        self.changed.notify_one();
        json!({ "MessageId": id, "MD5OfMessageBody": "" })
    }

    fn send_batch(&mut self, queue: &str, input: &Value, now: Instant) -> Value {
        let code = self.refused_messages.as_ref().map_or("InternalError", |refused| refused.code);
        let (_, mut answer) = self.each(input, |state, entry| {
            let is_refused = state.refused_messages.as_mut().is_some_and(|refused| {
                let body = entry["MessageBody"].as_str().unwrap_or_default();
                let is_refused = refused.times > 0 && body.contains(&refused.text);
                refused.times -= usize::from(is_refused);
                is_refused
            });
            if !is_refused {
                state.send(queue, entry, now);
            }
            !is_refused
        });
        for failed in answer["Failed"].as_array_mut().into_iter().flatten() {
            failed["Code"] = json!(code);
            // Throttling counts as the sender's fault too.
            failed["SenderFault"] = json!(code != "InternalError");
        }
        answer
    }

    /// Does something with each entry of a batch, which says whether it was done.
    fn each(&mut self, input: &Value, mut act: impl FnMut(&mut Self, &Value) -> bool) -> (u16, Value) {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for entry in input["Entries"].as_array().into_iter().flatten() {
            if act(self, entry) {
                done.push(json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "" }));
            } else {
                failed.push(json!({ "Id": entry["Id"], "SenderFault": false, "Code": "InternalError" }));
            }
        }
        (200, json!({ "Successful": done, "Failed": failed }))
    }

    fn receive_message(&mut self, queue: &str, input: &Value, now: Instant) -> (u16, Value) {
        let most = input["MaxNumberOfMessages"].as_u64().map_or(1, |most| usize::try_from(most).unwrap_or(1));
        let visibility = input["VisibilityTimeout"].as_u64().map(Duration::from_secs);
        let Some(received) = self.receive(queue, most, visibility, now) else {
            return (400, json!({ "__type": "com.amazonaws.sqs#OverLimit" }));
        };
        let message = |received: &Received| {
            let mut message = json!({
                "MessageId": received.id,
                "ReceiptHandle": received.receipt,
                "Body": received.message.body,
                "Attributes": { "ApproximateReceiveCount": received.count.to_string() },
            });
            if let Some(group) = &received.message.group {
                message["Attributes"]["MessageGroupId"] = json!(group);
            }
            if let Some(trace) = &received.message.trace {
                message["Attributes"]["AWSTraceHeader"] = json!(trace);
            }
            if let Some(reason) = &received.message.reason {
                message["MessageAttributes"] =
                    json!({ "reason": { "DataType": "String", "StringValue": reason } });
            }
            message
        };
        (200, json!({ "Messages": received.iter().map(message).collect::<Vec<_>>() }))
    }

    /// Receives, and moves what was received too often.
    pub(super) fn receive(
        &mut self,
        queue: &str,
        most: usize,
        visibility: Option<Duration>,
        now: Instant,
    ) -> Option<Vec<Received>> {
        let mut rng = self.rng.take();
        let draw = |of: usize| rng.as_mut().map_or(0, |rng| rng(of));
        let received = self.queue(queue).receive(most, visibility, now, draw);
        self.rng = rng;
        let (received, spent) = received?;
        if let Some((target, _)) = self.queue(queue).settings.redrive.clone() {
            for message in spent {
                self.queue(&target).send(message, now);
            }
        }
        Some(received)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

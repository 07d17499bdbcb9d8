//! A queue: messages in the order they came, some of them held by whoever received them. Time does not pass in it.

use serde_json::{Value, json};

use super::Message;

#[derive(Debug, Default)]
pub(super) struct Queue {
    messages: Vec<Entry>,
    came: usize,
}

#[derive(Debug)]
struct Entry {
    id: String,
    message: Message,
    held: bool,
}

impl Queue {
    pub(super) fn push(&mut self, message: Message) {
        self.came += 1;
        self.messages.push(Entry { id: format!("m-{}", self.came), message, held: false });
    }

    pub(super) fn into_messages(self) -> Vec<Message> {
        self.messages.into_iter().map(|entry| entry.message).collect()
    }

    /// Returns the messages that nobody holds.
    pub(super) fn visible(&self) -> Vec<Message> {
        self.messages.iter().filter(|entry| !entry.held).map(|entry| entry.message.clone()).collect()
    }

    /// Answers one request other than to send.
    pub(super) fn answer(&mut self, operation: &str, input: &Value) -> Value {
        match operation {
            "ReceiveMessage" => self.receive(input),
            "DeleteMessageBatch" => {
                let gone = receipts(input);
                self.messages.retain(|entry| !gone.contains(&entry.id));
                successful(input)
            }
            "ChangeMessageVisibilityBatch" => {
                let let_go = receipts(input);
                self.messages
                    .iter_mut()
                    .filter(|entry| let_go.contains(&entry.id))
                    .for_each(|entry| entry.held = false);
                successful(input)
            }
            "GetQueueAttributes" => {
                let held = self.messages.iter().filter(|entry| entry.held).count();
                json!({ "Attributes": {
                    "ApproximateNumberOfMessages": (self.messages.len() - held).to_string(),
                    "ApproximateNumberOfMessagesNotVisible": held.to_string(),
                } })
            }
            other => panic!("{other} is used by nobody"),
        }
    }

    fn receive(&mut self, input: &Value) -> Value {
        let most = input["MaxNumberOfMessages"].as_u64().unwrap_or(1);
        let most = usize::try_from(most).expect("a small number");
        let handed_out = self.messages.iter_mut().filter(|entry| !entry.held).take(most).map(|entry| {
            entry.held = true;
            let mut shown =
                json!({ "MessageId": entry.id, "ReceiptHandle": entry.id, "Body": entry.message.body });
            if let Some(reason) = &entry.message.reason {
                shown["MessageAttributes"] =
                    json!({ "reason": { "DataType": "String", "StringValue": reason } });
            }
            if let Some(group) = &entry.message.group {
                shown["Attributes"] = json!({ "MessageGroupId": group });
            }
            shown
        });
        json!({ "Messages": handed_out.collect::<Vec<_>>() })
    }
}

fn receipts(input: &Value) -> Vec<String> {
    let entries = input["Entries"].as_array().into_iter().flatten();
    entries.map(|entry| entry["ReceiptHandle"].as_str().expect("a receipt is named").to_owned()).collect()
}

fn successful(input: &Value) -> Value {
    let entries = input["Entries"].as_array().into_iter().flatten();
    json!({ "Successful": entries.map(|entry| json!({ "Id": entry["Id"] })).collect::<Vec<_>>(), "Failed": [] })
}

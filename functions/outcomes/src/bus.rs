//! Puts events onto the bus.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::BoxError;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use platform::aws::{cause, put_refused_again};
use serde::Serialize;
use thiserror::Error;

use crate::event::Event;

/// The source of every event, as rules name it.
pub const SOURCE: &str = "arauto";
/// Maximum number of events in a call (`PutEvents`, Amazon EventBridge API Reference). With at most 3 KB each they
/// are far below the 256 KB of a call.
const CALL_EVENTS: usize = 10;
/// Doubled after each round: 3 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The bus.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Client,
    name: String,
    stack: String,
}

/// An event with the number of the change that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The number of the change, by which a failure is reported.
    pub sequence: String,
    /// The event.
    pub event: Event,
}

/// A CloudEvent, as the bus gets it.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    source: &'a str,
    datacontenttype: &'static str,
    #[serde(flatten)]
    event: &'a Event,
}

impl Bus {
    /// Uses the bus of this name; events come from `stack`, a URI reference.
    pub fn new(client: Client, name: String, stack: String) -> Self {
        Self { client, name, stack }
    }

    /// Returns an event as the bus gets it.
    pub fn document(&self, event: &Event) -> String {
        let event = CloudEvent {
            specversion: "1.0",
            source: &self.stack,
            datacontenttype: "application/json",
            event,
        };
        serde_json::to_string(&event).expect("an event has no map with other keys than texts")
    }

    /// Puts events; only refused ones are put again. The error names the first change whose event may be missing; the
    /// events of all before it were accepted.
    pub async fn put(&self, events: &[Numbered]) -> Result<(), PutError> {
        for call in events.chunks(CALL_EVENTS) {
            let put = put_refused_again(call, FIRST_PAUSE, async |open| self.try_put(open).await);
            put.await.map_err(|refused| PutError {
                from: refused.first.map(|event| event.sequence.clone()).unwrap_or_default(),
                source: refused.source,
            })?;
        }
        Ok(())
    }

    /// Puts events once, and returns the refused ones with their error codes.
    async fn try_put(&self, events: &[&Numbered]) -> Result<Vec<(usize, String)>, BoxError> {
        let entries = events.iter().map(|Numbered { event, .. }| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(event.kind.as_str())
                .time(DateTime::from_millis(event.time.as_millisecond()))
                .detail(self.document(event))
                .build()
        });
        let answer =
            self.client.put_events().set_entries(Some(entries.collect())).send().await.map_err(cause)?;
        if answer.failed_entry_count == 0 {
            return Ok(vec![]);
        }
        let codes = answer.entries.unwrap_or_default().into_iter().map(|entry| entry.error_code);
        Ok(codes.enumerate().filter_map(|(at, code)| Some((at, code?))).collect())
    }
}

/// Why the bus did not accept all events.
#[derive(Debug, Error)]
#[error("the bus did not take the events")]
pub struct PutError {
    /// The number of the first change whose event may be missing.
    pub from: String,
    /// The service's error.
    source: BoxError,
}

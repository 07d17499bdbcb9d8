//! A queue as SQS serves it: at least once, in any order, delayed, hidden while in flight, fair among groups.
//!
//! It is told what time it is. Without chance it serves in order and once, which most tests want.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// A message that a queue took.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its text.
    pub body: String,
    /// After how many seconds it is to arrive.
    pub delay_s: u64,
    /// Its group.
    pub group: Option<String>,
    /// Its attribute `reason`, which undelivered messages have.
    pub reason: Option<String>,
    /// Its system attribute `AWSTraceHeader`.
    pub trace: Option<String>,
}

/// How a queue is set up.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// How long a message that was received stays hidden.
    pub visibility: Duration,
    /// How many messages may be in flight at a time.
    pub in_flight_limit: usize,
    /// After so many receives a message is moved to the queue of this URL.
    pub redrive: Option<(String, u32)>,
    /// A group with fewer messages in flight never counts as one that floods the queue.
    pub noisy_from: usize,
}

impl Default for QueueSettings {
    /// As `template.yaml` sets the queue of notifications, without its redrive.
    fn default() -> Self {
        Self { visibility: Duration::from_secs(270), in_flight_limit: 120_000, redrive: None, noisy_from: 30 }
    }
}

/// A message as `ReceiveMessage` and the events of Lambda show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its id, the same for each copy.
    pub id: String,
    /// What this receive of it is called.
    pub receipt: String,
    /// How often it was received.
    pub count: u32,
    /// When it was sent.
    pub sent: Instant,
    /// When it was first received.
    pub first_received: Instant,
    /// The message itself.
    pub message: Message,
}

#[derive(Debug)]
struct Stored {
    id: String,
    message: Message,
    sent: Instant,
    visible_at: Instant,
    first_received: Option<Instant>,
    count: u32,
    /// What the last receive is called; nothing before the first.
    receipt: Option<String>,
}

impl Stored {
    fn is_in_flight(&self, now: Instant) -> bool {
        self.receipt.is_some() && now < self.visible_at
    }
}

/// How many messages of a queue are in which state: `GetQueueAttributes`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Ready to be received.
    pub visible: usize,
    /// Received and hidden.
    pub in_flight: usize,
    /// Not to be received yet.
    pub delayed: usize,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) settings: QueueSettings,
    messages: Vec<Stored>,
    serial: u64,
}

impl Queue {
    pub(super) fn send(&mut self, message: Message, now: Instant) -> String {
        self.serial += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.serial);
        let visible_at = now + Duration::from_secs(message.delay_s);
        self.messages.push(Stored {
            id: id.clone(),
            message,
            sent: now,
            visible_at,
            first_received: None,
            count: 0,
            receipt: None,
        });
        id
    }

    pub(super) fn take_all(&mut self) -> Vec<Message> {
        self.messages.drain(..).map(|stored| stored.message).collect()
    }

    pub(super) fn forget(&mut self, text: &str) {
        self.messages.retain(|stored| !stored.message.body.contains(text));
    }

    pub(super) fn not_in_flight(&self, now: Instant) -> Vec<Message> {
        let free = self.messages.iter().filter(|stored| !stored.is_in_flight(now));
        free.map(|stored| stored.message.clone()).collect()
    }

    pub(super) fn rewrite(&mut self, receipt: &str, body: &str) {
        for stored in &mut self.messages {
            if stored.receipt.as_deref() == Some(receipt) {
                body.clone_into(&mut stored.message.body);
            }
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().map(|stored| &stored.message)
    }

    pub(super) fn counts(&self, now: Instant) -> Counts {
        let mut counts = Counts::default();
        for stored in &self.messages {
            let count = match (now >= stored.visible_at, stored.receipt.is_some()) {
                (true, _) => &mut counts.visible,
                (false, true) => &mut counts.in_flight,
                (false, false) => &mut counts.delayed,
            };
            *count += 1;
        }
        counts
    }

    /// When there is something to receive, if nothing changes.
    pub(super) fn next_visible(&self) -> Option<Instant> {
        self.messages.iter().map(|stored| stored.visible_at).min()
    }

    /// Receives up to so many messages; `draw` chooses among those of the same standing. Also returns what was received too
    /// often and is to be moved. `None` if too many are in flight.
    pub(super) fn receive(
        &mut self,
        most: usize,
        visibility: Option<Duration>,
        now: Instant,
        mut draw: impl FnMut(usize) -> usize,
    ) -> Option<(Vec<Received>, Vec<Message>)> {
        let in_flight = self.messages.iter().filter(|stored| stored.is_in_flight(now)).count();
        if in_flight >= self.settings.in_flight_limit {
            return None;
        }
        let moved = self.take_spent(now);
        let noisy = self.noisy_groups(in_flight, now);
        let is_noisy = |stored: &Stored| stored.message.group.as_ref().is_some_and(|g| noisy.contains(g));
        let (mut quiet, mut loud): (Vec<usize>, Vec<usize>) = (0..self.messages.len())
            .filter(|at| now >= self.messages[*at].visible_at)
            .partition(|at| !is_noisy(&self.messages[*at]));
        let most = most.min(self.settings.in_flight_limit - in_flight);
        let mut received = Vec::new();
        while received.len() < most {
            let of = if quiet.is_empty() { &mut loud } else { &mut quiet };
            if of.is_empty() {
                break;
            }
            let at = of.remove(draw(of.len()));
            received.push(self.receive_at(at, visibility, now));
        }
        Some((received, moved))
    }

    fn receive_at(&mut self, at: usize, visibility: Option<Duration>, now: Instant) -> Received {
        self.serial += 1;
        let receipt = format!("receipt-{}", self.serial);
        let visible_at = now + visibility.unwrap_or(self.settings.visibility);
        let stored = &mut self.messages[at];
        stored.count += 1;
        stored.receipt = Some(receipt.clone());
        stored.visible_at = visible_at;
        Received {
            id: stored.id.clone(),
            receipt,
            count: stored.count,
            sent: stored.sent,
            first_received: *stored.first_received.get_or_insert(now),
            message: stored.message.clone(),
        }
    }

    /// Takes out what would now be received once too often.
    fn take_spent(&mut self, now: Instant) -> Vec<Message> {
        let Some((_, most)) = self.settings.redrive else { return Vec::new() };
        let is_spent = |stored: &mut Stored| stored.count >= most && now >= stored.visible_at;
        self.messages
            .extract_if(.., is_spent)
            .map(|stored| Message { delay_s: 0, ..stored.message })
            .collect()
    }

    /// The groups that flood the queue: fair queues serve the others first. A group is noisy with more than a tenth of what
    /// is in flight, and 30 messages of its own there.
    fn noisy_groups(&self, in_flight: usize, now: Instant) -> Vec<String> {
        let mut of_group: BTreeMap<&String, usize> = BTreeMap::new();
        for stored in self.messages.iter().filter(|stored| stored.is_in_flight(now)) {
            if let Some(group) = &stored.message.group {
                *of_group.entry(group).or_default() += 1;
            }
        }
        let is_noisy = |own: &usize| *own >= self.settings.noisy_from && own * 10 > in_flight;
        of_group.into_iter().filter(|(_, own)| is_noisy(own)).map(|(group, _)| group.clone()).collect()
    }

    /// Deletes what was received under this name, if that is its last receive; `None` for a name that was never given.
    pub(super) fn delete(&mut self, receipt: &str) {
        self.messages.retain(|stored| stored.receipt.as_deref() != Some(receipt));
    }

    /// Hides a message for so long from now on; `false` if it is not in flight under this name.
    pub(super) fn change_visibility(&mut self, receipt: &str, timeout: Duration, now: Instant) -> bool {
        let of = self.messages.iter_mut().find(|stored| stored.receipt.as_deref() == Some(receipt));
        let Some(stored) = of.filter(|stored| stored.is_in_flight(now)) else { return false };
        stored.visible_at = now + timeout;
        true
    }

    /// Lets a message that is in flight or was just deleted be received again, as happens: at least once.
    pub(super) fn show_again(&mut self, received: &Received, at: Instant) {
        self.messages.push(Stored {
            id: received.id.clone(),
            message: received.message.clone(),
            sent: received.sent,
            visible_at: at,
            first_received: Some(received.first_received),
            count: received.count,
            receipt: None,
        });
    }
}

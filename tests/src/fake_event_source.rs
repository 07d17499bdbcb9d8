//! What SQS and Lambda do between a queue and dispatch, as far as a benchmark needs it: batches, delays, and so many
//! environments, each of which works on one batch at a time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ::dispatch::Dispatch;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::aws::{Aws, NOTIFICATIONS};
use crate::dispatch::batch_of;

/// The template's batch size.
const BATCH: usize = 10;
/// How often the queue is looked at.
const TICK: Duration = Duration::from_millis(1);
/// When a message that was kept comes again; none should be.
const KEPT: Duration = Duration::from_secs(5);

/// A queue, and the environments that work through it.
pub struct FakeEventSource {
    aws: Aws,
    /// Those that are idle, the one that has been so for longest first: Lambda does not say which it takes, and this one keeps
    /// the fewest connections open.
    idle: VecDeque<Arc<Dispatch>>,
    busy: JoinSet<(Arc<Dispatch>, Vec<String>)>,
    delayed: BinaryHeap<Reverse<(Instant, String)>>,
    ready: VecDeque<String>,
    /// The most environments that were busy at a time.
    pub most_busy: usize,
    /// How many messages were kept.
    pub kept: usize,
}

impl FakeEventSource {
    /// Works with these environments on what is queued in this account.
    pub fn new(aws: Aws, environments: impl IntoIterator<Item = Arc<Dispatch>>) -> Self {
        Self {
            aws,
            idle: environments.into_iter().collect(),
            busy: JoinSet::new(),
            delayed: BinaryHeap::new(),
            ready: VecDeque::new(),
            most_busy: 0,
            kept: 0,
        }
    }

    /// Queues messages, each when its time comes, and works until this instant.
    pub async fn run(&mut self, events: impl IntoIterator<Item = (Instant, String)>, until: Instant) {
        self.delayed.extend(events.into_iter().map(Reverse));
        while Instant::now() < until {
            self.take_in();
            self.hand_out();
            tokio::select! {
                Some(Ok((environment, kept))) = self.busy.join_next() => {
                    self.idle.push_back(environment);
                    self.kept += kept.len();
                    let again = Instant::now() + KEPT;
                    self.delayed.extend(kept.into_iter().map(|body| Reverse((again, body))));
                }
                () = sleep_until(Instant::now() + TICK) => {}
            }
        }
    }

    /// Takes in what dispatch has queued, and what has come to its time.
    fn take_in(&mut self) {
        let now = Instant::now();
        for message in self.aws.take_messages(NOTIFICATIONS) {
            self.delayed.push(Reverse((now + Duration::from_secs(message.delay_s), message.body)));
        }
        while self.delayed.peek().is_some_and(|Reverse((due, _))| *due <= now) {
            self.ready.extend(self.delayed.pop().map(|Reverse((_, body))| body));
        }
        // It keeps what it is asked, and nobody asks for that here.
        self.aws.forget_calls();
    }

    fn hand_out(&mut self) {
        while !self.ready.is_empty()
            && let Some(environment) = self.idle.pop_front()
        {
            let batch: Vec<_> = self.ready.drain(..self.ready.len().min(BATCH)).collect();
            self.busy.spawn(async move {
                let kept = work_on(&environment, &batch).await;
                (environment, kept)
            });
        }
        self.most_busy = self.most_busy.max(self.busy.len());
    }
}

/// Hands a batch to an environment and returns what it keeps.
pub async fn work_on(environment: &Arc<Dispatch>, batch: &[String]) -> Vec<String> {
    let mut event = SqsEvent::default();
    event.records.extend(batch.iter().enumerate().map(|(index, body)| {
        let mut record = SqsMessage::default();
        record.message_id = Some(index.to_string());
        record.receipt_handle = Some(index.to_string());
        record.body = Some(body.clone());
        record
    }));
    let kept = environment.handle(batch_of(&event)).await.batch_item_failures;
    let body = |name: String| batch.get(name.parse::<usize>().ok()?).cloned();
    kept.into_iter().filter_map(|failure| body(failure.item_identifier)).collect()
}

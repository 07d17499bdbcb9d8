//! Lambda and its event source mapping for dispatch: polls, environments, timeouts, kills.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::dispatch::{Batch, BatchResponse, Dispatch};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::breaks::Break;
use super::dice::Dice;
use super::environment::{Factory, Housed};
use super::scenario::Scenario;
use super::time::TIMEOUT;
use super::world::World;
use crate::aws::{LEDGER, NOTIFICATIONS, Received};
use crate::dispatch::batch_of;

/// The function behind the queue. Copies are the same one.
#[derive(Clone)]
pub(super) struct Lambda(Arc<Inner>);

struct Inner {
    factory: Factory,
    scenario: Scenario,
    state: Mutex<State>,
    free: Notify,
}

struct State {
    dice: Dice,
    idle: Vec<Housed<Dispatch>>,
    made: u64,
    running: usize,
    allowed: usize,
    /// When one more was last allowed.
    grew: Duration,
    invocations: usize,
    messages: usize,
}

impl Lambda {
    pub(super) fn new(factory: &Factory, scenario: &Scenario) -> Self {
        let dice = factory.world.dice("lambda", 0);
        let state = State {
            dice,
            idle: Vec::new(),
            made: 0,
            running: 0,
            allowed: scenario.mapping.first,
            grew: Duration::ZERO,
            invocations: 0,
            messages: 0,
        };
        let state = Mutex::new(state);
        Self(Arc::new(Inner {
            factory: factory.clone(),
            scenario: scenario.clone(),
            state,
            free: Notify::new(),
        }))
    }

    /// How many invocations run.
    pub(super) fn running(&self) -> usize {
        self.state().running
    }

    /// How many invocations there were, and with how many messages.
    pub(super) fn invoked(&self) -> (usize, usize) {
        let state = self.state();
        (state.invocations, state.messages)
    }

    /// Polls the queue and invokes, for ever.
    pub(super) async fn poll(self) {
        let world = &self.0.factory.world;
        loop {
            world.aws().has_message(NOTIFICATIONS).await;
            let wait = self.state().dice.millis(2, self.0.scenario.mapping.poll_ms);
            sleep(wait).await;
            let from = world.now();
            self.is_allowed().await;
            if world.now() > from {
                world.ours(from, "the concurrency is used up");
            }
            match world.aws().receive(NOTIFICATIONS, self.0.scenario.mapping.batch) {
                None => sleep(Duration::from_millis(100)).await,
                Some(batch) if batch.is_empty() => {}
                Some(batch) => {
                    {
                        let mut state = self.state();
                        state.running += 1;
                        state.invocations += 1;
                        state.messages += batch.len();
                    }
                    tokio::spawn(self.clone().invoke(batch));
                }
            }
        }
    }

    /// Waits until one more invocation may run: one has ended, or the mapping allows more.
    async fn is_allowed(&self) {
        let (world, mapping) = (&self.0.factory.world, self.0.scenario.mapping);
        loop {
            let grows_in = {
                let mut state = self.state();
                if state.running < state.allowed {
                    return;
                }
                let wait = (state.grew + mapping.one_more).saturating_sub(world.now());
                let grows = state.allowed < mapping.most;
                if grows && wait.is_zero() {
                    state.allowed += 1;
                    state.grew = world.now();
                    return;
                }
                grows.then_some(wait)
            };
            match grows_in {
                Some(wait) => drop(timeout(wait, self.0.free.notified()).await),
                None => self.0.free.notified().await,
            }
        }
    }

    async fn invoke(self, batch: Vec<Received>) {
        let (world, from) = (&self.0.factory.world, self.0.factory.world.now());
        note_first_attempts(world, &batch);
        self.send_copies(&batch);
        let (warm, wait, dies, dies_at) = {
            let mut state = self.state();
            let warm = if state.idle.is_empty() {
                None
            } else {
                let idle = state.idle.len();
                let at = state.dice.index(idle);
                Some(state.idle.remove(at))
            };
            let may_die = world.now() < self.0.scenario.end;
            let dies = may_die && state.dice.per_cent(self.0.scenario.crashes);
            (
                warm,
                state.dice.millis(1, 5),
                dies,
                state.dice.per_cent(50).then(|| state.dice.millis(0, 3_000)),
            )
        };
        sleep(wait).await;
        let environment = match warm {
            Some(warm) => warm,
            None => self.start().await,
        };
        let transport = &environment.transport;
        transport.life.thaw();
        let ids: Vec<_> = batch
            .iter()
            .map(|received| format!("{}x{}", received.id.trim_start_matches(['0', '-']), received.count))
            .collect();
        world.note(format_args!("{} is invoked with {}", transport.name, ids.join(" ")));
        let began = world.now();
        world.facts().invoked.insert(Arc::clone(&transport.name), began);
        let mut deadline = TIMEOUT;
        if dies {
            match dies_at {
                Some(at) => deadline = at,
                None => transport.dies_soon(),
            }
        }
        // Spawned, so that what it leaves behind is only what an environment leaves behind.
        let (function, event) = (Arc::clone(&environment.function), event(world, &batch));
        let handling = tokio::spawn(async move { function.handle(event).await });
        tokio::select! {
            biased;
            answer = handling => {
                let answer = answer.expect("dispatch catches its panics");
                // Between the function's last act and the end of the invocation it may die, too.
                if !transport.life.is_over() {
                    transport.life.freeze();
                    self.finish(&batch, &answer);
                    self.state().idle.push(environment);
                }
            }
            () = transport.life.over() => {}
            () = sleep(deadline) => transport.kill(from, "its time is over"),
        }
        self.state().running -= 1;
        self.0.free.notify_one();
    }

    /// A cold start.
    async fn start(&self) -> Housed<Dispatch> {
        let (number, wait) = {
            let mut state = self.state();
            state.made += 1;
            (state.made, state.dice.millis(20, 120))
        };
        sleep(wait).await;
        let environment = self.0.factory.dispatch(number);
        environment.function.start().await;
        environment
    }

    /// Deletes what is not to be kept.
    fn finish(&self, batch: &[Received], answer: &BatchResponse) {
        let world = &self.0.factory.world;
        for received in batch {
            let is_kept = answer.batch_item_failures.iter().any(|kept| kept.item_identifier == received.id);
            if is_kept {
                world.note(format_args!("kept {}", received.message.body));
                if world.is_broken(Break::OurFaultConsumes) {
                    self.consume(received);
                }
            } else {
                world.aws().delete(NOTIFICATIONS, received);
            }
        }
    }

    /// SQS delivers at least once: some messages come again, while they are worked at or later.
    fn send_copies(&self, batch: &[Received]) {
        for received in batch {
            let again = {
                let mut state = self.state();
                let comes = state.dice.per_cent(self.0.scenario.copies);
                (comes && received.count < 3).then(|| {
                    let most = state.dice.choose(&[50, 2_000, 100_000]);
                    state.dice.millis(1, most)
                })
            };
            if let Some(after) = again {
                self.0.factory.world.aws().show_again(NOTIFICATIONS, received, after);
            }
        }
    }

    /// What a dispatch would do that counts an attempt for a fault of ours.
    fn consume(&self, received: &Received) {
        let Ok(mut body) = serde_json::from_str::<Value>(&received.message.body) else { return };
        let (Some(attempt), Some(id)) = (body["attempt"].as_u64(), body["notification_id"].as_str()) else {
            return;
        };
        if attempt > 2 {
            return;
        }
        let key = json!({ "partition": { "S": id.split_at(15).0 }, "notification": { "S": id } });
        let record = json!({ "M": { "interaction_id": { "S": "00000000-0000-4000-8000-000000000000" },
            "outcome": { "S": "timeout" } } });
        let mut row = key;
        row["status"] = json!({ "S": "waiting" });
        row["attempt"] = json!({ "N": attempt.to_string() });
        row["interaction_id"] = json!({ "S": "00000000-0000-4000-8000-000000000000" });
        row["lease_until"] = json!({ "N": "0" });
        row[format!("attempt_{attempt}")] = record;
        let world = &self.0.factory.world;
        world.aws().put_row(LEDGER, row);
        body["attempt"] = json!(attempt + 1);
        world.aws().rewrite(NOTIFICATIONS, received, &body.to_string());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes how the messages of first attempts in a batch are handed out.
fn note_first_attempts(world: &World, batch: &[Received]) {
    for received in batch {
        let body: Value = serde_json::from_str(&received.message.body).unwrap_or_default();
        if body["attempt"] == 1
            && let Some(resource) = body["change"]["resource_id"].as_str()
        {
            let mut facts = world.facts();
            let handed_out = facts.handed_out.entry(resource.to_owned()).or_default();
            if received.count == 1 {
                handed_out.firsts += 1;
            } else {
                handed_out.again += 1;
            }
        }
    }
}

/// The event of a batch, as the mapping writes it.
fn event(world: &World, batch: &[Received]) -> Batch {
    let start = Instant::now() - world.now();
    let millis = |at: Instant| World::instant(at - start).as_millisecond().to_string();
    let mut event = SqsEvent::default();
    for received in batch {
        let mut record = SqsMessage::default();
        let is_first = world.is_broken(Break::EveryReceiveIsTheFirst);
        let receives = if is_first { 1 } else { received.count };
        record.message_id = Some(received.id.clone());
        record.receipt_handle = Some(received.receipt.clone());
        record.body = Some(received.message.body.clone());
        record.attributes = HashMap::from([
            ("ApproximateReceiveCount".to_owned(), receives.to_string()),
            ("SentTimestamp".to_owned(), millis(received.sent)),
            ("ApproximateFirstReceiveTimestamp".to_owned(), millis(received.first_received)),
        ]);
        if let Some(group) = &received.message.group {
            record.attributes.insert("MessageGroupId".to_owned(), group.clone());
        }
        if let Some(trace) = &received.message.trace {
            record.attributes.insert("AWSTraceHeader".to_owned(), trace.clone());
        }
        event.records.push(record);
    }
    batch_of(&event)
}

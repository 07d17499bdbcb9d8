//! Who calls the API: the bank's systems, and the authorization server. Both go on until they are answered.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::directory::Directory;
use convention::directory::Operation;
use devkit::directory::StatementClaims;
use devkit::local::registration;
use http::Method;
use intake::Intake;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::breaks::Break;
use super::dice::Dice;
use super::environment::{Factory, Housed};
use super::invariants;
use super::plan::{Call, Change, Passed, base_uri, client_name};
use super::scenario::Scenario;
use super::world::{Passing, World};
use crate::aws::{call, call_settings, call_with_query, post, reviewed};

/// The API's functions have 15 s at most; whoever calls waits no longer.
const CALLER_TIMEOUT: Duration = Duration::from_secs(20);

/// What a call is answered after which a later one was made.
const SUPERSEDED: u16 = 409;

/// The two functions behind the API. Copies are the same ones.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    factory: Factory,
    crashes: u64,
    end: Duration,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    made: u64,
    intake: Vec<Housed<Intake>>,
    directory: Vec<Housed<Directory>>,
}

impl Api {
    pub(super) fn new(factory: &Factory, scenario: &Scenario) -> Self {
        let dice = factory.world.dice("api", 0);
        let state = Mutex::new(State { dice, made: 0, intake: Vec::new(), directory: Vec::new() });
        Self(Arc::new(Inner {
            factory: factory.clone(),
            crashes: scenario.crashes,
            end: scenario.end,
            state,
        }))
    }

    /// Posts changes in one request until each is answered for good.
    pub(super) async fn post(self, start: Instant, at: Duration, changes: Vec<Change>) {
        sleep_until(start + at).await;
        let world = &self.0.factory.world;
        for change in &changes {
            world.facts().posted.insert(change.resource.clone(), change.clone());
        }
        let mut open = changes;
        while !open.is_empty() {
            let documents: Vec<_> = open.iter().map(|change| change.document.clone()).collect();
            let body = json!({ "changes": documents }).to_string();
            world.note(format_args!(
                "the bank posts {}",
                open.iter().map(|change| change.resource.as_str()).collect::<Vec<_>>().join(" ")
            ));
            let environment = self.intake();
            let (transport, function) = (environment.transport.clone(), Arc::clone(&environment.function));
            let answer =
                self.answered(&environment, async move { post(&function, "application/json", &body).await });
            let answer = answer.await;
            if !transport.life.is_over() {
                self.with(|state| state.intake.push(environment));
            }
            if let Some(answer) = answer {
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let verdicts = body["verdicts"].as_array().cloned().unwrap_or_default();
                if verdicts.is_empty() {
                    world.note(format_args!("the bank is answered {} {body}", answer.status));
                }
                let mut left = Vec::new();
                for (change, verdict) in open.into_iter().zip(verdicts) {
                    if !invariants::judged(world, &change, &verdict) {
                        left.push(change);
                    }
                }
                open = left;
            }
            if !open.is_empty() {
                sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Passes a client's calls on, one after the other, each until it is answered.
    pub(super) async fn pass_on(self, start: Instant, client: usize, calls: Vec<Passed>) {
        let world = &self.0.factory.world;
        for Passed { call: what, at, called_at } in calls {
            sleep_until(start + at).await;
            let (from, name) = (world.now(), client_name(client));
            let known_at = called_at.unwrap_or(from);
            let passing = Passing { client, call: what, called_at: known_at, from, answered: None };
            let number = {
                let calls = &mut world.facts().calls;
                calls.push(passing);
                calls.len() - 1
            };
            let (method, body) = self.request(client, what, called_at);
            let status = loop {
                let environment = self.directory();
                let (transport, function) =
                    (environment.transport.clone(), Arc::clone(&environment.function));
                let (method, called, body) = (method.clone(), name.clone(), body.clone());
                let query =
                    called_at.filter(|_| what == Call::Delete).map(|at| World::instant(at).to_string());
                let made = async move {
                    match &query {
                        Some(at) => {
                            call_with_query(&function, method, &called, ("called_at", at), &body).await
                        }
                        None => call(&function, method, &called, &body).await,
                    }
                };
                let answer = self.answered(&environment, made).await;
                if !transport.life.is_over() {
                    self.with(|state| state.directory.push(environment));
                }
                let status = answer.as_ref().map(|answer| answer.status);
                world.note(format_args!("{name} {what:?} of {known_at:?} is answered {status:?}"));
                if let Some(status) = status.filter(|status| *status < 500) {
                    let text = answer.map(|answer| answer.text()).unwrap_or_default();
                    let is_late = status == SUPERSEDED && called_at.is_some();
                    assert!(status < 300 || is_late, "{what:?} is refused: {text}");
                    break status;
                }
                sleep(Duration::from_secs(1)).await;
            };
            let now = world.now();
            world.facts().calls[number].answered = Some((now, status));
            invariants::answered(world, number);
        }
    }

    /// Changes a client's settings, once after the other, each until it is answered.
    pub(super) async fn change_settings(self, start: Instant, client: usize, changes: Vec<(Duration, bool)>) {
        let (world, name) = (&self.0.factory.world, client_name(client));
        for (at, is_sent) in changes {
            sleep_until(start + at).await;
            let body = json!({ "also_send_x_authorisation_server_id": is_sent }).to_string();
            let status = loop {
                let environment = self.directory();
                let (transport, function) =
                    (environment.transport.clone(), Arc::clone(&environment.function));
                let (called, body) = (name.clone(), body.clone());
                let made = async move { call_settings(&function, &called, &body).await };
                let answer = self.answered(&environment, made).await;
                if !transport.life.is_over() {
                    self.with(|state| state.directory.push(environment));
                }
                let status = answer.map(|answer| answer.status);
                world.note(format_args!("{name} is set to {is_sent}: {status:?}"));
                if let Some(status) = status.filter(|status| *status < 500) {
                    break status;
                }
                sleep(Duration::from_secs(1)).await;
            };
            // Nobody has settings who is not registered.
            if status == 200 {
                world.facts().settings.insert(client, is_sent);
            } else {
                assert_eq!(status, 404, "a change of settings is refused");
            }
        }
    }

    /// Lets the schedule come, which comes again twice where that fails, a minute later each time.
    pub(super) async fn review(self, start: Instant, at: Duration) {
        sleep_until(start + at).await;
        let world = &self.0.factory.world;
        for _ in 0..3 {
            let (environment, from) = (self.directory(), world.now());
            let (transport, function) = (environment.transport.clone(), Arc::clone(&environment.function));
            let done = self.answered(&environment, async move { reviewed(&function).await }).await;
            if !transport.life.is_over() {
                self.with(|state| state.directory.push(environment));
            }
            world.note(format_args!("{} has reviewed: {done:?}", transport.name));
            if done == Some(true) {
                invariants::reviewed(world, &transport.name, from);
                return;
            }
            sleep(Duration::from_mins(1)).await;
        }
    }

    fn request(&self, client: usize, what: Call, called_at: Option<Duration>) -> (Method, String) {
        let uris = match what {
            Call::Delete => return (Method::DELETE, String::new()),
            Call::Put(number) => vec![base_uri(client, number)],
            Call::PutNone => Vec::new(),
        };
        let mut claims = StatementClaims::of(&client_name(client)).webhook_uris(uris.clone());
        claims.issued_at = called_at.map(World::instant);
        let statement = self.0.factory.signer().statement(&claims);
        let declared = (!uris.is_empty()).then_some(uris.as_slice());
        let mut body = registration(Operation::Dcm, declared, &statement);
        if self.0.factory.world.is_broken(Break::RegistrationResetsSettings) {
            body["also_send_x_authorisation_server_id"] = json!(false);
        }
        if let Some(called_at) = called_at {
            body["called_at"] = json!(World::instant(called_at).to_string());
        }
        (Method::PUT, body.to_string())
    }

    async fn answered<T, A>(&self, environment: &Housed<T>, call: impl Future<Output = A>) -> Option<A> {
        let world = &self.0.factory.world;
        let (from, transport) = (world.now(), &environment.transport);
        world.facts().invoked.insert(Arc::clone(&transport.name), from);
        if from < self.0.end && self.with(|state| state.dice.per_cent(self.0.crashes)) {
            transport.dies_soon();
        }
        transport.life.thaw();
        tokio::select! {
            biased;
            answer = Box::pin(call) => {
                transport.life.freeze();
                Some(answer)
            }
            () = transport.life.over() => None,
            () = sleep(CALLER_TIMEOUT) => {
                transport.kill(from, "its time is over");
                None
            }
        }
    }

    fn intake(&self) -> Housed<Intake> {
        if let Some(warm) = self.with(|state| state.intake.pop()) {
            return warm;
        }
        let number = self.next();
        self.0.factory.intake(number)
    }

    fn directory(&self) -> Housed<Directory> {
        if let Some(warm) = self.with(|state| state.directory.pop()) {
            return warm;
        }
        let number = self.next();
        self.0.factory.directory(number)
    }

    fn next(&self) -> u64 {
        self.with(|state| {
            state.made += 1;
            state.made
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

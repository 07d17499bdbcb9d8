//! Who calls the API: the bank's systems, and the authorization server. Both go on until they are answered.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::directory::Directory;
use arauto::directory::StatementClaims;
use arauto::local::registration;
use arauto::signed::ApiAnswer;
use http::Method;
use intake::Intake;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};
use webhook::directory::Operation;

use super::dice::Dice;
use super::environment::{Housed, Place};
use super::invariants;
use super::scenario::{Call, Change, Scenario, base_uri, client_name};
use super::world::Registered;
use crate::aws::{call, post};

/// The API's functions have 15 s at most; whoever calls waits no longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The two functions behind the API. Copies are the same ones.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    place: Place,
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
    pub(super) fn new(place: &Place, scenario: &Scenario) -> Self {
        let dice = place.world.dice("api", 0);
        let state = Mutex::new(State { dice, made: 0, intake: Vec::new(), directory: Vec::new() });
        Self(Arc::new(Inner { place: place.clone(), crashes: scenario.crashes, end: scenario.end, state }))
    }

    /// Posts changes in one request until each is answered for good.
    pub(super) async fn post(self, start: Instant, at: Duration, changes: Vec<Change>) {
        sleep_until(start + at).await;
        let world = &self.0.place.world;
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
            let (seam, function) = (environment.seam.clone(), Arc::clone(&environment.function));
            let answer =
                self.answered(&environment, async move { post(&function, "application/json", &body).await });
            let answer = answer.await;
            if !seam.life.is_over() {
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
    pub(super) async fn pass_on(self, start: Instant, client: usize, calls: Vec<(Duration, Call)>) {
        let world = &self.0.place.world;
        for (at, what) in calls {
            sleep_until(start + at).await;
            let (from, name) = (world.now(), client_name(client));
            if let Call::Put(number) = what {
                let base_uri = base_uri(client, number);
                world.facts().registered.push(Registered { client, base_uri, from, until: None });
            }
            loop {
                let environment = self.directory();
                let (seam, function) = (environment.seam.clone(), Arc::clone(&environment.function));
                let (method, body) = self.request(client, what);
                let called = name.clone();
                let answer = self
                    .answered(&environment, async move { call(&function, method, &called, &body).await })
                    .await;
                if !seam.life.is_over() {
                    self.with(|state| state.directory.push(environment));
                }
                let status = answer.as_ref().map(|answer| answer.status);
                world.note(format_args!("{name} {what:?} is answered {status:?}"));
                if status.is_some_and(|status| status < 500) {
                    let text = answer.map(|answer| answer.text()).unwrap_or_default();
                    assert!(status.is_some_and(|status| status < 300), "{what:?} is refused: {text}");
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
            let now = world.now();
            for registered in &mut world.facts().registered {
                let is_it =
                    matches!(what, Call::Put(number) if registered.base_uri == base_uri(client, number));
                if registered.client == client && !is_it {
                    registered.until.get_or_insert(now);
                }
            }
        }
    }

    fn request(&self, client: usize, what: Call) -> (Method, String) {
        let uris = match what {
            Call::Delete => return (Method::DELETE, String::new()),
            Call::Put(number) => vec![base_uri(client, number)],
            Call::PutNone => Vec::new(),
        };
        let claims = StatementClaims::of(&client_name(client)).webhook_uris(uris.clone());
        let statement = self.0.place.signer().statement(&claims);
        let declared = (!uris.is_empty()).then_some(uris.as_slice());
        (Method::PUT, registration(Operation::Dcm, declared, &statement).to_string())
    }

    async fn answered<T>(
        &self,
        environment: &Housed<T>,
        call: impl Future<Output = ApiAnswer>,
    ) -> Option<ApiAnswer> {
        let world = &self.0.place.world;
        let (from, seam) = (world.now(), &environment.seam);
        if from < self.0.end && self.with(|state| state.dice.per_cent(self.0.crashes)) {
            seam.dies_soon();
        }
        seam.life.thaw();
        tokio::select! {
            biased;
            answer = Box::pin(call) => {
                seam.life.freeze();
                Some(answer)
            }
            () = seam.life.over() => None,
            () = sleep(PATIENCE) => {
                seam.kill(from, "its time is over");
                None
            }
        }
    }

    fn intake(&self) -> Housed<Intake> {
        if let Some(warm) = self.with(|state| state.intake.pop()) {
            return warm;
        }
        let number = self.next();
        self.0.place.intake(number)
    }

    fn directory(&self) -> Housed<Directory> {
        if let Some(warm) = self.with(|state| state.directory.pop()) {
            return warm;
        }
        let number = self.next();
        self.0.place.directory(number)
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

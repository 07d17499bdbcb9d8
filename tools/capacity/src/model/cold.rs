//! One event on an idle stack: a new environment, no copy of its receiver, no connection to it.

use convention::delivery::AttemptNumber;

use super::super::assumptions::INTAKE;
use super::super::load::{Load, Settings};
use super::super::numbers::whole;
use super::batch::Stage;
use super::environments::Environment;
use super::histogram::Histogram;
use super::queue::Message;
use super::receivers::Peer;
use super::rng::Dice;

/// Number of events, each of which finds an idle stack.
const EVENTS: usize = 10_000;

/// Returns how long such events take until their requests reach a receiver that works.
pub fn cold(load: &Load, settings: &Settings, seed: u64) -> Histogram {
    let stage = Stage::new(load, settings);
    let mut dice = Dice::new(seed);
    let mut histogram = Histogram::default();
    for _ in 0..EVENTS {
        let visible = whole(dice.delay(INTAKE.value));
        let message = Message { receiver: 0, attempt: AttemptNumber::FIRST, event: 0, visible };
        let (mut environment, mut peers) = (Environment::default(), [Peer::new(None)]);
        let (attempts, _, _) =
            stage.play((visible, true), &[message], &mut environment, &mut peers, &mut dice);
        for attempt in attempts {
            histogram.add(attempt.arrived / 1_000);
        }
    }
    histogram
}

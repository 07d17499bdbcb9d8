//! Registration calls that come at the same time and in any order, and the schedule beside them.

use std::time::Duration;

use super::dice::Dice;
use super::plan::{Call, Passed};
use super::scenario::Scenario;

/// Draws calls of a client, of which none waits for another. Each says when it was answered.
pub(super) fn concurrent(dice: &mut Dice, end: Duration) -> Vec<Vec<Passed>> {
    let first = dice.millis(0, 300);
    let mut calls = vec![Passed { call: Call::Put(0), at: first, called_at: Some(first) }];
    let (mut number, mut time) = (0, Duration::from_secs(2));
    for _ in 0..=dice.index(3) {
        time += dice.millis(3_000, 40_000);
        if time > end {
            break;
        }
        let spread = dice.choose(&[5, 30, 30, 2_000, 10_000]);
        for earlier in 0..2 + dice.below(3) {
            number += 1;
            let call = match dice.below(6) {
                0 | 1 => Call::Delete,
                2 => Call::PutNone,
                _ => Call::Put(number),
            };
            // No two at the same time, of which nobody could say which counts.
            let called_at = Some(time.saturating_sub(Duration::from_millis(10 * earlier)));
            let at = time + dice.millis(0, spread);
            calls.push(Passed { call, at, called_at });
            if dice.per_cent(20) {
                calls.push(Passed { call, at: at + dice.millis(0, spread), called_at });
            }
        }
    }
    calls.into_iter().map(|call| vec![call]).collect()
}

/// Draws when an operator changes settings of clients, mostly close to registration calls. Each waits for the one before it.
pub(super) fn settings(dice: &mut Dice, scenario: &Scenario) -> Vec<(usize, Vec<(Duration, bool)>)> {
    let clients = scenario.calls.iter().map(|(client, _)| *client).max().map_or(0, |most| most + 1);
    let changes = |client: usize| {
        let mut times = Vec::new();
        for call in scenario.calls.iter().filter(|(of, _)| *of == client).flat_map(|(_, calls)| calls) {
            if dice.per_cent(40) {
                times.push((call.at + dice.millis(0, 60)).saturating_sub(Duration::from_millis(20)));
            }
        }
        times.sort_unstable();
        (client, times.into_iter().zip([true, false].into_iter().cycle()).collect())
    };
    (0..clients).map(changes).collect()
}

/// Draws when the directory function reviews the receivers, often close to calls, and what the Directory says of clients.
pub(super) fn reviews(dice: &mut Dice, clients: usize, scenario: &mut Scenario) {
    let calls: Vec<_> =
        scenario.calls.iter().flat_map(|(_, calls)| calls.iter().map(|call| call.at)).collect();
    let end = scenario.end.max(Duration::from_mins(6));
    for _ in 0..2 + dice.index(4) {
        let at = if dice.per_cent(60) {
            (dice.choose(&calls) + dice.millis(0, 40)).saturating_sub(Duration::from_millis(20))
        } else {
            dice.millis(1_000, u64::try_from(end.as_millis()).unwrap_or(0))
        };
        scenario.reviews.push(at);
        if dice.per_cent(50) {
            let before = dice.millis(0, 5_000);
            scenario.statuses.push((at.saturating_sub(before), dice.index(clients), dice.per_cent(40)));
        }
    }
    scenario.reviews.sort_unstable();
    scenario.statuses.sort_unstable();
}

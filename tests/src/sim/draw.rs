//! What a seed makes happen in a run.

use std::time::Duration;

use super::dice::Dice;
use super::hazards::Hazard;
use super::plan::{Call, Change, Deed, KeepAlive, Mapping, Mood, Passed, ReceiverPlan, Storm, change};
use super::scenario::Scenario;
use super::troubles::{Limit, LocalFault, Outage};
use super::world::World;

impl Scenario {
    /// Draws a run.
    pub(super) fn of(world: &World) -> Self {
        let mut dice = world.dice("scenario", 0);
        let calm = dice.per_cent(35);
        let end = dice.millis(60_000, 240_000);
        let mut drawn = world.dice("hazards", 0);
        let [stale_reads, closed, announced, limits, local, outages, concurrent, reviews, hostile] =
            Hazard::ALL.map(|hazard| {
                let is_drawn = drawn.per_cent(hazard.per_cent());
                (world.hazards().has(hazard) && is_drawn) || world.needs(hazard)
            });
        let clients = if outages { 4 } else { 1 + dice.index(4) };
        let mut receivers: Vec<_> = (0..clients).map(|_| receiver(&mut dice, end)).collect();
        let calls = (0..clients).map(|client| (client, calls(&mut dice, end))).collect();
        let posts = posts(&mut dice, clients, end);
        let storms =
            if calm { Vec::new() } else { (0..dice.index(4)).map(|_| storm(&mut dice, end)).collect() };
        let crashes = if calm { 0 } else { dice.choose(&[0, 0, 5, 15, 30]) };
        let mapping = Mapping::of(if calm { 1000 } else { dice.choose(&[1, 2, 5, 1000, 1000]) });
        let copies = dice.choose(&[0, 0, 5, 30]);
        let mut scenario = Self { calm, posts, calls, storms, crashes, mapping, copies, ..Self::quiet(end) };
        let dice = &mut drawn;
        if closed || announced {
            for receiver in &mut receivers {
                receiver.keep_alive = keep_alive(dice, closed, announced);
            }
            // Now and then, as each request takes its time to simulate.
            if dice.per_cent(25) || world.needs(Hazard::ClosedConnections) {
                scenario.in_a_row(dice, clients);
            }
        }
        if hostile {
            let at = dice.index(clients);
            receivers[at].is_hostile = true;
        }
        scenario.receivers = receivers;
        scenario.stale_reads = if stale_reads { dice.choose(&[10, 50, 100]) } else { 0 };
        if concurrent {
            scenario.calls = (0..clients)
                .flat_map(|client| {
                    super::calls::concurrent(dice, end).into_iter().map(move |calls| (client, calls))
                })
                .collect();
        }
        if concurrent {
            scenario.settings = super::calls::settings(dice, &scenario);
        }
        if reviews || hostile {
            super::calls::reviews(dice, clients, &mut scenario);
        }
        if !calm && limits {
            scenario.limits = (0..=dice.index(2)).map(|_| Limit::draw(dice, end)).collect();
        }
        if !calm && local {
            scenario.local_faults = (0..=dice.index(2)).map(|_| LocalFault::draw(dice, end)).collect();
        }
        if !calm && outages {
            draw_outage(dice, &mut scenario);
        }
        // Few enough that faults of a minute spend them. A process that dies with the last of them leaves that to the queue.
        if outages && scenario.crashes == 0 && scenario.storms.is_empty() && dice.per_cent(50) {
            scenario.max_receives = 6;
        }
        scenario.somebody_comes_back();
        scenario
    }

    /// Adds notifications to one receiver that come so soon after each other that its connection is used again.
    fn in_a_row(&mut self, dice: &mut Dice, clients: usize) {
        let (client, mut at) = (dice.index(clients), dice.millis(3_000, 30_000));
        for number in 0..8 {
            at += dice.millis(300, 3_900);
            self.posts.push((at, vec![change(dice, client, 2_000 + number, at)]));
        }
        self.posts.sort_by_key(|(at, _)| *at);
        self.end = self.end.max(at);
    }

    /// Has nobody out of reach for ever where all may be: then nobody could know that it is not us.
    fn somebody_comes_back(&mut self) {
        if self.receivers.len() >= 3 {
            for receiver in &mut self.receivers {
                receiver.moods.push((self.end, Mood::Moody));
            }
        }
    }
}

fn receiver(dice: &mut Dice, end: Duration) -> ReceiverPlan {
    let mood = |dice: &mut Dice| match dice.below(5) {
        0 | 1 => Mood::Well,
        2 | 3 => Mood::Moody,
        _ => Mood::Only(dice.choose(&Deed::ALL)),
    };
    let mut moods = vec![(Duration::ZERO, mood(dice))];
    for _ in 0..dice.index(3) {
        let from = dice.millis(0, u64::try_from(end.as_millis()).unwrap_or(0));
        moods.push((from, mood(dice)));
    }
    moods.sort_by_key(|(from, _)| *from);
    ReceiverPlan { moods, keep_alive: KeepAlive::default(), is_hostile: false }
}

fn keep_alive(dice: &mut Dice, may_be_silent: bool, may_be_announced: bool) -> KeepAlive {
    let is_announced = may_be_announced && (!may_be_silent || dice.per_cent(50));
    let idle = if is_announced { Duration::from_secs(1 + dice.below(5)) } else { dice.millis(1_000, 3_000) };
    KeepAlive { idle, is_announced }
}

fn calls(dice: &mut Dice, end: Duration) -> Vec<Passed> {
    let passed = |at, call| Passed { call, at, called_at: None };
    let mut calls = vec![passed(dice.millis(0, 300), Call::Put(0))];
    let mut at = Duration::from_secs(5);
    for number in 1..=dice.choose(&[0_u32, 0, 1, 2, 3]) {
        at += dice.millis(5_000, 60_000);
        if at > end {
            break;
        }
        let call = match dice.below(6) {
            0 => Call::Delete,
            1 => Call::PutNone,
            _ => Call::Put(number),
        };
        calls.push(passed(at, call));
    }
    calls
}

fn posts(dice: &mut Dice, clients: usize, end: Duration) -> Vec<(Duration, Vec<Change>)> {
    let mut posts = Vec::new();
    let mut number = 0;
    for _ in 0..=dice.index(5) {
        let at = Duration::from_secs(3) + dice.millis(0, u64::try_from(end.as_millis()).unwrap_or(0));
        let mut changes = Vec::new();
        for _ in 0..=dice.index(4) {
            number += 1;
            let late = dice.per_cent(10);
            let before = if late { dice.millis(2_000, 30_000) } else { dice.millis(0, 50) };
            let client = dice.index(clients);
            changes.push(Change { is_late: late, ..change(dice, client, number, at.saturating_sub(before)) });
        }
        if dice.per_cent(20) {
            changes.push(changes[0].clone());
        }
        if dice.per_cent(20) {
            let again = changes.iter().map(|change| Change { is_late: true, ..change.clone() });
            let again: Vec<_> = again.collect();
            posts.push((at + dice.millis(0, 20_000), again));
        }
        posts.push((at, changes));
    }
    posts.sort_by_key(|(at, _)| *at);
    posts
}

/// Draws an outage long enough to be noticed, and enough notifications that somebody notices it.
fn draw_outage(dice: &mut Dice, scenario: &mut Scenario) {
    let from = dice.millis(10_000, 60_000);
    let until = from + dice.millis(60_000, 150_000);
    scenario.outages.push(Outage { from, until, is_told: dice.per_cent(50) });
    scenario.end = scenario.end.max(until);
    scenario.mapping = Mapping::of(dice.choose(&[1, 2]));
    for receiver in &mut scenario.receivers {
        receiver.moods = vec![(Duration::ZERO, Mood::Well)];
    }
    let (clients, mut at) = (scenario.receivers.len(), from);
    for number in 0.. {
        at += dice.millis(500, 6_000);
        if at > until {
            break;
        }
        let client = dice.index(clients);
        scenario.posts.push((at, vec![change(dice, client, 1_000 + number, at)]));
    }
    scenario.posts.sort_by_key(|(at, _)| *at);
}

fn storm(dice: &mut Dice, end: Duration) -> Storm {
    const OPERATIONS: [Option<&str>; 8] = [
        None,
        Some("UpdateItem"),
        Some("UpdateItem"),
        Some("GetItem"),
        Some("PutItem"),
        Some("SendMessage"),
        Some("SendMessageBatch"),
        Some("GetSecretValue"),
    ];
    let from = dice.millis(0, u64::try_from(end.as_millis()).unwrap_or(0));
    let until = (from + dice.millis(500, 60_000)).min(end);
    Storm { from, until, operation: dice.choose(&OPERATIONS), per_cent: dice.choose(&[10, 40, 90]) }
}

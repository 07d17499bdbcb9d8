//! What must hold: each function asks one thing, is named after the guarantee it is of, and writes down what broke it.

use std::collections::BTreeSet;
use std::time::Duration;

use convention::delivery::{EXCHANGE_DEADLINE, LedgerWrites, REDUCED_TIMEOUT};
use serde_json::Value;

use super::duplicates::{came_twice, no_request_after_an_answer_that_came, one_request_at_a_time};
use super::plan::{Call, Change, base_uri, client_name};
use super::scenario::Scenario;
use super::time::{SKEW_MS, since_epoch};
use super::world::{Arrival, Begun, Facts, Passing, World};
use crate::aws::{RECEIVERS, Row, UNDELIVERED};
use devkit::receiver::wire::Request;

/// How long after it was asked for a write may still be done: as late as the simulator makes it, or the SDK's last try.
const WRITTEN_LATE: Duration = Duration::from_secs(6);
/// Two clocks may differ so much, and ledger and timers count in milliseconds.
const TOLERANCE: Duration = Duration::from_millis(2 * SKEW_MS + 2);
/// How late an attempt may be, guarantee G3.
const LATE: Duration = Duration::from_millis(1_500);

/// Looks at the verdict of a change; `false` if it is to be posted again.
pub(super) fn judged(world: &World, change: &Change, verdict: &Value) -> bool {
    let name = verdict["verdict"].as_str().unwrap_or_default();
    match name {
        "accepted" | "duplicate" => {
            if change.body.is_none() {
                world.violated(
                    "G4_only_what_is_to_be_notified_is",
                    format_args!("{} is {name}", change.resource),
                );
            }
            let id = verdict["notification_id"].as_str().unwrap_or_default().to_owned();
            world.note(format_args!("{} is {name}: {id}", change.resource));
            world.facts().accepted.insert(id, change.clone());
            true
        }
        "unavailable" => false,
        _ => {
            world.note(format_args!("{} is {name} {}", change.resource, verdict["rule"]));
            let known = change.body.is_none() && name == "not_notifiable";
            let registered = name == "no_receiver" || verdict["rule"] == "before_registration";
            if !known && !registered {
                world.violated(
                    "G1_every_accepted_change_ends",
                    format_args!("{} is {verdict}", change.resource),
                );
            }
            true
        }
    }
}

/// G2: an attempt begins once, and none begins after a delivery that was recorded.
pub(super) fn begun(world: &World, id: &str, begun: &Begun) {
    let facts = world.facts();
    let same = |other: &&Begun| other.notification == begun.notification && other.attempt == begun.attempt;
    let twice = facts.begun.values().find(same).is_some();
    let known = facts.begun.contains_key(id);
    let after = facts.delivered.contains_key(&begun.notification);
    drop(facts);
    let Begun { notification, attempt, .. } = begun;
    if twice && !known {
        world.violated("G2_an_attempt_begins_once", format_args!("attempt {attempt} of {notification}"));
    }
    if after {
        world.violated("G2_nothing_after_a_delivery", format_args!("attempt {attempt} of {notification}"));
    }
    if *attempt > 3 {
        world.violated("G2_never_a_fourth_request", format_args!("attempt {attempt} of {notification}"));
    }
}

/// G2: an attempt that came to nothing by a fault of ours is taken back, and may begin again; one that was made is not.
pub(super) fn rolled_back(world: &World, id: &str) {
    let was_made = {
        let mut facts = world.facts();
        facts.begun.remove(id);
        facts.rolled_back.insert(id.to_owned());
        facts.arrivals.iter().any(|arrival| arrival.interaction_id == id)
    };
    if was_made {
        world.violated("G2_what_was_sent_is_not_rolled_back", id);
    }
}

/// G2 where the ledger is written once: an attempt that is written down after its request did not start after a delivery that was
/// recorded. That it began twice is not seen before both have made their requests.
pub(super) fn begun_after_its_request(world: &World, begun: &Begun) {
    let Begun { notification, attempt, at, .. } = begun;
    if world.ledger_writes() == LedgerWrites::Full || *attempt != 1 {
        world.violated("G2_an_attempt_begins_once", format_args!("attempt {attempt} of {notification}"));
    }
    let before =
        world.facts().delivered.get(notification).is_some_and(|recorded| *recorded + TOLERANCE < *at);
    if before {
        world.violated("G2_nothing_after_a_delivery", format_args!("attempt {attempt} of {notification}"));
    }
}

/// A request has arrived.
pub(super) fn arrived(world: &World, arrival: &Arrival, request: &Request, registration: u32) {
    let mut broken = Vec::new();
    {
        let facts = world.facts();
        match world.ledger_writes() {
            LedgerWrites::Full => never_a_fourth_request(&facts, arrival, &mut broken),
            LedgerWrites::Lean => one_request_more_for_each_message(&facts, arrival, &mut broken),
        }
        let is_known = arrival.is_begun || world.ledger_writes() == LedgerWrites::Lean;
        each_request_has_a_fresh_id(&facts, arrival, is_known, &mut broken);
        url_and_body_are_those_of_the_convention(&facts, arrival, request, registration, &mut broken);
        no_post_to_a_base_uri_that_is_gone(&facts, arrival, registration, &mut broken);
        nobody_waits_for_a_receiver_that_hangs(&facts, arrival, &mut broken);
        no_request_after_an_answer_that_came(world, &facts, arrival, &mut broken);
        one_request_at_a_time(world, &facts, arrival, &mut broken);
    }
    for (invariant, detail) in broken {
        world.violated(invariant, detail);
    }
}

type Broken = Vec<(&'static str, String)>;

/// G2, counted where it matters: at the receiver.
fn never_a_fourth_request(facts: &Facts, arrival: &Arrival, broken: &mut Broken) {
    let before = facts.arrivals.iter().filter(|other| other.resource == arrival.resource).count();
    if before >= 3 {
        broken.push(("G2_never_a_fourth_request", format!("{} for {}", before + 1, arrival.resource)));
    }
}

/// G2 where the ledger is written once: it counts three requests, and beside those there is one at most for each message of the
/// first attempt, the first time that this is handed out; where nothing goes wrong, and nothing comes twice, there are three.
fn one_request_more_for_each_message(facts: &Facts, arrival: &Arrival, broken: &mut Broken) {
    let of_it = facts.arrivals.iter().chain([arrival]).filter(|other| other.resource == arrival.resource);
    let (counted, others): (Vec<_>, Vec<_>) = of_it.partition(|other| other.is_begun);
    let handed_out = facts.handed_out.get(&arrival.resource).copied().unwrap_or_default();
    let whole = counted.len() + others.len();
    let is_quiet = !came_twice(handed_out) && !of_ours(facts, Duration::ZERO, arrival.at);
    if counted.len() > 3 || others.len() > handed_out.firsts || (is_quiet && whole > 3) {
        broken.push((
            "G2_one_request_more_for_each_message",
            format!("{} and {} for {}, of {handed_out:?}", counted.len(), others.len(), arrival.resource),
        ));
    }
}

/// G4: a UUID of version 4 that no request had before, and that the ledger knows.
fn each_request_has_a_fresh_id(facts: &Facts, arrival: &Arrival, is_known: bool, broken: &mut Broken) {
    let id = &arrival.interaction_id;
    let digits: Vec<_> = id.split('-').map(str::len).collect();
    let is_v4 = digits == [8, 4, 4, 4, 12] && id.as_bytes().get(14) == Some(&b'4');
    let is_old = facts.arrivals.iter().any(|other| other.interaction_id == *id);
    if !is_v4 || is_old || !is_known {
        broken.push(("G4_each_request_has_a_fresh_id", format!("{id:?} for {}", arrival.resource)));
    }
}

/// G4: what is expected is written beside each change of the scenario, not computed by the code under test.
fn url_and_body_are_those_of_the_convention(
    facts: &Facts,
    arrival: &Arrival,
    request: &Request,
    registration: u32,
    broken: &mut Broken,
) {
    let expected = facts.posted.get(&arrival.resource).map(|change| {
        let path = format!("/kong{registration}{}", change.path);
        (change.client, path, change.body.clone().unwrap_or_default())
    });
    let found = (arrival.client, request.path.clone(), request.body.clone());
    let is_right = expected.as_ref() == Some(&found) && request.method == "POST";
    if !is_right || request.header("content-type") != "application/json" {
        broken.push((
            "G4_url_and_body_are_those_of_the_convention",
            format!("{} {found:?}, not {expected:?}", request.method),
        ));
    }
}

/// G5: 30 s after the answer of the call that took it away, whichever of the two came first.
fn no_post_to_a_base_uri_that_is_gone(
    facts: &Facts,
    arrival: &Arrival,
    registration: u32,
    broken: &mut Broken,
) {
    let is_it = |passing: &&Passing| {
        passing.client == arrival.client
            && passing.from <= arrival.at
            && matches!(passing.call, Call::Put(number) if number == registration)
    };
    let is_gone = |passing: &Passing| {
        let done = facts.calls.iter().filter(|later| passing.is_before(later)).filter_map(Passing::done);
        done.min().is_some_and(|done| arrival.at > done + Duration::from_secs(30))
    };
    if !facts.calls.iter().filter(is_it).any(|passing| !is_gone(passing)) {
        let base_uri = base_uri(arrival.client, registration);
        broken.push(("G5_no_post_to_a_base_uri_that_is_gone", format!("{base_uri} at {:?}", arrival.at)));
    }
}

/// A registration call is answered: as superseded only where a later one has been passed on.
pub(super) fn answered(world: &World, number: usize) {
    let superseded = {
        let facts = world.facts();
        let passing = &facts.calls[number];
        let is_right = passing.done().is_some() || facts.calls.iter().any(|later| passing.is_before(later));
        (!is_right).then(|| format!("{passing:?}"))
    };
    if let Some(detail) = superseded {
        world.violated("G5_a_call_gives_way_only_to_a_later_one", detail);
    }
}

/// G10: what a receiver presents, and whatever became of its row, stops no refresh of what is known of the others.
pub(super) fn reviewed(world: &World, environment: &str, from: Duration) {
    let is_stopped = {
        let facts = world.facts();
        let (began, done) = facts.refreshes.get(environment).copied().unwrap_or_default();
        let began = began.filter(|began| *began >= from);
        began.is_some_and(|began| done.is_none_or(|done| done < began)) && !of_ours(&facts, from, world.now())
    };
    if is_stopped {
        world.violated("G10_a_refresh_ends_whatever_a_receiver_presents", environment);
    }
}

/// G5: of the calls that were passed on, in whatever order and however many at a time, the latest is in force.
fn the_latest_call_is_in_force(world: &World, facts: &Facts, broken: &mut Broken) {
    for passing in &facts.calls {
        if facts.calls.iter().any(|later| passing.is_before(later)) {
            continue;
        }
        let row = world.aws().row(RECEIVERS, &client_name(passing.client)).unwrap_or_default();
        let registration: Value = row["registration"]["S"]
            .as_str()
            .and_then(|registration| serde_json::from_str(registration).ok())
            .unwrap_or_default();
        let found = registration["base_uri"].as_str();
        let expected = match passing.call {
            Call::Put(number) => Some(base_uri(passing.client, number)),
            Call::PutNone | Call::Delete => None,
        };
        if found != expected.as_deref() {
            broken.push((
                "G5_the_latest_call_is_in_force",
                format!("{passing:?}, and the table has {found:?}"),
            ));
        }
    }
}

/// G5: what an operator has set stays, whatever is registered beside it; only a client that is removed loses it.
fn settings_outlive_registration_calls(world: &World, facts: &Facts, broken: &mut Broken) {
    for (client, expected) in &facts.settings {
        let of_client = |passing: &&Passing| passing.client == *client;
        if facts.calls.iter().filter(of_client).any(|passing| passing.call == Call::Delete) {
            continue;
        }
        let row = world.aws().row(RECEIVERS, &client_name(*client)).unwrap_or_default();
        let registration: Value = row["registration"]["S"]
            .as_str()
            .and_then(|registration| serde_json::from_str(registration).ok())
            .unwrap_or_default();
        let found = &registration["also_send_x_authorisation_server_id"];
        if found.as_bool() != Some(*expected) {
            broken.push((
                "G5_settings_outlive_registration_calls",
                format!(
                    "those of {} were set to {expected}, and the table has {found}",
                    client_name(*client)
                ),
            ));
        }
    }
}

/// G9 and the first part of G3: at the receiver, 1.5 s after the event, unless something of ours failed in between.
fn nobody_waits_for_a_receiver_that_hangs(facts: &Facts, arrival: &Arrival, broken: &mut Broken) {
    let Some(change) = facts.posted.get(&arrival.resource) else { return };
    // One that the ledger does not know yet can be no other.
    let is_first = facts.begun.get(&arrival.interaction_id).is_none_or(|begun| begun.attempt == 1);
    let took = arrival.at.saturating_sub(change.event);
    // Younger than any late event is when it is posted.
    let posted_at_once = change_was_posted_at_once(facts, change);
    // A connection that was closed under a request is made anew, which may take as long as an exchange may.
    let theirs = between(
        facts.theirs.iter().filter(|(client, ..)| *client == arrival.client).map(|(_, at, _)| (*at, *at)),
        change.event,
        arrival.at,
    );
    if is_first
        && posted_at_once
        && took > LATE
        && !of_ours_for(facts, arrival.client, change.event, arrival.at)
        && !theirs
    {
        broken.push((
            "G9_nobody_waits_for_a_receiver_that_hangs",
            format!("{} came {took:?} after its event", arrival.resource),
        ));
    }
}

fn change_was_posted_at_once(facts: &Facts, change: &Change) -> bool {
    facts.accepted.values().any(|accepted| accepted.resource == change.resource && !change.is_late)
}

fn of_ours(facts: &Facts, from: Duration, to: Duration) -> bool {
    between(facts.ours.iter().map(|(from, to, _)| (*from, *to)), from, to)
}

/// The same of what concerns one client, with what had to pass for a fault of ours.
fn of_ours_for(facts: &Facts, client: usize, from: Duration, to: Duration) -> bool {
    let taken = facts.taken_for_ours.iter().filter(|(of, _)| *of == client).map(|(_, at)| (*at, *at));
    of_ours(facts, from, to) || between(taken, from, to)
}

fn between(mut spans: impl Iterator<Item = (Duration, Duration)>, from: Duration, to: Duration) -> bool {
    spans.any(|(begins, ends)| begins <= to && ends >= from)
}

/// What is asked when nothing moves any more.
pub(super) fn at_the_end(world: &World, scenario: &Scenario) {
    let mut broken = Vec::new();
    {
        let facts = world.facts();
        for (id, change) in &facts.accepted {
            let row = world.aws().ledger_row(id);
            every_accepted_change_ends(&facts, id, change, row.as_ref(), &mut broken);
            if let Some(row) = &row {
                no_attempt_is_spent_on_a_fault_of_ours(&facts, id, change, row, &mut broken);
                attempts_are_made_when_they_are_due(&facts, id, change, row, &mut broken);
            }
        }
        the_ledger_agrees_with_the_receivers(world, &facts, &mut broken);
        every_request_is_in_the_ledger(world, &facts, &mut broken);
        the_latest_call_is_in_force(world, &facts, &mut broken);
        settings_outlive_registration_calls(world, &facts, &mut broken);
        the_dead_letter_queue_holds_what_was_given_up(world, &facts, &mut broken);
    }
    if scenario.calm && !world.facts().ours.is_empty() {
        broken.push(("the simulator is at fault", "something of ours failed in a calm run".to_owned()));
    }
    for (invariant, detail) in broken {
        world.violated(invariant, detail);
    }
}

/// G1: delivered, undelivered or cancelled; cancelled only where the client's registration was changed.
fn every_accepted_change_ends(
    facts: &Facts,
    id: &str,
    change: &Change,
    row: Option<&Row>,
    broken: &mut Broken,
) {
    let status = row.map_or("", |row| row.text("status"));
    let accepted =
        facts.arrivals.iter().any(|arrival| arrival.resource == change.resource && arrival.accepts);
    let moved = facts.inactive.contains(&change.client)
        || facts.calls.iter().any(|passing| {
            passing.client == change.client && facts.calls.iter().any(|later| passing.is_before(later))
        });
    let is_right = match status {
        "delivered" => accepted,
        // Three attempts failed, or a fault of ours lasted until the message's receives were nearly spent.
        "undelivered" => {
            row.is_some_and(|row| row.has_attempt(3) || is_given_up_for_our_fault(facts, change, row))
        }
        "cancelled" => moved,
        _ => false,
    };
    if !is_right {
        broken.push(("G1_every_accepted_change_ends", format!("{id} of {} is {status:?}", change.resource)));
    }
}

/// Whether a notification was given up for a fault of ours, and there was one.
fn is_given_up_for_our_fault(facts: &Facts, change: &Change, row: &Row) -> bool {
    !row.text("reason").is_empty()
        && row.text("unlisted_since").is_empty()
        && of_ours_for(facts, change.client, change.event, Duration::MAX)
}

/// G1: what was given up, all of it and nothing else; a step that is repeated may lay a copy beside it.
fn the_dead_letter_queue_holds_what_was_given_up(world: &World, facts: &Facts, broken: &mut Broken) {
    let is_undelivered =
        |id: &&String| world.aws().ledger_row(id).is_some_and(|row| row.text("status") == "undelivered");
    let expected: BTreeSet<_> = facts.accepted.keys().filter(is_undelivered).cloned().collect();
    let id_of = |body: &str| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        body["notification_id"].as_str().unwrap_or_default().to_owned()
    };
    let found: BTreeSet<_> =
        world.aws().messages(UNDELIVERED).iter().map(|message| id_of(&message.body)).collect();
    if expected != found {
        broken.push((
            "G1_the_dead_letter_queue_holds_what_was_given_up",
            format!("{found:?}, and the ledger says {expected:?}"),
        ));
    }
    let listed: BTreeSet<_> =
        world.aws().undelivered_rows().iter().map(|row| row.text("notification").to_owned()).collect();
    if expected != listed {
        broken.push((
            "G1_the_hours_list_what_was_given_up",
            format!("{listed:?}, and the ledger says {expected:?}"),
        ));
    }
}

/// Our faults never consume an attempt: a failure has a fault of the receiver's behind it, an interruption one of ours that
/// came after the attempt had begun.
fn no_attempt_is_spent_on_a_fault_of_ours(
    facts: &Facts,
    id: &str,
    change: &Change,
    row: &Row,
    broken: &mut Broken,
) {
    for number in (1..=3).filter(|number| row.has_attempt(*number)) {
        let (outcome, interaction) = (row.attempt(number, "outcome"), row.attempt(number, "interaction_id"));
        let begun = facts.begun.get(interaction).map(|begun| begun.at);
        // What stays to be seen of it until it begins again, which it does not where the receiver is gone by then, or the fault
        // lasted too long.
        let never_again = row.text("status") == "cancelled" || is_given_up_for_our_fault(facts, change, row);
        if facts.rolled_back.contains(interaction) && never_again {
            continue;
        }
        let is_right = begun.is_some_and(|begun| match outcome {
            "delivered" => {
                facts.arrivals.iter().any(|arrival| arrival.interaction_id == interaction && arrival.accepts)
            }
            // The process stopped, or the ledger did not take what came of it; or it took the beginning of an
            // attempt after whoever asked had given up, so that it was never made, and counts
            // (docs/adr/0002-one-ledger-row-per-notification.md).
            "interrupted" => {
                of_ours(facts, begun.saturating_sub(WRITTEN_LATE), begun + Duration::from_secs(40))
            }
            "" => row.text("status") == "delivered" || row.text("status") == "cancelled",
            "timeout" if is_reduced(row, number) && is_slow(facts, change.client, begun) => true,
            _ => facts.theirs.iter().any(|(client, at, _)| {
                *client == change.client && *at + TOLERANCE >= begun && *at <= begun + Duration::from_secs(17)
            }),
        });
        if !is_right {
            broken.push((
                "G2_no_attempt_is_spent_on_a_fault_of_ours",
                format!("attempt {number} of {id} is {outcome:?}"),
            ));
        }
    }
}

/// Whether an attempt was granted less than the convention allows, as its receiver was known to hang.
fn is_reduced(row: &Row, attempt: u8) -> bool {
    row.attempt(attempt, "deadline_ms") == REDUCED_TIMEOUT.as_millis().to_string()
}

/// Whether a receiver took longer to accept than it is granted then.
fn is_slow(facts: &Facts, client: usize, begun: Duration) -> bool {
    facts.slow.iter().any(|(of, at)| *of == client && *at >= begun && *at <= begun + EXCHANGE_DEADLINE)
}

/// The attempts of the ledger are the requests that receivers saw, and those that never reached one.
fn the_ledger_agrees_with_the_receivers(world: &World, facts: &Facts, broken: &mut Broken) {
    for arrival in &facts.arrivals {
        let Some(begun) = facts.begun.get(&arrival.interaction_id) else { continue };
        let row = world.aws().ledger_row(&begun.notification);
        let written = row.as_ref().map_or("", |row| row.attempt(begun.attempt, "interaction_id"));
        let change = facts.accepted.get(&begun.notification);
        // A request is known by its change, also where the bank was never told that it was accepted.
        let is_same = change.is_none_or(|change| change.resource == arrival.resource);
        let is_there = arrival.base_uri == begun.base_uri;
        let is_kept =
            written == arrival.interaction_id || (begun.attempt == 1 && may_be_lost(world, facts, arrival));
        if !is_kept || !is_same || !is_there {
            broken.push((
                "G1_the_ledger_agrees_with_the_receivers",
                format!(
                    "{} is attempt {} of {}, and the ledger has {written:?}",
                    arrival.interaction_id, begun.attempt, begun.notification
                ),
            ));
        }
    }
}

/// Where the ledger is written once, a request may be missing from it: its process stopped before the write or could not make it,
/// or another process had a copy of the message.
fn may_be_lost(world: &World, facts: &Facts, arrival: &Arrival) -> bool {
    let handed_out = facts.handed_out.get(&arrival.resource).copied().unwrap_or_default();
    world.ledger_writes() == LedgerWrites::Lean
        && (came_twice(handed_out) || of_ours(facts, arrival.at, arrival.at + Duration::from_secs(30)))
}

/// G1: no request is missing from the ledger.
fn every_request_is_in_the_ledger(world: &World, facts: &Facts, broken: &mut Broken) {
    for arrival in &facts.arrivals {
        if !facts.begun.contains_key(&arrival.interaction_id) && !may_be_lost(world, facts, arrival) {
            broken.push((
                "G1_every_request_is_in_the_ledger",
                format!("{} for {}", arrival.interaction_id, arrival.resource),
            ));
        }
    }
}

/// G3: the second at least 10.0 s and the third at least 60.0 s after the failure before it, each at most 1.5 s late.
fn attempts_are_made_when_they_are_due(
    facts: &Facts,
    id: &str,
    change: &Change,
    row: &Row,
    broken: &mut Broken,
) {
    let millis = |number, name: &str| since_epoch(row.attempt(number, name));
    if let (Some(started), false) = (millis(1, "started_at"), change.is_late)
        && started > change.event + LATE
        && !of_ours_for(facts, change.client, change.event, started)
    {
        broken.push((
            "G3_attempts_are_made_when_they_are_due",
            format!("attempt 1 of {id} began at {started:?}, and the event was at {:?}", change.event),
        ));
    }
    for (number, wait) in [(2, 10), (3, 60)] {
        let (Some(failed), Some(started)) = (millis(number - 1, "ended_at"), millis(number, "started_at"))
        else {
            continue;
        };
        let due = failed + Duration::from_secs(wait);
        // An interrupted attempt is written down as ended with its lease; when it did end only its receiver can say.
        let was_interrupted = row.attempt(number - 1, "outcome") == "interrupted";
        let seen = |number| {
            let id = row.attempt(number, "interaction_id");
            facts.arrivals.iter().find(|arrival| arrival.interaction_id == id).map(|arrival| arrival.at)
        };
        let came_early = matches!((seen(number - 1), seen(number)),
            (Some(before), Some(after)) if after + TOLERANCE < before + Duration::from_secs(wait));
        let is_early = came_early || (!was_interrupted && started + TOLERANCE < due);
        let is_late = started > due + LATE
            && !was_interrupted
            && !of_ours_for(facts, change.client, failed.saturating_sub(TOLERANCE), started);
        if is_early || is_late {
            broken.push((
                "G3_attempts_are_made_when_they_are_due",
                format!("attempt {number} of {id} began at {started:?} and was due at {due:?}"),
            ));
        }
    }
}

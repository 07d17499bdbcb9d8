//! The simulator: many seeds, each the whole system for some minutes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::scope;
use std::time::Duration;

use convention::delivery::LedgerWrites;
use platform::config::environment;
use tests::sim::{
    Break, Flood, Flooded, Hazards, Lateness, ReceiverLoad, Report, flood, one_of, run, warm_up,
};
use tokio::runtime::Builder;
use tokio::time::Instant;

/// How many seeds `make test` runs.
const SEEDS: u64 = 150;
/// And with the ledger written once.
const LEAN_SEEDS: u64 = 200;
/// One a core of a small machine.
const THREADS: usize = 2;
/// So many failing seeds say enough.
const ENOUGH: usize = 5;

/// Runs one seed on a runtime of its own, whose time is paused. A panic of the code under test is reported like a violation.
fn simulate(seed: u64, broken: Option<Break>, writes: LedgerWrites) -> Result<Report, String> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(seed, broken, writes, hazards()))))
        .map_err(|_| format!("seed {seed} panics; what is above says where"))
}

/// What may go wrong in a run: `ARAUTO_SIM_HAZARDS`, names separated by commas; else all of it.
fn hazards() -> Hazards {
    environment("ARAUTO_SIM_HAZARDS").map_or_else(Hazards::all, |text| text.parse().unwrap())
}

/// Makes what all runs share, once.
fn warm() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(warm_up());
}

/// What broke, and what happened until then.
fn story(seed: u64, report: &Report) -> String {
    let broken: Vec<_> = report.violations.iter().map(|v| format!("{}: {}", v.invariant, v.detail)).collect();
    format!("seed {seed}, whose history is:\n{}\n{}", report.history.join("\n"), broken.join("\n"))
}

/// Runs seeds on two threads and returns what failed, with the seed; says now and then how far it is.
fn sweep(seeds: std::ops::Range<u64>, writes: LedgerWrites, says: bool) -> BTreeMap<u64, String> {
    warm();
    let (next, began) = (AtomicU64::new(seeds.start), Instant::now());
    let (failed, requests) = (Mutex::new(BTreeMap::new()), AtomicU64::new(0));
    scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || failed.lock().unwrap().len() >= ENOUGH {
                        return;
                    }
                    match simulate(seed, None, writes) {
                        Ok(report) if report.violations.is_empty() => {
                            requests.fetch_add(report.requests as u64, Ordering::Relaxed);
                        }
                        Ok(report) => drop(failed.lock().unwrap().insert(seed, story(seed, &report))),
                        Err(panic) => drop(failed.lock().unwrap().insert(seed, panic)),
                    }
                    let done = seed + 1 - seeds.start;
                    if says && done.is_multiple_of(500) {
                        let (seconds, requests) =
                            (began.elapsed().as_secs(), requests.load(Ordering::Relaxed));
                        eprintln!("{done} seeds, {requests} requests, {seconds} s");
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

fn must_be_empty(failed: &BTreeMap<u64, String>) {
    let seeds: Vec<_> = failed.keys().map(|seed| format!("ARAUTO_SIM_SEED={seed} make sim")).collect();
    if let Some(first) = failed.values().next() {
        let last = |story: &String| story.lines().last().unwrap_or_default().to_owned();
        let lasts: Vec<_> =
            failed.iter().map(|(seed, story)| format!("seed {seed}: {}", last(story))).collect();
        panic!("{first}\n{}\nto replay: {}", lasts.join("\n"), seeds.join(", "));
    }
}

#[test]
fn the_guarantees_hold_whatever_happens() {
    must_be_empty(&sweep(0..SEEDS, LedgerWrites::Full, false));
}

/// The guarantees as they are where `LedgerWrites` is `lean`: what it gives up is in
/// docs/adr/0029-lean-ledger-writes.md.
#[test]
fn the_guarantees_hold_where_the_ledger_is_written_once_but_for_what_that_gives_up() {
    must_be_empty(&sweep(0..LEAN_SEEDS, LedgerWrites::Lean, false));
}

/// How often the runs of `make sim` write the ledger: `ARAUTO_LEDGER_WRITES`, as dispatch itself reads it.
fn writes() -> LedgerWrites {
    environment("ARAUTO_LEDGER_WRITES").map_or(LedgerWrites::Full, |text| text.parse().unwrap())
}

/// What `make sim` runs: the seeds it is told, or the one.
#[test]
#[ignore = "takes minutes; make sim runs it"]
fn the_guarantees_hold_for_many_seeds() {
    let number = |name| environment(name).and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("ARAUTO_SIM_SEED") {
        warm();
        let report = simulate(seed, None, writes()).unwrap();
        eprintln!("{}", story(seed, &report));
        assert!(report.violations.is_empty());
        return;
    }
    must_be_empty(&sweep(0..number("ARAUTO_SIM_SEEDS").unwrap_or(10_000), writes(), true));
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    warm();
    for seed in 1000..1010 {
        let twice = || simulate(seed, None, LedgerWrites::Full).unwrap().history;
        let [first, second] = [twice(), twice()];
        if let Some(at) = first.iter().zip(&second).position(|(first, second)| first != second) {
            let around = |history: &[String]| {
                history.get(at.saturating_sub(20)..at + 2).unwrap_or_default().join("\n")
            };
            panic!("seed {seed} is twice not the same:\n{}\nand\n{}", around(&first), around(&second));
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

/// Runs seeds until an invariant notices that the code is broken so, and returns the names of what did.
fn noticed_by(broken: Break, writes: LedgerWrites, expected: &str) {
    warm();
    for seed in 0..MAX_TO_NOTICE {
        let report = simulate(seed, Some(broken), writes).unwrap();
        if report.violations.iter().any(|violation| violation.invariant == expected) {
            return;
        }
    }
    panic!("{broken:?} is not noticed by {expected} within {MAX_TO_NOTICE} seeds");
}

/// A break that is not noticed within so many seeds would get past a day's work.
const MAX_TO_NOTICE: u64 = 60;

#[test]
fn an_attempt_that_begins_without_condition_is_noticed() {
    noticed_by(Break::NoConditionOnBegin, LedgerWrites::Full, "G2_an_attempt_begins_once");
}

#[test]
fn a_message_that_is_deleted_before_the_retry_is_sent_is_noticed() {
    noticed_by(Break::AcknowledgedBeforeRetry, LedgerWrites::Full, "G1_every_accepted_change_ends");
}

#[test]
fn a_copy_of_a_receiver_that_never_grows_old_is_noticed() {
    noticed_by(Break::CopyNeverExpires, LedgerWrites::Full, "G5_no_post_to_a_base_uri_that_is_gone");
}

#[test]
fn an_attempt_spent_on_a_fault_of_ours_is_noticed() {
    noticed_by(Break::OurFaultConsumes, LedgerWrites::Full, "G2_no_attempt_is_spent_on_a_fault_of_ours");
}

#[test]
fn a_success_that_is_not_recorded_is_noticed() {
    noticed_by(Break::SuccessNotRecorded, LedgerWrites::Full, "G1_every_accepted_change_ends");
}

#[test]
fn a_message_that_comes_again_and_is_written_once_all_the_same_is_noticed() {
    let expected = "G2_one_request_more_for_each_message";
    noticed_by(Break::EveryReceiveIsTheFirst, LedgerWrites::Lean, expected);
}

#[test]
fn a_ledger_that_is_written_once_and_not_read_before_is_noticed() {
    noticed_by(Break::LedgerKnowsNothing, LedgerWrites::Lean, "G2_nothing_after_a_delivery");
}

#[test]
fn a_registration_that_is_decided_by_an_old_read_is_noticed() {
    noticed_by(Break::StaleReadBelieved, LedgerWrites::Full, "G5_the_latest_call_is_in_force");
}

#[test]
fn an_older_call_that_brings_a_removed_client_back_is_noticed() {
    noticed_by(Break::RemovalForgotten, LedgerWrites::Full, "G5_the_latest_call_is_in_force");
}

#[test]
fn a_fault_of_the_machine_that_is_booked_on_a_receiver_is_noticed() {
    let expected = "G2_no_attempt_is_spent_on_a_fault_of_ours";
    noticed_by(Break::LocalFaultIsTheirs, LedgerWrites::Full, expected);
}

#[test]
fn a_delivery_that_a_throttled_table_makes_forgotten_is_noticed() {
    noticed_by(Break::ThrottledDeliveryForgotten, LedgerWrites::Full, "G1_every_accepted_change_ends");
}

#[test]
fn a_connection_that_is_used_after_it_was_closed_is_noticed() {
    let expected = "G2_no_attempt_is_spent_on_a_fault_of_ours";
    noticed_by(Break::ClosedConnectionsInUse, LedgerWrites::Full, expected);
}

#[test]
fn two_copies_of_one_message_that_make_the_same_attempt_are_noticed() {
    noticed_by(Break::CopiesShareAnAttempt, LedgerWrites::Full, "G2_one_request_at_a_time");
}

#[test]
fn a_row_of_one_receiver_that_stops_the_refresh_for_all_is_noticed() {
    let expected = "G10_a_refresh_ends_whatever_a_receiver_presents";
    noticed_by(Break::HostileRowStopsRefresh, LedgerWrites::Full, expected);
}

#[test]
fn a_registration_call_that_undoes_what_an_operator_has_set_is_noticed() {
    let expected = "G5_settings_outlive_registration_calls";
    noticed_by(Break::RegistrationResetsSettings, LedgerWrites::Full, expected);
}

/// Runs something on a runtime of its own, whose time is paused.
fn paused<T>(run: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(run)
}

/// No first attempt is later, guarantee G9.
const LATEST: Duration = Duration::from_millis(1_500);

/// Plays fifty receivers at equal load twice, with the first that works and hangs, and returns what the others got.
fn fifty_of_which_one_hangs(seconds: u64) -> [Lateness; 2] {
    warm();
    let load = ReceiverLoad { receivers: 50, per_second: 2, seconds };
    let [works, hangs] = [false, true].map(|hangs| {
        let (others, ours, violations) = paused(one_of(load, hangs, 1));
        assert!(violations.is_empty(), "{violations:?}");
        assert!(others.worst <= LATEST, "{others:?}");
        (others, ours)
    });
    eprintln!("isolation: {load:?}; all work: {works:?}; one hangs: {hangs:?}");
    assert_eq!(works.0.attempts, hangs.0.attempts);
    [works.0, hangs.0]
}

fn moves_by_a_tenth_at_most(from: Duration, to: Duration) {
    assert!(to.abs_diff(from) * 10 < from, "it moves from {from:?} to {to:?}");
}

/// Of so few attempts the cold starts at its onset are more than a hundredth, so that the middle one has to do.
#[test]
fn one_of_fifty_receivers_that_hangs_makes_no_first_attempt_of_the_others_late() {
    let [works, hangs] = fifty_of_which_one_hangs(60);
    moves_by_a_tenth_at_most(works.median, hangs.median);
}

#[test]
#[ignore = "takes a minute; make sim runs it"]
fn one_of_fifty_receivers_that_hangs_leaves_the_others_their_p99() {
    if environment("ARAUTO_SIM_SEED").is_some() {
        return;
    }
    let [works, hangs] = fifty_of_which_one_hangs(600);
    moves_by_a_tenth_at_most(works.p99, hangs.p99);
}

#[test]
#[ignore = "takes minutes; make sim-flood runs it"]
fn a_flood_to_a_receiver_that_hangs_leaves_the_others_their_time() {
    if environment("ARAUTO_SIM_SEED").is_some() {
        return;
    }
    warm();
    let of = Flood { per_second: 90, seconds: 115, others: 10, others_per_second: 10 };
    let Flooded { onset, steady, ours, violations } = paused(flood(of, 1));
    eprintln!("flood: {of:?}; {ours:?}; the others in its first 30 s: {onset:?}; after 100 s: {steady:?}");
    assert!(onset.worst <= LATEST && steady.worst <= LATEST, "{onset:?}, {steady:?}");
    // Of 500, `DispatchMaximumConcurrency`, and so of the account's 1,000: what has a limit never came to it.
    assert!(ours.most.0 < 500, "{ours:?}");
    assert!(violations.is_empty(), "{violations:?}");
}

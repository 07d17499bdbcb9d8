//! The model against arithmetic, and against the simulator of the functions themselves.

use convention::delivery::LedgerWrites;

use super::load::ChangeSource;
use super::*;

/// A load of which the way takes no processor and no round trip, so that it can be computed by hand.
fn plain(rate: f64, receivers: u64, dead: u64) -> Load {
    Load { cpu_us: 0.0, handshake_us: 0.0, rtt_ms: 0.0, ..Load::alike(rate, receivers, dead) }
}

/// So many pollers that each message has an invocation of its own.
fn one_each() -> Settings {
    let mut settings = Settings { mapping: Mapping::Pollers(200, 200), ..Settings::default() };
    settings.quotas.concurrency = 1e6;
    settings
}

fn ask(load: Load, settings: Settings, begin: Begin, seconds: u64) -> Answer {
    Question { load, settings, begin, seconds, seed: 1 }.answer(&mut |_, _, _| ())
}

fn is_near(seen: f64, computed: f64, within: f64) {
    assert!((seen - computed).abs() <= computed * within, "seen {seen}, computed {computed}");
}

#[test]
fn the_concurrency_of_a_load_is_its_rate_by_its_duration() {
    // Little's law. 20 ms to receive and invoke, 6 ms to begin, 200 ms for the answer, 6 ms to record; a copy of the receiver lives
    // 8 s in each of the environments, so 6 ms to read it now and then.
    let seen = ask(Load { answer_ms: 200.0, ..plain(100.0, 4, 0) }, one_each(), Begin::Idle, 120).observed;
    is_near(seen.batch, 1.0, 0.03);
    is_near(seen.concurrency.0, 100.0 * 0.234, 0.04);
    is_near(seen.each_second.attempts, 100.0, 0.03);
    is_near(seen.each_second.writes, 200.0, 0.03);
}

#[test]
fn a_known_dead_receiver_holds_three_seconds_for_each_of_three_attempts() {
    // 90 a second that work, for 34 ms and 50 ms; 30 attempts a second that hang, for 3 s and 48 ms; and 12 s more every 20 s
    // for the one that sees whether it still hangs.
    let seen = ask(plain(100.0, 10, 1), one_each(), Begin::Running, 120).observed;
    is_near(seen.concurrency.0, 90.0 * 0.085 + 30.0 * 3.048 + 12.0 / 20.0, 0.04);
    is_near(seen.each_second.attempts, 120.0, 0.03);
}

#[test]
fn a_receiver_that_begins_to_hang_holds_fifteen_seconds_until_it_is_found_out() {
    // Ten a second for 15 s, and until each environment's copy of the row is 8 s old; beside that, what works.
    let seen = ask(plain(100.0, 10, 1), one_each(), Begin::Onset, 60).observed;
    let (least, most) = (10.0 * 15.0, 10.0 * (15.0 + 8.0) + 30.0);
    assert!((least..most).contains(&seen.concurrency.1), "{:?}", seen.concurrency);
}

#[test]
fn while_the_event_source_grows_by_three_hundred_a_minute_a_backlog_grows_as_computed() {
    // A full batch lasts as long as the slowest of ten answers, half of each fixed and half exponential: (1 + H10) / 2 times the
    // mean, 0.98 s, and 55 ms beside it. Five invocations at first and five more each second carry 3,000/s at second t; until then
    // the backlog is the area between the two lines.
    let settings = Settings { mapping: Mapping::Concurrency(1_000), ..Settings::default() };
    let load = Load { answer_ms: 500.0, ..plain(3_000.0, 50, 0) };
    let answer = ask(load, settings, Begin::Idle, 120);
    let lasts = 0.5 * (1.0 + 2.929) / 2.0 + 0.055;
    let carried_at = (3_000.0 * lasts / 10.0 - 5.0) / 5.0;
    is_near(answer.observed.backlog, 25.0 * carried_at * carried_at / lasts, 0.08);
    let quota = answer.first_to_break().unwrap();
    assert_eq!(quota.name, "Invocations of dispatch that are ready at once");
    assert!(quota.change.to_string().starts_with("DispatchMinimumPollers="), "{}", quota.change);
}

#[test]
fn beyond_a_thousand_invocations_the_event_source_is_named_and_provisioned_mode_is_the_change() {
    let mut settings = Settings { mapping: Mapping::Concurrency(1_000), ..Settings::default() };
    settings.quotas.concurrency = 1e5;
    let answer = ask(Load { answer_ms: 3_000.0, ..plain(3_000.0, 50, 0) }, settings, Begin::Running, 60);
    let quota = answer.first_to_break().unwrap();
    assert_eq!(
        (quota.name, quota.limit.to_string()),
        ("Invocations of dispatch at a time", "1000".to_owned())
    );
    // 300 full batches a second, each as long as the slowest of ten.
    is_near(quota.needed, 300.0 * (3.0 * (1.0 + 2.929) / 2.0 + 0.055), 0.05);
    assert!(
        matches!(quota.change, Change::Mapping(Mapping::Pollers(190..=200, 200..=240))),
        "{}",
        quota.change
    );
    assert!(!answer.is_carried());
}

#[test]
fn messages_that_are_delayed_are_not_in_flight() {
    // Nearly all fail at once: 5,000 wait for their second attempt at a time and 30,000 for their third.
    let load = Load { failing: 0.999, ..plain(500.0, 50, 0) };
    let seen = ask(load, one_each(), Begin::Running, 60).observed;
    is_near(seen.each_second.attempts, 1_500.0, 0.05);
    // 1,500 a second for a tenth of one.
    assert!(seen.in_flight < 400.0, "{}", seen.in_flight);
}

#[test]
fn the_same_seed_shows_the_same_and_another_does_not() {
    let load = Load::alike(200.0, 20, 2);
    let play = |seed| {
        let settings = Settings::default();
        Run { load: &load, settings: &settings, begin: Begin::Onset, seconds: 60, seed }.play(|_, _| ())
    };
    assert_eq!(play(7), play(7));
    assert_ne!(play(7), play(8));
}

#[test]
fn a_load_that_is_played_smaller_shows_what_the_whole_shows() {
    let whole = ask(Load::alike(400.0, 20, 1), one_each(), Begin::Running, 120).observed;
    let smaller = ask(Load::alike(400.0, 20, 1), one_each(), Begin::Running, 2_000).observed;
    assert!(whole.each < 2.0 && smaller.each > 3.0, "{} and {}", whole.each, smaller.each);
    is_near(smaller.concurrency.0, whole.concurrency.0, 0.05);
    let [whole, smaller] = [whole, smaller].map(|seen| seen.lateness.quantile(990));
    assert!(whole.abs_diff(smaller) < 30, "{whole} and {smaller}");
}

#[test]
fn with_128_mb_an_event_on_an_idle_stack_reaches_its_receiver_within_600_ms() {
    let p50 = |memory| {
        let settings = Settings { memory, ..Settings::default() };
        cold(&Load::alike(1.0, 1, 0), &settings, 1).quantile(500)
    };
    let [least, more, whole] = [128, 256, 1_769].map(p50);
    assert!(least < 600 && more < least && whole < more, "{least}, {more} and {whole} ms");
}

#[test]
fn what_an_idle_stack_takes_is_the_sum_of_its_steps() {
    let settings = Settings { memory: 1_769, ..Settings::default() };
    // 60 ms to the queue, 20 to invoke, 250 and 10 to start, 12 for the receiver and the ledger; nothing else takes time.
    let histogram = cold(&plain(1.0, 1, 0), &settings, 1);
    assert!(histogram.quantile(0) >= 10 + (60 + 20 + 250 + 12) / 2, "{}", histogram.quantile(0));
    assert!((280..=352).contains(&histogram.quantile(500)), "{}", histogram.quantile(500));
}

#[test]
fn a_question_is_answered_within_ten_seconds_its_growth_included() {
    let began = tokio::time::Instant::now();
    let question = Question {
        load: Load::alike(300.0, 50, 1),
        settings: Settings::default(),
        begin: Begin::Running,
        seconds: 120,
        seed: 1,
    };
    assert_eq!(question.growth(&mut |_, _, _| ()).len(), 3);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[test]
fn growth_says_in_a_line_what_to_set_and_what_to_ask_aws_for() {
    let question = |rate| Question {
        load: Load::alike(rate, 20, 0),
        settings: Settings { mapping: Mapping::Concurrency(2), ..Settings::default() },
        begin: Begin::Running,
        seconds: 60,
        seed: 1,
    };
    let needs = |rate| {
        let answer = question(rate).answer(&mut |_, _, _| ());
        let plan = Question::plan(&answer, &mut |_, _, _| ());
        Growth { factor: 1, answer, plan }.needs()
    };
    assert_eq!(needs(10.0), "set nothing, ask AWS for nothing");
    let more = needs(1_000.0);
    assert!(more.starts_with("set DispatchM") && more.ends_with("; ask AWS for nothing"), "{more}");
}

fn lean() -> Settings {
    Settings { ledger_writes: LedgerWrites::Lean, ..one_each() }
}

#[test]
fn a_lean_ledger_is_written_once_and_read_once_where_the_first_attempt_delivers() {
    let seen = ask(plain(100.0, 4, 0), lean(), Begin::Idle, 120).observed;
    is_near(seen.each_second.writes, 100.0, 0.03);
    is_near(seen.each_second.ledger_reads, 100.0, 0.03);
    // The read stands where the write stood, so that nothing becomes quicker.
    let full = ask(plain(100.0, 4, 0), one_each(), Begin::Idle, 120).observed;
    assert!(full.each_second.ledger_reads < f64::EPSILON, "{:?}", full.each_second);
    is_near(seen.concurrency.0, full.concurrency.0, 0.01);
}

#[test]
fn a_lean_ledger_is_written_as_ever_where_an_attempt_fails() {
    // 100 first attempts a second: half deliver and are written once, half fail and are written twice. 50 second and 25 third ones
    // are written twice, two units each time, and 12.5 are listed for two more.
    let load = Load { failing: 0.5, ..plain(100.0, 4, 0) };
    let seen = ask(load.clone(), lean(), Begin::Running, 120).observed;
    is_near(seen.each_second.writes, 50.0 + 100.0 + 4.0 * 75.0 + 25.0, 0.03);
    is_near(seen.each_second.ledger_reads, 100.0, 0.03);
    // One call of the table more, after each of the 50.
    let full = ask(load, one_each(), Begin::Running, 120).observed;
    let more = seen.concurrency.0 - full.concurrency.0;
    assert!((0.1..=0.6).contains(&more), "{more}");
}

#[test]
fn where_the_ledgers_writes_break_first_a_lean_ledger_is_named_beside_the_quota_with_what_it_gives_up() {
    let load = Load::alike(1_000.0, 20, 0);
    let asked = |evidence, ledger_writes| {
        let mut settings = Settings { ledger_writes, evidence, ..one_each() };
        settings.quotas.table_writes = 900.0;
        settings.quotas.firehose = 100.0;
        ask(load.clone(), settings, Begin::Running, 60)
    };
    let answer = asked(false, LedgerWrites::Full);
    let quota = answer.first_to_break().unwrap();
    assert_eq!(quota.name, "Write units of LedgerTable a second");
    let Some(Change::Lean(then)) = quota.or else { panic!("{:?}", quota.or) };
    is_near(then, 1_000.0, 0.05);
    let said = quota.or.as_ref().unwrap().to_string();
    assert!(
        said.starts_with("LedgerWrites=lean") && said.contains("no longer knows every request"),
        "{said}"
    );
    let mut told = String::new();
    text::verdict(&mut told, &answer, &Plan { changes: Vec::new(), answer: answer.clone() });
    assert!(told.contains(&format!("  or: {said}")), "{told}");
    // It gives something up, so that it is nobody's to choose but the operator's.
    let plan = Question::plan(&answer, &mut |_, _, _| ());
    assert!(plan.answer.is_carried() && !plan.changes.iter().any(|change| matches!(change, Change::Lean(_))));
    // Nor is it named where it is refused, or there already.
    for answer in [asked(true, LedgerWrites::Full), asked(false, LedgerWrites::Lean)] {
        let quota = answer.first_to_break().unwrap();
        assert_eq!((quota.name, quota.or.clone()), ("Write units of LedgerTable a second", None));
    }
}

#[test]
fn the_reads_of_a_lean_ledger_have_a_limit_too() {
    let mut settings = lean();
    settings.quotas.table_reads = 900.0;
    let answer = ask(Load::alike(1_000.0, 20, 0), settings, Begin::Running, 60);
    let quota = answer.first_to_break().unwrap();
    assert_eq!(quota.name, "Read units of LedgerTable a second");
    assert!(matches!(quota.change, Change::TableReads(units) if units >= 1_000.0), "{}", quota.change);
}

#[test]
fn a_flood_to_a_receiver_that_hangs_takes_what_the_simulator_of_the_functions_says() {
    // docs/performance.md, "A receiver that hangs": 300 a second to one that hangs, 33 to ten others, take 314
    // environments for good with batches of 2.6 of 3, and leave the others' first attempts in time at its onset.
    let mut load = Load::alike(333.0, 11, 1);
    load.receivers.iter_mut().for_each(|receiver| receiver.weight = if receiver.dead { 300.0 } else { 3.3 });
    let settled = ask(load.clone(), Settings::default(), Begin::Running, 115).observed;
    let batches = settled.each_second.attempts / (10.0 * 2.6 / 3.0);
    is_near(batches * settled.full_batch.unwrap(), 314.0, 0.1);
    let onset = ask(load, Settings::default(), Begin::Idle, 115).observed;
    assert!(onset.of_working.quantile(990) <= 1_500, "{}", onset.of_working.quantile(990));
    // Its own messages wait: SQS serves the others first.
    assert!(onset.lateness.quantile(990) > 1_500);
}

/// What breaks first, where a load that is carried meets one setting that is too small.
fn first_with(change: impl FnOnce(&mut Question)) -> (&'static str, String) {
    let load = Load::alike(1_000.0, 20, 0);
    let mut question = Question { load, settings: one_each(), begin: Begin::Running, seconds: 60, seed: 1 };
    assert!(question.answer(&mut |_, _, _| ()).is_carried());
    change(&mut question);
    let answer = question.answer(&mut |_, _, _| ());
    assert!(!answer.is_carried());
    let quota = answer.first_to_break().unwrap();
    (quota.name, quota.change.to_string())
}

#[test]
fn each_quota_that_is_too_small_is_named_with_what_to_change() {
    let named = |(name, change): (&str, String), expected: &str, start: &str| {
        assert_eq!(name, expected);
        assert!(change.starts_with(start), "{change}");
    };
    named(
        first_with(|question| question.settings.quotas.concurrency = 12.0),
        "Invocations of the account at a time",
        "AWS Lambda, \"Concurrent executions\": ",
    );
    named(
        first_with(|question| question.settings.quotas.in_flight = 50.0),
        "Messages in flight",
        "Amazon SQS, messages in flight of a standard queue: ",
    );
    named(
        first_with(|question| question.settings.quotas.table_writes = 1_900.0),
        "Write units of LedgerTable a second",
        "Amazon DynamoDB, \"Table-level write throughput limit\": ",
    );
    named(
        first_with(|question| {
            question.settings.kms = true;
            question.settings.quotas.kms_signs = 10.0;
        }),
        "Signatures of KMS a second",
        "AWS KMS, \"Cryptographic operations (RSA) request rate\": ",
    );
    named(
        first_with(|question| question.settings.evidence = true),
        "Mebibytes of evidence a second",
        "Amazon Data Firehose, direct put of a stream: ",
    );
    named(
        first_with(|question| question.load.changes_per_request = 1),
        "Requests of the API a second (ApiRateLimit)",
        "ApiRateLimit=1100",
    );
    named(
        first_with(|question| {
            question.settings.new_tables = true;
            question.load.rate = 2_500.0;
        }),
        "Write units of LedgerTable a second",
        "aws dynamodb update-table --warm-throughput",
    );
}

#[test]
fn a_queue_needs_no_api_and_no_intake_and_a_stream_needs_few_invocations() {
    let load = |rate, source| Load { source, changes_per_request: 1, ..Load::alike(rate, 50, 0) };
    let of = |load: &Load| (load.api_requests(), load.intakes());
    assert_eq!(of(&load(900.0, ChangeSource::Api)), (900.0, 900.0));
    assert_eq!(of(&load(900.0, ChangeSource::Queue)), (0.0, 0.0));
    assert_eq!(of(&load(900.0, ChangeSource::Stream)), (0.0, 9.0));
    assert_eq!(of(&load(0.5, ChangeSource::Stream)), (0.0, 0.5));
    let carried = |source| ask(load(900.0, source), Settings::default(), Begin::Running, 20).is_carried();
    assert!(!carried(ChangeSource::Api) && carried(ChangeSource::Queue));
}

#[test]
fn seventeen_thousand_a_second_with_six_dead_of_58_are_carried_by_changed_settings_and_not_by_the_defaults() {
    let as_deployed = ask(Load::alike(17_400.0, 58, 6), Settings::default(), Begin::Running, 60);
    assert!(!as_deployed.is_carried());
    let plan = Question::plan(&as_deployed, &mut |_, _, _| ());
    assert!(plan.answer.is_carried(), "{:?}", plan.changes);
    let needs = |start: &str| plan.changes.iter().any(|change| change.to_string().starts_with(start));
    assert!(
        needs("DispatchMinimumPollers=200")
            && needs("AWS Lambda, \"Concurrent executions\"")
            && needs("Amazon DynamoDB")
    );
    // 21,000 attempts a second, of which a quarter hang: nineteen of twenty full batches hold one, for 3 s.
    let by_hand = 2_100.0 * (1.0 - 0.743_f64.powi(10)) * 3.0;
    assert!(
        plan.answer.observed.concurrency.0 >= by_hand,
        "{by_hand} {:?}",
        plan.answer.observed.concurrency
    );
}

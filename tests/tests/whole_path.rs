//! The real functions on the local stack, seen from outside: by the receiver, by the caller of the API, by whoever reads the
//! ledger and the dead-letter queue.
//!
//! Every test has a client and a receiver of its own, so all of them run at once and their waits pass side by side.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use account::ChosenStack;
use account::local_stack::LocalStack;
use anyhow::{Context, Result, ensure};
use arauto::attempts::{LogGroups, Selection};
use arauto::doctor::receiver::{Check, Verdict, from_dispatch, judge};
use arauto::replay::{Plan, Replayer, sweep};
use arauto::shutdown::Shutdown;
use arauto::stack_ref::StackRef;
use arauto::undelivered::{DeadLetterQueue, Filter, Listing, Window};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use convention::delivery::AttemptMessage;
use convention::directory::Operation;
use convention::notification::{ENDPOINTS, Endpoint, StateChange};
use devkit::local::{AUTHORISATION_SERVER_ID, changes_of_all_kinds, expiring};
use devkit::receiver::{Body, Received};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use libtest_mimic::{Arguments, Trial};
use platform::clock::Clock;
use serde_json::{Value, json};
use tests::freeze;
use tests::judges::{INSTALL_NGINX, INSTALL_PRISM, Nginx, Prism, Upstream, find_nginx, find_prism};
use tests::kill;
use tests::kms::{
    nginx_takes_a_certificate_whose_key_never_leaves_kms, openssl_verifies_a_request_that_kms_signed,
};
use tests::on_stack::{self, Shared, trial};
use tests::rotation::{
    a_bad_new_identity_is_refused_and_the_old_one_stays_with_an_alarm,
    a_new_identity_is_taken_up_while_warm_and_the_old_one_serves_until_then,
};
use tests::skip;
use tests::world::{PREFIX, SECOND_BRAND, SECOND_NAME, STREAM, World, between, new_change, now, tag};
use tokio::time::{Instant, sleep};

/// For what should come at once, on a machine that compiles meanwhile.
const SOON: Duration = Duration::from_secs(20);
/// For the second attempt, ten seconds after the first failed.
const SECOND: Duration = Duration::from_secs(40);
/// For the third, sixty seconds after that.
const THIRD: Duration = Duration::from_secs(110);
/// How much later than asked for a retry may come here. On AWS it is 1.5 s; the emulator polls on a busy machine.
const LATENESS_MS: i128 = 10_000;

fn main() -> ExitCode {
    let world = Shared::default();
    let judged = judged_trials(&world);
    let skipped: Vec<_> = judged.iter().filter_map(WithJudge::skipped).collect();
    let judged = judged.into_iter().map(|judged| judged.trial.with_ignored_flag(judged.missing.is_some()));
    let trials = trials(&world).into_iter().chain(trials_of_changes(&world)).chain(judged).collect();
    let ran = on_stack::run(Arguments::from_args(), world, trials);
    let noted = if ran.some && !skipped.is_empty() {
        let (count, names) = (skipped.len(), skipped.join("\n  "));
        let text = format!("skipped: {count} tests that need what is not installed here\n  {names}");
        writeln!(std::io::stdout(), "{text}").ok();
        // Other tests run after these; `make test` shows it last.
        skip::note(&text)
    } else {
        Ok(())
    };
    if ran.passed && noted.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn trials(world: &Shared) -> Vec<Trial> {
    macro_rules! trials {
        ($($test:ident),* $(,)?) => { vec![$(trial(stringify!($test), world, |world| Box::pin($test(world)))),*] };
    }
    trials![
        each_of_the_five_endpoints_is_notified_as_published,
        each_brand_is_notified_with_its_own_certificate,
        a_refused_notification_is_tried_again_after_10_and_after_60_seconds,
        three_failures_end_in_the_dead_letter_queue_and_no_fourth_request_comes,
        what_was_given_up_is_listed_and_replayed_once,
        attempts_are_read_from_the_log,
        dispatch_examines_a_receiver_that_is_notified_of_nothing,
        copies_of_one_change_are_notified_once,
        a_change_of_a_queue_is_notified_and_what_is_invalid_is_rejected_with_its_errors,
        a_change_of_an_event_bus_is_notified_and_what_is_invalid_is_rejected_with_its_errors,
        a_change_of_a_stream_is_notified_and_what_is_invalid_is_rejected_with_its_errors,
        a_state_that_expires_is_notified_unless_another_came_first,
        a_receiver_that_hangs_holds_nobody_else_up,
        an_unreadable_message_is_dead_lettered_with_its_reason_and_stops_nobody,
        a_panic_keeps_its_own_message_only,
        a_process_that_was_frozen_delivers_at_once_and_on_no_connection_that_is_too_old,
        a_dispatch_process_killed_between_any_two_of_its_steps_loses_nothing_and_never_asks_a_fourth_time,
        a_new_identity_is_taken_up_while_warm_and_the_old_one_serves_until_then,
        a_bad_new_identity_is_refused_and_the_old_one_stays_with_an_alarm,
        a_success_that_is_not_202_counts_where_the_receiver_says_so,
        a_redirect_is_a_failure_and_is_not_followed,
        a_profile_of_1_2_0_is_notified_without_what_1_3_0_adds,
        a_registration_is_shown_replaced_and_removed,
        a_registration_is_refused_with_every_rule_it_breaks,
        a_state_change_is_refused_with_every_error_it_has,
        one_bad_change_does_not_refuse_the_others,
        a_change_that_is_not_notified_names_the_rule,
        an_unsigned_request_is_refused,
        the_schedule_keeps_keys_participants_and_what_is_known_of_revocation,
    ]
}

/// A test that needs a receiver of others.
struct WithJudge {
    trial: Trial,
    /// The command that installs the receiver, where it is missing.
    missing: Option<&'static str>,
}

impl WithJudge {
    fn skipped(&self) -> Option<String> {
        self.missing.map(|install| format!("{}: {install}", self.trial.name()))
    }
}

fn judged_trials(world: &Shared) -> Vec<WithJudge> {
    let nginx = find_nginx().is_none().then_some(INSTALL_NGINX);
    let prism = find_prism().is_none().then_some(INSTALL_PRISM);
    let by_nginx =
        trial("nginx_takes_our_certificate", world, |world| Box::pin(nginx_takes_our_certificate(world)));
    let of_kms = trial("nginx_takes_a_certificate_whose_key_never_leaves_kms", world, |world| {
        Box::pin(nginx_takes_a_certificate_whose_key_never_leaves_kms(world))
    });
    let by_openssl = trial("openssl_verifies_a_request_that_kms_signed", world, |world| {
        Box::pin(openssl_verifies_a_request_that_kms_signed(world))
    });
    let by_prism = trial("prism_finds_nothing_wrong_with_any_endpoint", world, |world| {
        Box::pin(prism_finds_nothing_wrong_with_any_endpoint(world))
    });
    vec![
        WithJudge { trial: by_nginx, missing: nginx },
        WithJudge { trial: of_kms, missing: nginx },
        // The same command installs openssl.
        WithJudge { trial: by_openssl, missing: nginx },
        WithJudge { trial: by_prism, missing: nginx.or(prism) },
    ]
}

async fn each_of_the_five_endpoints_is_notified_as_published(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    world.bank().notify(&changes_of_all_kinds(&client, &tag("r"), now())).await?;
    let received = mock.wait_for(ENDPOINTS.len(), SOON).await?;
    let endpoints: BTreeSet<_> =
        received.iter().filter_map(|request| Some(request.endpoint?.as_str())).collect();
    ensure!(endpoints.len() == ENDPOINTS.len(), "only {endpoints:?} were notified");
    for request in &received {
        ensure!(request.findings.is_empty(), "the contract has something against {request}");
        ensure!(
            request.method == "POST" && request.header("content-type") == Some("application/json"),
            "{request}"
        );
        let is_enrollment = request.endpoint.is_some_and(|endpoint| endpoint.as_str() == "E3");
        let id = request.authorization_server_id.as_deref();
        ensure!(
            id == is_enrollment.then_some(AUTHORISATION_SERVER_ID),
            "x-authorization-server-id {id:?} at {request}"
        );
        let certificate =
            request.client_certificate.as_ref().context("no client certificate was presented")?;
        ensure!(certificate.subject.contains("organizationIdentifier=OFBBR-"), "{}", certificate.subject);
        ensure!(!request.tls.resumed, "a session was resumed");
    }
    Ok(())
}

async fn each_brand_is_notified_with_its_own_certificate(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let brands = [("bancoex", "webhook.bancoex.example"), (SECOND_BRAND, SECOND_NAME)];
    // The other brand's authorisation server gave the client the same id.
    let uris = [mock.base_uri()];
    let body = world.registration(&client, Operation::Dcr, Some(&uris), json!({})).to_string();
    let path = format!("/v1/clients/{client}?brand={SECOND_BRAND}");
    let answer = world.call(Method::PUT, &path, CLIENT_ROUTE, JSON, &body).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let changes = brands.map(|(brand, _)| {
        let mut change = new_change(Endpoint::PixPayment, &client);
        change["brand"] = json!(brand);
        change
    });
    world.bank().notify(&changes).await?;
    let received = mock.wait_for(brands.len(), SOON).await?;
    for (change, (brand, name)) in changes.iter().zip(brands) {
        let of_brand = |request: &&Received| request.resource_id.as_deref() == change["resource_id"].as_str();
        let request = received.iter().find(of_brand).with_context(|| format!("nothing came of {brand}"))?;
        let certificate = request.client_certificate.as_ref().context("no certificate was presented")?;
        ensure!(certificate.subject.ends_with(&format!("CN={name}")), "{brand}: {}", certificate.subject);
    }
    Ok(())
}

async fn a_refused_notification_is_tried_again_after_10_and_after_60_seconds(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("503,500,202").await?;
    let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
    let received = mock.wait_for(3, THIRD).await?;
    for (earlier, later, asked) in [(0, 1, 10_000), (1, 2, 60_000)] {
        let waited = between(&received[earlier], &received[later]);
        ensure!((asked..asked + LATENESS_MS).contains(&waited), "{waited} ms instead of {asked}");
    }
    ensure!(distinct_ids(&received) == 3, "an interaction id was used twice");
    ensure!(
        received.iter().all(|request| request.path == received[0].path && request.body == received[0].body),
        "changed"
    );
    let row = world.ended(&id, "delivered", SOON).await?;
    for (attempt, outcome, request) in [(1, "server_error", 0), (2, "server_error", 1), (3, "delivered", 2)] {
        ensure!(row.attempt(attempt, "outcome") == outcome, "attempt {attempt}: {row:?}");
        let sent = received[request].interaction_id.as_deref();
        ensure!(Some(row.attempt(attempt, "interaction_id")) == sent, "attempt {attempt}: {row:?}");
    }
    Ok(())
}

async fn three_failures_end_in_the_dead_letter_queue_and_no_fourth_request_comes(
    world: &World,
) -> Result<()> {
    let (client, mock) = world.receiver("503").await?;
    let change = new_change(Endpoint::PaymentConsent, &client);
    let id = world.notify(&change).await?;
    mock.wait_for(3, THIRD).await?;
    let row = world.ended(&id, "undelivered", SOON).await?;
    ensure!(row.attempt(3, "status") == "503", "{row:?}");
    // As long as what another test reads of the queue may be hidden from this one.
    let (body, reason) = world.undelivered(id.as_str(), THIRD).await?;
    ensure!(reason == "server_error", "the reason is {reason}");
    let resource_id = change["resource_id"].as_str().unwrap_or_default();
    ensure!(body.contains(resource_id), "the change is not in {body}");
    // The bank posts it again, and a copy of each message comes: none of them makes a fourth request.
    world.notify(&change).await?;
    world.enqueue(&[body]).await?;
    sleep(Duration::from_secs(15)).await;
    ensure!(mock.count() == 3, "a fourth request came");
    Ok(())
}

async fn dispatch_examines_a_receiver_that_is_notified_of_nothing(world: &World) -> Result<()> {
    let (_, mock) = world.receiver("202").await?;
    let stack = ChosenStack::of_local(LocalStack::clone(&world.stack));
    let facts = from_dispatch(&stack, &mock.base_uri()).await?;
    let findings = judge(&facts, now());
    let on = |check| findings.iter().filter(move |one| one.check == check).map(|one| one.verdict).min();
    for check in [Check::ClientCertificate, Check::WithoutCertificate, Check::Tls, Check::Chain] {
        ensure!(on(check) == Some(Verdict::Ok), "{check:?}: {findings:#?}");
    }
    ensure!(facts.presents_certificate && facts.posted.is_none(), "{facts:#?}");
    let notified: Vec<_> = mock.received().into_iter().filter(|request| request.method != "HEAD").collect();
    ensure!(notified.is_empty(), "it was notified: {notified:?}");
    Ok(())
}

async fn attempts_are_read_from_the_log(world: &World) -> Result<()> {
    let (client, _mock) = world.receiver("202").await?;
    let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
    world.ended(&id, "delivered", SOON).await?;
    let selection = Selection { clients: vec![client.parse()?], ..Selection::default() };
    let pattern = selection.pattern();
    let mut groups = LogGroups::of(&ChosenStack::of_local(LocalStack::clone(&world.stack)))?;
    let since = now() - SignedDuration::from_mins(5);
    let deadline = Instant::now() + SOON;
    let mut found = Vec::new();
    // The emulator writes an invocation's lines when it is over.
    while found.is_empty() {
        ensure!(Instant::now() < deadline, "no line of an attempt of {client} came");
        sleep(Duration::from_millis(200)).await;
        let window = (since, now());
        let read = groups.read(window, &pattern, |at, line| {
            found.extend(selection.read(at, line).map(|attempt| attempt.to_json()));
            Ok(())
        });
        read.await?;
    }
    let outcomes: Vec<_> =
        found.iter().map(|attempt| (&attempt["notification_id"], &attempt["outcome"])).collect();
    ensure!(outcomes == [(&json!(id.as_str()), &json!("delivered"))], "{found:?}");

    // The API, by the same lines.
    let encoded = |instant: Timestamp| instant.to_string().replace(':', "%3A");
    let (from, to) = (encoded(since), encoded(now() + SignedDuration::from_mins(1)));
    let path = format!("/v1/notifications?client_id={client}&from={from}&to={to}");
    let answer = world.call(Method::GET, &path, "/v1/notifications", JSON, "").await?;
    let page: Value = serde_json::from_slice(&answer.body)?;
    let shown = &page["notifications"];
    ensure!(shown[0]["notification_id"] == id.as_str() && shown[1].is_null(), "{page}");
    ensure!(shown[0]["attempts"][0]["outcome"] == "delivered" && page["complete"] == false, "{page}");
    Ok(())
}

async fn what_was_given_up_is_listed_and_replayed_once(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("503,503,503,202").await?;
    let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
    mock.wait_for(3, THIRD).await?;
    world.ended(&id, "undelivered", SOON).await?;
    world.undelivered(id.as_str(), THIRD).await?;

    let path = format!("/v1/notifications/{id}");
    let answer = world.call(Method::GET, &path, "/v1/notifications/{notificationId}", JSON, "").await?;
    let shown: Value = serde_json::from_slice(&answer.body)?;
    ensure!(shown["status"] == "undelivered" && shown["attempts"][2]["status"] == 503, "{shown}");

    let target = StackRef::of_stack(&ChosenStack::of_local(LocalStack::clone(&world.stack)))?;
    let listing = || async {
        let window = Window { since: now() - SignedDuration::from_mins(30), until: now() };
        let clients = vec![client.parse()?];
        let filter = Filter { clients, endpoints: vec![], outcomes: vec!["server_error".to_owned()], window };
        Listing::read(&target.rows(), &filter).await
    };
    let listed = listing().await?;
    ensure!(listed.notifications.len() == 1 && listed.unreadable == 0, "{listed:?}");
    ensure!(listed.notifications[0].id() == &id && !listed.notifications[0].is_replayed(), "{listed:?}");
    // The plan is all that a dry run makes.
    let plan = Plan::new(listed.clone(), None, 10);
    ensure!(plan.to_send == listed.notifications && listing().await?.notifications == listed.notifications);

    let replayer = Replayer::new(&target, Clock::system(), 10, "a test");
    let (asked, mut stop) = Shutdown::channel();
    let (sent, result) = replayer.send(&plan.to_send, &mut stop, |_| ()).await;
    result?;
    ensure!(sent.sent == 1, "{sent:?}");
    let row = world.ended(&id.replay(), "delivered", SOON).await?;
    ensure!(row.text("replay_of") == id.as_str() && row.text("attempt") == "1", "{row:?}");

    let again = Plan::new(listing().await?, None, 10);
    ensure!(again.to_send.is_empty() && again.replayed.len() == 1, "{again:?}");
    let (sent, result) = replayer.send(&plan.to_send, &mut stop, |_| ()).await;
    result?;
    drop(asked);
    ensure!(sent.already == 1 && sent.sent == 0, "{sent:?}");
    let queue = DeadLetterQueue::new(&target.sdk, target.undelivered.clone());
    let swept = sweep(&queue, &BTreeSet::from([id.as_str()]), &stop).await?;
    ensure!(swept.deleted >= 1, "{swept:?}");
    ensure!(world.undelivered(id.as_str(), Duration::from_secs(2)).await.is_err(), "it is still there");
    ensure!(mock.count() == 4, "{} requests came", mock.count());
    Ok(())
}

async fn copies_of_one_change_are_notified_once(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("delay:1s:202").await?;
    let change = new_change(Endpoint::RecurringPayment, &client);
    let (status, answer) = world.post(&json!({ "changes": [change, change] })).await?;
    ensure!(status == 202, "{answer}");
    let verdicts = [&answer["verdicts"][0], &answer["verdicts"][1]];
    ensure!(verdicts[0]["verdict"] == "accepted" && verdicts[1]["verdict"] == "duplicate", "{answer}");
    ensure!(verdicts[0]["notification_id"] == verdicts[1]["notification_id"], "{answer}");
    // While the first is under way, and after it.
    let id = world.notify(&change).await?;
    world.ended(&id, "delivered", SOON).await?;
    let mut written_otherwise = change.clone();
    let instant: convention::notification::EventInstant =
        change["event_instant"].as_str().unwrap_or_default().parse()?;
    written_otherwise["event_instant"] = json!(instant.to_string().replace('Z', "+00:00"));
    ensure!(world.notify(&written_otherwise).await? == id, "another name for the same event");
    let message = AttemptMessage::first(parse(&change)?, now()).context("a message")?.to_json();
    world.enqueue(&[message.clone(), message]).await?;
    sleep(Duration::from_secs(5)).await;
    ensure!(mock.count() == 1, "{} requests came", mock.count());
    Ok(())
}

async fn a_change_of_a_queue_is_notified_and_what_is_invalid_is_rejected_with_its_errors(
    world: &World,
) -> Result<()> {
    let (client, mock) = world.receiver("503,202").await?;
    let (change, wrong) = (new_change(Endpoint::PixPayment, &client), wrong_change(&client));
    world.produce(&change.to_string()).await?;
    world.produce(&wrong.to_string()).await?;
    mock.wait_for(1, SOON).await?;
    let rejected = world.rejected(&client, SOON).await?;
    ensure!(rejected["source"] == "sqs" && rejected["errors"][0]["pointer"] == "/to", "{rejected}");
    // The retry is a message of ours; a copy of the change is none.
    world.produce(&change.to_string()).await?;
    mock.wait_for(2, SECOND).await?;
    let id = world.notify(&change).await?;
    world.ended(&id, "delivered", SOON).await?;
    ensure!(mock.count() == 2, "{} requests came", mock.count());
    Ok(())
}

async fn a_change_of_an_event_bus_is_notified_and_what_is_invalid_is_rejected_with_its_errors(
    world: &World,
) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let entry = |detail: Value| json!({ "Source": "bank", "DetailType": "StateChange", "Detail": detail.to_string() });
    let entries = [entry(new_change(Endpoint::PixPayment, &client)), entry(wrong_change(&client))];
    let answer = world.ask("events", "AWSEvents.PutEvents", &json!({ "Entries": entries })).await?;
    ensure!(answer["FailedEntryCount"] == 0, "{answer}");
    mock.wait_for(1, SOON).await?;
    let rejected = world.rejected(&client, SOON).await?;
    ensure!(
        rejected["source"] == "eventbridge" && rejected["errors"][0]["pointer"] == "/detail/to",
        "{rejected}"
    );
    Ok(())
}

async fn a_change_of_a_stream_is_notified_and_what_is_invalid_is_rejected_with_its_errors(
    world: &World,
) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let stream = json!({ "StreamName": STREAM, "ShardCount": 1 });
    world.ask("kinesis", "Kinesis_20131202.CreateStream", &stream).await?;
    for change in [wrong_change(&client), new_change(Endpoint::PixPayment, &client)] {
        let data = STANDARD.encode(change.to_string());
        let record = json!({ "StreamName": STREAM, "PartitionKey": "1", "Data": data });
        world.ask("kinesis", "Kinesis_20131202.PutRecord", &record).await?;
    }
    mock.wait_for(1, SOON).await?;
    let rejected = world.rejected(&client, SOON).await?;
    ensure!(rejected["source"] == "kinesis" && rejected["errors"][0]["pointer"] == "/to", "{rejected}");
    Ok(())
}

async fn a_state_that_expires_is_notified_unless_another_came_first(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let expires_at = now() + SignedDuration::from_secs(8);
    let awaiting = || {
        let mut change = new_change(Endpoint::PaymentConsent, &client);
        (change["from"], change["to"]) = (Value::Null, json!("AWAITING_AUTHORISATION"));
        expiring(change, expires_at, "REJECTED")
    };
    let changes = [awaiting(), awaiting(), awaiting()];
    let (status, answer) = world.post(&json!({ "changes": changes })).await?;
    ensure!(status == 202, "{answer}");
    // The second and the third are authorised in time, one by each door.
    let authorised = [1, 2].map(|at: usize| {
        let mut change = changes[at].clone();
        (change["from"], change["to"]) = (change["to"].take(), json!("AUTHORISED"));
        (change["expires_at"], change["expires_to"]) = (Value::Null, Value::Null);
        change["event_instant"] = json!(now().to_string());
        change
    });
    let (status, answer) = world.post(&authorised[0]).await?;
    ensure!(status == 202 && answer["verdicts"][0]["verdict"] == "not_notifiable", "{answer}");
    world.produce(&authorised[1].to_string()).await?;
    let received = mock.wait_for(1, SOON).await?;
    ensure!(received[0].resource_id.as_deref() == changes[0]["resource_id"].as_str(), "{received:?}");
    ensure!(received[0].received_at >= expires_at, "{} is too early", received[0].received_at);
    sleep(Duration::from_secs(6)).await;
    ensure!(mock.count() == 1, "{} requests came", mock.count());
    Ok(())
}

/// A change of a client that one field makes invalid.
fn wrong_change(client: &str) -> Value {
    let mut change = new_change(Endpoint::PixPayment, client);
    change["to"] = json!(7);
    change
}

async fn a_receiver_that_hangs_holds_nobody_else_up(world: &World) -> Result<()> {
    let (hanging, silent) = world.receiver("hang").await?;
    let (healthy, mock) = world.receiver("202").await?;
    let mut changes: Vec<_> = (0..9).map(|_| new_change(Endpoint::PixPayment, &hanging)).collect();
    changes.push(new_change(Endpoint::PixPayment, &healthy));
    world.bank().notify(&changes).await?;
    silent.wait_for(9, SOON).await?;
    let received = mock.wait_for(1, Duration::from_secs(10)).await?;
    // The silent receiver still holds its nine requests for 15 s from their start.
    let first = &silent.received()[0];
    ensure!(between(first, &received[0]) < 10_000, "the healthy receiver waited for the silent one");
    Ok(())
}

/// What happens to a receiver while an attempt at it waits.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// The client is removed.
    Removed,
    /// The client changes its registration and leaves its URIs out.
    Ended,
    /// The client changes the host of its URI.
    Moved,
}

/// Each change, while the second attempt waits for its 10 s and while the third waits for its 60.
fn trials_of_changes(world: &Shared) -> Vec<Trial> {
    let cases = [
        ("a_receiver_removed_while", Change::Removed),
        ("a_receiver_that_leaves_its_uris_out_while", Change::Ended),
        ("a_receiver_moved_while", Change::Moved),
    ];
    let attempts = [2, 3];
    let trials = cases.into_iter().flat_map(|(name, change)| {
        attempts.map(|waiting| {
            let name = format!("{name}_attempt_{waiting}_waits_{}", change.consequence());
            trial(&name, world, move |world| {
                Box::pin(a_change_while_an_attempt_waits(world, change, waiting))
            })
        })
    });
    trials.collect()
}

impl Change {
    fn consequence(self) -> &'static str {
        match self {
            Self::Removed | Self::Ended => "is_not_called_again",
            Self::Moved => "is_called_at_its_new_address",
        }
    }
}

async fn a_change_while_an_attempt_waits(world: &World, change: Change, waiting: usize) -> Result<()> {
    let refusals = vec!["503"; waiting - 1].join(",");
    let (client, mock) = world.receiver(&format!("{refusals},202")).await?;
    let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
    mock.wait_for(waiting - 1, SECOND).await?;
    match change {
        Change::Removed => {
            let path = format!("/v1/clients/{client}");
            let answer = world.call(Method::DELETE, &path, CLIENT_ROUTE, JSON, "").await?;
            ensure!(answer.status == 204, "{}", answer.text());
        }
        Change::Ended => {
            let answer = world.register(&client, None).await?;
            ensure!(answer["webhook"] == "disabled", "{answer}");
        }
        Change::Moved => {
            world.register(&client, Some(&[mock.base_uri().replace("localhost", "127.0.0.1")])).await?;
        }
    }
    let timeout = if waiting == 2 { SECOND } else { THIRD };
    match change {
        Change::Removed | Change::Ended => {
            let row = world.ended(&id, "cancelled", timeout).await?;
            ensure!(row.text("reason") == "no_receiver", "{row:?}");
            let last = u8::try_from(waiting - 1)?;
            ensure!(row.attempt(last, "outcome") == "server_error", "{row:?}");
            ensure!(mock.count() == waiting - 1, "a receiver that is gone was called");
        }
        Change::Moved => {
            mock.wait_for(waiting, timeout).await?;
            let row = world.ended(&id, "delivered", SOON).await?;
            ensure!(row.text("attempt") == waiting.to_string(), "{row:?}");
            let received = mock.received();
            let hosts: Vec<_> = received.iter().map(|request| request.header("host")).collect();
            let (last, before) = hosts.split_last().context("nothing came")?;
            let port = mock.address().port();
            let (old, new) = (format!("localhost:{port}"), format!("127.0.0.1:{port}"));
            ensure!(before.iter().all(|host| *host == Some(old.as_str())), "{hosts:?}");
            ensure!(*last == Some(new.as_str()) && hosts.len() == waiting, "{hosts:?}");
        }
    }
    Ok(())
}

async fn an_unreadable_message_is_dead_lettered_with_its_reason_and_stops_nobody(
    world: &World,
) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let broken = tag("broken");
    let change = parse(&new_change(Endpoint::PixPayment, &client))?;
    let message = AttemptMessage::first(change, now()).context("a message")?.to_json();
    world.enqueue(&[format!("{{\"schema\": \"{broken}\"}}"), message]).await?;
    mock.wait_for(1, SOON).await?;
    let (_, reason) = world.undelivered(&broken, SOON).await?;
    ensure!(reason == "unreadable_message", "the reason is {reason}");
    Ok(())
}

async fn a_panic_keeps_its_own_message_only(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let messages: Vec<_> = (0..3)
        .map(|_| {
            AttemptMessage::first(parse(&new_change(Endpoint::PixPayment, &client))?, now())
                .context("a message")
        })
        .collect::<Result<_>>()?;
    let kept = tests::dispatch::with_a_panic(&world.stack, &messages).await?;
    ensure!(kept.len() == 1, "kept: {kept:?}");
    mock.wait_for(2, SOON).await?;
    Ok(())
}

async fn a_process_that_was_frozen_delivers_at_once_and_on_no_connection_that_is_too_old(
    world: &World,
) -> Result<()> {
    freeze::delivers(world).await
}

async fn a_dispatch_process_killed_between_any_two_of_its_steps_loses_nothing_and_never_asks_a_fourth_time(
    world: &World,
) -> Result<()> {
    let stops = kill::everywhere(world).await?;
    writeln!(std::io::stderr(), "killed at each of {} points:\n  {}", stops.len(), stops.join("\n  "))?;
    Ok(())
}

async fn a_success_that_is_not_202_counts_where_the_receiver_says_so(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("204").await?;
    let settings = json!({ "success_statuses": [202, 204] });
    world.register_with(&client, Some(&[mock.base_uri()]), settings).await?;
    let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
    let row = world.ended(&id, "delivered", SOON).await?;
    ensure!(row.attempt(1, "status") == "204", "{row:?}");
    Ok(())
}

async fn a_redirect_is_a_failure_and_is_not_followed(world: &World) -> Result<()> {
    let (_, target) = world.receiver("202").await?;
    let (client, mock) = world.receiver(&format!("redirect:{},202", target.base_uri())).await?;
    let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
    mock.wait_for(2, SECOND).await?;
    let row = world.ended(&id, "delivered", SOON).await?;
    ensure!(row.attempt(1, "outcome") == "redirect" && row.attempt(1, "status") == "302", "{row:?}");
    ensure!(target.count() == 0, "the redirection was followed");
    Ok(())
}

async fn a_profile_of_1_2_0_is_notified_without_what_1_3_0_adds(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let settings = json!({ "webhook_version": "1.2.0" });
    world.register_with(&client, Some(&[mock.base_uri()]), settings).await?;
    world.notify(&new_change(Endpoint::Enrollment, &client)).await?;
    let received = mock.wait_for(1, SOON).await?;
    ensure!(received[0].authorization_server_id.is_none(), "{}", received[0]);
    let Body::Json(body) = &received[0].body else { anyhow::bail!("no JSON body") };
    ensure!(body["data"].as_object().is_some_and(|data| data.keys().eq(["timestamp"])), "{body}");
    Ok(())
}

async fn a_registration_is_shown_replaced_and_removed(world: &World) -> Result<()> {
    let client = tag("itp");
    let path = format!("/v1/clients/{client}");
    let put = |operation, uris: Option<&[String]>| {
        let body = world.registration(&client, operation, uris, json!({})).to_string();
        let path = path.clone();
        async move { world.call(Method::PUT, &path, CLIENT_ROUTE, JSON, &body).await }
    };
    let missing = world.call(Method::GET, &path, CLIENT_ROUTE, JSON, "").await?;
    ensure!(missing.status == 404, "{}", missing.text());
    let uris = ["https://localhost:1/a", "https://localhost:1/b"].map(str::to_owned);
    let mut made: Value = serde_json::from_slice(&put(Operation::Dcr, Some(&uris)).await?.body)?;
    // Nobody listens there, which is a warning and no reason to refuse.
    let seen = made.as_object_mut().and_then(|made| made.remove("receiver_check")).unwrap_or_default();
    ensure!(seen["warnings"][0]["code"] == "connection_refused" && seen["accepted"] == 0, "{seen}");
    ensure!(made["webhook"] == "enabled" && made["base_uri"] == uris[0], "{made}");
    ensure!(
        made["warnings"][0]["code"] == "multiple_webhook_uris" && made["webhook_version"] == "1.3.0",
        "{made}"
    );
    let shown = world.call(Method::GET, &path, CLIENT_ROUTE, JSON, "").await?;
    ensure!(serde_json::from_slice::<Value>(&shown.body)? == made, "{}", shown.text());
    let (mut listed, mut query) = (Vec::new(), Some("?page_size=2".to_owned()));
    while let Some(asked) = query {
        let page = world.call(Method::GET, &format!("/v1/clients{asked}"), "/v1/clients", JSON, "").await?;
        let page: Value = serde_json::from_slice(&page.body)?;
        listed.extend(page["clients"].as_array().cloned().unwrap_or_default());
        query = page["next_page_token"].as_str().map(|token| format!("?page_size=2&page_token={token}"));
    }
    ensure!(listed.iter().filter(|listed| **listed == made).count() == 1, "{client} is not listed once");
    let moved: Value = serde_json::from_slice(&put(Operation::Dcm, uris.get(1..)).await?.body)?;
    ensure!(moved["notifies_since"] == made["notifies_since"], "a change of address is no break: {moved}");
    let disabled: Value = serde_json::from_slice(&put(Operation::Dcm, None).await?.body)?;
    ensure!(disabled["webhook"] == "disabled" && disabled["base_uri"].is_null(), "{disabled}");
    for _ in 0..2 {
        let removed = world.call(Method::DELETE, &path, CLIENT_ROUTE, JSON, "").await?;
        ensure!(removed.status == 204, "{}", removed.text());
    }
    let gone = world.call(Method::GET, &path, CLIENT_ROUTE, JSON, "").await?;
    ensure!(gone.status == 404, "{}", gone.text());
    Ok(())
}

async fn a_registration_is_refused_with_every_rule_it_breaks(world: &World) -> Result<()> {
    let client = tag("itp");
    let path = format!("/v1/clients/{client}");
    let put = |content_type: &'static str, body: String| {
        let path = path.clone();
        async move { world.call(Method::PUT, &path, CLIENT_ROUTE, content_type, &body).await }
    };
    world.register_new(&client, &["https://localhost:1/a".to_owned()]).await?;
    let uris = ["http://itp.com", "https://user:pw@itp.com", "https://10.0.0.5/x"].map(str::to_owned);
    let body = world.registration(&client, Operation::Dcm, Some(&uris), json!({}));
    let refused: Value = serde_json::from_slice(&put(JSON, body.to_string()).await?.body)?;
    ensure!(refused["error"] == "invalid_webhook_uris", "{refused}");
    let codes: Vec<_> =
        refused["errors"].as_array().into_iter().flatten().map(|error| &error["code"]).collect();
    ensure!(codes == ["not_published_pattern", "userinfo", "address_not_public"], "{refused}");
    let settings = json!({ "webhook_version": "1.4.0", "success_statuses": [500], "uris": [] });
    let fields = world.registration(&client, Operation::Dcm, None, settings);
    let refused: Value = serde_json::from_slice(&put(JSON, fields.to_string()).await?.body)?;
    ensure!(refused["errors"].as_array().is_some_and(|errors| errors.len() == 3), "{refused}");
    ensure!(put(JSON, "{".to_owned()).await?.status == 400, "broken JSON");
    ensure!(put("text/plain", "{}".to_owned()).await?.status == 415, "another content type");
    ensure!(put(JSON, format!("\"{}\"", "x".repeat(256 * 1024))).await?.status == 413, "a body too large");
    let odd = world.call(Method::GET, "/v1/clients/a%20b", CLIENT_ROUTE, JSON, "").await?;
    ensure!(odd.status == 400, "{}", odd.text());
    let kept = world.call(Method::GET, &path, CLIENT_ROUTE, JSON, "").await?;
    ensure!(
        kept.text().contains("https://localhost:1/a"),
        "a refused registration changed the one before: {}",
        kept.text()
    );
    Ok(())
}

async fn a_state_change_is_refused_with_every_error_it_has(world: &World) -> Result<()> {
    let change = json!({
        "client_id": "a b", "api": "payments", "resource": "pix_payment", "resource_id": "-", "api_version": "v0",
        "to": "NOPE", "event_instant": "2099-01-01T00:00:00Z", "amount": "10.00"
    });
    let (status, answer) = world.post(&change).await?;
    let pointers: Vec<_> = answer["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    ensure!(status == 400, "{answer}");
    ensure!(
        pointers == ["/amount", "/client_id", "/event_instant", "/api_version", "/resource_id"],
        "{answer}"
    );
    let (client, _mock) = world.receiver("202").await?;
    let mut future = new_change(Endpoint::PixPayment, &client);
    future["event_instant"] = json!("2099-01-01T00:00:00Z");
    future["to"] = json!("PATC");
    let (_, answer) = world.post(&json!({ "changes": [future] })).await?;
    // PATC does not exist from payments v4 on.
    let expected = [("/changes/0/event_instant", "in_the_future"), ("/changes/0/to", "unknown_state")];
    for (index, (pointer, code)) in expected.into_iter().enumerate() {
        let error = &answer["errors"][index];
        ensure!(error["pointer"] == pointer && error["code"] == code, "{answer}");
    }
    let post = |content_type: &'static str, body: String| async move {
        let answer =
            world.call(Method::POST, "/v1/state-changes", "/v1/state-changes", content_type, &body).await?;
        Ok::<_, anyhow::Error>(answer.status)
    };
    ensure!(post(JSON, "[".to_owned()).await? == 400, "broken JSON");
    ensure!(post(JSON, "[]".to_owned()).await? == 400, "a list");
    ensure!(post(JSON, "{\"changes\":[]}".to_owned()).await? == 400, "no change");
    ensure!(post("application/xml", "{}".to_owned()).await? == 415, "another content type");
    ensure!(post(JSON, format!("\"{}\"", "x".repeat(256 * 1024))).await? == 413, "a body too large");
    Ok(())
}

async fn one_bad_change_does_not_refuse_the_others(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let good = new_change(Endpoint::PixPayment, &client);
    let mut bad = good.clone();
    bad["api_version"] = json!("4");
    let (status, answer) = world.post(&json!({ "changes": [bad, good] })).await?;
    ensure!(status == 207, "{answer}");
    ensure!(answer["verdicts"][0]["errors"][0]["pointer"] == "/changes/0/api_version", "{answer}");
    ensure!(answer["verdicts"][1]["verdict"] == "accepted", "{answer}");
    mock.wait_for(1, SOON).await?;
    Ok(())
}

async fn a_change_that_is_not_notified_names_the_rule(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let with = |changes: Value| {
        let mut change = new_change(Endpoint::PixPayment, &client);
        if let (Some(all), Some(some)) = (change.as_object_mut(), changes.as_object()) {
            all.extend(some.clone());
        }
        change
    };
    let changes = [
        with(json!({ "to": "ACCP" })),
        with(json!({ "client_id": tag("nobody") })),
        with(json!({ "api": "consents", "resource": "consent" })),
        with(json!({ "event_instant": "2020-01-01T00:00:00Z" })),
    ];
    let (status, answer) = world.post(&json!({ "changes": changes })).await?;
    ensure!(status == 202, "{answer}");
    let said: Vec<_> =
        answer["verdicts"].as_array().into_iter().flatten().map(|v| (&v["verdict"], &v["rule"])).collect();
    let null = Value::Null;
    let rules = [
        json!("state_is_no_trigger"),
        null.clone(),
        json!("api_without_webhook"),
        json!("before_registration"),
    ];
    let (not_notifiable, no_receiver) = (json!("not_notifiable"), json!("no_receiver"));
    let verdicts = [&not_notifiable, &no_receiver, &not_notifiable, &not_notifiable];
    ensure!(said == verdicts.into_iter().zip(&rules).collect::<Vec<_>>(), "{answer}");
    ensure!(mock.count() == 0, "something was notified");
    Ok(())
}

async fn an_unsigned_request_is_refused(world: &World) -> Result<()> {
    for (method, path) in [
        (Method::POST, "/v1/state-changes"),
        (Method::GET, "/v1/clients/x"),
        (Method::GET, "/v1/notifications/x"),
    ] {
        let answer = world.stack.call_api_unsigned(method, path, JSON, b"{}".to_vec()).await?;
        ensure!(answer.status == 403, "{path}: {}", answer.status);
    }
    Ok(())
}

async fn the_schedule_keeps_keys_participants_and_what_is_known_of_revocation(world: &World) -> Result<()> {
    let (client, mock) = world.receiver("202").await?;
    let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
    world.ended(&id, "delivered", SOON).await?;
    ensure!(mock.count() == 1, "{} requests", mock.count());
    let answer = world.review().await?;
    ensure!(answer.status == 200 && answer.text() == "null", "{} {}", answer.status, answer.text());
    let kept = world.requeued().await?;
    for name in ["jwks#local", "participants#local", "revocation"] {
        ensure!(kept.iter().any(|kept| kept == name), "{name} is not among {kept:?}");
    }
    for prefix in ["path#", "first-use#"] {
        ensure!(kept.iter().any(|kept| kept.starts_with(prefix)), "no {prefix} among {kept:?}");
    }
    // Nobody is suspended by a Directory that lists everybody as active.
    let path = format!("/v1/clients/{client}");
    let shown = world.call(Method::GET, &path, CLIENT_ROUTE, JSON, "").await?;
    ensure!(shown.text().contains(r#""webhook":"enabled""#), "{}", shown.text());
    Ok(())
}

async fn nginx_takes_our_certificate(world: &World) -> Result<()> {
    let program = find_nginx().context("nginx is gone")?;
    let nginx = Nginx::start(&program, &world.pki, None).await?;
    let client = tag("itp");
    world.register_new(&client, &[nginx.base_uri(PREFIX)]).await?;
    let id = world.notify(&new_change(Endpoint::PaymentConsent, &client)).await?;
    let requests = nginx.requests(1, SOON).await?;
    let request = &requests[0];
    ensure!(request["verified"] == "SUCCESS" && request["status"] == "202", "{request}");
    ensure!(request["subject"].as_str().is_some_and(|subject| subject.contains("OFBBR-")), "{request}");
    ensure!(request["resumed"] == ".", "a session was resumed: {request}");
    let row = world.ended(&id, "delivered", SOON).await?;
    ensure!(row.attempt(1, "interaction_id") == request["id"], "{request} {row:?}");
    Ok(())
}

async fn prism_finds_nothing_wrong_with_any_endpoint(world: &World) -> Result<()> {
    let (nginx, prism) = (find_nginx().context("nginx is gone")?, find_prism().context("Prism is gone")?);
    let prism = Prism::start(&prism, "tests/openapi/webhook-1.3.0.yml").await?;
    let upstream = Upstream::new(&format!("{PREFIX}/open-banking/webhook/v1/"), prism.port);
    let nginx = Nginx::start(&nginx, &world.pki, Some(upstream)).await?;
    let client = tag("itp");
    world.register_new(&client, &[nginx.base_uri(PREFIX)]).await?;
    world.bank().notify(&changes_of_all_kinds(&client, &tag("r"), now())).await?;
    let requests = nginx.requests(ENDPOINTS.len(), THIRD).await?;
    for request in &requests {
        ensure!(request["upstream"] == "202" && request["status"] == "202", "Prism refused {request}");
    }
    let paths: BTreeSet<_> = requests.iter().filter_map(|request| request["uri"].as_str()).collect();
    ensure!(paths.len() == ENDPOINTS.len(), "{paths:?}");
    Ok(())
}

const JSON: &str = "application/json";
const CLIENT_ROUTE: &str = "/v1/clients/{clientId}";

fn parse(change: &Value) -> Result<StateChange> {
    StateChange::from_json(change, "").map_err(|errors| anyhow::anyhow!("{errors:?}"))
}

fn distinct_ids(received: &[Received]) -> usize {
    received.iter().filter_map(|request| request.interaction_id.as_deref()).collect::<BTreeSet<_>>().len()
}

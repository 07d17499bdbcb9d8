//! `GET /v1/notifications`: which notifications a client was sent in a window, by the log of dispatch and the ledger.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use convention::delivery::AttemptMessage;
use devkit::receiver::MockReceiver;
use dispatch::Dispatch;
use intake::Intake;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::aws::{Fault, Functions, NOTIFICATIONS, listed, requeued};
use tests::contract::Contract;
use tests::log::listen;
use tokio::time::Instant;

const CLIENT: &str = "itp-1";
const ROUTE: &str = "/v1/notifications";

struct Fixture {
    functions: Functions,
    dispatch: Arc<Dispatch>,
    intake: Intake,
    _mock: MockReceiver,
    start: Timestamp,
}

impl Fixture {
    async fn new(answers: &str) -> Self {
        let functions = Functions::default();
        let (mock, dispatch) = functions.with_receiver(CLIENT, answers).await;
        let (intake, start) = (functions.intake(), functions.test_clock.now());
        Self { functions, dispatch, intake, _mock: mock, start }
    }

    /// Attempts these, whose lines are in the log as they were written, now. Returns the ids.
    async fn attempts(&self, messages: &[AttemptMessage]) -> Vec<String> {
        let (written, listening) = listen();
        let bodies: Vec<_> = messages.iter().map(AttemptMessage::to_json).collect();
        assert_eq!(requeued(&self.dispatch, &bodies).await, [0; 0]);
        drop(listening);
        for line in written.take() {
            self.functions.aws.log(self.functions.test_clock.now(), &line);
        }
        messages.iter().map(|message| message.notification.to_string()).collect()
    }

    async fn attempt(&self, resource: &str) -> String {
        self.attempts(&[self.functions.payment(CLIENT, resource)]).await.remove(0)
    }

    fn pass(&self, seconds: i64) {
        self.functions.test_clock.advance(SignedDuration::from_secs(seconds));
    }

    /// So many seconds after the start.
    fn at(&self, seconds: i64) -> String {
        (self.start + SignedDuration::from_secs(seconds)).to_string()
    }

    async fn ask(&self, query: &[(&str, &str)]) -> (u16, Value) {
        let answer = listed(&self.intake, query).await;
        Contract::read().unwrap().check("get", ROUTE, &answer).unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    /// All pages of the seconds of a window.
    async fn pages(&self, (from, to): (i64, i64), size: &str) -> Vec<Value> {
        let (from, to) = (self.at(from), self.at(to));
        let (mut pages, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut query = vec![("client_id", CLIENT), ("from", &from), ("to", &to), ("page_size", size)];
            query.extend(token.as_deref().map(|token| ("page_token", token)));
            let (status, page) = self.ask(&query).await;
            assert_eq!(status, 200, "{page}");
            token = page["next_page_token"].as_str().map(str::to_owned);
            pages.push(page);
            if token.is_none() {
                return pages;
            }
        }
    }

    async fn ids(&self, window: (i64, i64), size: &str) -> Vec<String> {
        self.pages(window, size).await.iter().flat_map(ids).collect()
    }
}

fn ids(page: &Value) -> Vec<String> {
    let shown = page["notifications"].as_array().unwrap();
    shown.iter().map(|shown| shown["notification_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_notification_is_shown_with_its_outcomes_as_it_is_shown_alone() {
    let fixture = Fixture::new("503,202").await;
    let first = fixture.functions.payment(CLIENT, "p-1");
    let id = fixture.attempts(std::slice::from_ref(&first)).await.remove(0);
    fixture.pass(10);
    let queued = fixture.functions.aws.take_messages(NOTIFICATIONS).remove(0);
    fixture.attempts(&[AttemptMessage::from_json(&queued.body).unwrap()]).await;
    let pages = fixture.pages((0, 60), "100").await;
    assert_eq!((pages.len(), ids(&pages[0])), (1, vec![id.clone()]), "once, though attempted twice");
    let shown = &pages[0]["notifications"][0];
    let alone = tests::aws::shown(&fixture.intake, &id).await;
    assert_eq!(*shown, serde_json::from_slice::<Value>(&alone.body).unwrap());
    let outcomes = [0, 1].map(|at| shown["attempts"][at]["outcome"].as_str().unwrap());
    assert_eq!((outcomes, &shown["status"]), (["server_error", "delivered"], &json!("delivered")));
    // A window of the retry alone has it too: it was sent then.
    assert_eq!(fixture.ids((5, 60), "100").await, [id]);
}

#[tokio::test]
async fn the_window_has_its_first_instant_and_not_its_last() {
    let fixture = Fixture::new("202").await;
    let mut sent = Vec::new();
    for second in 0..4 {
        sent.push(fixture.attempt(&format!("p-{second}")).await);
        fixture.pass(1);
    }
    assert_eq!(fixture.ids((1, 3), "100").await, sent[1..3]);
    assert_eq!(fixture.ids((0, 1), "100").await, sent[..1]);
    // Windows that meet share none and leave none out, also where they meet within a millisecond.
    let middle = (fixture.start + SignedDuration::from_micros(1_000_300)).to_string();
    let (from, to) = (fixture.at(0), fixture.at(10));
    let mut both = Vec::new();
    for (from, to) in [(&from, &middle), (&middle, &to)] {
        both.extend(ids(&fixture.ask(&[("client_id", CLIENT), ("from", from), ("to", to)]).await.1));
    }
    assert_eq!(both, sent);
}

#[tokio::test]
async fn pages_that_end_among_attempts_of_one_instant_have_each_once() {
    let fixture = Fixture::new("202").await;
    let messages: Vec<_> =
        (0..7).map(|number| fixture.functions.payment(CLIENT, &format!("p-{number}"))).collect();
    let mut sent = fixture.attempts(&messages).await;
    sent.sort();
    for (size, count) in [("1", 7), ("2", 4), ("3", 3), ("7", 1)] {
        let pages = fixture.pages((0, 1), size).await;
        assert_eq!(pages.len(), count, "{size}");
        let mut found: Vec<_> = pages.iter().flat_map(ids).collect();
        found.sort();
        assert_eq!(found, sent, "{size}");
        assert!(pages[..count - 1].iter().all(|page| page["complete"] == false), "more follows");
    }
}

#[tokio::test]
async fn what_the_log_has_between_is_looked_through_and_is_of_no_one_else() {
    let fixture = Fixture::new("202").await;
    fixture.functions.aws.looks_at_lines(3);
    let (other, similar) = ("itp-11", "itp-1.x");
    let _others =
        [fixture.functions.receiver(other, "202").await, fixture.functions.receiver(similar, "202").await];
    let first = fixture.attempt("p-1").await;
    for number in 0..5 {
        for client in [other, similar] {
            fixture.attempts(&[fixture.functions.payment(client, &format!("q-{number}"))]).await;
        }
        fixture.functions.aws.log(fixture.start, "{\"message\":\"A copy of a message is dropped.\"}");
    }
    fixture.pass(1);
    let last = fixture.attempt("p-2").await;
    let pages = fixture.pages((0, 60), "100").await;
    assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), [first, last]);
    assert!(pages.iter().all(|page| page["not_shown"] == json!([])));
}

#[tokio::test]
async fn an_answer_says_whether_it_is_all() {
    let fixture = Fixture::new("202").await;
    let id = fixture.attempt("p-1").await;
    let page = fixture.pages((0, 60), "100").await.remove(0);
    assert_eq!((&page["complete"], &page["next_page_token"]), (&json!(false), &Value::Null), "more may come");
    fixture.pass(60 + 5 * 60);
    assert_eq!(fixture.pages((0, 60), "100").await[0]["complete"], true);
    // The ledger forgot it, and it is not left out in silence.
    fixture.functions.aws.forget_row(&id);
    let page = fixture.pages((0, 60), "100").await.remove(0);
    assert_eq!((ids(&page).len(), &page["not_shown"]), (0, &json!([id])));
}

#[tokio::test]
async fn an_answer_is_complete_by_when_its_first_page_was_read() {
    let fixture = Fixture::new("202").await;
    for resource in ["p-1", "p-2"] {
        fixture.attempt(resource).await;
    }
    let (from, to) = (fixture.at(0), fixture.at(60));
    let query = [("client_id", CLIENT), ("from", from.as_str()), ("to", to.as_str()), ("page_size", "1")];
    for (asked_at, complete) in [(60, false), (600, true)] {
        fixture.functions.test_clock.advance(
            (fixture.start + SignedDuration::from_secs(asked_at))
                .duration_since(fixture.functions.test_clock.now()),
        );
        let mut token = fixture.ask(&query).await.1["next_page_token"].as_str().unwrap().to_owned();
        // The window has long settled when the last page is read, but a line may have come before where this one begins.
        fixture.pass(300);
        loop {
            let (_, page) = fixture.ask(&[&query[..], &[("page_token", &token)]].concat()).await;
            let Some(next) = page["next_page_token"].as_str() else {
                assert_eq!(page["complete"], complete);
                break;
            };
            next.clone_into(&mut token);
        }
    }
}

#[tokio::test]
async fn a_page_asks_for_four_parts_of_the_log_a_second_and_eight_in_all() {
    let fixture = Fixture::new("202").await;
    let _other = fixture.functions.receiver("itp-2", "202").await;
    let of_others: Vec<_> =
        (0..20).map(|number| fixture.functions.payment("itp-2", &format!("p-{number}"))).collect();
    fixture.attempts(&of_others).await;
    fixture.functions.aws.looks_at_lines(1);
    fixture.functions.aws.forget_calls();
    let (from, to) = (fixture.at(0), fixture.at(60));
    let began = Instant::now();
    let (status, page) = fixture.ask(&[("client_id", CLIENT), ("from", &from), ("to", &to)]).await;
    assert_eq!((status, page["next_page_token"].is_string()), (200, true));
    let counted = fixture.functions.aws.counted();
    let read = counted.iter().find_map(|call| call.strip_prefix("FilterLogEvents ")).unwrap();
    let read: u128 = read.parse().unwrap();
    let slots = began.elapsed().as_millis() / 250 + 1;
    assert!(read > 1 && read <= 8 && read <= slots, "{read} in {:?}", began.elapsed());
}

#[tokio::test]
async fn an_attempt_whose_process_stopped_is_one_too() {
    let fixture = Fixture::new("202").await;
    let id = fixture.attempt("p-1").await;
    let (log, at) = (&fixture.functions.aws, fixture.start + SignedDuration::from_secs(100));
    let line = json!({
        "level": "WARN", "message": "An attempt was interrupted; whether it arrived is not known.",
        "notification_id": id, "client_id": CLIENT, "attempt": 1,
    });
    log.log(at, &line.to_string());
    assert_eq!(fixture.ids((90, 110), "100").await, [id]);
}

#[tokio::test]
async fn a_client_that_was_removed_was_sent_what_it_was_sent() {
    let fixture = Fixture::new("202").await;
    let id = fixture.attempt("p-1").await;
    fixture.functions.remove(CLIENT).await;
    assert_eq!(fixture.ids((0, 60), "100").await, [id]);
}

#[tokio::test]
async fn a_client_id_that_the_log_shortens_is_told_from_one_that_looks_alike() {
    let fixture = Fixture::new("202").await;
    let [one, other] = ["a", "b"].map(|end| format!("{}{end}", "x".repeat(50)));
    let mut mocks = Vec::new();
    let mut sent = Vec::new();
    for client in [&one, &other] {
        mocks.push(fixture.functions.receiver(client, "202").await);
        sent.extend(fixture.attempts(&[fixture.functions.payment(client, "p-1")]).await);
    }
    let (from, to) = (fixture.at(0), fixture.at(60));
    for (client, id) in [(&one, &sent[0]), (&other, &sent[1])] {
        let (_, page) = fixture.ask(&[("client_id", client), ("from", &from), ("to", &to)]).await;
        assert_eq!(ids(&page), [id.as_str()]);
    }
}

#[tokio::test]
async fn a_wrong_question_is_refused_by_the_name_of_what_is_wrong_and_reads_no_log() {
    let mut fixture = Fixture::new("202").await;
    fixture.functions.servers =
        "a=11111111-aaaa-4000-8000-000000000001,b=22222222-BBBB-4000-8000-000000000002";
    fixture.intake = fixture.functions.intake();
    let (from, to) = (fixture.at(0), fixture.at(3_600));
    let day = fixture.at(24 * 3_600);
    let longer = (fixture.start + SignedDuration::from_hours(24) + SignedDuration::from_nanos(1)).to_string();
    let ago = fixture.at(-366 * 24 * 3_600);
    let soon = fixture.at(-366 * 24 * 3_600 + 60);
    let good = [("client_id", CLIENT), ("from", from.as_str()), ("to", to.as_str())];
    let instead = |name: &'static str, value: &'static str| {
        let others = good.into_iter().filter(move |(other, _)| *other != name);
        others.chain((value != "-").then_some((name, value))).collect::<Vec<_>>()
    };
    let long: &'static str = Box::leak(longer.into_boxed_str());
    for (name, query) in [
        ("client_id", instead("client_id", "-")),
        ("client_id", instead("client_id", "")),
        ("client_id", instead("client_id", "a b")),
        ("from", instead("from", "-")),
        ("from", instead("from", "yesterday")),
        ("from", instead("from", "2026-11-22")),
        ("to", instead("to", "-")),
        ("to", instead("to", "2026-13-01T00:00:00Z")),
        ("from", vec![("client_id", CLIENT), ("from", &to), ("to", &from)]),
        ("from", vec![("client_id", CLIENT), ("from", &from), ("to", &from)]),
        ("to", instead("to", long)),
        ("from", vec![("client_id", CLIENT), ("from", &ago), ("to", &soon)]),
        ("brand", instead("brand", "none")),
        ("page_size", instead("page_size", "0")),
        ("page_token", instead("page_token", "AAAA")),
        ("Known are", instead("since", "1h")),
    ] {
        let (status, problem) = fixture.ask(&query).await;
        assert_eq!(status, 400, "{query:?}");
        assert!(problem["detail"].as_str().unwrap().contains(name), "{query:?}: {problem}");
    }
    let (status, problem) = fixture.ask(&instead("client_id", "itp-unknown")).await;
    assert_eq!((status, problem["detail"].as_str().unwrap().contains("client_id")), (404, true));
    assert!(!fixture.functions.aws.counted().iter().any(|call| call.starts_with("FilterLogEvents")));
    assert_eq!(fixture.ask(&[("client_id", CLIENT), ("from", &from), ("to", &day)]).await.0, 200, "a day");
}

#[tokio::test]
async fn a_token_is_of_the_question_that_it_was_given_for() {
    let fixture = Fixture::new("202").await;
    for resource in ["p-1", "p-2", "p-3"] {
        fixture.attempt(resource).await;
    }
    let _other = fixture.functions.receiver("itp-2", "202").await;
    let (from, to, later) = (fixture.at(0), fixture.at(60), fixture.at(61));
    let query = [("client_id", CLIENT), ("from", from.as_str()), ("to", to.as_str()), ("page_size", "1")];
    let token = fixture.ask(&query).await.1["next_page_token"].as_str().unwrap().to_owned();
    let with = |name: &str, value: &str| {
        let mut query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        query.push(("page_token".to_owned(), token.clone()));
        for (other, old) in &mut query {
            if other == name {
                value.clone_into(old);
            }
        }
        query
    };
    for (name, value) in [
        ("client_id", "itp-2"),
        ("from", fixture.at(1).as_str()),
        ("to", later.as_str()),
        ("page_size", "2"),
        ("page_token", token.get(1..).unwrap()),
    ] {
        let query = with(name, value);
        let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (status, problem) = fixture.ask(&query).await;
        assert_eq!(status, 400, "{name}");
        assert!(problem["detail"].as_str().unwrap().contains("page_token"), "{problem}");
    }
    // Instants are compared, not their texts; and a token is good until CloudWatch Logs forgets it.
    let same = to.replace('Z', "+00:00");
    let query = with("to", &same);
    let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fixture.ask(&query).await.0, 200);
    fixture.functions.aws.fails("FilterLogEvents", Fault::Refused(400, "InvalidParameterException"));
    let (status, problem) = fixture.ask(&query).await;
    assert_eq!((status, problem["detail"].as_str().unwrap().contains("page_token")), (400, true));
}

#[tokio::test]
async fn what_cannot_be_read_is_to_be_asked_again_and_is_no_empty_answer() {
    let fixture = Fixture::new("202").await;
    fixture.attempt("p-1").await;
    let (from, to) = (fixture.at(0), fixture.at(60));
    for (operation, fault) in [
        ("FilterLogEvents", Fault::DENIED),
        ("FilterLogEvents", Fault::Refused(400, "ResourceNotFoundException")),
        ("FilterLogEvents", Fault::Refused(400, "InvalidParameterException")),
        ("FilterLogEvents", Fault::THROTTLED),
        ("GetItem", Fault::DENIED),
    ] {
        fixture.functions.aws.fails(operation, fault);
        let (status, _) = fixture.ask(&[("client_id", CLIENT), ("from", &from), ("to", &to)]).await;
        assert_eq!(status, 503, "{operation} {fault:?}");
        fixture.functions.aws.recovers();
    }
}

#[tokio::test]
async fn a_throttle_after_a_part_was_read_is_a_page_to_go_on_from() {
    let fixture = Fixture::new("202").await;
    fixture.functions.aws.looks_at_lines(1);
    let _other = fixture.functions.receiver("itp-2", "202").await;
    fixture.attempts(&[fixture.functions.payment("itp-2", "p-1")]).await;
    let id = fixture.attempt("p-2").await;
    let (from, to) = (fixture.at(0), fixture.at(60));
    let query = [("client_id", CLIENT), ("from", from.as_str()), ("to", to.as_str())];
    fixture.functions.aws.fails_where(
        "FilterLogEvents",
        |input| !input["nextToken"].is_null(),
        Fault::DENIED,
    );
    let (status, page) = fixture.ask(&query).await;
    assert_eq!((status, ids(&page).len(), &page["complete"]), (200, 0, &json!(false)));
    fixture.functions.aws.recovers();
    let token = page["next_page_token"].as_str().unwrap();
    let (_, page) = fixture.ask(&[&query[..], &[("page_token", token)]].concat()).await;
    assert_eq!(ids(&page), [id]);
}

#[tokio::test]
async fn an_answer_holds_nothing_of_bodies_or_people() {
    let fixture = Fixture::new("202").await;
    let mut posted = devkit::local::change(
        convention::notification::Endpoint::PixPayment,
        CLIENT,
        "p-1",
        fixture.functions.test_clock.now(),
    );
    posted["cause"] = json!("CPF 123.456.789-09 paid 1234.56");
    fixture.attempts(&[fixture.functions.message_of(&posted)]).await;
    let page = fixture.pages((0, 60), "100").await.remove(0);
    assert_eq!(ids(&page).len(), 1);
    let text = page.to_string();
    assert!(
        !text.contains("123.456.789-09") && !text.contains("1234.56") && !text.contains("cause"),
        "{text}"
    );
}

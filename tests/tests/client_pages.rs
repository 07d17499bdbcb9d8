//! `/v1/clients`: all registrations in pages, and many calls in one request.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use ::http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::aws::{Fault, RECEIVERS, call, call_all};
use tests::directory_fixture::{Answered, Fixture, URI, with, without};

const ROUTE: &str = "/v1/clients";
const SERVERS: &str = "a=11111111-aaaa-4000-8000-000000000001,b=22222222-BBBB-4000-8000-000000000002";

async fn list(fixture: &Fixture, query: &[(&str, &str)]) -> Answered {
    fixture.checked_on("get", ROUTE, &call_all(&fixture.directory, Method::GET, query, "").await)
}

async fn put_query(fixture: &Fixture, query: &[(&str, &str)], clients: &[Value]) -> Answered {
    let body = json!({ "clients": clients }).to_string();
    fixture.checked_on("put", ROUTE, &call_all(&fixture.directory, Method::PUT, query, &body).await)
}

async fn put(fixture: &Fixture, clients: &[Value]) -> Answered {
    put_query(fixture, &[], clients).await
}

/// Reads all pages; each has its clients.
async fn pages(fixture: &Fixture, size: &str) -> Vec<Vec<String>> {
    let (mut pages, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("page_size", size)];
        query.extend(token.as_deref().map(|token| ("page_token", token)));
        let page = list(fixture, &query).await;
        assert_eq!(page.status, 200, "{}", page.body);
        pages.push(clients(&page));
        token = page.body["next_page_token"].as_str().map(str::to_owned);
        if token.is_none() {
            return pages;
        }
    }
}

fn clients(page: &Answered) -> Vec<String> {
    let clients = page.body["clients"].as_array().unwrap();
    clients.iter().map(|client| client["client_id"].as_str().unwrap().to_owned()).collect()
}

fn verdicts(answered: &Answered) -> Vec<&str> {
    let verdicts = answered.body["verdicts"].as_array().unwrap();
    verdicts.iter().map(|one| one["verdict"].as_str().unwrap()).collect()
}

/// A call about a client that opts out, made now.
fn opts_out(fixture: &Fixture, client: &str) -> Value {
    let called_at = fixture.functions.test_clock.now().to_string();
    json!({ "client_id": client, "operation": "DCM", "called_at": called_at })
}

/// A call about a client that is to be notified, made now.
fn opts_in(fixture: &Fixture, client: &str) -> Value {
    let called_at = fixture.functions.test_clock.now().to_string();
    with(&fixture.with_uris(client, &[URI]), json!({ "client_id": client, "called_at": called_at }))
}

mod listing {
    use super::*;

    #[tokio::test]
    async fn each_registered_client_is_on_one_page_and_no_removed_one_on_any() {
        let fixture = Fixture::new().await;
        let named = |number: usize| format!("itp-{number:03}");
        let calls: Vec<_> = (0..8).map(|number| opts_out(&fixture, &named(number))).collect();
        assert_eq!(put(&fixture, &calls).await.status, 200);
        for gone in [0, 3, 4, 7] {
            fixture.functions.remove(&named(gone)).await;
        }
        let expected: Vec<_> = [1, 2, 5, 6].map(named).to_vec();
        for (size, count) in
            [("1", 4..=5), ("2", 2..=3), ("3", 2..=2), ("4", 1..=2), ("5", 1..=1), ("100", 1..=1)]
        {
            let pages = pages(&fixture, size).await;
            assert!(count.contains(&pages.len()), "{size}: {pages:?}");
            assert_eq!(pages.concat(), expected, "{size}");
            assert!(pages.iter().all(|page| page.len() <= size.parse().unwrap()));
        }
        // What is shown of each is what it is shown alone.
        let page = list(&fixture, &[]).await;
        assert_eq!(page.body["clients"][0], fixture.get("itp-001").await.body);
    }

    #[tokio::test]
    async fn more_rows_than_one_read_has_and_removed_ones_between_are_gone_through() {
        let fixture = Fixture::new().await;
        let named = |number: usize| format!("itp-{number:03}");
        let all: Vec<_> = (0..230).map(named).collect();
        for hundred in all.chunks(100) {
            let calls: Vec<_> = hundred.iter().map(|client| opts_out(&fixture, client)).collect();
            assert_eq!(put(&fixture, &calls).await.status, 200);
        }
        // The first read finds removed clients alone.
        for gone in &all[..120] {
            fixture.functions.remove(gone).await;
        }
        let read = pages(&fixture, "100").await;
        assert_eq!(read.concat(), all[120..]);
        assert_eq!(read[0].len(), 100);
    }

    #[tokio::test]
    async fn a_slow_table_has_short_pages_and_every_client_is_on_one() {
        let fixture = Fixture::new().await;
        let aws = &fixture.functions.aws;
        put(&fixture, &[opts_out(&fixture, "gone"), opts_out(&fixture, "itp-1")]).await;
        fixture.functions.remove("gone").await;
        let mut row = aws.row(RECEIVERS, "gone").unwrap();
        for number in 0..700 {
            row["client_id"]["S"] = format!("gone-{number:03}").into();
            aws.put_row(RECEIVERS, row.clone());
        }
        tokio::time::pause();
        let slow = async {
            let mut held = aws.holds_back("Scan", RECEIVERS);
            loop {
                held.arrived().await;
                tokio::time::sleep(std::time::Duration::from_millis(900)).await;
                // The next is held back before this one is served, or it could slip through.
                let next = aws.holds_back("Scan", RECEIVERS);
                held.release();
                held = next;
            }
        };
        let read = tokio::select! {
            // Before the first read, which would not wait otherwise.
            biased;
            () = slow => unreachable!(),
            read = pages(&fixture, "100") => read,
        };
        // Six reads take 5.4 s, and two are left.
        assert_eq!(read, [vec![], vec!["itp-1".to_owned()]]);
    }

    #[tokio::test]
    async fn a_client_that_comes_or_goes_between_pages_moves_no_other() {
        let fixture = Fixture::new().await;
        let all: Vec<_> = ["b", "d", "f", "h"].map(|client| opts_out(&fixture, client)).to_vec();
        put(&fixture, &all).await;
        let first = list(&fixture, &[("page_size", "2")]).await;
        assert_eq!(clients(&first), ["b", "d"]);
        // The one that the token names, too.
        fixture.functions.remove("d").await;
        put(&fixture, &[opts_out(&fixture, "a")]).await;
        let token = first.body["next_page_token"].as_str().unwrap();
        let second = list(&fixture, &[("page_size", "2"), ("page_token", token)]).await;
        assert_eq!(clients(&second), ["f", "h"]);
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_hides_no_other_and_is_counted() {
        let fixture = Fixture::new().await;
        put(&fixture, &["a", "c"].map(|client| opts_out(&fixture, client))).await;
        fixture
            .functions
            .aws
            .put_row(RECEIVERS, json!({ "client_id": { "S": "b" }, "registration": { "S": "{}" } }));
        let page = list(&fixture, &[]).await;
        assert_eq!(
            (clients(&page), &page.body["unreadable"]),
            (vec!["a".to_owned(), "c".to_owned()], &json!(1))
        );
    }

    #[tokio::test]
    async fn a_wrong_question_is_refused_by_name_and_reads_nothing() {
        let fixture = Fixture::new().await;
        put(&fixture, &["a", "b", "c"].map(|client| opts_out(&fixture, client))).await;
        let token = list(&fixture, &[("page_size", "1")]).await.body["next_page_token"].clone();
        let token = token.as_str().unwrap();
        let mut changed = token.to_owned();
        changed.replace_range(0..1, if token.starts_with('A') { "B" } else { "A" });
        fixture.functions.aws.forget_calls();
        for (name, value) in [
            ("page_size", "0"),
            ("page_size", "101"),
            ("page_size", "x"),
            ("page_token", ""),
            ("page_token", "YQ"),
            ("page_token", changed.as_str()),
            ("page_token", token.get(..token.len() - 1).unwrap()),
            ("limit", "5"),
            ("brand", "a"),
        ] {
            let answered = list(&fixture, &[(name, value)]).await;
            assert_eq!(answered.status, 400, "{name}={value}");
            let detail = answered.body["detail"].as_str().unwrap();
            assert!(detail.contains(if name.starts_with("page") { name } else { "Known are" }), "{detail}");
        }
        assert_eq!(fixture.functions.aws.counted(), [""; 0]);
        fixture.functions.aws.fails("Scan", Fault::DENIED);
        assert_eq!(list(&fixture, &[]).await.status, 503);
    }
}

mod registering {
    use super::*;

    #[tokio::test]
    async fn each_call_has_the_verdict_and_the_registration_that_it_would_have_alone() {
        let mut fixture = Fixture::new().await;
        fixture.functions.servers = SERVERS;
        fixture.directory = fixture.functions.directory();
        let calls = [
            opts_in(&fixture, "itp-1"),
            with(&opts_in(&fixture, "itp-2"), json!({ "webhook_uris": ["https://elsewhere.example"] })),
            json!(7),
            without(&opts_in(&fixture, "itp-3"), "client_id"),
            with(&opts_out(&fixture, "itp-4"), json!({ "brand": "none", "called_at": null, "more": 1 })),
            opts_out(&fixture, "a/b"),
            with(&opts_in(&fixture, "itp-6"), json!({ "webhook_uris": null, "software_statement": null })),
            without(&opts_in(&fixture, "itp-7"), "software_statement"),
            with(&opts_out(&fixture, "itp-1"), json!({ "brand": "b" })),
        ];
        let answered = put(&fixture, &calls).await;
        assert_eq!(answered.status, 207, "{}", answered.body);
        assert_eq!(
            verdicts(&answered),
            [
                "registered",
                "invalid",
                "invalid",
                "invalid",
                "invalid",
                "registered",
                "registered",
                "invalid",
                "registered"
            ]
        );
        let all = &answered.body["verdicts"];
        assert_eq!(all[0]["client"], fixture.get("itp-1").await.body);
        assert_eq!(
            (&all[1]["client_id"], &all[1]["problem"]["error"]),
            (&json!("itp-2"), &json!("invalid_webhook_uris"))
        );
        let pointers = |index: usize| {
            let errors = all[index]["problem"]["errors"].as_array().unwrap();
            errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(pointers(1), ["/clients/1/webhook_uris"]);
        assert_eq!(pointers(2), ["/clients/2"]);
        assert_eq!(pointers(3), ["/clients/3/client_id"]);
        assert_eq!(pointers(4), ["/clients/4/brand", "/clients/4/called_at", "/clients/4/more"]);
        assert_eq!(pointers(7), ["/clients/7/software_statement"]);
        assert_eq!(all[5]["client_id"], "a/b");
        // The same id of another brand is another client.
        assert_eq!(all[8]["client"]["authorisation_server"], "22222222-bbbb-4000-8000-000000000002");
        assert_eq!(fixture.get("itp-1").await.body["webhook"], "enabled");
        // Alone, a refused call says the same.
        let alone = fixture.put("itp-2", &without(&without(&calls[1], "client_id"), "brand")).await;
        assert_eq!(alone.body["error_description"], all[1]["problem"]["error_description"]);
    }

    #[tokio::test]
    async fn clients_that_a_request_does_not_name_stay_and_it_can_be_sent_again() {
        let fixture = Fixture::new().await;
        let first = [opts_in(&fixture, "itp-1"), opts_out(&fixture, "itp-2")];
        let made = put(&fixture, &first).await;
        fixture.pass(SignedDuration::from_secs(1));
        assert_eq!(put(&fixture, &[opts_out(&fixture, "itp-3")]).await.status, 200);
        assert_eq!(pages(&fixture, "100").await.concat(), ["itp-1", "itp-2", "itp-3"]);
        let again = put(&fixture, &first).await;
        assert_eq!((again.status, &again.body), (200, &made.body));
        // A later call stays, also where it removed the client.
        fixture.pass(SignedDuration::from_secs(1));
        assert_eq!(put(&fixture, &[opts_out(&fixture, "itp-1")]).await.status, 200);
        fixture.functions.remove("itp-2").await;
        let again = put(&fixture, &first).await;
        assert_eq!((again.status, verdicts(&again)), (200, vec!["superseded"; 2]));
        assert_eq!(fixture.get("itp-1").await.body["webhook"], "disabled");
        assert_eq!(pages(&fixture, "100").await.concat(), ["itp-1", "itp-3"]);
    }

    #[tokio::test]
    async fn calls_about_one_client_count_by_their_time_and_not_by_their_place() {
        let fixture = Fixture::new().await;
        let earlier = opts_in(&fixture, "itp-1");
        fixture.pass(SignedDuration::from_secs(2));
        let later = opts_out(&fixture, "itp-1");
        let answered = put(&fixture, &[earlier.clone(), later.clone()]).await;
        assert_eq!(verdicts(&answered), ["registered", "registered"]);
        assert_eq!(fixture.get("itp-1").await.body["webhook"], "disabled");
        let with_id = |call: &Value| with(call, json!({ "client_id": "itp-2" }));
        let answered = put(&fixture, &[with_id(&later), with_id(&earlier)]).await;
        assert_eq!(verdicts(&answered), ["registered", "superseded"]);
        assert_eq!(fixture.get("itp-2").await.body["webhook"], "disabled");
    }

    #[tokio::test]
    async fn calls_about_one_client_at_one_time_are_refused_and_others_are_not() {
        let fixture = Fixture::new().await;
        let calls = [opts_in(&fixture, "itp-1"), opts_in(&fixture, "itp-2"), opts_out(&fixture, "itp-1")];
        let answered = put(&fixture, &calls).await;
        assert_eq!(verdicts(&answered), ["invalid", "registered", "invalid"]);
        for index in [0, 2] {
            let error = &answered.body["verdicts"][index]["problem"]["errors"][0];
            let pointer = format!("/clients/{index}/called_at");
            assert_eq!((&error["code"], &error["pointer"]), (&json!("repeated"), &json!(pointer)));
        }
        assert_eq!(pages(&fixture, "100").await.concat(), ["itp-2"]);
    }

    #[tokio::test]
    async fn a_hundred_calls_of_ten_kibibytes_fit() {
        let fixture = Fixture::new().await;
        let call = |number: usize, length: usize| {
            let mut call = opts_out(&fixture, &number.to_string());
            call["cause"] = "x".repeat(length - call.to_string().len()).into();
            call
        };
        // The field is unknown, so each is refused by itself, which is after the body was taken.
        let calls: Vec<_> = (0..100).map(|number| call(number, 10 * 1024)).collect();
        assert_eq!(put(&fixture, &calls).await.status, 400);
        let answered = put(&fixture, &[call(0, 1024 * 1024)]).await;
        assert_eq!(answered.status, 413);
        assert!(answered.body["detail"].as_str().unwrap().contains("1048576"), "{}", answered.body);
    }

    #[tokio::test]
    async fn a_request_that_breaks_off_has_done_a_part_and_is_completed_by_sending_it_again() {
        let fixture = Fixture::new().await;
        let calls: Vec<_> = (0..20).map(|number| opts_out(&fixture, &format!("itp-{number:02}"))).collect();
        fixture.functions.aws.fails_where(
            "UpdateItem",
            |input| input["Key"]["client_id"]["S"].as_str().is_some_and(|client| client >= "itp-10"),
            Fault::DENIED,
        );
        let answered = put(&fixture, &calls).await;
        assert_eq!(answered.status, 207);
        assert_eq!(verdicts(&answered), [vec!["registered"; 10], vec!["unavailable"; 10]].concat());
        assert_eq!(pages(&fixture, "100").await.concat().len(), 10);
        fixture.functions.aws.recovers();
        let again = put(&fixture, &calls).await;
        assert_eq!((again.status, verdicts(&again)), (200, vec!["registered"; 20]));
        let found: BTreeSet<_> = pages(&fixture, "7").await.concat().into_iter().collect();
        assert_eq!(found.len(), 20);
        // An answer that is lost is a verdict in doubt, and sent again it is the same registration.
        fixture.functions.aws.fails("UpdateItem", Fault::AnswerLost);
        let lost = opts_out(&fixture, "itp-99");
        let doubtful = put(&fixture, std::slice::from_ref(&lost)).await;
        fixture.functions.aws.recovers();
        assert!([200, 503].contains(&doubtful.status), "{}", doubtful.body);
        assert_eq!(verdicts(&put(&fixture, &[lost]).await), ["registered"]);
    }

    #[tokio::test]
    async fn a_request_of_which_nothing_can_be_done_is_a_problem_with_verdicts() {
        let fixture = Fixture::new().await;
        let answered = put(&fixture, &[json!({}), json!(null)]).await;
        assert_eq!((answered.status, verdicts(&answered)), (400, vec!["invalid"; 2]));
        fixture.functions.aws.fails("GetItem", Fault::DENIED);
        let answered = put(&fixture, &[opts_out(&fixture, "itp-1")]).await;
        assert_eq!((answered.status, verdicts(&answered)), (503, vec!["unavailable"]));
    }

    #[tokio::test]
    async fn a_table_that_is_silent_leaves_verdicts_and_no_gateway_timeout() {
        let fixture = Fixture::new().await;
        // Before the clock is paused, as making it waits for sockets.
        let calls: Vec<_> = (0..100).map(|number| opts_out(&fixture, &format!("itp-{number}"))).collect();
        tokio::time::pause();
        fixture.functions.aws.fails("GetItem", Fault::Silent);
        let began = tokio::time::Instant::now();
        let answered = put(&fixture, &calls).await;
        assert_eq!((answered.status, verdicts(&answered).len()), (503, 100));
        assert!(began.elapsed() <= ::directory::REGISTER_MANY_BUDGET, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_question_about_many_changes_nothing() {
        let fixture = Fixture::new().await;
        let calls = [opts_in(&fixture, "itp-1"), opts_out(&fixture, "itp-2"), json!({})];
        let asked = put_query(&fixture, &[("validate", "true")], &calls).await;
        assert_eq!(asked.status, 207);
        assert_eq!(fixture.functions.aws.writes(RECEIVERS), []);
        assert_eq!(put(&fixture, &calls).await, asked);
    }

    #[tokio::test]
    async fn a_request_has_one_to_a_hundred_calls_and_nothing_else() {
        let fixture = Fixture::new().await;
        let calls = |count: usize| {
            (0..count).map(|number| opts_out(&fixture, &number.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(put(&fixture, &calls(100)).await.status, 200);
        for count in [0, 101] {
            let answered = put(&fixture, &calls(count)).await;
            assert_eq!((answered.status, answered.codes().as_str()), (400, "invalid"), "{count}");
        }
        for body in
            [json!([]), json!({}), json!({ "clients": {} }), json!({ "clients": calls(1), "more": 1 })]
        {
            let answer = call_all(&fixture.directory, Method::PUT, &[], &body.to_string()).await;
            assert_eq!(fixture.checked_on("put", ROUTE, &answer).status, 400, "{body}");
        }
        for method in [Method::DELETE, Method::PATCH, Method::POST] {
            assert_eq!(call_all(&fixture.directory, method, &[], "").await.status, 405);
        }
        // The path of one client is not that of all.
        assert_eq!(call(&fixture.directory, Method::GET, "", "").await.status, 400);
    }
}

//! What the functions do when AWS does not: each in this process, with the real clients of the SDK, on a stand-in for SQS,
//! DynamoDB and Secrets Manager.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod intake {
    use std::time::Duration;

    use convention::notification::Endpoint;
    use devkit::local::change;
    use http::Method;
    use platform::aws::CALL_TIMEOUT;
    use serde_json::{Value, json};
    use tests::aws::{Fault, Functions, NOTIFICATIONS, call, post, verdicts};
    use tests::contract::Contract;
    use tokio::time::Instant;

    const BASE: &str = "https://itp.example.com/kong3";
    const JSON: &str = "application/json";
    /// The timeout of intake in the template.
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn registered(clients: impl IntoIterator<Item = String>) -> Functions {
        let functions = Functions::default();
        for client in clients {
            functions.register(&client, BASE).await;
        }
        functions.aws.forget_calls();
        functions
    }

    fn payment(functions: &Functions, client: &str, resource: &str) -> Value {
        change(Endpoint::PixPayment, client, resource, functions.test_clock.now())
    }

    fn clients(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|number| format!("itp-{number}"))
    }

    #[tokio::test]
    async fn what_the_queue_refused_is_unavailable_and_the_rest_is_accepted() {
        let functions = registered(clients(1)).await;
        let intake = functions.intake();
        let changes: Vec<_> =
            ["good-1", "bad-1", "bad-1", "good-2"].map(|id| payment(&functions, "itp-0", id)).into();
        let document = json!({ "changes": changes });

        functions.aws.refuses_messages_with("bad-1");
        let answer = verdicts(&intake, &document).await;
        let expected = ["accepted", "unavailable", "unavailable", "accepted"].map(str::to_owned);
        assert_eq!(answer, (207, expected.to_vec()));
        assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 2);

        functions.aws.recovers();
        let answer = verdicts(&intake, &document).await;
        let expected = ["accepted", "accepted", "duplicate", "accepted"].map(str::to_owned);
        assert_eq!(answer, (202, expected.to_vec()));
        assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_is_down_is_told_to_the_caller_in_time() {
        for fault in [Fault::Unreachable, Fault::Silent, Fault::THROTTLED, Fault::DENIED] {
            let functions = registered(clients(1)).await;
            let intake = functions.intake();
            functions.aws.fails("SendMessageBatch", fault);
            let changes: Vec<_> =
                (0..100).map(|number| payment(&functions, "itp-0", &format!("p-{number}"))).collect();

            let started = Instant::now();
            let answer = post(&intake, JSON, &json!({ "changes": changes }).to_string()).await;
            let took = started.elapsed();
            assert!(took <= CALL_TIMEOUT, "{fault:?}: {took:?}");

            assert_eq!(answer.status, 503, "{fault:?}");
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(answer.headers["retry-after"], "5");
            Contract::read().unwrap().check("post", "/v1/state-changes", &answer).unwrap();
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            let verdicts = body["verdicts"].as_array().unwrap();
            assert_eq!(verdicts.len(), 100);
            assert!(verdicts.iter().all(|judged| judged["verdict"] == "unavailable"), "{body}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn with_nothing_of_aws_answering_intake_still_answers_before_its_timeout() {
        let functions = registered(clients(2)).await;
        let intake = functions.intake();
        functions.aws.fails_where(
            "GetItem",
            |input| input["Key"]["client_id"]["S"] == "itp-0",
            Fault::Silent,
        );
        functions.aws.fails("SendMessageBatch", Fault::Silent);
        let changes = ["itp-0", "itp-1"].map(|client| payment(&functions, client, "p-1"));

        let started = Instant::now();
        let answer = verdicts(&intake, &json!({ "changes": changes })).await;
        let took = started.elapsed();
        assert!(2 * CALL_TIMEOUT <= took && took < TIMEOUT, "{took:?}");
        assert_eq!(answer, (503, vec!["unavailable".to_owned(); 2]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_whose_receiver_cannot_be_read_is_unavailable_and_the_others_are_queued() {
        let functions = registered(clients(2)).await;
        let intake = functions.intake();
        let of_first = |input: &Value| input["Key"]["client_id"]["S"] == "itp-0";
        functions.aws.fails_where("GetItem", of_first, Fault::THROTTLED);
        let changes = ["itp-0", "itp-1"].map(|client| payment(&functions, client, "p-1"));
        let answer = verdicts(&intake, &json!({ "changes": changes })).await;
        assert_eq!(answer, (207, vec!["unavailable".to_owned(), "accepted".to_owned()]));

        functions.aws.fails("GetItem", Fault::Unreachable);
        let answer = verdicts(&functions.intake(), &json!({ "changes": changes })).await;
        assert_eq!(answer, (503, vec!["unavailable".to_owned(); 2]));
    }

    #[tokio::test(start_paused = true)]
    async fn directory_says_that_its_table_is_down() {
        let contract = Contract::read().unwrap();
        let cases = [
            ("GetItem", Method::PUT, "put"),
            ("UpdateItem", Method::PUT, "put"),
            ("GetItem", Method::GET, "get"),
            ("GetItem", Method::DELETE, "delete"),
            ("UpdateItem", Method::DELETE, "delete"),
        ];
        for fault in [Fault::Unreachable, Fault::Silent, Fault::THROTTLED] {
            for (operation, method, name) in &cases {
                let functions = registered(clients(1)).await;
                functions.aws.fails(operation, fault);
                let directory = functions.directory();
                let body = json!({ "operation": "DCM" }).to_string();
                let answer = call(&directory, method.clone(), "itp-0", &body).await;
                assert_eq!(answer.status, 503, "{method} with {operation} {fault:?}");
                contract.check(name, "/v1/clients/{clientId}", &answer).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_or_not_json_is_refused_before_anything_is_asked() {
        let functions = registered(clients(1)).await;
        let intake = functions.intake();
        let contract = Contract::read().unwrap();
        let longest = 256 * 1024;
        for (content_type, length, status) in [
            (JSON, longest, 400),
            (JSON, longest + 1, 413),
            ("Application/JSON; charset=utf-8", longest, 400),
            ("text/plain", 2, 415),
            ("application/jsonp", 2, 415),
            ("application/problem+json", 2, 415),
        ] {
            let answer = post(&intake, content_type, &" ".repeat(length)).await;
            assert_eq!(answer.status, status, "{length} bytes of {content_type}");
            contract.check("post", "/v1/state-changes", &answer).unwrap();
        }
        assert_eq!(functions.aws.calls(), []);
    }

    #[tokio::test]
    async fn a_hundred_changes_of_a_hundred_clients_are_a_hundred_reads_and_ten_sends() {
        let functions = registered(clients(100)).await;
        let intake = functions.intake();
        let changes: Vec<_> = clients(100).map(|client| payment(&functions, &client, "p-1")).collect();
        let answer = verdicts(&intake, &json!({ "changes": changes })).await;
        assert_eq!(answer, (202, vec!["accepted".to_owned(); 100]));
        assert_eq!(functions.aws.counted(), ["GetItem 100", "SendMessageBatch 10"]);
        assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 100);
    }

    #[tokio::test]
    async fn a_hundred_changes_of_one_client_are_one_read_and_ten_sends_in_its_group() {
        let functions = registered(clients(1)).await;
        let intake = functions.intake();
        let changes: Vec<_> =
            (0..100).map(|number| payment(&functions, "itp-0", &format!("p-{number}"))).collect();
        let answer = verdicts(&intake, &json!({ "changes": changes })).await;
        assert_eq!(answer, (202, vec!["accepted".to_owned(); 100]));
        assert_eq!(functions.aws.counted(), ["GetItem 1", "SendMessageBatch 10"]);
        let messages = functions.aws.take_messages(NOTIFICATIONS);
        assert!(messages.iter().all(|message| message.group.as_deref() == Some("itp-0")));
    }
}

mod dispatch {
    use std::sync::Arc;
    use std::time::Duration;

    use ::dispatch::{Dispatch, Parts};
    use convention::delivery::{AttemptMessage, AttemptNumber, Hour, LEASE, Status};
    use convention::notification::Endpoint;
    use devkit::local::change;
    use devkit::pki::{ClientSubject, Identity, Validity};
    use devkit::receiver::MockReceiver;
    use jiff::SignedDuration;
    use platform::aws::{CALL_TIMEOUT, Cancel, RECEIVER_CACHE_TTL, UndeliveredRows, dynamodb};
    use serde_json::{Value, json};
    use tests::aws::{
        Call, Fault, Functions, LEDGER, Message, NOTIFICATIONS, PKI, Row, UNDELIVERED, requeued,
        requeued_until,
    };
    use tokio::time::Instant;

    const CLIENT: &str = "itp-1";
    const REQUESTS_TIMEOUT: Duration = Duration::from_secs(20);
    const NOTHING: [usize; 0] = [];
    /// How long finding the receiver and the identity may take.
    const PREPARE: Duration = Duration::from_secs(4);
    /// When the queue hands a message out again.
    const VISIBILITY: SignedDuration = SignedDuration::from_secs(270);

    /// A receiver, an identity, and dispatch ready to send.
    struct Fixture {
        functions: Functions,
        mock: MockReceiver,
        dispatch: Arc<Dispatch>,
    }

    impl Fixture {
        async fn new(answers: &str) -> Self {
            let functions = Functions::default();
            functions.put_identity(&PKI.sender);
            Self::with(functions, answers).await
        }

        async fn with(functions: Functions, answers: &str) -> Self {
            let mock = functions.receiver(CLIENT, answers).await;
            let dispatch = functions.dispatch(&functions.test_clock);
            // As `main` does, before the first message.
            dispatch.identities.prepare().await.ok();
            functions.aws.forget_calls();
            Self { functions, mock, dispatch }
        }

        fn message(&self, endpoint: Endpoint, resource: &str) -> AttemptMessage {
            self.functions.message_of(&change(endpoint, CLIENT, resource, self.functions.test_clock.now()))
        }

        /// A payment of a brand's customer.
        fn payment_of(&self, brand: &str, resource: &str) -> AttemptMessage {
            let mut posted = change(Endpoint::PixPayment, CLIENT, resource, self.functions.test_clock.now());
            posted["brand"] = json!(brand);
            self.functions.message_of(&posted)
        }

        /// What the receiver was shown for each resource: its id, and the common name of our certificate.
        fn shown(&self) -> Vec<(String, String)> {
            let received = self.mock.received().into_iter();
            let mut shown: Vec<_> = received
                .map(|request| {
                    let subject = request.client_certificate.unwrap().subject;
                    let name = subject.split("CN=").nth(1).unwrap_or_default().to_owned();
                    (request.resource_id.unwrap_or_default(), name)
                })
                .collect();
            shown.sort();
            shown
        }

        fn payment(&self) -> AttemptMessage {
            self.message(Endpoint::PixPayment, "p-1")
        }

        /// Goes on in another environment, which knows nothing of what this one could not write down.
        fn elsewhere(self) -> Self {
            let dispatch = self.functions.dispatch(&self.functions.test_clock);
            Self { dispatch, ..self }
        }

        async fn requeued(&self, message: &AttemptMessage) -> Vec<usize> {
            requeued(&self.dispatch, &[message.to_json()]).await
        }

        /// What another environment of dispatch is made of.
        fn parts(&self) -> Parts {
            self.functions.parts(&self.functions.test_clock)
        }

        fn row(&self, message: &AttemptMessage) -> Row {
            self.functions.aws.ledger_row(message.notification.as_str()).expect("the ledger has a row")
        }

        /// Lets the time come to look at the secrets again, and waits until that is done.
        async fn after_refresh_interval(&self) {
            self.functions.test_clock.advance(SignedDuration::from_mins(15));
            self.functions.aws.forget_calls();
            let owner = self.parts().servers.default_identity_owner();
            self.dispatch.identities.client(&owner).await.unwrap();
            // It happens beside, in a task that waits for no socket: letting it run is enough.
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
            // The one GetItem is what is known of revocation, looked at as often.
            assert_eq!(self.functions.aws.counted(), ["GetItem 1", "GetSecretValue 2"]);
            self.functions.aws.forget_calls();
        }

        /// Takes the one message that waits in the queue, and lets its delay pass.
        fn next_message(&self) -> (AttemptMessage, Message) {
            let mut messages = self.functions.aws.take_messages(NOTIFICATIONS);
            assert_eq!(messages.len(), 1, "{messages:?}");
            let message = messages.remove(0);
            self.functions.test_clock.advance(SignedDuration::from_secs(message.delay_s.try_into().unwrap()));
            (AttemptMessage::from_json(&message.body).unwrap(), message)
        }

        /// Lets the receiver fail so many attempts, and returns the message of the next one.
        async fn after_failures(&self, failures: u8) -> AttemptMessage {
            let mut message = self.payment();
            for _ in 0..failures {
                assert_eq!(self.requeued(&message).await, NOTHING);
                (message, _) = self.next_message();
            }
            message
        }
    }

    /// Says whether an update gives a notification this status.
    fn writes(status: &'static str) -> impl Fn(&Value) -> bool + Send + 'static {
        move |input| input["ExpressionAttributeValues"][":status"]["S"] == status
    }

    fn begins(input: &Value) -> bool {
        input["ExpressionAttributeValues"].get(":lease").is_some()
    }

    #[tokio::test]
    async fn a_batch_delivered_at_once_costs_two_writes_a_notification_and_one_read_in_all() {
        let fixture = Fixture::new("202").await;
        let batch = |name: &str| -> Vec<String> {
            (0..10)
                .map(|number| fixture.message(Endpoint::PixPayment, &format!("{name}-{number}")).to_json())
                .collect()
        };
        assert_eq!(requeued(&fixture.dispatch, &batch("a")).await, NOTHING);
        // The two PutItem keep the first delivery of the registration and the receiver's certificate chain.
        assert_eq!(fixture.functions.aws.counted(), ["GetItem 1", "PutItem 2", "UpdateItem 20"]);

        fixture.functions.test_clock.advance(RECEIVER_CACHE_TTL - SignedDuration::from_millis(1));
        fixture.functions.aws.forget_calls();
        assert_eq!(requeued(&fixture.dispatch, &batch("b")).await, NOTHING);
        assert_eq!(fixture.functions.aws.counted(), ["UpdateItem 20"]);

        fixture.functions.test_clock.advance(SignedDuration::from_millis(1));
        fixture.functions.aws.forget_calls();
        assert_eq!(requeued(&fixture.dispatch, &batch("c")).await, NOTHING);
        assert_eq!(fixture.functions.aws.counted(), ["GetItem 1", "UpdateItem 20"]);
        assert_eq!(fixture.mock.count(), 30);
    }

    #[tokio::test]
    async fn the_first_use_of_a_registration_is_measured_once_for_all_environments() {
        const SECONDS: &str = "SecondsFromRegistrationToFirstAttempt";
        let fixture = Fixture::new("202").await;
        let Functions { aws, test_clock, metrics, .. } = &fixture.functions;
        test_clock.advance(SignedDuration::from_secs(7));
        let message = fixture.message(Endpoint::PixPayment, "p-1");
        test_clock.advance(SignedDuration::from_secs(2));
        // A table that does not work costs the number for now, and no notification.
        let of_first_use =
            |input: &Value| input["Item"]["name"]["S"].as_str().is_some_and(|name| name.contains(CLIENT));
        aws.fails_where("PutItem", of_first_use, Fault::DENIED);
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        assert_eq!(metrics.values(SECONDS), [0.0; 0]);
        aws.recovers();

        assert_eq!(fixture.requeued(&fixture.message(Endpoint::PixPayment, "p-2")).await, NOTHING);
        assert_eq!(metrics.values(SECONDS), [0.0]);
        let other = fixture.functions.dispatch(test_clock);
        let again = fixture.message(Endpoint::PixPayment, "p-3");
        assert_eq!(requeued(&other, &[again.to_json()]).await, NOTHING);
        assert_eq!(metrics.values(SECONDS), [0.0]);

        // Another registration has another objective, and an event that waited counts.
        test_clock.advance(SignedDuration::from_mins(1));
        fixture.functions.remove(CLIENT).await;
        fixture.functions.register(CLIENT, &fixture.mock.base_uri()).await;
        let message = fixture.message(Endpoint::PixPayment, "p-4");
        test_clock.advance(SignedDuration::from_secs(400));
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        assert_eq!(metrics.values(SECONDS), [0.0, 400.0]);
        assert_eq!(fixture.mock.count(), 4);
    }

    #[tokio::test]
    async fn a_begin_whose_answer_was_lost_is_recognised_as_ours() {
        let fixture = Fixture::new("202").await;
        let message = fixture.payment();
        fixture.functions.aws.fails_once("UpdateItem", Fault::AnswerLost);
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        assert_eq!(fixture.mock.count(), 1);
        assert_eq!(fixture.functions.aws.counted(), ["GetItem 1", "PutItem 2", "UpdateItem 3"]);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"));
        assert_eq!((row.attempt(1, "outcome"), row.attempt(1, "status")), ("delivered", "202"));
        let received = fixture.mock.received();
        assert_eq!(received[0].interaction_id.as_deref(), Some(row.attempt(1, "interaction_id")));
    }

    #[tokio::test]
    async fn so_is_the_begin_of_a_later_attempt() {
        let fixture = Fixture::new("503,202").await;
        let second = fixture.after_failures(1).await;
        fixture.functions.aws.fails_once("UpdateItem", Fault::AnswerLost);
        assert_eq!(fixture.requeued(&second).await, NOTHING);
        let row = fixture.row(&second);
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "2"));
        assert_eq!((row.attempt(1, "outcome"), row.attempt(2, "outcome")), ("server_error", "delivered"));
        assert_eq!(fixture.mock.count(), 2);
    }

    #[tokio::test]
    async fn an_outcome_whose_answer_was_lost_is_recorded_once() {
        for (answer, status) in [("202", "delivered"), ("503", "waiting")] {
            let fixture = Fixture::new(answer).await;
            let message = fixture.payment();
            let lost = std::sync::atomic::AtomicBool::new(false);
            let first = move |input: &Value| {
                writes(status)(input) && !lost.swap(true, std::sync::atomic::Ordering::Relaxed)
            };
            fixture.functions.aws.fails_where("UpdateItem", first, Fault::AnswerLost);
            assert_eq!(fixture.requeued(&message).await, NOTHING, "{status}");
            assert_eq!(fixture.row(&message).text("status"), status);
            assert_eq!(fixture.mock.count(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_ledger_nothing_is_posted() {
        for fault in [Fault::THROTTLED, Fault::Unreachable, Fault::Silent, Fault::DENIED] {
            let fixture = Fixture::new("202").await;
            fixture.functions.aws.fails("UpdateItem", fault);
            let started = Instant::now();
            assert_eq!(fixture.requeued(&fixture.payment()).await, [0], "{fault:?}");
            let took = started.elapsed();
            assert!(took <= CALL_TIMEOUT, "{fault:?}: {took:?}");
            assert_eq!(fixture.mock.connections().accepted, 0, "{fault:?}");
            assert_eq!(fixture.functions.aws.take_messages(NOTIFICATIONS), []);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_usable_identity_no_attempt_begins() {
        let json = |chain: &Identity, key: &Identity| {
            json!({ "certificate_chain": chain.chain_pem, "private_key": key.key_pem }).to_string()
        };
        let now = Functions::default().test_clock.now();
        let days = |days: i64| now + SignedDuration::from_hours(24 * days);
        let of_days = |from, until| {
            let validity = Validity { not_before: days(from), not_after: days(until) };
            let identity = PKI.sender_authority.client_with(&ClientSubject::default(), validity).unwrap();
            json(&identity, &identity)
        };
        let cases = [
            (None, "identity_unreadable"),
            (Some("no JSON".to_owned()), "identity_unusable"),
            (Some(json(&PKI.sender, &PKI.receiver)), "identity_unusable"),
            (Some(of_days(-2, -1)), "identity_expired"),
            (Some(of_days(1, 2)), "identity_not_yet_valid"),
        ];
        for (secret, code) in cases {
            let functions = Functions::default();
            match &secret {
                Some(text) => functions.put_identity_text(text),
                None => functions.aws.fails("GetSecretValue", Fault::DENIED),
            }
            let fixture = Fixture::with(functions, "202").await;
            let message = fixture.payment();
            assert_eq!(fixture.requeued(&message).await, [0], "{code}");
            let owner = fixture.parts().servers.default_identity_owner();
            let fault =
                fixture.dispatch.identities.client(&owner).await.err().map(|error| error.code().as_str());
            assert_eq!(fault, Some(code));
            assert_eq!(fixture.functions.aws.ledger_row(message.notification.as_str()), None, "{code}");
            let update = |call: &Call| call.operation == "UpdateItem";
            assert!(!fixture.functions.aws.calls().iter().any(update), "{code}");
            assert_eq!(fixture.mock.connections().accepted, 0, "{code}");
        }
    }

    #[tokio::test]
    async fn a_message_kept_for_want_of_an_identity_is_delivered_once_there_is_one() {
        let functions = Functions::default();
        functions.put_identity_text("no JSON");
        let fixture = Fixture::with(functions, "202").await;
        let message = fixture.payment();
        assert_eq!(fixture.requeued(&message).await, [0]);
        fixture.functions.put_identity(&PKI.sender);
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"));
    }

    const A: &str = "11111111-aaaa-4000-8000-000000000001";
    const B: &str = "22222222-bbbb-4000-8000-000000000002";

    /// An identity whose certificate has this common name and ends after so many days.
    fn identity(name: &str, days: i64) -> Identity {
        let now = Functions::default().test_clock.now();
        let subject = ClientSubject { common_name: name.to_owned(), ..ClientSubject::default() };
        // A few minutes more, as what is written in whole days is rounded down.
        let end = now + SignedDuration::from_hours(24 * days) + SignedDuration::from_mins(10);
        let not_before = end.min(now) - SignedDuration::from_hours(24);
        PKI.sender_authority.client_with(&subject, Validity { not_before, not_after: end }).unwrap()
    }

    /// A bank of two brands, with what its secret holds.
    async fn two_brands(identities: &[(&str, &Identity)]) -> Fixture {
        let functions = Functions { servers: BRANDS, ..Functions::default() };
        functions.put_identities(identities);
        Fixture::with(functions, "202").await
    }

    const BRANDS: &str = "a=11111111-aaaa-4000-8000-000000000001,b=22222222-bbbb-4000-8000-000000000002";

    fn shown(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(resource, name)| ((*resource).to_owned(), (*name).to_owned())).collect()
    }

    #[tokio::test]
    async fn each_brand_is_notified_with_its_own_identity_and_no_brand_with_the_default() {
        let fixture = two_brands(&[(A, &identity("a.example", 90)), (B, &identity("b.example", 90))]).await;
        let of_none = fixture.message(Endpoint::PixPayment, "p-0");
        let batch = [of_none, fixture.payment_of("a", "p-1"), fixture.payment_of("b", "p-2")];
        assert_eq!(requeued(&fixture.dispatch, &batch.map(|message| message.to_json())).await, NOTHING);
        let expected = [("p-0", "a.example"), ("p-1", "a.example"), ("p-2", "b.example")];
        assert_eq!(fixture.shown(), shown(&expected));
        assert!(!fixture.functions.aws.calls().iter().any(|call| call.operation == "GetSecretValue"));
    }

    #[tokio::test]
    async fn a_brand_without_a_usable_identity_keeps_its_messages_and_no_others() {
        let (a, b) = (identity("a.example", 90), identity("b.example", 90));
        let pem = |chain: &Identity, key: &Identity| json!({ "certificate_chain": chain.chain_pem, "private_key": key.key_pem });
        let expired = identity("b.example", -1);
        let cases = [
            (json!({ A: pem(&a, &a) }), "identity_missing"),
            // One identity only is the default brand's.
            (pem(&a, &a), "identity_missing"),
            (json!({ A: pem(&a, &a), B: pem(&b, &a) }), "identity_unusable"),
            (json!({ A: pem(&a, &a), B: "nothing" }), "identity_unusable"),
            (json!({ A: pem(&a, &a), B: pem(&expired, &expired) }), "identity_expired"),
        ];
        for (secret, code) in cases {
            let functions = Functions { servers: BRANDS, ..Functions::default() };
            functions.put_identity_text(&secret.to_string());
            let fixture = Fixture::with(functions, "202").await;
            let of_b = fixture.payment_of("b", "p-2");
            let batch = [fixture.payment_of("a", "p-1"), of_b.clone(), fixture.payment_of("a", "p-3")];
            assert_eq!(
                requeued(&fixture.dispatch, &batch.map(|message| message.to_json())).await,
                [1],
                "{code}"
            );
            assert_eq!(fixture.shown(), shown(&[("p-1", "a.example"), ("p-3", "a.example")]), "{code}");
            assert_eq!(fixture.functions.aws.ledger_row(of_b.notification.as_str()), None, "{code}");
            let owner = fixture.parts().servers.identity_owner(Some("b")).unwrap();
            let fault =
                fixture.dispatch.identities.client(&owner).await.err().map(|error| error.code().as_str());
            assert_eq!(fault, Some(code));

            fixture.functions.put_identities(&[(A, &a), (B, &b)]);
            fixture.functions.test_clock.advance(SignedDuration::from_secs(1));
            assert_eq!(fixture.requeued(&of_b).await, NOTHING, "{code}");
            assert_eq!(fixture.row(&of_b).text("attempt"), "1", "{code}");
        }
    }

    #[tokio::test]
    async fn a_batch_without_its_identity_reads_the_secret_once() {
        let fixture = two_brands(&[(A, &identity("a.example", 90))]).await;
        fixture.functions.test_clock.advance(SignedDuration::from_secs(1));
        let batch: Vec<_> =
            (0..10).map(|number| fixture.payment_of("b", &format!("p-{number}")).to_json()).collect();
        assert_eq!(requeued(&fixture.dispatch, &batch).await, (0..10).collect::<Vec<_>>());
        // The identity and the trust anchors.
        let counted = fixture.functions.aws.counted();
        assert_eq!(counted, ["ChangeMessageVisibility 10", "GetItem 1", "GetSecretValue 2"]);
    }

    #[tokio::test]
    async fn a_rotation_of_one_brand_keeps_the_connections_of_the_other() {
        let (a, b) = (identity("a.example", 90), identity("b.example", 90));
        let fixture = two_brands(&[(A, &a), (B, &b)]).await;
        assert_eq!(fixture.requeued(&fixture.payment_of("b", "p-0")).await, NOTHING);
        fixture.functions.put_identities(&[(A, &identity("a2.example", 90)), (B, &b)]);
        fixture.after_refresh_interval().await;
        // Connections are kept by the same clock, and for seconds only.
        fixture.functions.test_clock.advance(SignedDuration::from_mins(-15));
        assert_eq!(fixture.requeued(&fixture.payment_of("b", "p-1")).await, NOTHING);
        assert_eq!(fixture.mock.connections().accepted, 1);
        assert_eq!(fixture.requeued(&fixture.payment_of("a", "p-2")).await, NOTHING);
        assert_eq!(fixture.shown()[2], ("p-2".to_owned(), "a2.example".to_owned()));
        assert_eq!(fixture.mock.connections().accepted, 2);
    }

    #[tokio::test]
    async fn a_rotation_that_went_wrong_leaves_the_identity_before_it_in_use() {
        let (a, b) = (identity("a.example", 90), identity("b.example", 90));
        let wrong = Identity { chain_pem: identity("a2.example", 90).chain_pem, key_pem: b.key_pem.clone() };
        let fixture = two_brands(&[(A, &a), (B, &b)]).await;
        fixture.functions.put_identities(&[(A, &wrong), (B, &identity("b2.example", 90))]);
        fixture.after_refresh_interval().await;
        let batch = [fixture.payment_of("a", "p-1"), fixture.payment_of("b", "p-2")];
        assert_eq!(requeued(&fixture.dispatch, &batch.map(|message| message.to_json())).await, NOTHING);

        fixture.functions.put_identity_text("no JSON");
        fixture.after_refresh_interval().await;
        let batch = [fixture.payment_of("a", "p-3"), fixture.payment_of("b", "p-4")];
        assert_eq!(requeued(&fixture.dispatch, &batch.map(|message| message.to_json())).await, NOTHING);
        let expected =
            [("p-1", "a.example"), ("p-2", "b2.example"), ("p-3", "a.example"), ("p-4", "b2.example")];
        assert_eq!(fixture.shown(), shown(&expected));
    }

    #[tokio::test]
    async fn an_identity_that_is_taken_out_of_the_secret_is_not_used_any_more() {
        let (a, b) = (identity("a.example", 90), identity("b.example", 90));
        let fixture = two_brands(&[(A, &a), (B, &b)]).await;
        fixture.functions.put_identities(&[(A, &a)]);
        fixture.after_refresh_interval().await;
        let batch = [fixture.payment_of("a", "p-1").to_json(), fixture.payment_of("b", "p-2").to_json()];
        assert_eq!(requeued(&fixture.dispatch, &batch).await, [1]);
    }

    #[tokio::test]
    async fn each_load_measures_how_long_each_certificate_is_still_good() {
        let (soon, over) = (identity("a.example", 30), identity("b.example", -2));
        let fixture = two_brands(&[(A, &soon), (B, &over)]).await;
        let measured = || fixture.functions.metrics.values("CertificateDaysLeft");
        assert_eq!(measured(), [30.0, -2.0]);
        fixture.functions.put_identities(&[(A, &soon), (B, &identity("b.example", 31))]);
        fixture.after_refresh_interval().await;
        assert_eq!(measured(), [30.0, -2.0, 29.0, 30.0]);
        assert_eq!(fixture.requeued(&fixture.payment_of("a", "p-1")).await, NOTHING);
        assert_eq!(measured().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_or_secret_that_never_answers_keeps_the_batch_and_does_not_hold_it() {
        for operation in ["GetItem", "GetSecretValue"] {
            let functions = Functions::default();
            functions.put_identity(&PKI.sender);
            functions.aws.fails(operation, Fault::Silent);
            let fixture = Fixture::with(functions, "202").await;
            let batch: Vec<_> = (0..10)
                .map(|number| fixture.message(Endpoint::PixPayment, &format!("p-{number}")).to_json())
                .collect();
            let started = Instant::now();
            assert_eq!(requeued(&fixture.dispatch, &batch).await, (0..10).collect::<Vec<_>>(), "{operation}");
            let took = started.elapsed();
            assert!(PREPARE <= took && took < PREPARE + Duration::from_millis(100), "{operation}: {took:?}");
            assert_eq!(fixture.mock.connections().accepted, 0, "{operation}");
            let asked = fixture.functions.aws.calls();
            let harmless = |call: &Call| {
                call.operation.starts_with("Get") || call.operation == "ChangeMessageVisibility"
            };
            assert!(asked.iter().all(harmless), "{operation}: {asked:?}");
        }
    }

    #[tokio::test]
    async fn without_our_authorisation_server_id_an_enrollment_waits_and_a_payment_does_not() {
        let functions = Functions { servers: "", ..Functions::default() };
        functions.put_identity(&PKI.sender);
        let fixture = Fixture::with(functions, "202").await;
        let enrollment = fixture.message(Endpoint::Enrollment, "e-1");
        assert_eq!(
            requeued(&fixture.dispatch, &[enrollment.to_json(), fixture.payment().to_json()]).await,
            [0]
        );
        assert_eq!(fixture.functions.aws.ledger_row(enrollment.notification.as_str()), None);
        assert_eq!(fixture.row(&fixture.payment()).text("status"), "delivered");
        let counted = fixture.functions.aws.counted();
        assert_eq!(counted, ["ChangeMessageVisibility 1", "GetItem 1", "PutItem 2", "UpdateItem 2"]);
        assert_eq!(fixture.mock.count(), 1);
    }

    #[tokio::test]
    async fn an_attempt_whose_outcome_could_not_be_written_counts_as_interrupted_after_its_lease() {
        let fixture = Fixture::new("202").await;
        let message = fixture.payment();
        fixture.functions.aws.fails_where("UpdateItem", writes("delivered"), Fault::DENIED);
        assert_eq!(fixture.requeued(&message).await, [0]);
        assert_eq!(fixture.mock.count(), 1);
        fixture.functions.aws.recovers();
        let fixture = fixture.elsewhere();

        fixture.functions.test_clock.advance(LEASE - SignedDuration::from_millis(1));
        assert_eq!(fixture.requeued(&message).await, [0]);
        assert_eq!(fixture.row(&message).text("status"), "attempting");

        fixture.functions.test_clock.advance(VISIBILITY - LEASE + SignedDuration::from_millis(1));
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "interrupted"));
        let (second, queued) = fixture.next_message();
        assert_eq!((second.attempt.get(), queued.delay_s), (2, 0));
        assert_eq!(fixture.mock.count(), 1);

        assert_eq!(fixture.requeued(&second).await, NOTHING);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.attempt(2, "outcome")), ("delivered", "delivered"));
        assert_eq!(fixture.mock.count(), 2);
    }

    #[tokio::test]
    async fn right_after_its_lease_an_interrupted_attempt_is_followed_ten_seconds_later() {
        let fixture = Fixture::new("202").await;
        let message = fixture.payment();
        fixture.functions.aws.fails_where("UpdateItem", writes("delivered"), Fault::DENIED);
        assert_eq!(fixture.requeued(&message).await, [0]);
        fixture.functions.aws.recovers();
        let fixture = fixture.elsewhere();
        fixture.functions.test_clock.advance(LEASE);
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        let (second, queued) = fixture.next_message();
        assert_eq!((second.attempt.get(), queued.delay_s), (2, 10));
    }

    #[tokio::test]
    async fn a_failure_whose_next_attempt_could_not_be_queued_is_not_recorded() {
        let fixture = Fixture::new("503").await;
        let message = fixture.payment();
        fixture.functions.aws.fails("SendMessage", Fault::DENIED);
        assert_eq!(fixture.requeued(&message).await, [0]);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("attempting", ""));

        fixture.functions.aws.recovers();
        fixture.functions.test_clock.advance(VISIBILITY);
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "interrupted"));
        assert_eq!(fixture.next_message().0.attempt.get(), 2);
        assert_eq!(fixture.mock.count(), 1);
    }

    #[tokio::test]
    async fn a_failure_that_could_not_be_recorded_is_settled_by_the_attempt_after_it() {
        let fixture = Fixture::new("503,202").await;
        let message = fixture.payment();
        fixture.functions.aws.fails_where("UpdateItem", writes("waiting"), Fault::DENIED);
        assert_eq!(fixture.requeued(&message).await, [0]);
        let (second, _) = fixture.next_message();
        fixture.functions.aws.recovers();
        let fixture = fixture.elsewhere();

        // The row still says that attempt 1 is under way. That attempt 2 was queued shows that it failed, and when.
        assert_eq!(fixture.requeued(&second).await, NOTHING);
        let row = fixture.row(&message);
        let failed_at = second.before_failed_at().unwrap().as_millisecond().to_string();
        assert_eq!(row.attempt(1, "ended_at"), failed_at);
        assert_eq!((row.attempt(1, "outcome"), row.attempt(2, "outcome")), ("interrupted", "delivered"));
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "2"));

        assert_eq!(fixture.requeued(&message).await, NOTHING);
        assert_eq!(fixture.functions.aws.take_messages(NOTIFICATIONS), []);
        assert_eq!(fixture.mock.count(), 2);
    }

    #[tokio::test]
    async fn a_later_attempt_begins_although_the_one_before_it_was_rolled_back_late() {
        // As `rolled_back` leaves a row whose notification another process has already gone on with.
        let stands = async |fixture: &Fixture, attempt: &str| {
            let message = fixture.after_failures(1).await;
            let id = message.notification.as_str();
            fixture.functions.aws.set_ledger_number(id, "attempt", attempt);
            assert_eq!(fixture.row(&message).text("status"), "waiting");
            message
        };
        let fixture = Fixture::new("503,202").await;
        let message = stands(&fixture, "0").await;
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.text("attempt"), fixture.mock.count()), ("delivered", "2", 2));

        // The same where it is given up.
        let fixture = Fixture::new("503,202").await;
        let message = stands(&fixture, "0").await;
        fixture.functions.put_identity_text("no JSON");
        let dispatch = fixture.functions.dispatch(&fixture.functions.test_clock);
        let last = [("ApproximateReceiveCount", "149".to_owned())];
        let soon = Instant::now() + REQUESTS_TIMEOUT;
        assert_eq!(requeued_until(&dispatch, &[message.to_json()], &last, soon).await, NOTHING);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.text("reason")), ("undelivered", "identity_unusable"));

        // A row that is ahead still stands in the way of it.
        let fixture = Fixture::new("503,202").await;
        let message = stands(&fixture, "2").await;
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        assert_eq!((fixture.row(&message).text("status"), fixture.mock.count()), ("waiting", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_comes_two_seconds_early_waits() {
        let fixture = Fixture::new("202").await;
        fixture.functions.remove(CLIENT).await;
        fixture.functions.aws.forget_calls();
        let due = fixture.functions.test_clock.now() + SignedDuration::from_secs(2);
        let message = fixture.payment().again(AttemptNumber::try_from(2).unwrap(), due);
        let started = Instant::now();
        let (ended, ()) = tokio::join!(fixture.requeued(&message), async {
            tokio::time::sleep(Duration::from_millis(1_999)).await;
            assert_eq!(fixture.functions.aws.calls(), []);
        });
        assert_eq!(ended, NOTHING);
        assert_eq!(started.elapsed().as_secs(), 2);
        assert_eq!(fixture.row(&message).text("status"), "cancelled");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_comes_earlier_still_is_sent_on_with_the_rest_of_its_delay() {
        let fixture = Fixture::new("202").await;
        let due = fixture.functions.test_clock.now() + SignedDuration::from_millis(2_001);
        let message = fixture.payment().again(AttemptNumber::try_from(2).unwrap(), due);
        let started = Instant::now();
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(fixture.functions.aws.counted(), ["SendMessage 1"]);
        let (sent_on, queued) = fixture.next_message();
        assert_eq!((sent_on, queued.delay_s), (message, 3));
    }

    #[tokio::test]
    async fn a_notification_is_buried_before_the_ledger_says_that_it_is_undelivered() {
        let fixture = Fixture::new("503").await;
        let third = fixture.after_failures(2).await;
        fixture.functions.aws.forget_calls();
        assert_eq!(fixture.requeued(&third).await, NOTHING);
        assert_eq!(fixture.row(&third).text("status"), "undelivered");
        let calls = fixture.functions.aws.calls();
        let at = |found: &dyn Fn(&Call) -> bool| calls.iter().position(found).expect("it is called");
        let dead_lettered =
            at(&|call| call.operation == "SendMessage" && call.input["QueueUrl"] == UNDELIVERED);
        let recorded = at(&|call| writes("undelivered")(&call.input));
        let listed = at(&|call| lists(&call.input));
        assert!(dead_lettered < listed && listed < recorded);
        let undelivered = fixture.functions.aws.take_messages(UNDELIVERED);
        assert_eq!(undelivered.len(), 1);
        assert_eq!(undelivered[0].reason.as_deref(), Some("server_error"));
        assert_eq!(fixture.functions.aws.take_messages(NOTIFICATIONS), []);
        assert_eq!(fixture.mock.count(), 3);
    }

    /// Says whether an update lists a notification among what its hour gave up.
    fn lists(input: &Value) -> bool {
        input["Key"]["partition"]["S"].as_str().is_some_and(|name| name.starts_with("undelivered#"))
    }

    #[tokio::test]
    async fn an_undelivered_notification_is_listed_in_its_hour_with_all_that_a_replay_needs() {
        let fixture = Fixture::new("500,502,503").await;
        let third = fixture.after_failures(2).await;
        assert_eq!(fixture.functions.aws.undelivered_rows(), []);
        assert_eq!(fixture.requeued(&third).await, NOTHING);
        let rows = fixture.functions.aws.undelivered_rows();
        let now = fixture.functions.test_clock.now();
        assert_eq!(rows.len(), 1);
        // Sixteen partitions an hour share the writes: a partition key takes 1,000 a second.
        let digit = third.notification.as_str().chars().next().unwrap();
        let partition = format!("{}#{digit}", now.strftime("undelivered#%Y-%m-%dT%H"));
        assert_eq!(
            (rows[0].text("partition"), rows[0].text("outcome")),
            (partition.as_str(), "server_error")
        );
        let ledger = fixture.row(&third);
        assert_eq!(rows[0].text("interaction_id"), ledger.attempt(3, "interaction_id"));
        assert_eq!(rows[0].text("gave_up_at"), ledger.attempt(3, "ended_at"));
        assert_eq!(rows[0].text("expires_at"), (now.as_second() + 30 * 24 * 3600).to_string());
        let sdk = fixture.functions.aws.sdk_config();
        let listed = UndeliveredRows::new(dynamodb(&sdk), LEDGER.to_owned()).of_hour(Hour::of(now)).await;
        let listed: Vec<_> = listed.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(listed.iter().map(|row| &row.message).collect::<Vec<_>>(), [&third]);
    }

    #[tokio::test]
    async fn a_listing_that_could_not_be_written_is_written_when_the_message_comes_again() {
        let fixture = Fixture::new("503").await;
        let third = fixture.after_failures(2).await;
        fixture.functions.aws.fails_where("UpdateItem", lists, Fault::DENIED);
        assert_eq!(fixture.requeued(&third).await, [0]);
        assert_eq!(fixture.row(&third).text("status"), "attempting");

        fixture.functions.aws.recovers();
        fixture.functions.test_clock.advance(VISIBILITY);
        assert_eq!(fixture.requeued(&third).await, NOTHING);
        assert_eq!(fixture.row(&third).text("status"), "undelivered");
        let rows = fixture.functions.aws.undelivered_rows();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].text("outcome"), "interrupted");
        assert_eq!(fixture.mock.count(), 3);
    }

    #[tokio::test]
    async fn a_listing_that_is_written_again_keeps_what_was_known_of_the_last_attempt() {
        let fixture = Fixture::new("503").await;
        let third = fixture.after_failures(2).await;
        fixture.functions.aws.fails_where("UpdateItem", writes("undelivered"), Fault::DENIED);
        assert_eq!(fixture.requeued(&third).await, [0]);
        let listed = fixture.functions.aws.undelivered_rows();
        assert_eq!(listed[0].text("outcome"), "server_error");

        fixture.functions.aws.recovers();
        fixture.functions.test_clock.advance(LEASE);
        assert_eq!(fixture.requeued(&third).await, NOTHING);
        assert_eq!(fixture.row(&third).text("status"), "undelivered");
        let again = fixture.functions.aws.undelivered_rows();
        assert!(again.contains(&listed[0]), "{again:?}");
    }

    #[tokio::test]
    async fn a_third_attempt_that_was_interrupted_is_buried_too() {
        let fixture = Fixture::new("503").await;
        let third = fixture.after_failures(2).await;
        fixture.functions.aws.fails("SendMessage", Fault::DENIED);
        assert_eq!(fixture.requeued(&third).await, [0]);
        assert_eq!(fixture.row(&third).text("status"), "attempting");

        fixture.functions.aws.recovers();
        fixture.functions.test_clock.advance(VISIBILITY);
        assert_eq!(fixture.requeued(&third).await, NOTHING);
        let row = fixture.row(&third);
        assert_eq!((row.text("status"), row.attempt(3, "outcome")), ("undelivered", "interrupted"));
        let undelivered = fixture.functions.aws.take_messages(UNDELIVERED);
        assert_eq!(undelivered.len(), 1);
        assert_eq!(undelivered[0].reason.as_deref(), Some("interrupted"));
        assert_eq!(fixture.mock.count(), 3);
    }

    #[tokio::test]
    async fn a_buried_message_that_is_moved_back_is_not_attempted_a_fourth_time() {
        let fixture = Fixture::new("503").await;
        let third = fixture.after_failures(2).await;
        assert_eq!(fixture.requeued(&third).await, NOTHING);
        let dead_lettered = fixture.functions.aws.take_messages(UNDELIVERED).remove(0);
        assert_eq!(requeued(&fixture.dispatch, &[dead_lettered.body]).await, NOTHING);
        assert_eq!(fixture.mock.count(), 3);
        assert_eq!(fixture.row(&third).text("status"), "undelivered");
    }

    #[tokio::test]
    async fn a_success_counts_although_another_process_has_given_the_attempt_up() {
        let fixture = Fixture::new("delay:1s:202,202").await;
        let message = fixture.payment();
        let later = fixture.functions.dispatch(&fixture.functions.test_clock.ahead(VISIBILITY));
        let (slow, ()) = tokio::join!(fixture.requeued(&message), async {
            fixture.mock.wait_for(1, REQUESTS_TIMEOUT).await.unwrap();
            assert_eq!(requeued(&later, &[message.to_json()]).await, NOTHING);
            let row = fixture.row(&message);
            assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "interrupted"));
        });
        assert_eq!(slow, NOTHING);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("delivered", "delivered"));

        let (second, _) = fixture.next_message();
        assert_eq!(requeued(&later, &[second.to_json()]).await, NOTHING);
        assert_eq!(fixture.mock.count(), 1);
    }

    #[tokio::test]
    async fn a_copy_of_a_message_whose_notification_is_delivered_is_dropped() {
        let fixture = Fixture::new("202").await;
        let message = fixture.payment();
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        let row = fixture.row(&message);
        assert_eq!(fixture.requeued(&message).await, NOTHING);
        assert_eq!(fixture.row(&message), row);
        assert_eq!(fixture.mock.count(), 1);
    }

    #[tokio::test]
    async fn what_had_ended_before_its_receiver_was_removed_is_not_cancelled() {
        let cases = [("202", 0, Status::Delivered), ("503", 2, Status::Undelivered)];
        for (answers, failures, ended) in cases {
            let fixture = Fixture::new(answers).await;
            let last = fixture.after_failures(failures).await;
            assert_eq!(fixture.requeued(&last).await, NOTHING);
            let row = fixture.row(&last);
            fixture.functions.remove(CLIENT).await;
            let now = fixture.functions.test_clock.now();
            let cancelled = fixture.parts().ledger.cancelled(&last, "no_receiver", now).await.unwrap();
            let Cancel::Conflict(progress) = cancelled else { panic!("{cancelled:?}") };
            assert_eq!(progress.status, ended);
            assert_eq!(fixture.requeued(&last).await, NOTHING);
            assert_eq!(fixture.row(&last), row);
        }
        let fixture = Fixture::new("202").await;
        let (message, now) = (fixture.payment(), fixture.functions.test_clock.now());
        let cancelled = fixture.parts().ledger.cancelled(&message, "no_receiver", now).await.unwrap();
        assert_eq!(cancelled, Cancel::Cancelled);
    }

    /// A process that stops in the middle of an attempt, and a receiver that is removed before another finds that out.
    #[tokio::test]
    async fn an_attempt_that_was_interrupted_comes_to_its_end_before_its_notification_is_cancelled() {
        for (failures, status, messages) in [(0, "waiting", (1, 0)), (2, "undelivered", (0, 1))] {
            let fixture = Fixture::new("503").await;
            let last = fixture.after_failures(failures).await;
            let aws = &fixture.functions.aws;
            aws.fails("SendMessage", Fault::DENIED);
            assert_eq!(fixture.requeued(&last).await, [0]);
            aws.recovers();
            fixture.functions.remove(CLIENT).await;
            let later = fixture.functions.dispatch(&fixture.functions.test_clock.ahead(VISIBILITY));
            assert_eq!(requeued(&later, &[last.to_json()]).await, NOTHING);
            let (row, attempt) = (fixture.row(&last), last.attempt.get());
            assert_eq!((row.text("status"), row.attempt(attempt, "outcome")), (status, "interrupted"));
            // One may be listed in two hours, where the second try comes in another.
            let listed: std::collections::HashSet<_> =
                aws.undelivered_rows().iter().map(|row| row.text("notification").to_owned()).collect();
            assert_eq!((aws.messages(NOTIFICATIONS).len(), listed.len()), messages);
            // What follows is cancelled, as nobody is there any more.
            for next in aws.take_messages(NOTIFICATIONS) {
                assert_eq!(requeued(&later, &[next.body]).await, NOTHING);
                assert_eq!(fixture.row(&last).text("status"), "cancelled");
            }
        }
    }

    #[tokio::test]
    async fn a_late_second_attempt_whose_notification_the_ledger_has_forgotten_is_dropped() {
        let fixture = Fixture::new("503").await;
        let second = fixture.after_failures(1).await;
        fixture.functions.aws.forget_row(second.notification.as_str());
        assert_eq!(fixture.requeued(&second).await, NOTHING);
        assert_eq!(fixture.functions.aws.ledger_row(second.notification.as_str()), None);
        assert_eq!(fixture.mock.count(), 1);
    }

    #[tokio::test]
    async fn a_cancellation_waits_for_the_attempt_under_way() {
        let fixture = Fixture::new("delay:1s:503").await;
        let message = fixture.payment();
        let other = fixture.functions.dispatch(&fixture.functions.test_clock);
        let (attempted, ()) = tokio::join!(fixture.requeued(&message), async {
            fixture.mock.wait_for(1, REQUESTS_TIMEOUT).await.unwrap();
            fixture.functions.remove(CLIENT).await;
            assert_eq!(requeued(&other, &[message.to_json()]).await, [0]);
            assert_eq!(fixture.row(&message).text("status"), "attempting");
        });
        assert_eq!(attempted, NOTHING);
        assert_eq!(fixture.row(&message).text("status"), "waiting");

        let (second, _) = fixture.next_message();
        assert_eq!(fixture.requeued(&second).await, NOTHING);
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.text("reason")), ("cancelled", "no_receiver"));
        assert_eq!(fixture.mock.count(), 1);
    }

    #[tokio::test]
    async fn of_two_processes_with_one_message_one_posts() {
        let fixture = Fixture::new("delay:500ms:202").await;
        let message = fixture.payment();
        let other = fixture.functions.dispatch(&fixture.functions.test_clock);
        let bodies = [message.to_json()];
        let (one, two) = tokio::join!(fixture.requeued(&message), requeued(&other, &bodies));
        assert_eq!([one, two].concat(), [0]);
        let begun = fixture.functions.aws.calls().into_iter().filter(|call| begins(&call.input)).count();
        // Whoever is refused is told by the SDK, which asks once more.
        assert_eq!((begun, fixture.mock.count()), (3, 1));
    }
}

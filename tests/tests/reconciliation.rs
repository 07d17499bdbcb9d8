//! The schedule's comparison of the registrations with what a Directory says of them, and what follows for who is notified.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use convention::delivery::AttemptMessage;
use convention::notification::{Endpoint, StateChange};
use devkit::directory::{Answer, StatementClaims};
use devkit::local::change;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::aws::{DIRECTORY_IDENTITY_SECRET, PKI, RECEIVERS, requeued, verdicts};
use tests::directory_fixture::{Fixture, KEPT_LIST, with};

const PARTICIPANTS: &str = "/participants";
const SOFTWARE: &str = "/organisations";
/// That the API shows nothing of a software is kept for less than this.
const HIDDEN: SignedDuration = SignedDuration::from_hours(7);
/// As long as the Directory lets its list be kept.
const LIST_REFRESH_INTERVAL: SignedDuration = SignedDuration::from_mins(15);

/// Clients of as many organisations.
struct Market {
    fixture: Fixture,
    clients: Vec<String>,
}

impl Market {
    /// Five clients: one of them may be suspended at once.
    async fn new() -> Self {
        Self::of(5).await
    }

    async fn of(count: usize) -> Self {
        let fixture = Fixture::new().await;
        let clients: Vec<_> = (0..count).map(|number| format!("itp-{number}")).collect();
        let market = Self { fixture, clients };
        for client in &market.clients {
            market.register(client, "first").await;
        }
        market
    }

    async fn register(&self, client: &str, path: &str) {
        let uri = format!("https://localhost:1/{client}/{path}");
        let answered = self.fixture.put(client, &self.fixture.with_uris(client, &[&uri])).await;
        assert_eq!(
            (answered.status, &answered.body["webhook"]),
            (200, &json!("enabled")),
            "{}",
            answered.body
        );
    }

    fn set_organisation(&self, client: &str, status: &str) {
        self.fixture.mock.set_organisation_status(&StatementClaims::of(client).org_id, status).unwrap();
    }

    fn set_software(&self, client: &str, status: &str) {
        self.fixture.mock.set_software_status(&StatementClaims::of(client).software_id, status).unwrap();
    }

    /// Lets the Directory know us, so that it shows software.
    fn put_identity(&self) {
        let document = json!({
            "certificate_chain": PKI.sender.chain_pem, "private_key": PKI.sender.key_pem, "client_id": "us",
        });
        self.fixture.functions.aws.put_secret(DIRECTORY_IDENTITY_SECRET, &document.to_string());
    }

    async fn after(&self, time: SignedDuration) {
        self.fixture.pass(time);
        self.fixture.review().await;
    }

    /// Who is not notified, and why.
    async fn suspended(&self) -> Vec<(&str, String)> {
        let mut suspended = Vec::new();
        for client in &self.clients {
            let shown = self.fixture.get(client).await.body;
            let is_suspended = shown["webhook"] == "suspended";
            assert!(is_suspended || shown["webhook"] == "enabled", "{shown}");
            assert_eq!(is_suspended, shown["suspension"].is_string(), "{shown}");
            assert!(shown["base_uri"].is_string(), "what was asked for stays known: {shown}");
            if let Some(suspension) = shown["suspension"].as_str() {
                suspended.push((client.as_str(), suspension.to_owned()));
            }
        }
        suspended
    }

    fn payment(&self, client: &str, resource: &str) -> Value {
        change(Endpoint::PixPayment, client, resource, self.fixture.functions.test_clock.now())
    }

    /// How intake takes a payment of each client.
    async fn taken(&self, resource: &str) -> Vec<String> {
        let intake = self.fixture.functions.intake();
        let changes: Vec<_> = self.clients.iter().map(|client| self.payment(client, resource)).collect();
        verdicts(&intake, &json!({ "changes": changes })).await.1
    }

    fn rows(&self) -> Vec<Option<Value>> {
        self.clients.iter().map(|client| self.fixture.row(client)).collect()
    }

    /// The list as it is kept, without its age.
    fn list(&self) -> Value {
        self.fixture.requeued(KEPT_LIST).unwrap()["bytes"].clone()
    }
}

fn suspended_once(client: &'static str, code: &str) -> Vec<(&'static str, String)> {
    vec![(client, code.to_owned())]
}

#[tokio::test]
async fn a_client_whose_organisation_withdraws_is_not_notified_until_it_is_active_again() {
    let market = Market::new().await;
    let functions = &market.fixture.functions;
    functions.put_identity(&PKI.sender);
    let now = functions.test_clock.now();
    let posted = StateChange::from_json(&market.payment("itp-0", "before"), "").unwrap();
    let waiting = AttemptMessage::first(posted, now).unwrap();
    market.after(SignedDuration::ZERO).await;
    assert_eq!(market.suspended().await, []);
    let since = market.fixture.get("itp-0").await.body["notifies_since"].clone();

    market.set_organisation("itp-0", "Withdrawn");
    market.after(LIST_REFRESH_INTERVAL).await;
    assert_eq!(market.suspended().await, suspended_once("itp-0", "organisation_not_active"));
    let expected = ["no_receiver", "accepted", "accepted", "accepted", "accepted"];
    assert_eq!(market.taken("meanwhile").await, expected);
    // What was accepted before it withdrew goes nowhere either.
    let dispatch = functions.dispatch(&functions.test_clock);
    assert_eq!(requeued(&dispatch, &[waiting.to_json()]).await, [0; 0]);
    let row = functions.aws.ledger_row(waiting.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("reason")), ("cancelled", "no_receiver"));

    market.set_organisation("itp-0", "Active");
    market.after(LIST_REFRESH_INTERVAL).await;
    assert_eq!(market.suspended().await, []);
    assert_eq!(market.taken("after").await, ["accepted"; 5]);
    assert_eq!(market.fixture.get("itp-0").await.body["notifies_since"], since);
}

#[tokio::test]
async fn a_call_that_is_passed_on_again_ends_no_suspension() {
    let market = Market::new().await;
    let called_at = json!({ "called_at": market.fixture.functions.test_clock.now().to_string() });
    let call = with(&market.fixture.with_uris("itp-0", &["https://localhost:1/itp-0/again"]), called_at);
    assert_eq!(market.fixture.put("itp-0", &call).await.body["webhook"], "enabled");
    market.set_organisation("itp-0", "Withdrawn");
    market.after(SignedDuration::from_mins(1)).await;
    let withdrawn = suspended_once("itp-0", "organisation_not_active");
    assert_eq!(market.suspended().await, withdrawn);
    let registered_at = market.fixture.get("itp-0").await.body["registered_at"].clone();
    assert_eq!(market.fixture.put("itp-0", &call).await.status, 200);
    assert_eq!(market.suspended().await, withdrawn);
    assert_eq!(market.fixture.get("itp-0").await.body["registered_at"], registered_at);
}

#[tokio::test]
async fn a_fresh_statement_ends_a_suspension_and_the_list_of_before_it_does_not_bring_it_back() {
    for recovered in [true, false] {
        let market = Market::new().await;
        market.set_organisation("itp-0", "Withdrawn");
        market.after(SignedDuration::ZERO).await;
        assert_eq!(market.suspended().await, suspended_once("itp-0", "organisation_not_active"));

        market.fixture.pass(SignedDuration::from_mins(1));
        market.register("itp-0", "second").await;
        assert_eq!(market.suspended().await, []);
        // The list that is kept is older than the statement; so is the last good one while no other can be had.
        market.after(SignedDuration::from_mins(5)).await;
        assert_eq!(market.suspended().await, []);
        market.fixture.mock.answer_always(PARTICIPANTS, Answer::status(StatusCode::BAD_GATEWAY));
        market.after(LIST_REFRESH_INTERVAL).await;
        assert_eq!(market.suspended().await, []);

        market.fixture.mock.answer_as_usual();
        if recovered {
            market.set_organisation("itp-0", "Active");
        }
        market.after(SignedDuration::from_mins(5)).await;
        let withdrawn = suspended_once("itp-0", "organisation_not_active");
        assert_eq!(market.suspended().await, if recovered { vec![] } else { withdrawn });
    }
}

#[tokio::test]
async fn a_software_that_the_api_shows_as_not_active_is_suspended_until_it_shows_it_as_active() {
    for status in ["Inactive", "Suspended"] {
        let market = Market::new().await;
        market.put_identity();
        market.set_software("itp-3", status);
        market.after(SignedDuration::ZERO).await;
        let not_active = suspended_once("itp-3", "software_not_active");
        assert_eq!(market.suspended().await, not_active);
        assert_eq!(market.taken("r").await[3], "no_receiver");
        assert_eq!((market.fixture.mock.count("/token"), market.fixture.mock.count(SOFTWARE)), (1, 5));

        // That it is hidden from then on says nothing.
        market.set_software("itp-3", "Active");
        market.fixture.mock.only_show_software_of(Some("us"));
        market.after(SignedDuration::from_mins(5)).await;
        assert_eq!(market.suspended().await, not_active);
        market.fixture.mock.only_show_software_of(None);
        market.after(HIDDEN).await;
        assert_eq!(market.suspended().await, []);
    }
}

#[tokio::test]
async fn an_api_that_shows_nothing_changes_nothing() {
    let market = Market::new().await;
    market.put_identity();
    let rows = market.rows();
    market.set_software("itp-0", "Inactive");
    market.fixture.mock.only_show_software_of(Some("us"));
    market.after(SignedDuration::ZERO).await;
    let statuses = |path: &str| -> Vec<u16> {
        market.fixture.mock.requests(path).iter().map(|request| request.status).collect()
    };
    assert_eq!(statuses(SOFTWARE), [403; 5]);
    market.fixture.mock.only_show_software_of(None);
    for client in &market.clients {
        market.fixture.mock.remove_software(&StatementClaims::of(client).software_id);
    }
    market.fixture.mock.forget_requests();
    market.after(HIDDEN).await;
    assert_eq!(statuses(SOFTWARE), [404; 5]);
    let answers = [
        Answer::status(StatusCode::TOO_MANY_REQUESTS),
        Answer::status(StatusCode::INTERNAL_SERVER_ERROR),
        Answer::status(StatusCode::NOT_MODIFIED),
        Answer::html(StatusCode::OK),
        Answer::garbage(),
        Answer::large(50 * 1024 * 1024),
        Answer::json(StatusCode::OK, &json!([{ "Status": "Inactive" }])),
        Answer::json(StatusCode::OK, &json!({ "Status": null, "ApiWebhookUri": null })),
        Answer::bytes(StatusCode::OK, r#"{"Status":"Active","Status":"Inactive"}"#),
    ];
    for answer in answers {
        for path in [SOFTWARE, "/token"] {
            market.fixture.mock.answer_always(path, answer.clone());
            market.fixture.mock.forget_requests();
            market.after(SignedDuration::from_mins(30)).await;
            assert_eq!(market.rows(), rows, "{path}: {answer:?}");
            assert!(market.fixture.mock.count(path) > 0, "{path}: {answer:?}");
            market.fixture.mock.answer_as_usual();
        }
    }
}

#[tokio::test]
async fn a_token_that_ends_before_its_time_is_replaced() {
    let market = Market::new().await;
    market.put_identity();
    market.after(SignedDuration::ZERO).await;
    market.set_software("itp-0", "Inactive");
    market.fixture.mock.revoke_tokens();
    market.after(SignedDuration::from_mins(5)).await;
    assert_eq!(market.suspended().await, [], "nothing was shown");
    assert_eq!(market.fixture.mock.count("/token"), 1);
    market.after(SignedDuration::ZERO).await;
    assert_eq!(market.suspended().await, suspended_once("itp-0", "software_not_active"));
    assert_eq!(market.fixture.mock.count("/token"), 2);
}

#[tokio::test]
async fn an_unreadable_list_suspends_nobody_and_the_last_good_list_stays() {
    let mut market = Market::new().await;
    // So that it is not the share that keeps them.
    market.fixture.functions.max_suspended_percent = 100;
    market.fixture.directory = market.fixture.functions.directory();
    market.set_organisation("itp-0", "Withdrawn");
    let list = |statuses: &[(&str, &str)]| {
        let entry = |(client, status): &(&str, &str)| json!({ "OrganisationId": StatementClaims::of(client).org_id, "Status": status });
        json!(statuses.iter().map(entry).collect::<Vec<_>>())
    };
    let good = list(&[("itp-0", "Withdrawn"), ("itp-1", "Active"), ("itp-2", "Active")]);
    // Without a version there is nothing to ask by: each answer is to a plain question.
    market.fixture.mock.answer_always(PARTICIPANTS, Answer::json(StatusCode::OK, &good));
    market.after(SignedDuration::ZERO).await;
    let (rows, kept) = (market.rows(), market.list());
    assert_eq!(market.suspended().await, suspended_once("itp-0", "organisation_not_active"));

    let bad = list(&[("itp-0", "Active"), ("itp-1", "Withdrawn"), ("itp-2", "Withdrawn")]);
    let half = bad.to_string();
    let answers = [
        ("304", Answer::status(StatusCode::NOT_MODIFIED)),
        ("429", Answer::status(StatusCode::TOO_MANY_REQUESTS)),
        ("500", Answer::status(StatusCode::INTERNAL_SERVER_ERROR)),
        ("503 with a list", Answer::json(StatusCode::SERVICE_UNAVAILABLE, &bad)),
        ("206 with a list", Answer::json(StatusCode::PARTIAL_CONTENT, &bad)),
        ("a page", Answer::html(StatusCode::OK)),
        ("50 MB", Answer::large(50 * 1024 * 1024)),
        ("half of it", Answer::half()),
        ("half of it as a whole", Answer::bytes(StatusCode::OK, half.split_at(half.len() / 2).0.to_owned())),
        ("garbage", Answer::garbage()),
        ("nothing", Answer::status(StatusCode::OK)),
        ("null", Answer::json(StatusCode::OK, &Value::Null)),
        ("an empty list", Answer::json(StatusCode::OK, &json!([]))),
        ("a list of nulls", Answer::json(StatusCode::OK, &json!([null, null]))),
        ("organisations without ids", Answer::json(StatusCode::OK, &json!([{ "Status": "Withdrawn" }]))),
        ("an object", Answer::json(StatusCode::OK, &json!({ "data": bad }))),
        ("a status that is no text", Answer::json(StatusCode::OK, &with_first(&bad, json!({ "Status": 7 })))),
        (
            "a status twice",
            Answer::bytes(StatusCode::OK, half.replacen("\"Status\"", "\"Status\":\"Active\",\"Status\"", 1)),
        ),
    ];
    for (what, answer) in answers {
        market.fixture.mock.answer_always(PARTICIPANTS, answer);
        market.fixture.mock.forget_requests();
        market.after(LIST_REFRESH_INTERVAL).await;
        assert_eq!((market.rows(), market.list()), (rows.clone(), kept.clone()), "{what}");
        assert_eq!(market.fixture.mock.count(PARTICIPANTS), 1, "{what}");
    }
}

fn with_first(list: &Value, members: Value) -> Value {
    let mut list = list.clone();
    list[0] = with(&list[0], members);
    list
}

#[tokio::test]
async fn an_organisation_that_is_listed_in_two_ways_or_not_at_all_is_left_as_it_is() {
    let listed = |client: &str, status: Value| json!({ "OrganisationId": StatementClaims::of(client).org_id, "Status": status });
    let (active, withdrawn) = (listed("itp-0", json!("Active")), listed("itp-0", json!("Withdrawn")));
    let other = listed("itp-1", json!("Active"));
    for (what, list, suspends) in [
        ("twice active", json!([active, active, other]), false),
        ("once active", json!([withdrawn, active, other]), false),
        ("once withdrawn", json!([active, withdrawn, active, other]), false),
        ("twice withdrawn", json!([withdrawn, withdrawn, other]), true),
        ("status null", json!([listed("itp-0", Value::Null), other]), false),
        (
            "withdrawn among nulls",
            json!([null, withdrawn, { "OrganisationId": null, "Status": null }, other]),
            true,
        ),
        ("not listed", json!([other]), false),
    ] {
        let market = Market::new().await;
        market.fixture.mock.answer_always(PARTICIPANTS, Answer::json(StatusCode::OK, &list));
        market.after(SignedDuration::ZERO).await;
        assert_eq!(!market.suspended().await.is_empty(), suspends, "{what}");

        // And who is suspended stays so.
        market
            .fixture
            .mock
            .answer_always(PARTICIPANTS, Answer::json(StatusCode::OK, &json!([withdrawn, other])));
        market.after(LIST_REFRESH_INTERVAL).await;
        assert_eq!(market.suspended().await.len(), 1);
        market.fixture.mock.answer_always(PARTICIPANTS, Answer::json(StatusCode::OK, &list));
        market.after(LIST_REFRESH_INTERVAL).await;
        assert_eq!(market.suspended().await.is_empty(), what == "twice active", "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_would_suspend_more_than_the_share_is_refused_and_counted() {
    let market = Market::of(6).await;
    market.set_organisation("itp-0", "Withdrawn");
    market.set_organisation("itp-1", "Withdrawn");
    let rows = market.rows();
    market.after(SignedDuration::ZERO).await;
    assert_eq!((market.suspended().await, market.rows()), (vec![], rows));
    assert_eq!(market.fixture.functions.metrics.values("SuspensionsRefused"), [2.0]);
    // One of them at a time is within the share each time: those that are suspended already are not counted.
    market.set_organisation("itp-1", "Active");
    market.after(LIST_REFRESH_INTERVAL).await;
    assert_eq!(market.suspended().await, suspended_once("itp-0", "organisation_not_active"));
    market.set_organisation("itp-1", "Withdrawn");
    market.after(LIST_REFRESH_INTERVAL).await;
    assert_eq!(market.suspended().await.len(), 2);
    assert_eq!(market.fixture.functions.metrics.values("SuspensionsRefused"), [2.0]);
}

#[tokio::test]
async fn one_client_of_a_few_can_be_suspended() {
    for count in [1, 2, 4] {
        let market = Market::of(count).await;
        market.set_organisation("itp-0", "Withdrawn");
        market.after(SignedDuration::ZERO).await;
        assert_eq!(market.suspended().await, suspended_once("itp-0", "organisation_not_active"), "{count}");
        assert_eq!(market.fixture.functions.metrics.values("SuspensionsRefused"), [0.0; 0], "{count}");
    }
}

#[tokio::test]
async fn the_list_is_asked_for_when_it_is_no_longer_fresh_and_by_its_version() {
    let market = Market::new().await;
    market.after(SignedDuration::ZERO).await;
    market.set_organisation("itp-0", "Withdrawn");
    let asked = || market.fixture.mock.requests(PARTICIPANTS);
    for (seconds, count, suspended) in [(300, 1, 0), (599, 1, 0), (1, 2, 1), (899, 2, 1), (1, 3, 1)] {
        market.after(SignedDuration::from_secs(seconds)).await;
        assert_eq!((asked().len(), market.suspended().await.len()), (count, suspended));
    }
    let statuses: Vec<_> = asked().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 200, 304]);
    assert!(asked()[0].header("if-none-match").is_none() && asked()[1].header("if-none-match").is_some());
}

#[tokio::test]
async fn clients_that_are_registered_anew_during_a_review_are_left_to_the_next_one() {
    let market = Market::of(10).await;
    let changed = ["itp-0", "itp-1"];
    for client in changed {
        market.set_organisation(client, "Withdrawn");
    }
    let held = market.fixture.functions.aws.holds_back("UpdateItem", RECEIVERS);
    market.fixture.pass(SignedDuration::from_secs(1));
    let ((), ()) = tokio::join!(market.fixture.review(), async {
        held.arrived().await;
        market.fixture.pass(SignedDuration::from_secs(1));
        for client in changed {
            market.register(client, "second").await;
        }
        held.release();
    });
    assert_eq!(market.suspended().await, []);
    for client in changed {
        let base_uri = market.fixture.get(client).await.body["base_uri"].clone();
        assert_eq!(base_uri, format!("https://localhost:1/{client}/second"));
    }
    market.after(LIST_REFRESH_INTERVAL).await;
    assert_eq!(market.suspended().await.len(), 2);
}

#[tokio::test]
async fn a_client_that_is_removed_during_a_review_does_not_come_back() {
    let market = Market::new().await;
    market.set_organisation("itp-0", "Withdrawn");
    let held = market.fixture.functions.aws.holds_back("UpdateItem", RECEIVERS);
    let ((), ()) = tokio::join!(market.fixture.review(), async {
        held.arrived().await;
        market.fixture.functions.remove("itp-0").await;
        held.release();
    });
    assert_eq!(market.fixture.get("itp-0").await.status, 404);
}

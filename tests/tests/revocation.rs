//! Revocation of receivers' certificates, against an authority that nobody here wrote: openssl's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use arauto::doctor::receiver::{Check, Verdict, judge};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use convention::address::AddressPolicy;
use convention::delivery::AttemptNumber;
use devkit::receiver::{MockReceiver, Settings};
use directory::fetch::Fetcher;
use directory::revocation::{CRL_LIMIT, ask_now};
use dispatch::Dispatch;
use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{AuthorityRow, Contents, GoodList, LeafRow, OcspStatus, Path, Serials};
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::json;
use tests::authority::{Answer, Authority, is_installed};
use tests::aws::{Fault, Functions, PKI, requeued};
use tests::skip;

const WEEK: i64 = 7 * 24 * 3600;
const RECEIVER: &str = "itp";
const HOST: &str = "itp.example";
const LATER: SignedDuration = SignedDuration::from_mins(5);

/// An authority, and the functions that ask it.
struct Fixture {
    authority: Authority,
    functions: Functions,
}

/// What is known of the receiver's certificate.
#[derive(Debug, PartialEq)]
struct Known {
    renewed_at: Timestamp,
    leaves: usize,
    authority: Option<AuthorityRow>,
    serials: Serials,
    leaf: Option<LeafRow>,
}

impl Known {
    /// The last good list.
    fn list(&self) -> Option<&GoodList> {
        let row = self.authority.as_ref()?;
        assert!(row.lists.len() <= 1);
        row.lists.first()?.good.as_ref()
    }

    fn status(&self) -> Option<OcspStatus> {
        self.leaf.as_ref()?.ocsp.as_ref().map(|ocsp| ocsp.status)
    }
}

impl Fixture {
    /// Starts an authority with a receiver; nothing where there is no openssl.
    async fn start() -> Option<Self> {
        if !is_installed() {
            skip::note("skipped: revocation is not tested without openssl").unwrap();
            return None;
        }
        let fixture = Self { authority: Authority::start().await.unwrap(), functions: Functions::default() };
        fixture.authority.receiver(RECEIVER).unwrap();
        fixture.authority.list(WEEK).unwrap();
        Some(fixture)
    }

    /// The same where the receiver was seen.
    async fn noted() -> Option<Self> {
        let fixture = Self::start().await?;
        fixture.note(&fixture.path()).await;
        Some(fixture)
    }

    async fn note(&self, path: &Path) -> Timestamp {
        let (store, now) = (self.functions.revocation_store(), self.functions.test_clock.now());
        store.note(HOST, path, now).await.unwrap()
    }

    fn path(&self) -> Path {
        self.authority.path(RECEIVER).unwrap()
    }

    /// Refreshes as the schedule does, and returns what is known then.
    async fn refresh(&self) -> Known {
        self.functions.test_clock.advance(LATER);
        directory::revocation::refresh(&self.functions.refresher()).await;
        self.known().await
    }

    /// What is known of the receiver.
    async fn known(&self) -> Known {
        let store = self.functions.revocation_store();
        let (contents, renewed_at) =
            store.contents().await.unwrap().unwrap_or_else(|| (Contents::default(), Timestamp::MIN));
        let (id, fingerprint) = (self.authority.issuer().unwrap().id(), self.path().fingerprint());
        let authority =
            store.authorities(std::slice::from_ref(&id)).await.unwrap().read.pop().map(|(.., row)| row);
        let leaf = store.leaves(&[fingerprint]).await.unwrap().read.pop().map(|(.., row)| row);
        let entry = authority.as_ref().and_then(|row| row.serials.clone());
        let serials = match entry {
            Some(entry) => store.serials(&id, &entry).await.unwrap().unwrap(),
            None => Serials::default(),
        };
        Known { renewed_at, leaves: contents.leaves.len(), authority, serials, leaf }
    }

    fn findings(&self) -> usize {
        self.functions.metrics.values("RevocationFindings").len()
    }

    /// Puts a row of these bytes into the directory table.
    async fn put_row(&self, name: &str, bytes: &[u8]) {
        let client = platform::aws::dynamodb(&self.functions.aws.sdk_config());
        let (name, bytes) = (AttributeValue::S(name.to_owned()), AttributeValue::B(Blob::new(bytes)));
        client
            .put_item()
            .table_name("directory")
            .item("name", name)
            .item("bytes", bytes)
            .send()
            .await
            .unwrap();
    }

    fn writes(&self) -> usize {
        self.functions.aws.calls().iter().filter(|call| call.operation == "PutItem").count()
    }
}

#[tokio::test]
async fn list_and_status_of_a_certificate_in_use_are_kept_and_renewed() {
    let Some(fixture) = Fixture::noted().await else { return };
    let first = fixture.refresh().await;
    let list = first.list().unwrap().clone();
    assert_eq!(first.authority.as_ref().unwrap().name, "CN=Authority of openssl");
    assert_eq!(first.status(), Some(OcspStatus::Good));
    assert_eq!(fixture.findings(), 0);
    // The list is the same: it is not sent again, and counts as fetched now.
    let before = fixture.writes();
    let second = fixture.refresh().await;
    assert_eq!(fixture.writes() - before, 3, "the authority, the leaf and the contents; no serials");
    assert_eq!(second.list().unwrap(), &GoodList { fetched_at: fixture.functions.test_clock.now(), ..list });
}

#[tokio::test]
async fn a_revoked_certificate_is_known_by_both_mechanisms() {
    let Some(fixture) = Fixture::noted().await else { return };
    let serial = fixture.path().links()[0].serial().unwrap();
    let before = fixture.refresh().await;
    assert!(!before.serials.contains(serial));
    fixture.authority.revoke(RECEIVER).unwrap();
    fixture.authority.list(WEEK).unwrap();
    let known = fixture.refresh().await;
    assert_ne!(known.list().unwrap().digest, before.list().unwrap().digest);
    assert!(known.serials.contains(serial));
    assert_eq!(known.status(), Some(OcspStatus::Revoked));
}

#[tokio::test]
async fn what_ocsp_called_revoked_stays_so_when_it_is_called_good_again() {
    let Some(fixture) = Fixture::noted().await else { return };
    fixture.authority.answers(Answer::Status(503), Answer::Openssl);
    fixture.authority.revoke(RECEIVER).unwrap();
    let serial = fixture.path().links()[0].serial().unwrap();
    assert!(fixture.refresh().await.serials.contains(serial), "wherever it was learnt");
    // The authority forgets that it revoked it.
    fixture.authority.forget_revocations().unwrap();
    fixture.authority.list(WEEK).unwrap();
    fixture.authority.answers(Answer::Openssl, Answer::Openssl);
    let known = fixture.refresh().await;
    assert!(known.list().is_some());
    assert!(known.serials.contains(serial));
    assert_eq!(known.status(), Some(OcspStatus::Revoked));
}

#[tokio::test]
async fn what_cannot_be_believed_leaves_the_last_good_list_in_place() {
    let Some(fixture) = Fixture::noted().await else { return };
    let stranger = Authority::start().await.unwrap();
    let good = fixture.authority.list(WEEK).unwrap();
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let short = fixture.authority.list(1).unwrap();
    // Made last, so that none of the others is refused for its age alone.
    fixture.authority.list(WEEK).unwrap();
    let kept = fixture.refresh().await.list().unwrap().clone();
    let mut findings = 0;
    for (what, answer) in [
        ("refused", Answer::Status(503)),
        ("forged", Answer::Bytes(forged)),
        ("of another authority", Answer::Bytes(stranger.list(WEEK).unwrap())),
        ("expired", Answer::Bytes(short)),
        ("too large", Answer::Bytes([good.clone(), vec![0; CRL_LIMIT]].concat())),
        ("with something behind it", Answer::Bytes([good.clone(), vec![0]].concat())),
        ("HTML", Answer::Bytes(b"<html>maintenance</html>".to_vec())),
        ("empty", Answer::Bytes(Vec::new())),
    ] {
        fixture.authority.answers(answer, Answer::Openssl);
        let known = fixture.refresh().await;
        assert_eq!(known.list(), Some(&kept), "{what}");
        assert_eq!(known.status(), Some(OcspStatus::Good), "{what}");
        findings += 1;
        assert_eq!(fixture.findings(), findings, "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_believed_leaves_the_last_status_in_place() {
    let Some(fixture) = Fixture::noted().await else { return };
    fixture.authority.receiver("other").unwrap();
    let good = fixture.refresh().await.leaf.unwrap().ocsp.unwrap();
    fixture.authority.revoke(RECEIVER).unwrap();
    for (what, answer) in [
        ("about another certificate", Answer::StatusOf("other")),
        ("by a responder whose certificate is forged", Answer::Forged),
        ("HTML", Answer::Bytes(b"<html>maintenance</html>".to_vec())),
        ("garbage", Answer::Bytes(vec![0x30, 0x82, 0xff, 0xff, 1])),
        ("empty", Answer::Bytes(Vec::new())),
        // OCSPResponse with the status tryLater.
        ("try later", Answer::Bytes(vec![0x30, 3, 0x0a, 1, 3])),
        ("broken", Answer::Status(500)),
    ] {
        fixture.authority.answers(Answer::Openssl, answer);
        let before = fixture.findings();
        let kept = fixture.refresh().await.leaf.unwrap().ocsp.unwrap();
        assert_eq!(kept, good, "{what}");
        assert_eq!(fixture.findings(), before + 1, "{what}");
    }
    fixture.authority.answers(Answer::Openssl, Answer::Openssl);
    assert_eq!(fixture.refresh().await.status(), Some(OcspStatus::Revoked));
}

#[tokio::test]
async fn two_hundred_thousand_serials_come_back_whole_from_several_rows() {
    let functions = Functions::default();
    let (store, now) = (functions.revocation_store(), functions.test_clock.now());
    let serials = Serials { revoked: (0..200_000).collect(), held: vec![vec![7], Vec::new()] };
    let entry = store.put_serials("a", &serials, None, now).await.unwrap();
    assert!(entry.parts > 3 && entry.bytes < 1_700_000, "{entry:?}");
    // The next generation stands beside it, as the one before may still be read; the one after that takes its place.
    let next = Serials { revoked: vec![1], held: Vec::new() };
    let second = store.put_serials("a", &next, Some(entry.clone()), now).await.unwrap();
    assert_eq!(store.serials("a", &entry).await.unwrap(), Some(serials));
    store.put_serials("a", &Serials::default(), Some(second.clone()), now).await.unwrap();
    assert_eq!(store.serials("a", &entry).await.unwrap(), None, "it is deleted");
    assert_eq!(store.serials("a", &second).await.unwrap(), Some(next));
    let entry = second;
    let short = mtls::revocation::SerialsEntry { parts: entry.parts - 1, ..entry };
    assert_eq!(store.serials("a", &short).await.unwrap(), None);
}

/// Posts one notification to a receiver with the authority's certificate; returns outcome and attempt's number.
async fn outcome(fixture: &Fixture, dispatch: &Arc<Dispatch>, resource: &str) -> String {
    let message = fixture.functions.payment("itp-1", resource);
    assert_eq!(message.attempt, AttemptNumber::FIRST);
    if !requeued(dispatch, &[message.to_json()]).await.is_empty() {
        return "kept".to_owned();
    }
    let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    row.attempt(1, "outcome").to_owned()
}

/// A receiver with the authority's certificate, and dispatch that trusts the authority.
async fn with_receiver(fixture: &Fixture) -> (MockReceiver, Arc<Dispatch>) {
    fixture.functions.put_identity(&PKI.sender);
    fixture.functions.aws.put_secret("trust", &fixture.authority.root_pem().unwrap());
    let identity = fixture.authority.receiver(RECEIVER).unwrap();
    let settings = Settings {
        answers: "202".parse().unwrap(),
        ..Settings::new(identity, PKI.sender_authority.root_pem())
    };
    let mock = MockReceiver::start(settings).await.unwrap();
    fixture.functions.register("itp-1", &mock.base_uri()).await;
    let dispatch = fixture.functions.dispatch(&fixture.functions.test_clock);
    dispatch.identities.prepare().await.unwrap();
    (mock, dispatch)
}

/// Lets idle connections go, so that the next exchange shakes hands.
async fn idle() {
    tokio::time::sleep(std::time::Duration::from_millis(4500)).await;
}

#[tokio::test]
async fn a_receiver_is_noted_then_checked_by_its_list_then_refused_once_it_is_revoked() {
    let Some(fixture) = Fixture::start().await else { return };
    let (_mock, dispatch) = with_receiver(&fixture).await;
    let fallbacks = || fixture.functions.metrics.values("RevocationFallbacks").len();

    assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
    assert_eq!(fallbacks(), 1, "nothing is known at first");
    assert_eq!(fixture.refresh().await.leaves, 1, "dispatch noted the path");

    // Another environment starts with what is known.
    let second = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &second, "p-2").await, "delivered");
    assert_eq!(fallbacks(), 1, "the list is current");

    fixture.authority.revoke(RECEIVER).unwrap();
    fixture.authority.list(WEEK).unwrap();
    fixture.refresh().await;
    let third = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &third, "p-3").await, "revoked");
    let servers = fixture.functions.parts(&fixture.functions.test_clock).servers;
    // The one that was warm learns it beside the first message that finds it time to look again.
    idle().await;
    second.identities.client(&servers.default_identity_owner()).await.unwrap();
    idle().await;
    assert_eq!(outcome(&fixture, &second, "p-4").await, "revoked");
}

/// What dispatch finds of a receiver when it examines it, about revocation: each verdict with its code and sentence.
async fn examined(
    dispatch: &Arc<Dispatch>,
    mock: &MockReceiver,
    now: Timestamp,
) -> Vec<(Verdict, String, String)> {
    let event = json!({ "task": "examine_receiver", "receiver": { "base_uri": mock.base_uri() } });
    let answer = dispatch.handle(serde_json::from_value(event).unwrap()).await;
    let mut answer = serde_json::to_value(answer).unwrap();
    let facts = serde_json::from_value(answer["examined"]["facts"].take()).unwrap();
    let of_revocation = judge(&facts, now).into_iter().filter(|one| one.check == Check::Revocation);
    of_revocation.map(|one| (one.verdict, one.code.unwrap_or_default(), one.what.en)).collect()
}

#[tokio::test]
async fn an_examination_tells_the_lists_and_statuses_that_dispatch_decides_by_and_notes_nothing() {
    let Some(fixture) = Fixture::start().await else { return };
    let (mock, dispatch) = with_receiver(&fixture).await;
    let writes = fixture.writes();
    let found = examined(&dispatch, &mock, fixture.functions.test_clock.now()).await;
    assert!(
        found.iter().any(|one| (one.0, one.1.as_str()) == (Verdict::MayFail, "revocation_unknown")),
        "{found:?}"
    );
    assert_eq!(fixture.writes(), writes, "nothing was noted");

    fixture.note(&fixture.path()).await;
    fixture.refresh().await;
    let second = fixture.functions.dispatch(&fixture.functions.test_clock);
    let found = examined(&second, &mock, fixture.functions.test_clock.now()).await;
    assert!(found.iter().all(|one| one.0 == Verdict::Ok), "{found:?}");
    assert!(
        found.iter().any(|one| one.2.contains("list 5 min old") || one.2.contains("OCSP says good")),
        "{found:?}"
    );
    assert!(found.iter().any(|one| one.2.contains("Dispatch accepts the path by crl")), "{found:?}");

    fixture.authority.revoke(RECEIVER).unwrap();
    fixture.authority.list(WEEK).unwrap();
    fixture.refresh().await;
    let third = fixture.functions.dispatch(&fixture.functions.test_clock);
    let found = examined(&third, &mock, fixture.functions.test_clock.now()).await;
    assert!(found.iter().any(|one| (one.0, one.1.as_str()) == (Verdict::WillFail, "revoked")), "{found:?}");
}

#[tokio::test]
async fn without_a_stack_the_authorities_are_asked_now_and_nothing_is_kept() {
    let Some(fixture) = Fixture::start().await else { return };
    let fetcher = || Arc::new(Fetcher::new(AddressPolicy::PublicAndLoopback, |client| client).unwrap());
    let ask = async || {
        let answers = ask_now(&fixture.path(), fetcher(), Rng::system(), Clock::system().now()).await;
        answers.into_iter().next().unwrap()
    };
    let own = ask().await;
    assert!(own.list.unwrap().unwrap().next_update > Clock::system().now());
    assert_eq!((own.status.unwrap().unwrap().status, own.revoked), (OcspStatus::Good, false));
    fixture.authority.revoke(RECEIVER).unwrap();
    fixture.authority.list(WEEK).unwrap();
    let own = ask().await;
    assert_eq!((own.status.unwrap().unwrap().status, own.revoked), (OcspStatus::Revoked, true));
    fixture.authority.answers(Answer::Status(404), Answer::Close);
    let own = ask().await;
    assert_eq!((own.list, own.status), (Some(Err("status")), Some(Err("network"))));
}

#[tokio::test]
async fn a_list_counts_until_its_next_update_although_its_source_is_away() {
    let Some(fixture) = Fixture::start().await else { return };
    fixture.authority.list(3 * 3600).unwrap();
    fixture.authority.answers(Answer::Openssl, Answer::Status(503));
    let (_mock, dispatch) = with_receiver(&fixture).await;
    assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
    fixture.refresh().await;
    let fallbacks = || fixture.functions.metrics.values("RevocationFallbacks").len();
    let before = fallbacks();
    fixture.authority.answers(Answer::Status(503), Answer::Status(503));
    // Two hours and a half later, long past any window that began with the last fetch.
    fixture.functions.test_clock.advance(SignedDuration::from_mins(150));
    fixture.refresh().await;
    let second = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &second, "p-2").await, "delivered");
    assert_eq!(fallbacks(), before + 1, "it is told that the list was not fetched for a while");
    // The window begins with its end.
    fixture.functions.test_clock.advance(SignedDuration::from_mins(60));
    fixture.refresh().await;
    let third = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &third, "p-3").await, "delivered");
    fixture.functions.test_clock.advance(SignedDuration::from_mins(20));
    fixture.refresh().await;
    let fourth = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &fourth, "p-4").await, "revocation_unknown");
}

#[tokio::test]
async fn ocsp_stands_in_for_a_list_that_cannot_be_had() {
    let Some(fixture) = Fixture::start().await else { return };
    let (_mock, dispatch) = with_receiver(&fixture).await;
    fixture.authority.answers(Answer::Status(503), Answer::Openssl);
    assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
    let known = fixture.refresh().await;
    assert_eq!((known.list(), known.status()), (None, Some(OcspStatus::Good)));
    // Long after the window of the first sight.
    for _ in 0..20 {
        fixture.refresh().await;
    }
    let second = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &second, "p-2").await, "delivered");
    assert_eq!(fixture.functions.metrics.values("RevocationFallbacks").len(), 2);

    // The answer is valid for a day (`-ndays 1`), and the window begins then.
    fixture.authority.answers(Answer::Status(503), Answer::Status(503));
    fixture.functions.test_clock.advance(SignedDuration::from_hours(23));
    fixture.refresh().await;
    let third = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &third, "p-3").await, "delivered");
    fixture.functions.test_clock.advance(SignedDuration::from_hours(2));
    fixture.refresh().await;
    let fourth = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &fourth, "p-4").await, "revocation_unknown");
}

#[tokio::test]
async fn a_table_that_does_not_answer_costs_no_attempt() {
    let Some(fixture) = Fixture::start().await else { return };
    let (mock, dispatch) = with_receiver(&fixture).await;
    let of_directory = |input: &serde_json::Value| input["TableName"] == "directory";
    for operation in ["GetItem", "BatchGetItem", "PutItem"] {
        fixture.functions.aws.fails_where(operation, of_directory, Fault::DENIED);
    }
    assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
    // Within the window it goes on; after it, messages are kept and nothing is booked on the receiver.
    fixture.functions.test_clock.advance(SignedDuration::from_mins(59));
    assert_eq!(outcome(&fixture, &dispatch, "p-2").await, "delivered");
    fixture.functions.test_clock.advance(SignedDuration::from_mins(2));
    assert_eq!(outcome(&fixture, &dispatch, "p-3").await, "kept");
    assert_eq!(mock.count(), 2);
    fixture.functions.aws.recovers();
    fixture.refresh().await;
    assert_eq!(outcome(&fixture, &dispatch, "p-3").await, "delivered", "the outage was ours");
}

#[tokio::test]
async fn a_directory_function_that_stands_still_costs_no_attempt() {
    let Some(fixture) = Fixture::start().await else { return };
    fixture.authority.list(1800).unwrap();
    fixture.authority.answers(Answer::Openssl, Answer::Status(503));
    let (mock, dispatch) = with_receiver(&fixture).await;
    assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
    fixture.refresh().await;
    // Nothing renews what is known any more, though the table answers. The list is good for half an hour, then the window runs.
    fixture.functions.test_clock.advance(SignedDuration::from_mins(80));
    let fresh = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(outcome(&fixture, &fresh, "p-2").await, "delivered");
    fixture.functions.test_clock.advance(SignedDuration::from_mins(15));
    idle().await;
    for dispatch in [&dispatch, &fresh, &fixture.functions.dispatch(&fixture.functions.test_clock)] {
        assert_eq!(outcome(&fixture, dispatch, "p-3").await, "kept");
    }
    assert_eq!(mock.count(), 2);
    fixture.authority.list(WEEK).unwrap();
    fixture.refresh().await;
    assert_eq!(outcome(&fixture, &dispatch, "p-3").await, "delivered");
}

#[tokio::test]
async fn where_no_authority_can_be_reached_messages_are_kept_and_nothing_is_renewed() {
    let Some(fixture) = Fixture::start().await else { return };
    fixture.authority.list(1800).unwrap();
    let (mock, dispatch) = with_receiver(&fixture).await;
    assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
    let renewed_at = fixture.refresh().await.renewed_at;
    // Port 80 is closed: nobody answers, at no address.
    fixture.authority.answers(Answer::Close, Answer::Close);
    for _ in 0..20 {
        assert_eq!(fixture.refresh().await.renewed_at, renewed_at);
    }
    assert_eq!(fixture.functions.metrics.values("RevocationSourcesUnreachable").len(), 20);
    fixture.functions.test_clock.advance(SignedDuration::from_hours(24));
    let second = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(
        outcome(&fixture, &second, "p-2").await,
        "kept",
        "that is our network's fault, not the receiver's"
    );
    assert_eq!(mock.count(), 1);
    fixture.authority.answers(Answer::Openssl, Answer::Openssl);
    fixture.authority.list(WEEK).unwrap();
    fixture.refresh().await;
    assert_eq!(outcome(&fixture, &second, "p-2").await, "delivered");
}

/// A proxy of ours answers for everybody, in each of the ways that it may; what three authorities have in common is us.
#[tokio::test]
async fn where_a_proxy_answers_for_three_authorities_messages_are_kept_and_nothing_is_renewed() {
    let page = b"<html><body>Blocked by policy</body></html>".to_vec();
    for answer in [Answer::Status(403), Answer::Status(302), Answer::Bytes(page)] {
        let Some(fixture) = Fixture::start().await else { return };
        fixture.authority.list(1800).unwrap();
        let (mock, dispatch) = with_receiver(&fixture).await;
        assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
        let mut others = Vec::new();
        for _ in 0..2 {
            let other = Authority::start().await.unwrap();
            other.receiver(RECEIVER).unwrap();
            other.list(WEEK).unwrap();
            fixture.note(&other.path(RECEIVER).unwrap()).await;
            others.push(other);
        }
        let renewed_at = fixture.refresh().await.renewed_at;
        for authority in others.iter().chain([&fixture.authority]) {
            authority.answers(answer.clone(), answer.clone());
        }
        assert_eq!(fixture.refresh().await.renewed_at, renewed_at);
        assert_eq!(fixture.functions.metrics.values("RevocationSourcesUnreachable"), [1.0]);
        fixture.functions.test_clock.advance(SignedDuration::from_hours(48));
        let second = fixture.functions.dispatch(&fixture.functions.test_clock);
        assert_eq!(outcome(&fixture, &second, "p-2").await, "kept");
        assert_eq!(mock.count(), 1);
        // One that has a list to show is enough: the others are at fault themselves.
        others[0].answers(Answer::Openssl, Answer::Openssl);
        others[0].list(WEEK).unwrap();
        assert_eq!(fixture.refresh().await.renewed_at, fixture.functions.test_clock.now());
        assert_eq!(fixture.functions.metrics.values("RevocationSourcesUnreachable"), [1.0]);
    }
}

#[tokio::test]
async fn rows_that_cannot_be_read_cost_themselves_alone_and_are_mended() {
    let Some(fixture) = Fixture::noted().await else { return };
    fixture.authority.receiver("other").unwrap();
    let other = fixture.authority.path("other").unwrap();
    fixture.refresh().await;
    let issuer = fixture.authority.issuer().unwrap().id();
    for name in ["revocation".to_owned(), format!("path#{}", other.row()), format!("authority#{issuer}")] {
        fixture.put_row(&name, b"broken").await;
    }
    let known = fixture.refresh().await;
    assert_eq!(known.status(), Some(OcspStatus::Good));
    assert!(known.list().is_some(), "it was asked for anew");
    assert_eq!(known.leaves, 1);
    assert!(fixture.functions.metrics.values("RevocationRowsBroken").len() >= 3);
    // It is mended by whoever meets the receiver.
    assert_eq!(fixture.note(&other).await, fixture.functions.test_clock.now());
    assert_eq!(fixture.refresh().await.leaves, 2);
}

#[tokio::test]
async fn one_authoritys_row_that_is_too_large_or_broken_stops_no_other_receiver() {
    let Some(fixture) = Fixture::start().await else { return };
    let (_mock, dispatch) = with_receiver(&fixture).await;
    assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
    // Another authority names its list's version in 392 KB.
    let other = Authority::start().await.unwrap();
    other.receiver(RECEIVER).unwrap();
    other.list(WEEK).unwrap();
    other.names_versions_by(392 * 1024);
    fixture.note(&other.path(RECEIVER).unwrap()).await;
    for _ in 0..3 {
        let known = fixture.refresh().await;
        assert_eq!(known.renewed_at, fixture.functions.test_clock.now());
        assert_eq!((known.leaves, known.status()), (2, Some(OcspStatus::Good)));
    }
    // Rows that somebody broke keep dispatch from nothing but their own receivers, and are mended by the next run.
    let issuer = other.issuer().unwrap().id();
    let store = fixture.functions.revocation_store();
    let row = store.authorities(std::slice::from_ref(&issuer)).await.unwrap().read.pop().unwrap().2;
    let serials = row.serials.unwrap().digest;
    for name in [format!("authority#{issuer}"), format!("serials#{issuer}#{serials}#0")] {
        fixture.put_row(&name, &vec![0; 300_000]).await;
        let second = fixture.functions.dispatch(&fixture.functions.test_clock);
        assert_eq!(outcome(&fixture, &second, &format!("p-{}", name.len())).await, "delivered");
        let known = fixture.refresh().await;
        assert_eq!((known.leaves, known.status()), (2, Some(OcspStatus::Good)));
        let row = store.authorities(std::slice::from_ref(&issuer)).await.unwrap().read.pop().unwrap().2;
        assert!(row.lists.iter().all(|list| list.good.is_some()), "{name}");
        assert!(store.serials(&issuer, &row.serials.unwrap()).await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test]
async fn an_environment_that_could_not_read_yet_refuses_nobody() {
    let Some(fixture) = Fixture::start().await else { return };
    let (_mock, dispatch) = with_receiver(&fixture).await;
    assert_eq!(outcome(&fixture, &dispatch, "p-1").await, "delivered");
    fixture.refresh().await;
    // The receiver is known for long when an environment starts that cannot read, though it can write.
    for _ in 0..20 {
        fixture.refresh().await;
    }
    let of_directory = |input: &serde_json::Value| input["TableName"] == "directory";
    for operation in ["GetItem", "BatchGetItem"] {
        fixture.functions.aws.fails_where(operation, of_directory, Fault::DENIED);
    }
    let fresh = fixture.functions.dispatch(&fixture.functions.test_clock);
    for payment in ["p-2", "p-3"] {
        assert_eq!(outcome(&fixture, &fresh, payment).await, "delivered");
        // The path's row has answered, and the next exchange shakes hands.
        idle().await;
    }
    fixture.functions.test_clock.advance(SignedDuration::from_mins(61));
    assert_eq!(outcome(&fixture, &fresh, "p-4").await, "kept");
    fixture.functions.aws.recovers();
    fixture.refresh().await;
    assert_eq!(outcome(&fixture, &fresh, "p-4").await, "delivered");

    // The same where the contents can be read and the rows cannot.
    fixture.functions.aws.fails_where("BatchGetItem", of_directory, Fault::DENIED);
    let fresh = fixture.functions.dispatch(&fixture.functions.test_clock);
    for payment in ["p-5", "p-6"] {
        assert_eq!(outcome(&fixture, &fresh, payment).await, "delivered");
        idle().await;
    }
}

#[tokio::test]
async fn a_responder_that_hangs_keeps_no_list_waiting_and_a_list_that_hangs_no_status() {
    let Some(fixture) = Fixture::noted().await else { return };
    for name in ["a", "b", "c", "d", "e", "f"].map(|name| format!("other-{name}")) {
        fixture.authority.receiver(&name).unwrap();
        fixture.note(&fixture.authority.path(&name).unwrap()).await;
    }
    let refresh = async || {
        fixture.functions.test_clock.advance(LATER);
        let budget = std::time::Duration::from_secs(2);
        let mut refresher = fixture.functions.refresher();
        refresher.budget = budget;
        directory::revocation::refresh(&refresher).await;
        fixture.known().await
    };
    fixture.authority.answers(Answer::Openssl, Answer::Never);
    for _ in 0..2 {
        let known = refresh().await;
        assert_eq!(known.list().unwrap().fetched_at, fixture.functions.test_clock.now());
        assert_eq!(known.status(), None);
    }
    let asked = fixture.authority.asked();
    assert_eq!(asked.iter().filter(|path| *path == "/ocsp").count(), 2 * 4, "four of one host at once");
    fixture.authority.answers(Answer::Never, Answer::Openssl);
    for _ in 0..3 {
        refresh().await;
    }
    let known = fixture.known().await;
    assert!(known.list().unwrap().fetched_at < fixture.functions.test_clock.now());
    assert_eq!(known.status(), Some(OcspStatus::Good));
}

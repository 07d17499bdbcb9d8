//! Revocation of receivers' certificates, against an authority that nobody here wrote: openssl's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use arauto::receiver::{Settings, Twin};
use directory::revocation::Refresher;
use dispatch::Dispatch;
use jiff::SignedDuration;
use tests::authority::{Answer, Authority, is_installed};
use tests::aws::{Fault, Functions, PKI, kept};
use tests::skip;
use webhook::delivery::AttemptNumber;
use webhook::revocation::{CRL_LIMIT, Chain, CrlEntry, Index, OcspStatus};

const WEEK: i64 = 7 * 24 * 3600;
const RECEIVER: &str = "itp";
const LATER: SignedDuration = SignedDuration::from_mins(5);

/// An authority, and the functions that ask it.
struct Bench {
    authority: Authority,
    functions: Functions,
}

impl Bench {
    /// Starts an authority whose receiver was noted; nothing where there is no openssl.
    async fn start() -> Option<Self> {
        if !is_installed() {
            skip::note("skipped: revocation is not tested without openssl").unwrap();
            return None;
        }
        let bench = Self { authority: Authority::start().await.unwrap(), functions: Functions::default() };
        bench.authority.receiver(RECEIVER).unwrap();
        bench.authority.list(WEEK).unwrap();
        Some(bench)
    }

    async fn noted() -> Option<Self> {
        let bench = Self::start().await?;
        let store = bench.functions.revocation_store();
        store.note(&bench.chain(), bench.functions.hands.now()).await.unwrap();
        Some(bench)
    }

    fn chain(&self) -> Chain {
        self.authority.chain(RECEIVER).unwrap()
    }

    /// Refreshes as the schedule does, and returns what is known then.
    async fn refresh(&self) -> Index {
        self.functions.hands.advance(LATER);
        directory::revocation::refresh(&self.functions.refresher()).await;
        self.functions.revocation_store().index().await.unwrap().map(|(index, _)| index).unwrap_or_default()
    }

    fn status(&self, index: &Index) -> Option<OcspStatus> {
        index.chains[&self.chain().fingerprint()].ocsp.as_ref().map(|ocsp| ocsp.status)
    }

    fn findings(&self) -> usize {
        self.functions.metrics.values("RevocationFindings").len()
    }
}

fn list(index: &Index) -> Option<&CrlEntry> {
    assert!(index.crls.len() <= 1);
    index.crls.values().next()
}

#[tokio::test]
async fn list_and_status_of_a_certificate_in_use_are_kept_and_renewed() {
    let Some(bench) = Bench::noted().await else { return };
    let first = bench.refresh().await;
    let kept = list(&first).unwrap();
    assert_eq!(kept.issuer, "CN=Authority of openssl");
    assert_eq!(bench.status(&first), Some(OcspStatus::Good));
    assert_eq!(bench.findings(), 0);
    let (row, entry) = first.crls.first_key_value().unwrap();
    let store = bench.functions.revocation_store();
    assert!(store.crl(row, entry).await.unwrap().is_some());

    // The list is the same: it is not sent again, and counts as fetched now.
    let writes =
        |bench: &Bench| bench.functions.aws.calls().iter().filter(|call| call.operation == "PutItem").count();
    let before = writes(&bench);
    let second = bench.refresh().await;
    assert_eq!(writes(&bench) - before, 1, "the index alone is written");
    assert_eq!(list(&second).unwrap(), &CrlEntry { fetched_at: bench.functions.hands.now(), ..kept.clone() });
}

#[tokio::test]
async fn a_revoked_certificate_is_known_by_both_mechanisms() {
    let Some(bench) = Bench::noted().await else { return };
    let before = list(&bench.refresh().await).unwrap().digest.clone();
    bench.authority.revoke(RECEIVER).unwrap();
    bench.authority.list(WEEK).unwrap();
    let index = bench.refresh().await;
    assert_ne!(list(&index).unwrap().digest, before);
    assert_eq!(bench.status(&index), Some(OcspStatus::Revoked));
}

#[tokio::test]
async fn what_cannot_be_believed_leaves_the_last_good_list_in_place() {
    let Some(bench) = Bench::noted().await else { return };
    let stranger = Authority::start().await.unwrap();
    let good = bench.authority.list(WEEK).unwrap();
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let short = bench.authority.list(1).unwrap();
    // Made last, so that none of the others is refused for its age alone.
    bench.authority.list(WEEK).unwrap();
    let kept = list(&bench.refresh().await).unwrap().clone();
    let mut findings = 0;
    for (what, answer) in [
        ("unreachable", Answer::Status(503)),
        ("forged", Answer::Bytes(forged)),
        ("of another authority", Answer::Bytes(stranger.list(WEEK).unwrap())),
        ("expired", Answer::Bytes(short)),
        ("too large", Answer::Bytes([good.clone(), vec![0; CRL_LIMIT]].concat())),
        ("with something behind it", Answer::Bytes([good.clone(), vec![0]].concat())),
        ("HTML", Answer::Bytes(b"<html>maintenance</html>".to_vec())),
        ("empty", Answer::Bytes(Vec::new())),
    ] {
        bench.authority.answers(answer, Answer::Openssl);
        let index = bench.refresh().await;
        assert_eq!(list(&index), Some(&kept), "{what}");
        assert_eq!(bench.status(&index), Some(OcspStatus::Good), "{what}");
        findings += 1;
        assert_eq!(bench.findings(), findings, "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_believed_leaves_the_last_status_in_place() {
    let Some(bench) = Bench::noted().await else { return };
    bench.authority.receiver("other").unwrap();
    let good = bench.refresh().await.chains[&bench.chain().fingerprint()].ocsp.clone().unwrap();
    bench.authority.revoke(RECEIVER).unwrap();
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
        bench.authority.answers(Answer::Openssl, answer);
        let before = bench.findings();
        let index = bench.refresh().await;
        let kept = index.chains[&bench.chain().fingerprint()].ocsp.clone().unwrap();
        assert_eq!(kept, good, "{what}");
        assert_eq!(bench.findings(), before + 1, "{what}");
    }
    bench.authority.answers(Answer::Openssl, Answer::Openssl);
    assert_eq!(bench.status(&bench.refresh().await), Some(OcspStatus::Revoked));
}

#[tokio::test]
async fn a_list_over_several_rows_comes_back_whole() {
    let functions = Functions::default();
    let (store, now) = (functions.revocation_store(), functions.hands.now());
    let long: Vec<u8> = (0..CRL_LIMIT).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
    let parts = store.put_crl("crl#1", &long, now).await.unwrap();
    assert!(parts > 10);
    let mut entry = CrlEntry {
        issuer: String::new(),
        digest: webhook::revocation::sha256_hex(&long),
        bytes: long.len(),
        parts,
        written_at: now,
        fetched_at: now,
        this_update: now,
        next_update: now,
        url: String::new(),
        etag: None,
    };
    assert_eq!(store.crl("crl#1", &entry).await.unwrap(), Some(long));
    // The next one stands beside it, until the index speaks of that.
    store.put_crl("crl#1", b"next", now).await.unwrap();
    assert!(store.crl("crl#1", &entry).await.unwrap().is_some());
    entry.parts -= 1;
    assert_eq!(store.crl("crl#1", &entry).await.unwrap(), None);
}

/// Posts one notification to a receiver with the authority's certificate; returns outcome and attempt's number.
async fn outcome(bench: &Bench, dispatch: &Arc<Dispatch>, resource: &str) -> String {
    let message = bench.functions.payment("itp-1", resource);
    assert_eq!(message.attempt, AttemptNumber::FIRST);
    if !kept(dispatch, &[message.to_json()]).await.is_empty() {
        return "kept".to_owned();
    }
    let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    row.attempt(1, "outcome").to_owned()
}

/// A receiver with the authority's certificate, and dispatch that trusts the authority.
async fn with_receiver(bench: &Bench) -> (Twin, Arc<Dispatch>) {
    bench.functions.put_identity(&PKI.sender);
    bench.functions.aws.put_secret("trust", &bench.authority.root_pem().unwrap());
    let identity = bench.authority.receiver(RECEIVER).unwrap();
    let settings = Settings {
        answers: "202".parse().unwrap(),
        ..Settings::new(identity, PKI.sender_authority.root_pem())
    };
    let twin = Twin::start(settings).await.unwrap();
    bench.functions.register("itp-1", &twin.base_uri()).await;
    let dispatch = bench.functions.dispatch(&bench.functions.hands);
    dispatch.sender.prepare().await.unwrap();
    (twin, dispatch)
}

/// Lets idle connections go, so that the next exchange shakes hands.
async fn idle() {
    tokio::time::sleep(std::time::Duration::from_millis(4500)).await;
}

#[tokio::test]
async fn a_receiver_is_noted_then_checked_by_its_list_then_refused_once_it_is_revoked() {
    let Some(bench) = Bench::start().await else { return };
    let (_twin, dispatch) = with_receiver(&bench).await;
    let fallbacks = || bench.functions.metrics.values("RevocationFallbacks").len();

    assert_eq!(outcome(&bench, &dispatch, "p-1").await, "delivered");
    assert_eq!(fallbacks(), 1, "nothing is known at first");
    let index = bench.refresh().await;
    assert_eq!(index.chains.len(), 1, "dispatch noted the chain");

    // Another environment starts with what is known.
    let second = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(outcome(&bench, &second, "p-2").await, "delivered");
    assert_eq!(fallbacks(), 1, "the list is current");

    bench.authority.revoke(RECEIVER).unwrap();
    bench.authority.list(WEEK).unwrap();
    bench.refresh().await;
    let third = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(outcome(&bench, &third, "p-3").await, "revoked");
    // The one that was warm learns it beside the first message that finds it time to look again.
    idle().await;
    second.sender.client(&second.servers.default_identity_owner()).await.unwrap();
    idle().await;
    assert_eq!(outcome(&bench, &second, "p-4").await, "revoked");
}

#[tokio::test]
async fn ocsp_stands_in_for_a_list_that_cannot_be_had() {
    let Some(bench) = Bench::start().await else { return };
    let (_twin, dispatch) = with_receiver(&bench).await;
    bench.authority.answers(Answer::Status(503), Answer::Openssl);
    assert_eq!(outcome(&bench, &dispatch, "p-1").await, "delivered");
    let index = bench.refresh().await;
    assert_eq!((list(&index), bench.status(&index)), (None, Some(OcspStatus::Good)));
    // Long after the window of the first sight.
    for _ in 0..20 {
        bench.refresh().await;
    }
    let second = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(outcome(&bench, &second, "p-2").await, "delivered");
    assert_eq!(bench.functions.metrics.values("RevocationFallbacks").len(), 2);

    bench.authority.answers(Answer::Status(503), Answer::Status(503));
    for _ in 0..12 {
        bench.refresh().await;
    }
    let third = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(outcome(&bench, &third, "p-3").await, "delivered", "an hour is within the window");
    bench.refresh().await;
    let fourth = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(outcome(&bench, &fourth, "p-4").await, "revocation_unknown");
}

#[tokio::test]
async fn a_table_that_does_not_answer_costs_no_attempt() {
    let Some(bench) = Bench::start().await else { return };
    let (twin, dispatch) = with_receiver(&bench).await;
    let of_directory = |input: &serde_json::Value| input["TableName"] == "directory";
    bench.functions.aws.fails_where("GetItem", of_directory, Fault::DENIED);
    bench.functions.aws.fails_where("PutItem", of_directory, Fault::DENIED);
    assert_eq!(outcome(&bench, &dispatch, "p-1").await, "delivered");
    // Within the window it goes on; after it, messages are kept and nothing is booked on the receiver.
    bench.functions.hands.advance(SignedDuration::from_mins(59));
    assert_eq!(outcome(&bench, &dispatch, "p-2").await, "delivered");
    bench.functions.hands.advance(SignedDuration::from_mins(2));
    assert_eq!(outcome(&bench, &dispatch, "p-3").await, "kept");
    assert_eq!(twin.count(), 2);
    bench.functions.aws.recovers();
    bench.refresh().await;
    assert_eq!(outcome(&bench, &dispatch, "p-3").await, "delivered", "the outage was ours");
}

#[tokio::test]
async fn a_directory_function_that_stands_still_costs_no_attempt() {
    let Some(bench) = Bench::start().await else { return };
    let (twin, dispatch) = with_receiver(&bench).await;
    assert_eq!(outcome(&bench, &dispatch, "p-1").await, "delivered");
    bench.refresh().await;
    // Nothing writes the index any more, though the table answers: environments that look at it, old and new, wait for it.
    bench.functions.hands.advance(SignedDuration::from_mins(58));
    let fresh = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(outcome(&bench, &fresh, "p-2").await, "delivered");
    bench.functions.hands.advance(SignedDuration::from_mins(3));
    idle().await;
    for dispatch in [&dispatch, &fresh, &bench.functions.dispatch(&bench.functions.hands)] {
        assert_eq!(outcome(&bench, dispatch, "p-3").await, "kept");
    }
    assert_eq!(twin.count(), 2);
    bench.refresh().await;
    assert_eq!(outcome(&bench, &dispatch, "p-3").await, "delivered");
}

#[tokio::test]
async fn rows_that_cannot_be_read_cost_their_own_chain_alone() {
    let Some(bench) = Bench::noted().await else { return };
    let sdk = bench.functions.aws.sdk_config();
    let client = webhook::aws::dynamodb(&sdk);
    let broken = |name: &str| {
        use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
        let (name, bytes) = (AttributeValue::S(name.to_owned()), AttributeValue::B(Blob::new("broken")));
        client.put_item().table_name("directory").item("name", name).item("bytes", bytes).send()
    };
    bench.authority.receiver("other").unwrap();
    let other = bench.authority.chain("other").unwrap();
    for name in ["revocation".to_owned(), format!("chain#{}", other.fingerprint())] {
        broken(&name).await.unwrap();
    }
    let index = bench.refresh().await;
    assert_eq!(bench.status(&index), Some(OcspStatus::Good));
    assert_eq!(index.chains.len(), 1);

    // It is mended by whoever meets the chain.
    let (store, now) = (bench.functions.revocation_store(), bench.functions.hands.now());
    assert_eq!(store.note(&other, now).await.unwrap(), now);
    assert_eq!(bench.refresh().await.chains.len(), 2);
}

#[tokio::test]
async fn an_environment_that_could_not_read_yet_refuses_nobody() {
    let Some(bench) = Bench::start().await else { return };
    let (_twin, dispatch) = with_receiver(&bench).await;
    assert_eq!(outcome(&bench, &dispatch, "p-1").await, "delivered");
    bench.refresh().await;
    // The receiver is known for long when an environment starts that cannot read, though it can write.
    for _ in 0..20 {
        bench.refresh().await;
    }
    let of_directory = |input: &serde_json::Value| input["TableName"] == "directory";
    bench.functions.aws.fails_where("GetItem", of_directory, Fault::DENIED);
    let fresh = bench.functions.dispatch(&bench.functions.hands);
    for payment in ["p-2", "p-3"] {
        assert_eq!(outcome(&bench, &fresh, payment).await, "delivered");
        // The chain's row has answered, and the next exchange shakes hands.
        idle().await;
    }
    bench.functions.hands.advance(SignedDuration::from_mins(61));
    assert_eq!(outcome(&bench, &fresh, "p-4").await, "kept");
    bench.functions.aws.recovers();
    bench.refresh().await;
    assert_eq!(outcome(&bench, &fresh, "p-4").await, "delivered");

    // The same where the index can be read and a list cannot.
    let of_list = |input: &serde_json::Value| {
        input["Key"]["name"]["S"].as_str().is_some_and(|name| name.starts_with("crl#"))
    };
    bench.functions.aws.fails_where("GetItem", of_list, Fault::DENIED);
    bench.authority.answers(Answer::Openssl, Answer::Status(503));
    for _ in 0..20 {
        bench.refresh().await;
    }
    let fresh = bench.functions.dispatch(&bench.functions.hands);
    for payment in ["p-5", "p-6"] {
        assert_eq!(outcome(&bench, &fresh, payment).await, "delivered");
        idle().await;
    }
}

#[tokio::test]
async fn a_responder_that_hangs_keeps_no_list_waiting_and_a_list_that_hangs_no_status() {
    let Some(bench) = Bench::noted().await else { return };
    let store = bench.functions.revocation_store();
    for name in ["a", "b", "c", "d", "e", "f"].map(|name| format!("other-{name}")) {
        bench.authority.receiver(&name).unwrap();
        let chain = bench.authority.chain(&name).unwrap();
        store.note(&chain, bench.functions.hands.now()).await.unwrap();
    }
    let refresh = async || {
        bench.functions.hands.advance(LATER);
        let budget = std::time::Duration::from_secs(2);
        directory::revocation::refresh(&Refresher { budget, ..bench.functions.refresher() }).await;
        bench.functions.revocation_store().index().await.unwrap().unwrap().0
    };
    bench.authority.answers(Answer::Openssl, Answer::Never);
    for _ in 0..2 {
        let index = refresh().await;
        assert_eq!(list(&index).unwrap().fetched_at, bench.functions.hands.now());
        assert_eq!(bench.status(&index), None);
    }
    let asked = bench.authority.asked();
    assert_eq!(asked.iter().filter(|path| *path == "/ocsp").count(), 2 * 4, "four of one host at once");
    bench.authority.answers(Answer::Never, Answer::Openssl);
    let index = refresh().await;
    assert!(list(&index).unwrap().fetched_at < bench.functions.hands.now());
    assert!(index.chains.values().any(|chain| chain.ocsp.is_some()));
}

#[tokio::test]
async fn a_chain_with_another_intermediate_has_its_lists_asked_for_and_is_no_newer() {
    let Some(bench) = Bench::noted().await else { return };
    let (store, first) = (bench.functions.revocation_store(), bench.functions.hands.now());
    let index = bench.refresh().await;
    let name = bench.chain().fingerprint();
    assert_eq!(index.chains[&name].lists, bench.chain().lists());

    // One of another authority stands in for an intermediate that names another list.
    let other = Authority::start().await.unwrap();
    other.receiver(RECEIVER).unwrap();
    let other = other.chain(RECEIVER).unwrap();
    let both = [bench.chain(), other].iter().flat_map(Chain::to_bytes).collect::<Vec<_>>();
    let changed = Chain::from_bytes(&both).unwrap();
    assert_eq!(changed.fingerprint(), name);
    assert_ne!(changed.lists(), bench.chain().lists());
    for _ in 0..2 {
        bench.functions.hands.advance(LATER);
        assert_eq!(store.note(&changed, bench.functions.hands.now()).await.unwrap(), first);
    }
    let index = bench.refresh().await;
    assert_eq!(index.chains[&name].lists, changed.lists());
    assert_eq!(index.chains[&name].first_seen, first);
}

//! What is read by one key: registrations with their marks, fetched documents, secrets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use convention::address::AddressPolicy;
use convention::delivery::{AttemptNumber, SlowReceiver};
use convention::directory::{ClientState, Receiver, Registration, Removal, Settings};
use convention::notification::{ClientId, ReceiverKey};
use jiff::{SignedDuration, Timestamp};
use platform::aws::{
    DirectoryTable, Document, RECEIVER_CACHE_TTL, Receivers, SecretError, Secrets, dynamodb, secrets_manager,
};
use platform::clock::Clock;
use tests::world::{now, tag};

use super::{Backend, SECRET};

pub(super) async fn suite(backend: &Backend) {
    a_registration_is_put_where_there_is_none_and_in_the_place_of_its_own_predecessor_alone(backend).await;
    a_copy_of_a_receiver_serves_a_first_attempt_until_it_is_old_and_a_later_one_never(backend).await;
    a_mark_is_made_claimed_and_taken_away_once_and_outlives_a_registration(backend).await;
    attempts_that_hang_are_counted_for_all_environments_until_one_responds(backend).await;
    a_mark_never_brings_a_removed_row_back(backend).await;
    a_document_is_kept_with_its_age_and_may_be_deleted_after_its_life(backend).await;
    a_document_is_put_new_once(backend).await;
    a_piece_of_work_is_claimed_once_in_its_time(backend).await;
    a_secret_has_a_text_and_one_that_is_not_there_is_empty(backend).await;
}

fn key(client_id: &ClientId) -> ReceiverKey {
    client_id.into()
}

fn client() -> ClientId {
    tag("itp").parse().unwrap()
}

fn registration(client_id: &ClientId, path: &str, revision: u64) -> Registration {
    let base_uri = format!("https://itp.example/{path}");
    Registration {
        client_id: client_id.clone(),
        authorisation_server: None,
        base_uri: Some(base_uri.clone()),
        webhook_uris: vec![base_uri],
        settings: Settings::default(),
        settings_since: None,
        registered_at: now(),
        notifies_since: Some(now()),
        warnings: Vec::new(),
        origin: None,
        suspension: None,
        revision,
    }
}

/// The receivers as one environment knows them.
fn receivers(backend: &Backend, clock: Clock) -> Receivers {
    Receivers::new(dynamodb(&backend.sdk), backend.receivers.clone(), AddressPolicy::Public, clock)
}

async fn put(receivers: &Receivers, made: &Registration, previous: Option<&Registration>) -> bool {
    let previous = previous.cloned().map(ClientState::from);
    receivers.replace(&made.key(), &made.clone().into(), previous.as_ref()).await.unwrap()
}

async fn remove(receivers: &Receivers, client_id: &ClientId) {
    let found = receivers.state(&key(client_id)).await.unwrap();
    let revision = found.as_ref().map_or(0, ClientState::revision) + 1;
    let removal = ClientState::Removed(Removal { called_at: now(), removed_at: now(), revision });
    assert!(receivers.replace(&key(client_id), &removal, found.as_ref()).await.unwrap());
}

async fn found(receivers: &Receivers, client_id: &ClientId) -> Receiver {
    Receiver::clone(&*receivers.find(&key(client_id)).await.unwrap().unwrap())
}

async fn a_registration_is_put_where_there_is_none_and_in_the_place_of_its_own_predecessor_alone(
    backend: &Backend,
) {
    let (receivers, client_id) = (receivers(backend, Clock::system()), client());
    let [first, second, other] =
        [("a", 1), ("b", 2), ("c", 2)].map(|(path, revision)| registration(&client_id, path, revision));
    assert_eq!(receivers.registration(&key(&client_id)).await.unwrap(), None);
    assert!(!put(&receivers, &second, Some(&first)).await, "there is none to take the backend of");
    assert!(put(&receivers, &first, None).await);
    assert!(!put(&receivers, &other, None).await, "there is one");
    assert!(put(&receivers, &second, Some(&first)).await);
    assert!(!put(&receivers, &other, Some(&first)).await, "another has taken its backend");
    assert_eq!(receivers.registration(&key(&client_id)).await.unwrap(), Some(second));
    let before = receivers.state(&key(&client_id)).await.unwrap();
    remove(&receivers, &client_id).await;
    assert_eq!(receivers.registration(&key(&client_id)).await.unwrap(), None);
    let removed = receivers.state(&key(&client_id)).await.unwrap().unwrap();
    let again = registration(&client_id, "a", 4);
    assert!(!put(&receivers, &again, None).await, "what a removal leaves is in the way");
    assert!(!receivers.replace(&key(&client_id), &again.clone().into(), before.as_ref()).await.unwrap());
    assert!(receivers.all().await.unwrap().into_iter().flatten().all(|other| other.client_id != client_id));
    assert!(receivers.replace(&key(&client_id), &again.clone().into(), Some(&removed)).await.unwrap());
    assert_eq!(receivers.registration(&key(&client_id)).await.unwrap(), Some(again));
}

async fn a_copy_of_a_receiver_serves_a_first_attempt_until_it_is_old_and_a_later_one_never(
    backend: &Backend,
) {
    let start = now();
    let passed = Arc::new(AtomicI64::new(0));
    let clock = Clock::from_fn({
        let passed = Arc::clone(&passed);
        move || start + SignedDuration::from_millis(passed.load(Ordering::Relaxed))
    });
    let (receivers, client_id) = (receivers(backend, clock), client());
    let [first, second] = [("a", 1), ("b", 2)].map(|(path, number)| registration(&client_id, path, number));
    assert_eq!(receivers.find(&key(&client_id)).await.unwrap(), None);
    put(&receivers, &first, None).await;
    assert_eq!(found(&receivers, &client_id).await.base_uri.as_str(), "https://itp.example/a");
    put(&receivers, &second, Some(&first)).await;
    let lives = i64::try_from(RECEIVER_CACHE_TTL.as_millis()).unwrap();
    for (after, path) in [(lives - 1, "a"), (lives, "b")] {
        passed.store(after, Ordering::Relaxed);
        let base_uri = found(&receivers, &client_id).await.base_uri;
        assert_eq!(base_uri.as_str(), format!("https://itp.example/{path}"), "after {after} ms");
    }
    remove(&receivers, &client_id).await;
    let later = AttemptNumber::FIRST.next().unwrap();
    assert!(receivers.find_for(&key(&client_id), AttemptNumber::FIRST).await.unwrap().is_some());
    assert!(receivers.find_for(&key(&client_id), later).await.unwrap().is_none());
}

async fn a_mark_is_made_claimed_and_taken_away_once_and_outlives_a_registration(backend: &Backend) {
    let [ours, theirs] = [(), ()].map(|()| receivers(backend, Clock::system()));
    let (client_id, now) = (client(), now());
    let first = registration(&client_id, "a", 1);
    put(&ours, &first, None).await;
    let receiver = found(&ours, &client_id).await;
    let mark = SlowReceiver::new(receiver.base_uri.as_str(), now);
    assert!(ours.mark_slow(&receiver, mark.clone(), now).await.unwrap());
    assert!(!theirs.mark_slow(&receiver, mark.clone(), now).await.unwrap(), "it has one that holds");
    let settings = Settings { notify_optional: true, ..Settings::default() };
    let second = Registration { settings, revision: 2, ..first.clone() };
    assert!(put(&ours, &second, Some(&first)).await, "a mark is in the way of no registration");

    let others = receivers(backend, Clock::system());
    found(&others, &client_id).await;
    let seen = others.slow_mark(&receiver, now).unwrap();
    assert_eq!(millis(&seen), millis(&mark), "whoever reads the row knows the mark");
    let later = now + SignedDuration::from_secs(20);
    assert!(ours.claim_probe(&receiver, &seen, later).await.unwrap());
    assert!(!others.claim_probe(&receiver, &seen, later).await.unwrap(), "another has claimed it");

    assert!(ours.clear_slow(&receiver, later).await.unwrap());
    assert!(!others.clear_slow(&receiver, later).await.unwrap(), "another has taken it away");
    assert!(!ours.claim_probe(&receiver, &seen, later).await.unwrap(), "there is none");
    assert!(
        others
            .mark_slow(&receiver, SlowReceiver::new(receiver.base_uri.as_str(), later), later)
            .await
            .unwrap()
    );
    assert_eq!(ours.registration(&key(&client_id)).await.unwrap(), Some(second));
}

async fn attempts_that_hang_are_counted_for_all_environments_until_one_responds(backend: &Backend) {
    let [ours, theirs] = [(), ()].map(|()| receivers(backend, Clock::system()));
    let (client_id, now) = (client(), now());
    put(&ours, &registration(&client_id, "a", 1), None).await;
    let receiver = found(&ours, &client_id).await;
    assert!(!ours.is_suspected(&receiver, now));
    assert_eq!(ours.count_timeout(&receiver).await.unwrap(), 1);
    assert_eq!(theirs.count_timeout(&receiver).await.unwrap(), 2);
    assert!(theirs.slow_mark(&receiver, now).is_none(), "a count is no mark");

    let others = receivers(backend, Clock::system());
    assert_eq!(found(&others, &client_id).await, receiver);
    assert!(others.is_suspected(&receiver, now), "whoever reads the row knows the count");
    assert!(others.clear_slow(&receiver, now).await.unwrap());
    assert!(!ours.clear_slow(&receiver, now).await.unwrap(), "another has cleared it");
    assert_eq!(ours.count_timeout(&receiver).await.unwrap(), 1, "the count begins anew");

    // Elsewhere it does too, and what was marked there before is no mark here.
    assert!(
        ours.mark_slow(&receiver, SlowReceiver::new(receiver.base_uri.as_str(), now), now).await.unwrap()
    );
    let moved = Registration { revision: 2, ..registration(&client_id, "b", 1) };
    assert!(put(&ours, &moved, Some(&registration(&client_id, "a", 1))).await);
    let another = receivers(backend, Clock::system());
    let receiver = found(&another, &client_id).await;
    assert_eq!(another.count_timeout(&receiver).await.unwrap(), 1);
    assert_eq!(another.count_timeout(&receiver).await.unwrap(), 2);
    assert!(another.slow_mark(&receiver, now).is_none());
}

fn millis(mark: &SlowReceiver) -> (i64, i64) {
    (mark.slow_until.as_millisecond(), mark.probe_after.as_millisecond())
}

async fn a_mark_never_brings_a_removed_row_back(backend: &Backend) {
    let (receivers, client_id, now) = (receivers(backend, Clock::system()), client(), now());
    put(&receivers, &registration(&client_id, "a", 1), None).await;
    let receiver = found(&receivers, &client_id).await;
    let mark = SlowReceiver::new(receiver.base_uri.as_str(), now);
    remove(&receivers, &client_id).await;
    assert!(!receivers.mark_slow(&receiver, mark.clone(), now).await.unwrap());
    assert!(!receivers.claim_probe(&receiver, &mark, now).await.unwrap());
    assert!(!receivers.clear_slow(&receiver, now).await.unwrap());
    assert_eq!(receivers.count_timeout(&receiver).await.unwrap(), 0);
    // A row of a mark alone would be an error.
    assert_eq!(receivers.registration(&key(&client_id)).await.unwrap(), None);
}

fn table(backend: &Backend) -> DirectoryTable {
    DirectoryTable::new(dynamodb(&backend.sdk), backend.directory.clone())
}

fn document(text: &str, etag: Option<&str>) -> Document {
    let fetched_at: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let fresh_until = fetched_at + SignedDuration::from_mins(5);
    Document { bytes: text.as_bytes().to_vec(), fetched_at, fresh_until, etag: etag.map(str::to_owned) }
}

async fn a_document_is_kept_with_its_age_and_may_be_deleted_after_its_life(backend: &Backend) {
    let (table, name, hour) = (table(backend), tag("jwks"), SignedDuration::from_hours(1));
    assert_eq!(table.get(&name).await.unwrap(), None);
    let (first, second) = (document("\u{0} one", Some("\"1\"")), document("another", None));
    table.put(&name, &first, hour).await.unwrap();
    assert_eq!(table.get(&name).await.unwrap(), Some(first));
    table.put(&name, &second, hour).await.unwrap();
    assert_eq!(table.get(&name).await.unwrap(), Some(second), "an etag does not outlive its document");
    assert_eq!(expires_at(backend, &name).await, "1780275600", "an hour after it was fetched");
}

/// The attribute by which DynamoDB deletes a row; `template.yaml` names it, and seconds since 1970 are what DynamoDB reads.
async fn expires_at(backend: &Backend, name: &str) -> String {
    let key = aws_sdk_dynamodb::types::AttributeValue::S(name.to_owned());
    let get = dynamodb(&backend.sdk).get_item().table_name(&backend.directory).key("name", key);
    let row = get.send().await.unwrap().item.unwrap();
    row["expires_at"].as_n().unwrap().clone()
}

async fn a_document_is_put_new_once(backend: &Backend) {
    let (table, name, hour) = (table(backend), tag("first-use"), SignedDuration::from_hours(1));
    let (first, second) = (document("one", Some("1")), document("another", None));
    assert_eq!(table.put_new(&name, &first, hour).await.unwrap(), None);
    assert_eq!(table.put_new(&name, &second, hour).await.unwrap(), Some(first.clone()));
    assert_eq!(table.get(&name).await.unwrap(), Some(first));
}

async fn a_piece_of_work_is_claimed_once_in_its_time(backend: &Backend) {
    let (table, name, minute) = (table(backend), tag("work"), SignedDuration::from_mins(1));
    let start = now();
    for (second, is_claimed) in [(0, true), (59, false), (61, true), (62, false)] {
        let at = start + SignedDuration::from_secs(second);
        assert_eq!(table.claim(&name, at, minute).await.unwrap(), is_claimed, "after {second} s");
    }
    assert_eq!(table.get(&name).await.unwrap(), None, "a claim is no document");
}

async fn a_secret_has_a_text_and_one_that_is_not_there_is_empty(backend: &Backend) {
    let secrets = Secrets::new(secrets_manager(&backend.sdk));
    assert_eq!(secrets.text(&backend.secret).await.unwrap(), SECRET);
    // MiniStack answers "" for a secret that was made and never put, where AWS says that there is none.
    let missing = format!("{}-of-nobody", backend.secret);
    let text = secrets.text(&missing).await;
    assert!(matches!(&text, Err(SecretError::Empty { arn }) if *arn == missing), "{text:?}");
}
